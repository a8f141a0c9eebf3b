// How a path on a grid with walls is drawn, as in the library's animations: the puzzle is the
// scenery, the answer's path a line, belief a shade; a cross marks what contradicts the puzzle.

import { blend } from "./palette.js";

/**
 * @param {Pen} pen
 * @param {Object} scene task, puzzle, shape, palette, gap (between tiles, in cells); answer, belief
 *     ((S, V) or null) and crosses, or no answer where the puzzle is shown alone.
 */
export function drawPathBoard(pen, scene) {
  const { task, puzzle, shape, palette, answer } = scene;
  drawScenery(pen, scene, (cell) => {
    const codes = task.codes.length;
    return answer && scene.belief ? scene.belief[cell * codes + task.path] : 0;
  });
  if (answer) {
    const links = linksOf(task, answer, shape);
    for (const [extra, colour] of [[0.08, palette.paper], [0, palette.path]]) {
      pen.lines(links.filter((link) => link.length > 1), 0.24 + extra, colour);
      pen.lines(links.filter((link) => link.length === 1), 0.42 + extra, colour);
    }
  }
  drawEnds(pen, scene);
  if (!answer) return;
  task.contradictions(puzzle, answer).forEach((wrong, cell) => {
    if (wrong) drawContradiction(pen, scene, ...centreOf(cell, shape), answer[cell]);
  });
}

/** Floor and walls, each shaded by a share of blue. */
export function drawScenery(pen, { task, puzzle, shape, palette, gap }, shareOf) {
  puzzle.forEach((code, cell) => {
    const isWall = code === task.wall;
    const ground = isWall ? palette.wall : palette.tile;
    const colour = blend(ground, palette.belief, shareOf(cell));
    pen.square(...centreOf(cell, shape), isWall ? 1 : 1 - gap, colour);
  });
}

/** The markers of start and end. */
export function drawEnds(pen, { task, puzzle, shape, palette }) {
  for (const code of [task.start, task.end]) {
    const cell = puzzle.indexOf(code);
    if (cell >= 0) drawMarker(pen, task, palette, ...centreOf(cell, shape), 1, code);
  }
}

export function drawMarker(pen, task, palette, x, y, side, code) {
  const isStart = code === task.start;
  const [shape, width] = isStart ? ["disc", 0.76 * side] : ["diamond", 0.94 * side];
  pen[shape](x, y, width + 0.1 * side, palette.paper);
  pen[shape](x, y, width, isStart ? palette.right : palette.end);
  pen.text(x, y, task.codes[code].glyph, 0.46 * side, [255, 255, 255]);
}

export function centreOf(cell, [, columns]) {
  return [(cell % columns) + 0.5, Math.floor(cell / columns) + 0.5];
}

function drawContradiction(pen, { task, palette, gap }, x, y, code) {
  if (code === task.wall || code === task.floor) {
    const ground = code === task.wall ? palette.wall : palette.tile;
    pen.square(x, y, 0.64 - gap, ground);
  } else if (code !== task.path) {
    drawMarker(pen, task, palette, x, y, 0.64, code);
  }
  pen.cross(x + 0.29, y - 0.29, 0.3, palette.wrong, palette.paper);
}

/** Each path cell, and pairs of neighbours that are path, start or end; two starts are no path. */
function linksOf(task, answer, shape) {
  const joined = [task.start, task.end, task.path];
  const links = [];
  answer.forEach((code, cell) => {
    if (!joined.includes(code)) return;
    const centre = centreOf(cell, shape);
    if (code === task.path) links.push([centre]);
    for (const other of [cell + shape[1], (cell + 1) % shape[1] ? cell + 1 : -1]) {
      const isOne = other >= 0 && other < answer.length && joined.includes(answer[other]);
      if (isOne && (code === task.path || code !== answer[other])) {
        links.push([centre, centreOf(other, shape)]);
      }
    }
  });
  return links;
}
