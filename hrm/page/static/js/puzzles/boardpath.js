// Board paths: random walls on a square board, from S to E.

import { PathPuzzle } from "./path_puzzle.js";
import { DOWN, LEFT, RIGHT, UNREACHABLE, UP } from "./paths.js";
import { GlyphText } from "./text.js";

const TRIES = 16; // boards that have a path; the one with the longest is shown
const MOST_DRAWS = 2000;

export class BoardPath extends PathPuzzle {
  constructor() {
    const words = ["floor", "wall", "start", "end", "path"];
    super({
      name: "boardpath",
      title: "Shortest path",
      goal: "Find a shortest path from S to E. Steps go up, down, left or right, not through walls.",
      codes: words.map((word, i) => ({ glyph: ".#SE*"[i], word })),
      floor: 0, wall: 1, start: 2, end: 3, path: 4,
      order: [UP, DOWN, LEFT, RIGHT],
      unsolvable: { name: "unsolvable", words: "this board has no path", solved: false },
    });
    this.text = new GlyphText({ "#": 1, S: 2, E: 3 }, { ".": 0 });
  }

  /** The sizes that the size slider offers. */
  sizes() {
    return Array.from({ length: 29 }, (_, i) => [i + 4, i + 4]);
  }

  /** A random board with a long path. */
  random(shape, { wall_prob: wallProb = 0.3 }, dice) {
    let best = null, longest = UNREACHABLE, found = 0;
    for (let draw = 0; draw < MOST_DRAWS && found < TRIES; draw++) {
      const board = this.#draw(shape[0] * shape[1], wallProb, dice);
      const steps = this.steps(board, shape);
      found += Number(steps !== UNREACHABLE);
      if (!best || steps > longest) [best, longest] = [board, steps];
    }
    return best;
  }

  parse(content) {
    const { cells, shape } = this.text.parse(content);
    if (shape[0] !== shape[1]) {
      throw new Error(`${shape[0]} rows of ${shape[1]} cells; boards are square`);
    }
    return { cells, shape };
  }

  #draw(cells, wallProb, dice) {
    const isWall = () => Number(dice.uniform() < wallProb);
    const board = Uint8Array.from({ length: cells }, isWall);
    const start = dice.below(cells);
    let end = dice.below(cells - 1);
    end += Number(end >= start);
    board[start] = this.start;
    board[end] = this.end;
    return board;
  }
}
