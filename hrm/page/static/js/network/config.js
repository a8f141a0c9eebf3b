// Reading config.json of a model folder: the puzzle's grid, its task, and the network's settings.

import { readStructure } from "./structure.js";

const NEWEST_FORMAT = 2;
const BOARDPATH_CODES = 5;

const DEFAULTS = {
  network: "hrm",
  d_model: 256,
  head_cnt: 4,
  sdpa_dropout: 0.1,
  dropout: 0.1,
  bias_qkv: false,
  bias_o: false,
  head_bias: false,
  expansion: 4,
  elementwise_affine: true,
  H_block_cnt: 4,
  L_block_cnt: null,
  H_cycle_cnt: 2,
  L_cycle_cnt: 2,
  learnable_z_init: true,
  use_rope: true,
  rope_2d: false,
  use_abs_pos: false,
  attention: true,
  local_mixing: false,
  code_axis: false,
  modules: "HL",
  grad_horizon: "one_step",
  infer_segment_cnt: 2,
};

const COUNTS = [
  "d_model", "head_cnt", "H_block_cnt", "H_cycle_cnt", "L_cycle_cnt", "infer_segment_cnt",
];

/**
 * What a config says.
 *
 * @param {string} text the content of config.json.
 * @returns {{grid: Object, task: Object, model: Object}} grid has height, width, inputCodes,
 *     answerCodes and structure; task has its name and settings; model has every setting, and `framesPerSegment`.
 * @throws {Error} naming the entry at fault.
 */
export function readConfig(text) {
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error("config.json: damaged: not JSON");
  }
  const version = content?.format_version ?? 1;
  if (![1, NEWEST_FORMAT].includes(version)) {
    throw new Error(`config.json: format ${version}, but this page reads 1 to ${NEWEST_FORMAT}`);
  }
  if (!isSection(content?.model)) throw new Error("config.json: damaged: it has no key model");
  const model = readModel(content.model);
  if (version === 1) {
    const grid = withStructure(square(content.board_size), undefined, model);
    return { grid, task: { name: "boardpath" }, model };
  }
  if (!isSection(content.grid) || !isSection(content.task)) {
    throw new Error("config.json: damaged: expected the keys task, grid and model");
  }
  const grid = withStructure(readGrid(content.grid), content.grid.structure, model);
  return { grid, task: content.task, model };
}

/** Why a network works on grids of its own shape only, in words; null: it takes any shape. */
export function tiedToSizeBy(model) {
  if (model.use_abs_pos) return "learned positions";
  if (model.attention && model.use_rope && !model.rope_2d) return "positions counted along the flattened board";
  return null;
}

function readModel(given) {
  const network = given.network ?? DEFAULTS.network;
  if (network !== DEFAULTS.network) {
    throw new Error(`config.json: model.network: ${network}; this page runs ${DEFAULTS.network} only`);
  }
  const unknown = Object.keys(given).find((key) => !(key in DEFAULTS));
  if (unknown) {
    throw new Error(`config.json: model.${unknown} is not known to this page; use a newer one`);
  }
  const model = { ...DEFAULTS, ...given };
  for (const key of COUNTS) {
    if (!isCount(model[key])) throw new Error(`config.json: model.${key}: ${model[key]} is no count`);
  }
  if (!["HL", "H"].includes(model.modules)) {
    throw new Error(`config.json: model.modules: ${model.modules}; expected HL or H`);
  }
  if (model.attention && model.d_model % model.head_cnt) {
    throw new Error("config.json: model.d_model is not divisible by head_cnt");
  }
  const hasOne = model.modules === "H";
  model.framesPerSegment = hasOne ? model.H_cycle_cnt * model.L_cycle_cnt : model.H_cycle_cnt;
  return model;
}

function withStructure(grid, given, model) {
  return { ...grid, structure: readStructure(given, grid, model) };
}

function square(side) {
  if (!isCount(side)) throw new Error(`config.json: board_size: ${side} is no number of cells`);
  return {
    height: side,
    width: side,
    inputCodes: BOARDPATH_CODES,
    answerCodes: BOARDPATH_CODES,
  };
}

function readGrid(given) {
  const { height, width, input_codes: inputCodes, answer_codes: answerCodes } = given;
  if (![height, width, inputCodes, answerCodes].every(isCount)) {
    throw new Error("config.json: grid: expected height, width, input_codes and answer_codes");
  }
  return { height, width, inputCodes, answerCodes };
}

function isSection(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 1 && value <= 65_536;
}
