// Random walls with a long shortest path: a maze changes at random, and a change stands if the path
// gets no shorter, or is long enough.

import { UNREACHABLE } from "./paths.js";

const MOST_MOVES = 6000;
const PUBLISHED = { side: 30, steps: 110 };

/**
 * @param {Maze} task its codes and its search.
 * @param {number[]} shape rows and columns.
 * @param {Object} settings of the task: `min_walls`, `max_walls`, `min_path`.
 * @param {Dice} dice random numbers.
 */
export function hardMaze(task, shape, settings, dice) {
  const count = shape[0] * shape[1];
  const { min_walls: least = 0.3, max_walls: most = 0.5 } = settings;
  const wallCnt = Math.round(count * (least + (most - least) * dice.uniform()));
  const wanted = settings.min_path ?? defaultSteps(shape);
  let maze = randomWalls(task, count, wallCnt, dice);
  let steps = task.steps(maze, shape);
  for (let move = 0; move < MOST_MOVES && steps < wanted; move++) {
    const changed = exchanged(task, maze, Math.max(1, Math.floor((shape[0] + shape[1]) / 20)), dice);
    const next = task.steps(changed, shape);
    if (next !== UNREACHABLE && next >= Math.min(steps, wanted)) [maze, steps] = [changed, next];
  }
  return maze;
}

function defaultSteps([rows, columns]) {
  const byCells = Math.floor((PUBLISHED.steps * rows * columns) / PUBLISHED.side ** 2);
  const bySides = Math.floor((PUBLISHED.steps * (rows + columns)) / (2 * PUBLISHED.side));
  return Math.max(1, Math.min(byCells, bySides));
}

function randomWalls(task, count, wallCnt, dice) {
  const maze = new Uint8Array(count).fill(task.floor);
  const order = dice.order(count);
  for (const cell of order.slice(0, wallCnt)) maze[cell] = task.wall;
  maze[order[wallCnt]] = task.start;
  maze[order[wallCnt + 1]] = task.end;
  return maze;
}

/** The maze with some pairs of cells changed for one another, at least one of each a wall. */
function exchanged(task, maze, pairs, dice) {
  const next = maze.slice();
  for (let done = 0; done < pairs; ) {
    const [one, other] = [dice.below(next.length), dice.below(next.length)];
    if ((next[one] === task.wall) === (next[other] === task.wall)) continue;
    [next[one], next[other]] = [next[other], next[one]];
    done++;
  }
  return next;
}
