// What the shapes and colours of the picture mean.

import { blend, inkOn, readPalette } from "./palette.js";
import { drawMarker } from "./path_board.js";
import { Pen } from "./pen.js";
import { drawAnswer, isVisible } from "./tile_board.js";

const SIDE = 20;
const MOST_CODES = 4; // of a puzzle that the page does not know

/** Fill the legend of a task, for one of the views. */
export function showLegend(list, task, view) {
  const palette = readPalette();
  const symbols = view === "answer" ? symbolsOf(task, palette) : symbolsOfField(task, palette, view);
  list.replaceChildren(...symbols.map(([words, draw]) => entry(words, draw)));
}

function entry(words, draw) {
  const item = document.createElement("li");
  const canvas = document.createElement("canvas");
  const ratio = Math.ceil(devicePixelRatio || 1);
  canvas.width = canvas.height = SIDE * ratio;
  const context = canvas.getContext("2d");
  context.scale(SIDE * ratio, SIDE * ratio);
  draw(new Pen(context));
  canvas.setAttribute("aria-hidden", "true");
  item.append(canvas, words);
  return item;
}

function symbolsOf(task, palette) {
  const cross = [
    "contradicts the puzzle",
    (pen) => pen.cross(0.5, 0.5, 0.5, palette.wrong, palette.paper),
  ];
  if (task.drawing === "path") return [...ends(task, palette), ...marks(palette), cross];
  if (task.drawing === "tiles") return [...tiles(task, palette), cross];
  const digit = (colour, ground) => (pen) => {
    pen.square(0.5, 0.5, 1, ground);
    pen.text(0.5, 0.5, task.codes.at(-1).glyph, 0.7, colour);
  };
  return [
    ["given", digit(palette.ink, palette.given)],
    ["answer", digit(palette.path, palette.tile)],
    cross,
  ];
}

function symbolsOfField(task, palette, view) {
  if (view === "state") return task.drawing === "path" ? ends(task, palette).slice(2) : [];
  return [
    ["chosen cell", (pen) => pen.outline(0.5, 0.5, 1, 0.15, palette.wrong)],
    ["looked at", shades(palette)],
  ];
}

function ends(task, palette) {
  const marker = (code) => [
    task.codes[code].word,
    (pen) => drawMarker(pen, task, palette, 0.5, 0.5, 1, code),
  ];
  return [
    ["floor", (pen) => framed(pen, palette)],
    ["wall", (pen) => pen.square(0.5, 0.5, 1, palette.wall)],
    marker(task.start),
    marker(task.end),
  ];
}

function marks(palette) {
  const line = (pen) => {
    pen.lines([[[0.1, 0.5], [0.9, 0.5]]], 0.24, palette.path);
    pen.disc(0.5, 0.5, 0.42, palette.path);
  };
  return [["path", line], ["how sure of a path", shades(palette)]];
}

function tiles({ codes, answerCodes }, palette) {
  const given = codes.filter(isVisible).slice(0, MOST_CODES).map(({ glyph, word, colour }) => [
    word,
    (pen) => {
      pen.square(0.5, 0.5, 1, colour ?? palette.given);
      pen.text(0.5, 0.5, glyph, 0.6, colour ? inkOn(colour) : palette.ink);
    },
  ]);
  const answers = answerCodes.filter(isVisible).slice(0, MOST_CODES).map((code) => [
    `answer: ${code.word}`,
    (pen) => {
      pen.square(0.5, 0.5, 1, palette.tile);
      drawAnswer(pen, palette, 0.5, 0.5, code, 1);
    },
  ]);
  return [...given, ...answers];
}

function framed(pen, palette) {
  pen.square(0.5, 0.5, 1, palette.grid);
  pen.square(0.5, 0.5, 0.88, palette.tile);
}

function shades(palette) {
  return (pen) => {
    for (let part = 0; part < 4; part++) {
      const colour = blend(palette.tile, palette.belief, part / 3);
      pen.context.fillStyle = `rgb(${colour.join(" ")})`;
      pen.context.fillRect(part / 4, 0, 0.26, 1);
    }
  };
}
