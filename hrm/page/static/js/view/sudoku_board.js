// How a Sudoku is drawn, as in the library's animations: givens in ink on darker tiles, answers in
// blue. Where the network is not sure yet, the digits that it thinks possible stand small.

import { OPEN, SUDOKU_GLYPHS } from "../puzzles/sudoku_rules.js";
import { blend } from "./palette.js";
import { centreOf } from "./path_board.js";

const SURE = 0.85; // from this probability on a cell shows one large digit
const FAINTEST = 0.02;

/** The same arguments as of `drawPathBoard`. */
export function drawSudokuBoard(pen, scene) {
  const { task, puzzle, shape, palette, gap, answer } = scene;
  const codes = task.codes.length;
  const beliefIn = (cell) => scene.belief?.subarray(cell * codes + 1, (cell + 1) * codes);
  const isUnsure = (cell) =>
    answer && scene.belief && puzzle[cell] === OPEN && Math.max(...beliefIn(cell)) < SURE;
  const large = puzzle.map((given, cell) => {
    if (!answer) return given;
    return isUnsure(cell) ? OPEN : answer[cell];
  });
  const wrong = task.contradictions(puzzle, large);
  large.forEach((digit, cell) => {
    const [x, y] = centreOf(cell, shape);
    const given = puzzle[cell] !== OPEN;
    const grounds = given ? ["given", "given-clash"] : ["tile", "clash"];
    pen.square(x, y, 1 - gap, palette[grounds[wrong[cell]]]);
    if (isUnsure(cell)) drawPossible(pen, scene, x, y, beliefIn(cell));
    else if (given && digit === puzzle[cell]) drawDigit(pen, x, y, digit, palette.ink);
    else if (digit !== OPEN) drawDigit(pen, x, y, digit, wrong[cell] ? palette.wrong : palette.path);
    if (wrong[cell] && !given) pen.cross(x + 0.3, y - 0.3, 0.18, palette.wrong, palette.paper);
  });
  drawBoxes(pen, task.rules, palette.line);
}

/** Small digits, each in a place of its own, as probable as they are dark. */
function drawPossible(pen, { task, palette }, x, y, shares) {
  const [rows, columns] = task.rules.box;
  const across = 0.92 / columns, down = 0.92 / rows;
  const size = Math.min(1.2 * across, 1.05 * down, 0.28);
  shares.forEach((share, place) => {
    if (share < FAINTEST) return;
    const right = (place % columns) - (columns - 1) / 2;
    const below = Math.floor(place / columns) - (rows - 1) / 2;
    const colour = blend(palette.tile, palette.path, Math.sqrt(share));
    pen.text(x + right * across, y + below * down, SUDOKU_GLYPHS[place + 1], size, colour);
  });
}

function drawDigit(pen, x, y, digit, colour) {
  pen.text(x, y, SUDOKU_GLYPHS[digit], 0.6, colour);
}

function drawBoxes(pen, { size, box: [rows, columns] }, colour) {
  const inner = 0.045;
  for (let row = 0; row <= size; row += rows) {
    pen.lines([[[0, row], [size, row]]], row % size ? inner : 2 * inner, colour);
  }
  for (let column = 0; column <= size; column += columns) {
    pen.lines([[[column, 0], [column, size]]], column % size ? inner : 2 * inner, colour);
  }
}
