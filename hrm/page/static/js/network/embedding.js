// Into the state and out of it: what a cell shows as a vector, and a vector as what a cell answers.

import { Linear } from "./linear.js";

const GIVEN = 0, OTHER = 1; // rows of the table of an axis: the cell shows this code, or another one

/** Tokens to vectors. With an axis of codes, each code of a cell is told whether it is shown. */
export class Embedding {
  /**
   * @param {Weights} weights of the model.
   * @param {Object} config the network's settings.
   * @param {number} cells of the model's own grid.
   * @param {number} apart codes of a puzzle's cell that are not on the axis; without one, all.
   */
  constructor(weights, config, cells, apart) {
    this.width = config.d_model;
    const rows = config.code_axis ? 2 + apart : apart;
    this.tokens = weights.take("embedding.tokens.weight", [rows, this.width]);
    this.positions = config.use_abs_pos
      ? weights.take("embedding.positions.weight", [cells, this.width])
      : null;
  }

  /** Codes of cells → (S · N, D). */
  apply(puzzle, { codes, vectors }) {
    const { width, tokens, positions } = this;
    const scale = Math.sqrt(width);
    const x = new Float32Array(puzzle.length * vectors * width);
    for (let i = 0; i < puzzle.length * vectors; i++) {
      const cell = Math.floor(i / vectors);
      const row = codes.length ? rowOf(puzzle[cell], codes, i % vectors) : puzzle[cell];
      for (let k = 0; k < width; k++) {
        const position = positions ? positions[cell * width + k] : 0;
        x[i * width + k] = (tokens[row * width + k] + position) * scale;
      }
    }
    return x;
  }
}

/** The row of the table that a code of a cell shows to a code of the axis. */
function rowOf(code, codes, number) {
  if (codes[number] === code) return GIVEN;
  return codes.includes(code) ? OTHER : 2 + placeApart(code, codes);
}

/** How many codes that are not on the axis come before this one. */
function placeApart(code, codes) {
  return code - codes.filter((other) => other < code).length;
}

/** Vectors to logits: of a code of the axis from its own vector, of others from the cell's mean. */
export class Head {
  /** The same as of `Embedding`; `apart` of an answer's cell. */
  constructor(weights, config, apart) {
    this.width = config.d_model;
    const { width } = this;
    const linear = (name, count) => new Linear(weights, name, width, count, config.head_bias);
    this.hasAxis = config.code_axis;
    this.own = this.hasAxis ? linear("head.own", 1) : null;
    const name = this.hasAxis ? "head.apart" : "head";
    this.apart = apart ? linear(name, apart) : null;
  }

  /** (S · N, D) → (S, V). */
  apply(state, layout) {
    if (!this.hasAxis) return this.apart.apply(state);
    const { cells, codes, vectors, answerCodes } = layout;
    const own = this.own.apply(state);
    const apart = this.apart?.apply(cellMeans(state, vectors, this.width));
    const logits = new Float32Array(cells * answerCodes);
    for (let i = 0; i < logits.length; i++) {
      const cell = Math.floor(i / answerCodes), code = i % answerCodes;
      const number = codes.indexOf(code);
      const others = answerCodes - codes.length;
      logits[i] = number >= 0
        ? own[cell * vectors + number]
        : apart[cell * others + placeApart(code, codes)];
    }
    return logits;
  }
}

/** The mean of each cell's vectors, (S, D). */
export function cellMeans(state, vectors, width) {
  if (vectors === 1) return state;
  const means = new Float32Array(state.length / vectors);
  for (let i = 0; i < state.length; i++) {
    const cell = Math.floor(i / (vectors * width));
    means[cell * width + (i % width)] += state[i] / vectors;
  }
  return means;
}
