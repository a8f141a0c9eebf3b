// A solver for Sudoku. It makes random puzzles and tells whether a puzzle has one solution. The
// network does not use it.

import { OPEN } from "./sudoku_rules.js";

const MOST_GUESSES = 20_000;

/**
 * @param {Uint8Array} puzzle digits, 0 where open.
 * @param {Object} rules as from `sudokuRules`.
 * @param {number} limit solutions after which it stops.
 * @param {Dice=} dice tries digits in random order; without, in their own order.
 * @returns {{solutions: Uint8Array[], gaveUp: boolean}}
 */
export function solveSudoku(puzzle, rules, limit, dice) {
  const search = new Search(puzzle, rules, limit, dice);
  if (search.isPossible) search.go();
  return { solutions: search.solutions, gaveUp: search.guesses > MOST_GUESSES };
}

class Search {
  constructor(puzzle, rules, limit, dice) {
    Object.assign(this, { rules, limit, dice, solutions: [], guesses: 0, isPossible: true });
    this.cells = new Uint8Array(puzzle.length);
    this.used = new Int32Array(rules.units.length); // a bit for each digit in a unit
    puzzle.forEach((digit, cell) => {
      if (digit === OPEN) return;
      if (this.#taken(cell) & (1 << digit)) this.isPossible = false;
      this.#put(cell, digit);
    });
  }

  go() {
    if (this.solutions.length >= this.limit || this.guesses > MOST_GUESSES) return;
    const cell = this.#mostConstrained();
    if (cell < 0) {
      this.solutions.push(this.cells.slice());
      return;
    }
    const taken = this.#taken(cell);
    for (const digit of this.#digits()) {
      if (taken & (1 << digit)) continue;
      this.guesses++;
      this.#put(cell, digit);
      this.go();
      this.#put(cell, digit);
      this.cells[cell] = OPEN;
    }
  }

  #digits() {
    const { size } = this.rules;
    if (this.dice) return this.dice.order(size).map((i) => i + 1);
    return Array.from({ length: size }, (_, i) => i + 1);
  }

  #taken(cell) {
    const [row, column, box] = this.rules.unitsOf[cell];
    return this.used[row] | this.used[column] | this.used[box];
  }

  /** Put a digit into a cell; called again, it takes the digit out of the units. */
  #put(cell, digit) {
    this.cells[cell] = digit;
    for (const unit of this.rules.unitsOf[cell]) this.used[unit] ^= 1 << digit;
  }

  /** The open cell with the fewest possible digits; -1 where none is open. */
  #mostConstrained() {
    let best = -1, most = -1;
    for (let cell = 0; cell < this.cells.length; cell++) {
      if (this.cells[cell] !== OPEN) continue;
      const count = bitCount(this.#taken(cell));
      if (count > most) [best, most] = [cell, count];
    }
    return best;
  }
}

function bitCount(bits) {
  let count = 0;
  for (let rest = bits; rest; rest &= rest - 1) count++;
  return count;
}
