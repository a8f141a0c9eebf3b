// Prints, for each model folder and puzzle of a list (JSON on standard input), the logits after each
// segment, as the page's network computes them.

import { readFileSync } from "node:fs";

import { readConfig } from "../hrm/page/static/js/network/config.js";
import { Network } from "../hrm/page/static/js/network/hrm.js";
import { readTensors } from "../hrm/page/static/js/network/safetensors.js";

function logitsOf({ folder, puzzle, shape, structure, segments }) {
  const bytes = readFileSync(`${folder}/model.safetensors`);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const described = readConfig(readFileSync(`${folder}/config.json`, "utf8"));
  const network = new Network(described, readTensors(buffer).tensors);
  const layout = network.layout(shape, structure);
  const x = network.embed(puzzle, layout);
  let state = network.initialState(layout);
  return Array.from({ length: segments }, () => {
    for (const after of network.segment(state, x, layout)) state = after;
    return [...network.answer(state, layout)];
  });
}

const jobs = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(jobs.map(logitsOf)));
