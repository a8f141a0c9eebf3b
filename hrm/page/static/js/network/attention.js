// Attention over all cells of a grid, with rotary positions.

import { Linear } from "./linear.js";
import { product } from "./matrix.js";

const ROPE_BASE = 10_000;
const ROWS_AT_A_TIME = 64; // so that the scores of large grids stay in the cache

/** Multi-head scaled dot-product attention, with a linear map at its end. With an axis of codes, each
 * code's vectors attend among themselves. */
export class Attention {
  /**
   * @param {Weights} weights of the model.
   * @param {string} name of the sublayer in the model.
   * @param {Object} config the network's settings.
   */
  constructor(weights, name, config) {
    this.width = config.d_model;
    this.headCnt = config.head_cnt;
    this.headWidth = this.width / this.headCnt;
    this.rotates = config.use_rope;
    this.twoDimensional = config.rope_2d;
    this.qkv = new Linear(weights, `${name}.qkv`, this.width, 3 * this.width, config.bias_qkv);
    this.out = new Linear(weights, `${name}.out`, this.width, this.width, config.bias_o);
  }

  /**
   * @param {Float32Array} x (S · N, D).
   * @param {Object} layout as from `layOut`.
   * @param {{cell: number, weights: Float32Array}=} watched filled with how much the cell attends
   *     to each cell, the mean over heads and codes.
   */
  apply(x, { shape, cells, vectors }, watched) {
    const { headWidth } = this;
    const qkv = this.qkv.apply(x);
    const mixed = new Float32Array(x.length);
    const table = this.rotates ? rotaryTable(shape, headWidth, this.twoDimensional) : null;
    watched?.weights.fill(0);
    for (let vector = 0; vector < vectors; vector++) {
      for (let head = 0; head < this.headCnt; head++) {
        const place = { vector, vectors, head, cells };
        const [queries, keys, values] = [0, 1, 2].map((part) => this.#part(qkv, part, place));
        if (table) for (const part of [queries, keys]) rotate(part, table, headWidth);
        this.#mix(queries, keys, transposed(values, cells, headWidth), place, mixed, watched);
      }
    }
    return this.out.apply(mixed);
  }

  /** The queries (0), keys (1) or values (2) of a head, (S, Dh), among the vectors of one code. */
  #part(qkv, part, { vector, vectors, head, cells }) {
    const { width, headWidth } = this;
    const found = new Float32Array(cells * headWidth);
    for (let cell = 0; cell < cells; cell++) {
      const from = (cell * vectors + vector) * 3 * width + part * width + head * headWidth;
      found.set(qkv.subarray(from, from + headWidth), cell * headWidth);
    }
    return found;
  }

  #mix(queries, keys, valuesAcross, { vector, vectors, head, cells }, mixed, watched) {
    const { width, headWidth, headCnt } = this;
    for (let first = 0; first < cells; first += ROWS_AT_A_TIME) {
      const rows = Math.min(ROWS_AT_A_TIME, cells - first);
      const asking = queries.subarray(first * headWidth, (first + rows) * headWidth);
      const scores = new Float32Array(rows * cells);
      product(asking, keys, rows, headWidth, cells, scores);
      softmaxRows(scores, cells, 1 / Math.sqrt(headWidth));
      if (watched && watched.cell >= first && watched.cell < first + rows) {
        const row = (watched.cell - first) * cells;
        for (let i = 0; i < cells; i++) watched.weights[i] += scores[row + i] / (headCnt * vectors);
      }
      const own = new Float32Array(rows * headWidth);
      product(scores, valuesAcross, rows, cells, headWidth, own);
      for (let row = 0; row < rows; row++) {
        const part = own.subarray(row * headWidth, (row + 1) * headWidth);
        mixed.set(part, ((first + row) * vectors + vector) * width + head * headWidth);
      }
    }
  }
}

/** The softmax of each row of factor · scores, in place. */
export function softmaxRows(scores, columns, factor = 1) {
  for (let first = 0; first < scores.length; first += columns) {
    const end = first + columns;
    let highest = -Infinity;
    for (let i = first; i < end; i++) if (scores[i] > highest) highest = scores[i];
    let sum = 0;
    for (let i = first; i < end; i++) {
      scores[i] = Math.exp((scores[i] - highest) * factor);
      sum += scores[i];
    }
    for (let i = first; i < end; i++) scores[i] /= sum;
  }
}

const tables = new Map();

/** Cosines and sines of each cell, for each pair of a head's numbers, (S, Dh/2). */
function rotaryTable(shape, headWidth, twoDimensional) {
  const key = `${shape} ${headWidth} ${twoDimensional}`;
  if (!tables.has(key)) tables.set(key, makeRotaryTable(shape, headWidth, twoDimensional));
  return tables.get(key);
}

function makeRotaryTable([rows, columns], headWidth, twoDimensional) {
  const pairs = headWidth / 2;
  const pairsOfAxis = twoDimensional ? pairs / 2 : pairs;
  const cos = new Float32Array(rows * columns * pairs);
  const sin = new Float32Array(rows * columns * pairs);
  for (let cell = 0; cell < rows * columns; cell++) {
    const places = twoDimensional ? [Math.floor(cell / columns), cell % columns] : [cell];
    for (let pair = 0; pair < pairs; pair++) {
      const frequency = ROPE_BASE ** (-(pair % pairsOfAxis) / pairsOfAxis);
      const angle = places[Math.floor(pair / pairsOfAxis)] * frequency;
      cos[cell * pairs + pair] = Math.cos(angle);
      sin[cell * pairs + pair] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** Turn the pairs (i, i + Dh/2) of each row, in place. */
function rotate(part, { cos, sin }, headWidth) {
  const pairs = headWidth / 2;
  for (let i = 0; i < cos.length; i++) {
    const first = Math.floor(i / pairs) * headWidth + (i % pairs);
    const a = part[first], b = part[first + pairs];
    part[first] = a * cos[i] - b * sin[i];
    part[first + pairs] = b * cos[i] + a * sin[i];
  }
}

function transposed(part, rows, columns) {
  const found = new Float32Array(part.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) found[c * rows + r] = part[r * columns + c];
  }
  return found;
}
