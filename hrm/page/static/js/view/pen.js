// Shapes in units of a cell: the centre of cell (row, column) is at (column + ½, row + ½).

import { css } from "./palette.js";

const FONT = "system-ui, sans-serif";

export class Pen {
  /** @param {CanvasRenderingContext2D} context scaled so that a cell has side 1. */
  constructor(context) {
    this.context = context;
  }

  /** A square around a point. */
  square(x, y, side, colour) {
    this.context.fillStyle = css(colour);
    this.context.fillRect(x - side / 2, y - side / 2, side, side);
  }

  disc(x, y, diameter, colour) {
    this.context.fillStyle = css(colour);
    this.context.beginPath();
    this.context.arc(x, y, diameter / 2, 0, 2 * Math.PI);
    this.context.fill();
  }

  diamond(x, y, width, colour) {
    const half = width / 2, { context } = this;
    context.fillStyle = css(colour);
    context.beginPath();
    context.moveTo(x - half, y);
    context.lineTo(x, y - half);
    context.lineTo(x + half, y);
    context.lineTo(x, y + half);
    context.fill();
  }

  /** Lines with round ends; of one point, a disc. */
  lines(links, width, colour) {
    const { context } = this;
    context.strokeStyle = css(colour);
    context.lineWidth = width;
    context.lineCap = "round";
    context.beginPath();
    for (const [first, last] of links) {
      context.moveTo(...first);
      context.lineTo(...(last ?? first));
    }
    context.stroke();
  }

  /** Two strokes, with a rim around them, so that they stand out on any ground. */
  cross(x, y, side, colour, rim) {
    const half = side / 2;
    const strokes = [half, -half].map((tilt) => [[x - half, y - tilt], [x + half, y + tilt]]);
    this.lines(strokes, 0.62 * side, rim);
    this.lines(strokes, 0.28 * side, colour);
  }

  text(x, y, words, size, colour) {
    const { context } = this;
    context.fillStyle = css(colour);
    context.font = `500 ${size}px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    context.fillText(words, x, y + 0.36 * size);
  }

  /** A line along the inner side of a cell's edge. */
  outline(x, y, side, width, colour) {
    this.context.strokeStyle = css(colour);
    this.context.lineWidth = width;
    const inner = side - width;
    this.context.strokeRect(x - inner / 2, y - inner / 2, inner, inner);
  }
}
