// The Hierarchical Reasoning Model, as in hrm/models/hrm.py, which is the reference for every line.
// What S, N and D are, and how a state lies, is said in layout.js.

import { softmaxRows } from "./attention.js";
import { ReasoningModule, sum } from "./blocks.js";
import { tiedToSizeBy } from "./config.js";
import { cellMeans, Embedding, Head } from "./embedding.js";
import { axisCodes, layOut } from "./layout.js";
import { Weights } from "./weights.js";

export class Network {
  /**
   * @param {{grid: Object, task: Object, model: Object}} described as from `readConfig`.
   * @param {Map} tensors as from `readTensors`.
   * @throws {Error} if the tensors are not those of such a network.
   */
  constructor({ grid, task, model: config }, tensors) {
    const weights = new Weights(tensors);
    Object.assign(this, { grid, task, config });
    const { structure } = grid;
    const module = (name, count) => new ReasoningModule(weights, name, config, structure, count);
    const onAxis = axisCodes(config, structure).length;
    const cells = grid.height * grid.width;
    this.apart = grid.answerCodes - onAxis;
    this.embedding = new Embedding(weights, config, cells, grid.inputCodes - onAxis);
    this.H = module("H", config.H_block_cnt);
    this.L = config.modules === "HL" ? module("L", config.L_block_cnt ?? config.H_block_cnt) : null;
    this.zHInit = weights.take("zH_init", [config.d_model]);
    this.zLInit = this.L ? weights.take("zL_init", [config.d_model]) : null;
    this.head = new Head(weights, config, this.apart);
    weights.requireAllTaken();
  }

  /**
   * How the state lies on grids of a shape.
   *
   * @param {number[]} shape rows and columns.
   * @param {Object=} structure of such grids, where it is not the model's own shape.
   * @throws {Error} if the network works on grids of another shape only.
   */
  layout(shape, structure) {
    const { height, width } = this.grid;
    const isOwn = shape[0] === height && shape[1] === width;
    const tie = tiedToSizeBy(this.config);
    if (tie && !isOwn) {
      throw new Error(
        `this model works on ${height}×${width} boards only, because of its ${tie};` +
          ` this one is ${shape.join("×")}`,
      );
    }
    const declared = isOwn ? this.grid.structure : (structure ?? this.grid.structure);
    return layOut(this.config, declared, shape, this.apart);
  }

  /** What the network is shown in each update, (S · N, D). */
  embed(puzzle, layout) {
    return this.embedding.apply(puzzle, layout);
  }

  /** The state before any thinking: the same vector everywhere. */
  initialState({ cells, vectors }) {
    const times = cells * vectors;
    return { zH: repeated(this.zHInit, times), zL: this.zLInit && repeated(this.zLInit, times) };
  }

  /**
   * Think for one segment, update by update of the module that answers (H).
   *
   * @param {{zH: Float32Array, zL: Float32Array | null}} state
   * @param {Float32Array} x as from `embed`.
   * @param {Object} layout as from `layout`.
   * @yields {{zH: Float32Array, zL: Float32Array | null}} the state after each H update.
   */
  *segment(state, x, layout) {
    for (let update = 0; update < this.config.framesPerSegment; update++) {
      let { zH, zL } = state;
      if (this.L) {
        for (let i = 0; i < this.config.L_cycle_cnt; i++) zL = this.L.apply(zL, sum(zH, x), layout);
      }
      zH = this.H.apply(zH, zL ?? x, layout);
      state = { zH, zL };
      yield state;
    }
  }

  /** How strongly a cell attended to each cell in the H update from `before` to `after`. */
  attentionOf(cell, before, after, x, layout) {
    const watched = { cell, weights: new Float32Array(layout.cells) };
    this.H.apply(before.zH, after.zL ?? x, layout, watched);
    return watched.weights;
  }

  /** The logits of each code of the answer, (S, V). */
  answer({ zH }, layout) {
    return this.head.apply(zH, layout);
  }

  /** The most probable code of each cell, and the probabilities (S, V) of all codes. */
  read(state, layout) {
    const { cells, answerCodes } = layout;
    const belief = this.answer(state, layout);
    softmaxRows(belief, answerCodes);
    const answer = new Uint8Array(cells);
    for (let cell = 0; cell < cells; cell++) {
      const own = belief.subarray(cell * answerCodes, (cell + 1) * answerCodes);
      answer[cell] = own.indexOf(Math.max(...own));
    }
    return { answer, belief };
  }

  /** A state with one vector a cell, (S, D), for pictures. */
  cellStates({ zH }, { vectors }) {
    return cellMeans(zH, vectors, this.config.d_model);
  }
}

function repeated(vector, times) {
  const out = new Float32Array(vector.length * times);
  for (let i = 0; i < times; i++) out.set(vector, i * vector.length);
  return out;
}
