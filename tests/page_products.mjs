// Prints how far the two matrix products of the page are from an obvious one, at most, for each shape.

import { plainProduct } from "../hrm/page/static/js/network/matrix.js";
import { hasSimd, simdProduct } from "../hrm/page/static/js/network/simd.js";
import { Dice } from "../hrm/page/static/js/puzzles/random.js";

const dice = new Dice(1);

function error(product, rows, inner, columns) {
  const random = (count) => Float32Array.from({ length: count }, () => dice.normal());
  const x = random(rows * inner), w = random(columns * inner);
  const out = product(x, w, rows, inner, columns, new Float32Array(rows * columns).fill(NaN));
  let most = 0;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += x[r * inner + k] * w[c * inner + k];
      most = Math.max(most, Math.abs(out[r * columns + c] - sum));
    }
  }
  return Number.isNaN(out[out.length - 1]) ? "nothing written" : most;
}

const sides = [1, 2, 3, 4, 5, 8, 13, 32];
const shapes = sides.flatMap((r) => sides.flatMap((k) => sides.map((c) => [r, k, c])));
shapes.push([70, 341, 90], [2, 600, 130], [400, 64, 3]);
const worst = (product) => Math.max(...shapes.map((shape) => error(product, ...shape)));
console.log(JSON.stringify({ hasSimd, simd: worst(simdProduct), plain: worst(plainProduct) }));
