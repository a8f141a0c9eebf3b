// Sudoku: each digit once in every row, column and box.

import { BOXES, clashes, OPEN, SUDOKU_GLYPHS, sudokuRules } from "./sudoku_rules.js";
import { solveSudoku } from "./sudoku_solver.js";
import { firstBlock } from "./text.js";

const FEWEST_GIVENS = { 16: 120 }; // fewer take the solver too long
const OPEN_SYMBOLS = ".0_*";

const VERDICTS = {
  exact: { name: "exact", words: "exact match", solved: true },
  several: { name: "several", words: "this puzzle has several solutions", solved: false },
  undecided: {
    name: "undecided", words: "too hard to tell whether this puzzle has one solution", solved: false,
  },
  unsolvable: { name: "unsolvable", words: "this puzzle has no solution", solved: false },
  changed: { name: "changed", words: "a given digit was changed", solved: false },
  contradiction: {
    name: "contradiction", words: "a digit twice in a row, column or box", solved: false,
  },
  open: { name: "open", words: "a cell was left open", solved: false },
};

export class Sudoku {
  drawing = "sudoku";
  name = "sudoku";
  title = "Sudoku";
  goal = "Fill in the digits so that each stands once in every row, column and box.";

  #judged = null; // the puzzle that was last looked at, and what came of it
  #reason = null;

  /** @param {number} size cells on a side. */
  constructor(size) {
    this.rules = sudokuRules(size);
    const glyphs = [...SUDOKU_GLYPHS.slice(0, size + 1)];
    this.codes = glyphs.map((glyph, i) => ({ glyph, word: i ? glyph : "open" }));
    this.answerCodes = this.codes;
    this.structure = structureOf(this.rules);
  }

  sizes() {
    return Object.keys(BOXES).map((size) => [Number(size), Number(size)]);
  }

  complaint(cells) {
    const cell = clashes(cells, this.rules).indexOf(1);
    return cell < 0 ? null : `digit ${SUDOKU_GLYPHS[cells[cell]]} stands twice in a row, column or box`;
  }

  /** A puzzle with one solution, from which no given can be taken away. */
  random(_, { givens }, dice) {
    const { size } = this.rules;
    const fewest = givens ?? FEWEST_GIVENS[size] ?? 0;
    const puzzle = solveSudoku(new Uint8Array(size * size), this.rules, 1, dice).solutions[0];
    let left = puzzle.length;
    for (const cell of dice.order(puzzle.length)) {
      if (left <= fewest) break;
      const digit = puzzle[cell];
      puzzle[cell] = OPEN;
      const { solutions, gaveUp } = solveSudoku(puzzle, this.rules, 2);
      if (solutions.length === 1 && !gaveUp) left--;
      else puzzle[cell] = digit;
    }
    return puzzle;
  }

  judge(puzzle, answer) {
    const without = this.#whyNotOneSolution(puzzle);
    if (without) return without;
    if (puzzle.some((digit, i) => digit !== OPEN && answer[i] !== digit)) return VERDICTS.changed;
    if (clashes(answer, this.rules).includes(1)) return VERDICTS.contradiction;
    return answer.includes(OPEN) ? VERDICTS.open : VERDICTS.exact;
  }

  /** The verdict on every answer to a puzzle that has not just one solution; null: it has. */
  #whyNotOneSolution(puzzle) {
    if (this.#judged !== puzzle) {
      const { solutions, gaveUp } = solveSudoku(puzzle, this.rules, 2);
      const { several, undecided, unsolvable } = VERDICTS;
      this.#reason = gaveUp && solutions.length < 2 ? undecided : null;
      if (!gaveUp && !solutions.length) this.#reason = unsolvable;
      if (solutions.length > 1) this.#reason = several;
      this.#judged = puzzle;
    }
    return this.#reason;
  }

  contradictions(puzzle, answer) {
    const twice = clashes(answer, this.rules);
    return twice.map((clash, i) => Number(clash || (puzzle[i] !== OPEN && answer[i] !== puzzle[i])));
  }

  edited(puzzle, cell, code) {
    const next = puzzle.slice();
    next[cell] = code;
    return next;
  }

  cleared(puzzle) {
    return new Uint8Array(puzzle.length);
  }

  /** A puzzle in one line, or a row a line; spaces and the lines of drawings mean nothing. */
  parse(content) {
    const { size } = this.rules;
    const symbols = firstPuzzle(content, size);
    const cells = symbols.map((symbol) => {
      if (OPEN_SYMBOLS.includes(symbol)) return OPEN;
      const code = SUDOKU_GLYPHS.indexOf(symbol.toUpperCase());
      if (code < 1 || code > size) {
        const last = SUDOKU_GLYPHS[size];
        throw new Error(`unexpected “${symbol}”; cells are 1 to ${last}, or . where open`);
      }
      return code;
    });
    if (cells.length !== size * size) {
      throw new Error(`${cells.length} cells; a puzzle of this size has ${size * size}`);
    }
    return { cells: Uint8Array.from(cells), shape: [size, size] };
  }
}

/** Rows, columns and boxes; all digits could change places. */
function structureOf({ size, units }) {
  const kinds = ["row", "column", "box"].map((kind, i) => [
    kind,
    units.slice(i * size, (i + 1) * size),
  ]);
  const digits = Array.from({ length: size }, (_, i) => i + 1);
  return { neighbourhood: [], groups: Object.fromEntries(kinds), interchangeable: [digits] };
}

function firstPuzzle(content, size) {
  const [first] = firstBlock(content);
  if (!first) throw new Error("no puzzle found; expected digits, with . for an open cell");
  const symbolsOf = (text) => [...text.replace(/[\s|]/g, "")];
  const whole = symbolsOf(first.text);
  if (whole.length === size * size) return whole;
  const rows = content.split(/\r\n|\r|\n/).filter((line) => !/^[-+=|\s]*$/.test(line));
  return rows.filter((line) => !line.trimStart().startsWith("//")).flatMap(symbolsOf);
}
