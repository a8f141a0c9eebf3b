// The worker, in which the networks run, so that the page never freezes. It answers requests one at
// a time, except that between two updates of a thought it looks for new ones.

import { readConfig } from "../network/config.js";
import { Network } from "../network/hrm.js";
import { readTensors } from "../network/safetensors.js";
import { Thought } from "./thought.js";

const networks = new Map();
const thoughts = new Map();

const actions = {
  /** Make a network out of the files of a model folder; what the config says of it. */
  load({ model, config, weights }) {
    const described = readConfig(config);
    const { tensors, metadata } = readTensors(weights);
    requireSameConfig(metadata, config);
    networks.set(model, new Network(described, tensors));
    return described;
  },

  /** Begin a thought. Its first frame, before any update, is posted at once. */
  begin({ thought, model, ...about }) {
    thoughts.set(thought, new Thought(networks.get(model), about));
    postFrame(thought, 0, 0);
  },

  /** Think on for so many segments; a frame is posted after each update. */
  async think({ thought, segments }) {
    const own = thoughts.get(thought);
    for (let segment = 0; segment < segments; segment++) {
      let began = performance.now();
      for (const number of own.segment()) {
        postFrame(thought, number, performance.now() - began);
        await nextTurn();
        if (own.stopped) return;
        began = performance.now();
      }
    }
  },

  /** Forget a thought, and stop thinking it. */
  stop({ thought }) {
    const own = thoughts.get(thought);
    if (own) own.stopped = true;
    thoughts.delete(thought);
  },

  attention: ({ thought, number, cell }) => thoughts.get(thought)?.attention(number, cell),

  colours: ({ thought }) => thoughts.get(thought)?.colours(),
};

function postFrame(thought, number, milliseconds) {
  postMessage({ thought, frame: { ...thoughts.get(thought).frame(number), milliseconds } });
}

/** The library seals the config within the weights. */
function requireSameConfig(metadata, config) {
  let sealed = null;
  try {
    sealed = JSON.parse(metadata.hrm).text;
  } catch {
    return; // another writer's file
  }
  if (sealed && JSON.stringify(JSON.parse(sealed)) !== JSON.stringify(JSON.parse(config))) {
    throw new Error("config.json: damaged or edited: not what model.safetensors was saved with");
  }
}

const turns = new MessageChannel();
const waiting = [];
turns.port1.onmessage = () => waiting.shift()();

/** Let messages that have come be handled. */
function nextTurn() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    turns.port2.postMessage(null);
  });
}

async function respond({ data: { id, action, ...values } }) {
  try {
    postMessage({ id, result: await actions[action](values) });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
}

if (typeof WorkerGlobalScope !== "undefined") addEventListener("message", respond);
