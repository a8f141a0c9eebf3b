// Shortest paths on a grid with walls. A grid is flat, row after row.

export const UNREACHABLE = -1;

export const UP = [-1, 0];
export const DOWN = [1, 0];
export const LEFT = [0, -1];
export const RIGHT = [0, 1];

/** The cell one step away, or -1 where the grid ends. */
export function neighbour(cell, [down, right], [rows, columns]) {
  const row = Math.floor(cell / columns) + down;
  const column = (cell % columns) + right;
  return row < 0 || row >= rows || column < 0 || column >= columns ? -1 : row * columns + column;
}

/**
 * Steps from each cell to one cell, by a breadth-first wave from there.
 *
 * @param {function(number): boolean} isFree whether a cell may be entered.
 * @param {number} target the cell.
 * @param {number[]} shape rows and columns.
 * @returns {Int32Array} `UNREACHABLE` where the wave never comes.
 */
export function distancesTo(isFree, target, shape) {
  const steps = new Int32Array(shape[0] * shape[1]).fill(UNREACHABLE);
  steps[target] = 0;
  let wave = [target];
  while (wave.length) {
    const next = [];
    for (const cell of wave) {
      for (const way of [UP, DOWN, LEFT, RIGHT]) {
        const other = neighbour(cell, way, shape);
        if (other < 0 || steps[other] !== UNREACHABLE || !isFree(other)) continue;
        steps[other] = steps[cell] + 1;
        next.push(other);
      }
    }
    wave = next;
  }
  return steps;
}

/**
 * The cells between a start and the cell that distances were measured to, on the shortest path that
 * comes first when directions are tried in an order.
 */
export function firstPath(distances, start, order, shape) {
  const path = [];
  for (let cell = start, left = distances[start]; left > 1; left--) {
    const nearer = (way) => {
      const other = neighbour(cell, way, shape);
      return other >= 0 && distances[other] === left - 1;
    };
    cell = neighbour(cell, order.find(nearer), shape);
    path.push(cell);
  }
  return path;
}
