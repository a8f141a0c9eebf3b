// The puzzles that the page knows.

import { BoardPath } from "./boardpath.js";
import { Maze } from "./maze.js";
import { Sudoku } from "./sudoku.js";
import { BOXES } from "./sudoku_rules.js";

const KINDS = {
  boardpath: () => new BoardPath(),
  maze: () => new Maze(),
  sudoku: (size) => {
    if (!(size in BOXES)) throw new Error(`Sudoku has 4, 6, 9 or 16 cells on a side, not ${size}`);
    return new Sudoku(size);
  },
};

/**
 * The puzzle of a task, for grids of a shape.
 *
 * @param {string} name of the task, as in config.json.
 * @param {number[]} shape rows and columns.
 * @throws {Error} if the page does not know it.
 */
export function puzzleOf(name, shape) {
  if (!(name in KINDS)) {
    const known = Object.keys(KINDS).join(", ");
    throw new Error(`this model solves puzzles of the task “${name}”; this page knows ${known}`);
  }
  return KINDS[name](shape[0]);
}

/** The puzzle as short text for a link: rows with a point for what is empty, w for a wall. */
export function toLink(task, cells, shape) {
  const glyphs = task.codes.map(({ glyph }) => glyph.replace("#", "w").replace(" ", "."));
  const rows = Array.from({ length: shape[0] }, (_, r) =>
    Array.from(cells.subarray(r * shape[1], (r + 1) * shape[1]), (code) => glyphs[code]).join(""),
  );
  return rows.join("-");
}

/** The text of a puzzle from a link, as `parse` reads it. */
export function fromLink(text) {
  return text.replaceAll("w", "#").replaceAll("-", "\n");
}

/** The puzzle as text for a person; `parse` reads it. */
export function toText(task, cells, shape) {
  return fromLink(toLink(task, cells, shape));
}
