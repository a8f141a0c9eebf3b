// Mixing along what a puzzle declares. Each sublayer takes (S · N, D) and the layout of the vectors.

import { weightRows } from "./layout.js";

/** A depthwise convolution over the grid: each cell sees its neighbours, code by code. */
export class LocalMixing {
  /**
   * @param {Weights} weights of the model.
   * @param {string} name of the sublayer in the model.
   * @param {Object} config the network's settings.
   * @param {Object} structure what the puzzle declares.
   */
  constructor(weights, name, { d_model: width }, { neighbourhood }) {
    this.width = width;
    this.radius = Math.max(...neighbourhood.flat().map(Math.abs));
    this.side = 2 * this.radius + 1;
    const tapCnt = this.side ** 2;
    const kernel = weights.take(`${name}.conv.weight`, [width, 1, this.side, this.side]);
    this.taps = new Float32Array(tapCnt * width); // a row a tap: neighbouring channels are together
    for (let i = 0; i < kernel.length; i++) {
      this.taps[(i % tapCnt) * width + Math.floor(i / tapCnt)] = kernel[i];
    }
  }

  apply(x, { shape: [rows, columns], vectors }) {
    const { side, radius } = this;
    const out = new Float32Array(x.length);
    for (let cell = 0; cell < rows * columns; cell++) {
      const row = Math.floor(cell / columns), column = cell % columns;
      for (let tap = 0; tap < side * side; tap++) {
        const r = row + Math.floor(tap / side) - radius, c = column + (tap % side) - radius;
        if (r < 0 || r >= rows || c < 0 || c >= columns) continue;
        this.#add(x, r * columns + c, tap, out, cell, vectors);
      }
    }
    return out;
  }

  #add(x, from, tap, out, to, vectors) {
    const { width, taps } = this;
    const weight = tap * width;
    for (let vector = 0; vector < vectors; vector++) {
      const source = (from * vectors + vector) * width, target = (to * vectors + vector) * width;
      for (let k = 0; k < width; k++) out[target + k] += taps[weight + k] * x[source + k];
    }
  }
}

/** Means over groups: for each kind of group a vector gets the mean over its group, channel by
 * channel with a weight of its own. Groups of cells work code by code. */
export class GroupMixing {
  /** The same as of `LocalMixing`; `kinds` as from `groupKinds`. */
  constructor(weights, name, { d_model: width }, structure, kinds) {
    const rows = weightRows(kinds, structure);
    this.width = width;
    this.mixesCodes = kinds.mixesCodes;
    const own = weights.take(`${name}.weight`, [1 + Math.max(...rows), width]);
    this.weight = new Float32Array(rows.length * width); // a row for each kind
    rows.forEach((row, kind) => {
      this.weight.set(own.subarray(row * width, (row + 1) * width), kind * width);
    });
  }

  apply(x, { cells, vectors, groups }) {
    const out = new Float32Array(x.length);
    groups.forEach((kind, number) => this.#mixCells(x, out, kind, number, cells, vectors));
    if (this.mixesCodes) this.#mixCodes(x, out, groups.length, vectors);
    return out;
  }

  /** Where a cell belongs to several groups of a kind, it gets the mean of their means. */
  #mixCells(x, out, kind, number, cells, vectors) {
    const { width, weight } = this;
    const wide = vectors * width; // numbers of a cell
    const belongs = new Uint32Array(cells);
    for (const group of kind) for (const cell of group) belongs[cell]++;
    for (const group of kind) {
      const mean = new Float32Array(wide);
      for (const cell of group) {
        for (let i = 0; i < wide; i++) mean[i] += x[cell * wide + i];
      }
      for (let i = 0; i < wide; i++) mean[i] *= weight[number * width + (i % width)] / group.length;
      for (const cell of group) {
        const share = 1 / belongs[cell];
        for (let i = 0; i < wide; i++) out[cell * wide + i] += share * mean[i];
      }
    }
  }

  #mixCodes(x, out, number, vectors) {
    const { width, weight } = this;
    const wide = vectors * width;
    for (let first = 0; first < x.length; first += wide) {
      for (let k = 0; k < width; k++) {
        let sum = 0;
        for (let i = k; i < wide; i += width) sum += x[first + i];
        const share = (weight[number * width + k] * sum) / vectors;
        for (let i = k; i < wide; i += width) out[first + i] += share;
      }
    }
  }
}
