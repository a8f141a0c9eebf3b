// What board paths and mazes have in common: walls, a start, an end, and the shortest path as answer.

import { distancesTo, firstPath, UNREACHABLE } from "./paths.js";

const VERDICTS = {
  exact: { name: "exact", words: "exact match", solved: true },
  solved: { name: "solved", words: "another shortest path", solved: true },
  longer: { name: "longer", words: "valid but longer", solved: false },
  none: { name: "none", words: "not a path", solved: false },
};

export class PathPuzzle {
  drawing = "path";

  /**
   * @param {Object} kind name, title, codes (glyph and word of each), the numbers of the codes
   *     (floor, wall, start, end, path), the order in which directions are tried, and what is said
   *     where there is no path.
   */
  constructor(kind) {
    Object.assign(this, kind);
    this.answerCodes = this.codes;
  }

  /** What makes cells no puzzle, in words; null: nothing does. */
  complaint(cells) {
    for (const code of [this.start, this.end]) {
      const found = cells.filter((c) => c === code).length;
      if (found !== 1) return `${found || "no"} ${this.codes[code].glyph}; one is needed`;
    }
    return cells.includes(this.path) ? "a path is in answers only" : null;
  }

  /** Steps of the shortest path. */
  steps(puzzle, shape) {
    return this.#distances(puzzle, shape)[puzzle.indexOf(this.start)];
  }

  /** The library's label; null where there is no path. */
  label(puzzle, shape) {
    const distances = this.#distances(puzzle, shape), start = puzzle.indexOf(this.start);
    if (distances[start] === UNREACHABLE) return null;
    const label = puzzle.slice();
    for (const cell of firstPath(distances, start, this.order, shape)) label[cell] = this.path;
    return label;
  }

  /** What an answer is worth, found by checking it against the puzzle. */
  judge(puzzle, answer, shape) {
    const label = this.label(puzzle, shape);
    if (!label) return this.unsolvable;
    if (label.every((code, i) => code === answer[i])) return VERDICTS.exact;
    if (!this.#joins(puzzle, answer, shape)) return VERDICTS.none;
    const marks = answer.filter((code) => code === this.path).length;
    return marks === this.steps(puzzle, shape) - 1 ? VERDICTS.solved : VERDICTS.longer;
  }

  /** 1 for each cell in which an answer contradicts the puzzle. */
  contradictions(puzzle, answer) {
    return puzzle.map((code, i) => {
      const onFloor = answer[i] === this.path && code === this.floor;
      return Number(answer[i] !== code && !onFloor);
    });
  }

  /** The puzzle with a cell made what the person wants; start and end are moved, not copied. */
  edited(puzzle, cell, code) {
    const [here, next] = [puzzle[cell], puzzle.slice()];
    const isEnd = (c) => c === this.start || c === this.end;
    if (isEnd(here)) return puzzle; // only the other may take its place, and it goes elsewhere
    if (isEnd(code)) next[puzzle.indexOf(code)] = this.floor;
    next[cell] = code;
    return next;
  }

  /** A puzzle without any walls. */
  cleared(puzzle) {
    return puzzle.map((code) => (code === this.wall ? this.floor : code));
  }

  #distances(puzzle, shape) {
    return distancesTo((cell) => puzzle[cell] !== this.wall, puzzle.indexOf(this.end), shape);
  }

  /** Whether the marks lie on floor, all else is as it was, and they join start and end. */
  #joins(puzzle, answer, shape) {
    if (this.contradictions(puzzle, answer).includes(1)) return false;
    const joined = [this.start, this.end, this.path];
    const target = puzzle.indexOf(this.end);
    const distances = distancesTo((cell) => joined.includes(answer[cell]), target, shape);
    return distances[puzzle.indexOf(this.start)] !== UNREACHABLE;
  }
}
