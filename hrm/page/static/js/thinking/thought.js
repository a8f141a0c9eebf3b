// One thought about one puzzle: its states, and what can be read out of each.

import { statesAsColours } from "../network/components.js";
import { Dice } from "../puzzles/random.js";

const NOISE = 1; // deviation of what a restart adds to each number of the initial state

export class Thought {
  /**
   * @param {Network} network thinks.
   * @param {Object} about puzzle, shape, structure of such grids, and seed: 0 begins with the
   *     network's initial state, another one with noise added to it.
   */
  constructor(network, { puzzle, shape, structure, seed }) {
    Object.assign(this, { network, stopped: false });
    this.layout = network.layout(shape, structure);
    this.x = network.embed(puzzle, this.layout);
    const dice = seed ? new Dice(seed) : null;
    this.states = [withNoise(network.initialState(this.layout), dice)];
  }

  /** Think on for one segment, yielding the number of each new state. */
  *segment() {
    for (const state of this.network.segment(this.states.at(-1), this.x, this.layout)) {
      yield this.states.push(state) - 1;
    }
  }

  /** What is read out of a state: answer and belief, segment and step (both from 1). */
  frame(number) {
    const { framesPerSegment } = this.network.config;
    const segment = Math.ceil(number / framesPerSegment);
    const step = number ? ((number - 1) % framesPerSegment) + 1 : 0;
    return { ...this.network.read(this.states[number], this.layout), segment, step };
  }

  /** How much a cell attended to each cell in the update that led to a state. */
  attention(number, cell) {
    const [before, after] = [this.states[Math.max(0, number - 1)], this.states[Math.max(1, number)]];
    return this.network.attentionOf(cell, before, after ?? before, this.x, this.layout);
  }

  /** The states as colours, (S, 3) for each. */
  colours() {
    const states = this.states.map((state) => this.network.cellStates(state, this.layout));
    return statesAsColours(states, this.network.config.d_model);
  }
}

function withNoise({ zH, zL }, dice) {
  const noisy = (z) => z && (dice ? z.map((v) => v + NOISE * dice.normal()) : z);
  return { zH: noisy(zH), zL: noisy(zL) };
}
