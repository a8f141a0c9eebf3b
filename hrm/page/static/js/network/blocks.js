// What a module of the network is made of: blocks of sublayers, each with its norm.

import { Attention } from "./attention.js";
import { groupKinds } from "./layout.js";
import { AddNorm } from "./linear.js";
import { GroupMixing, LocalMixing } from "./mixing.js";
import { SwiGLU } from "./swiglu.js";

/** The kinds of sublayers that a block has, in order. */
function sublayerKinds(config, structure) {
  const { declared, mixesCodes } = groupKinds(config, structure);
  return [
    config.local_mixing && structure.neighbourhood.length && LocalMixing,
    (declared.length || mixesCodes) && GroupMixing,
    config.attention && Attention,
    SwiGLU,
  ].filter(Boolean);
}

/** Each sublayer is x ← RMSNorm(x + sublayer(x)). */
class Block {
  constructor(weights, name, config, structure) {
    const kinds = groupKinds(config, structure);
    this.sublayers = sublayerKinds(config, structure).map(
      (Kind, i) => new Kind(weights, `${name}.sublayers.${i}`, config, structure, kinds),
    );
    this.norms = this.sublayers.map(
      (_, i) =>
        new AddNorm(weights, `${name}.norms.${i}`, config.d_model, config.elementwise_affine),
    );
  }

  apply(x, layout, watched) {
    this.sublayers.forEach((sublayer, i) => {
      x = this.norms[i].apply(x, sublayer.apply(x, layout, watched));
    });
    return x;
  }
}

/** A stack of blocks over the sum of a module's state and what is injected. */
export class ReasoningModule {
  constructor(weights, name, config, structure, blockCnt) {
    this.blocks = Array.from(
      { length: blockCnt },
      (_, i) => new Block(weights, `${name}.blocks.${i}`, config, structure),
    );
  }

  /** @param {Object=} watched see `Attention`; of the last block. */
  apply(state, injected, layout, watched) {
    let x = sum(state, injected);
    const last = this.blocks.length - 1;
    this.blocks.forEach((block, i) => {
      x = block.apply(x, layout, i === last ? watched : undefined);
    });
    return x;
  }
}

export function sum(a, b) {
  const out = new Float32Array(a.length);
  for (let i = 0; i < out.length; i++) out[i] = a[i] + b[i];
  return out;
}
