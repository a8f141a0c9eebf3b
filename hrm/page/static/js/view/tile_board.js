// How a puzzle is drawn that the page knows only by its codes: tiles, and discs with glyphs on them.

import { blend, inkOn } from "./palette.js";
import { centreOf } from "./path_board.js";

/** The same arguments as of `drawPathBoard`; `task.open` has 1 for each cell to be filled in. */
export function drawTileBoard(pen, { task, puzzle, shape, palette, gap, answer, belief, crosses }) {
  const codes = task.answerCodes.length;
  puzzle.forEach((code, cell) => {
    const [x, y] = centreOf(cell, shape);
    const { glyph, colour } = task.codes[code];
    const ground = colour ?? (task.open[cell] ? palette.tile : palette.given);
    pen.square(x, y, 1 - gap, ground);
    if (!task.open[cell] && isVisible(task.codes[code])) {
      pen.text(x, y, glyph, 0.46, colour ? inkOn(ground) : palette.ink);
    }
    if (answer && task.open[cell] && answer[cell] < codes) {
      const sure = belief ? belief[cell * codes + answer[cell]] : 1;
      drawAnswer(pen, palette, x, y, task.answerCodes[answer[cell]], sure);
    }
    if (crosses?.[cell]) pen.cross(x + 0.29, y - 0.29, 0.3, palette.wrong, palette.paper);
  });
}

/** An answer as it stands on a tile. */
export function drawAnswer(pen, palette, x, y, code, sure) {
  if (!isVisible(code)) return;
  const colour = blend(palette.tile, code.colour ?? palette.belief, sure);
  pen.disc(x, y, 0.82, palette.paper);
  pen.disc(x, y, 0.74, colour);
  pen.text(x, y, code.glyph, 0.46, inkOn(colour));
}

/** Whether a code stands for something. */
export function isVisible({ glyph, colour }) {
  return Boolean(colour) || ![" ", "."].includes(glyph);
}
