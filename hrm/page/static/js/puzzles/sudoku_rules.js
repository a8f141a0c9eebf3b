// The rules of Sudoku: which cells may not hold the same digit.

export const OPEN = 0;
export const SUDOKU_GLYPHS = ".123456789ABCDEFG";
export const BOXES = { 4: [2, 2], 6: [2, 3], 9: [3, 3], 16: [4, 4] };

const rulesBySize = new Map();

/**
 * @param {number} size cells on a side.
 * @returns {{size: number, box: number[], units: number[][], unitsOf: number[][]}} the cells of each
 *     row, column and box, and the three units of each cell.
 */
export function sudokuRules(size) {
  if (!rulesBySize.has(size)) rulesBySize.set(size, makeRules(size));
  return rulesBySize.get(size);
}

function makeRules(size) {
  const box = BOXES[size];
  const units = Array.from({ length: 3 * size }, () => []);
  const unitsOf = [];
  for (let cell = 0; cell < size * size; cell++) {
    const row = Math.floor(cell / size), column = cell % size;
    const boxNumber = Math.floor(row / box[0]) * (size / box[1]) + Math.floor(column / box[1]);
    unitsOf.push([row, size + column, 2 * size + boxNumber]);
    for (const unit of unitsOf[cell]) units[unit].push(cell);
  }
  return { size, box, units, unitsOf };
}

/** 1 for each cell whose digit stands twice in a row, column or box. */
export function clashes(cells, { units, size }) {
  const found = new Uint8Array(cells.length);
  for (const unit of units) {
    for (let digit = 1; digit <= size; digit++) {
      const here = unit.filter((cell) => cells[cell] === digit);
      if (here.length > 1) for (const cell of here) found[cell] = 1;
    }
  }
  return found;
}
