// The gated MLP: down(silu(gate(x)) · up(x)).

import { Linear } from "./linear.js";

export class SwiGLU {
  /**
   * @param {Weights} weights of the model.
   * @param {string} name of the sublayer in the model.
   * @param {Object} config the network's settings.
   */
  constructor(weights, name, { d_model: width, expansion }) {
    this.inner = Math.max(1, Math.trunc((expansion * width * 2) / 3));
    this.gateUp = new Linear(weights, `${name}.gate_up`, width, 2 * this.inner, false);
    this.down = new Linear(weights, `${name}.down`, this.inner, width, false);
  }

  apply(x) {
    const { inner } = this;
    const both = this.gateUp.apply(x);
    const gated = new Float32Array(both.length / 2);
    for (let to = 0, from = 0; to < gated.length; to += inner, from += 2 * inner) {
      for (let k = 0; k < inner; k++) {
        const gate = both[from + k];
        gated[to + k] = (gate / (1 + Math.exp(-gate))) * both[from + inner + k];
      }
    }
    return this.down.apply(gated);
  }
}
