// Layers that know nothing of a grid: a linear map, and what follows every sublayer.

import { product } from "./matrix.js";

const EPSILON = 1.1920928955078125e-7; // of 32-bit floats, as in PyTorch's RMSNorm

/** y = W x + b, for each row of x. */
export class Linear {
  /**
   * @param {Weights} weights of the model.
   * @param {string} name of the layer in the model.
   * @param {number} inner numbers that go in.
   * @param {number} columns numbers that come out.
   * @param {boolean} hasBias whether b is there.
   */
  constructor(weights, name, inner, columns, hasBias) {
    this.inner = inner;
    this.columns = columns;
    this.weight = weights.take(`${name}.weight`, [columns, inner]);
    this.bias = hasBias ? weights.take(`${name}.bias`, [columns]) : null;
  }

  /** (rows, inner) → (rows, columns). */
  apply(x) {
    const { inner, columns, bias } = this;
    const rows = x.length / inner;
    const out = product(x, this.weight, rows, inner, columns, new Float32Array(rows * columns));
    if (bias) for (let i = 0; i < out.length; i++) out[i] += bias[i % columns];
    return out;
  }
}

/** RMSNorm(x + y), of a sublayer's input x and its output y; the result is written into y. */
export class AddNorm {
  /**
   * @param {Weights} weights of the model.
   * @param {string} name of the layer in the model.
   * @param {number} width of a vector.
   * @param {boolean} hasScale whether each channel has a scale.
   */
  constructor(weights, name, width, hasScale) {
    this.width = width;
    this.scale = hasScale ? weights.take(`${name}.weight`, [width]) : null;
  }

  apply(x, y) {
    const { width, scale } = this;
    for (let first = 0; first < y.length; first += width) {
      let squares = 0;
      for (let i = first; i < first + width; i++) {
        const sum = x[i] + y[i];
        y[i] = sum;
        squares += sum * sum;
      }
      const factor = 1 / Math.sqrt(squares / width + EPSILON);
      for (let k = 0; k < width; k++) y[first + k] *= scale ? factor * scale[k] : factor;
    }
    return y;
  }
}
