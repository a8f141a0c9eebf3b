// The grid seen through the network's eyes: hidden states as colour, or where a cell attends to.

import { centreOf, drawEnds, drawScenery } from "./path_board.js";

/** Hidden states: `scene.colours` has (S, 3). */
export function drawStates(pen, scene) {
  const { puzzle, shape, palette, gap, colours, task } = scene;
  puzzle.forEach((_, cell) => {
    pen.square(...centreOf(cell, shape), 1 - gap, [...colours.subarray(3 * cell, 3 * cell + 3)]);
  });
  if (task.drawing === "path") drawEnds(pen, scene);
  else drawGivens(pen, scene, palette.ink);
}

/** Attention of a cell: `scene.attention` has the cell and (S,) weights. */
export function drawAttention(pen, scene) {
  const { puzzle, shape, palette, gap, attention, task } = scene;
  const { cell: chosen, weights } = attention;
  const most = Math.max(...weights);
  const shareOf = (cell) => (most > 0 ? weights[cell] / most : 0);
  if (task.drawing === "path") {
    drawScenery(pen, scene, shareOf);
    drawEnds(pen, scene);
  } else {
    puzzle.forEach((_, cell) => {
      pen.square(...centreOf(cell, shape), 1 - gap, palette.tile);
      pen.context.globalAlpha = shareOf(cell);
      pen.square(...centreOf(cell, shape), 1 - gap, palette.belief);
      pen.context.globalAlpha = 1;
    });
    drawGivens(pen, scene, palette.ink);
  }
  pen.outline(...centreOf(chosen, shape), 1, 0.1, palette.wrong);
}

function drawGivens(pen, { task, puzzle, shape }, colour) {
  puzzle.forEach((code, cell) => {
    const { glyph } = task.codes[code];
    if (glyph !== ".") pen.text(...centreOf(cell, shape), glyph, 0.5, colour);
  });
}
