// The matrix product, where nearly all of the time goes: in WebAssembly, or where a browser has none of
// it, in plain JavaScript.
//
// The plain one makes sixteen sums at a time, four rows by four columns: each number that is read is
// used four times. Sums are 64-bit floats, as JavaScript's numbers are. On one core of an AMD EPYC it
// does about 4.4 GFLOP/s; two by four does as much, and 32-bit sums (Math.fround) do half.

import { hasSimd, simdProduct } from "./simd.js";

/**
 * out[r, c] = Σₖ x[r, k] · w[c, k].
 *
 * @param {Float32Array} x (rows, inner).
 * @param {Float32Array} w (columns, inner), as PyTorch keeps the weight of a linear layer.
 * @param {number} rows
 * @param {number} inner
 * @param {number} columns
 * @param {Float32Array} out (rows, columns).
 * @returns {Float32Array} out.
 */
export const product = hasSimd ? simdProduct : plainProduct;

/** The same in plain JavaScript. */
export function plainProduct(x, w, rows, inner, columns, out) {
  const wholeRows = rows - (rows % 4);
  const wholeColumns = columns - (columns % 4);
  for (let c = 0; c < wholeColumns; c += 4) {
    for (let r = 0; r < wholeRows; r += 4) tile(x, w, r, c, inner, columns, out);
  }
  dots(x, w, 0, wholeRows, wholeColumns, columns, inner, columns, out);
  dots(x, w, wholeRows, rows, 0, columns, inner, columns, out);
  return out;
}

function tile(x, w, row, column, inner, stride, out) {
  const x0 = row * inner, x1 = x0 + inner, x2 = x1 + inner, x3 = x2 + inner;
  const w0 = column * inner, w1 = w0 + inner, w2 = w1 + inner, w3 = w2 + inner;
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  for (let k = 0; k < inner; k++) {
    const a0 = x[x0 + k], a1 = x[x1 + k], a2 = x[x2 + k], a3 = x[x3 + k];
    const b0 = w[w0 + k], b1 = w[w1 + k], b2 = w[w2 + k], b3 = w[w3 + k];
    s00 += a0 * b0; s01 += a0 * b1; s02 += a0 * b2; s03 += a0 * b3;
    s10 += a1 * b0; s11 += a1 * b1; s12 += a1 * b2; s13 += a1 * b3;
    s20 += a2 * b0; s21 += a2 * b1; s22 += a2 * b2; s23 += a2 * b3;
    s30 += a3 * b0; s31 += a3 * b1; s32 += a3 * b2; s33 += a3 * b3;
  }
  let at = row * stride + column;
  out[at] = s00; out[at + 1] = s01; out[at + 2] = s02; out[at + 3] = s03;
  at += stride;
  out[at] = s10; out[at + 1] = s11; out[at + 2] = s12; out[at + 3] = s13;
  at += stride;
  out[at] = s20; out[at + 1] = s21; out[at + 2] = s22; out[at + 3] = s23;
  at += stride;
  out[at] = s30; out[at + 1] = s31; out[at + 2] = s32; out[at + 3] = s33;
}

/** The same for the rows and columns at the edges, one sum at a time. */
function dots(x, w, firstRow, endRow, firstColumn, endColumn, inner, stride, out) {
  for (let row = firstRow; row < endRow; row++) {
    for (let column = firstColumn; column < endColumn; column++) {
      const a = row * inner, b = column * inner;
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += x[a + k] * w[b + k];
      out[row * stride + column] = sum;
    }
  }
}
