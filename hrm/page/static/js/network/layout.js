// How the vectors of a state lie: one for each cell or, with an axis of codes, one for each cell and
// interchangeable code; and which of them belong together.
//
// S cells of a grid, N vectors of a cell (1 without an axis of codes), D numbers of a vector. A state
// is flat: cell by cell, and in a cell code by code.

/** The kinds of groups over which a network mixes, in the order of their weights. */
export function groupKinds(config, structure) {
  const declared = config.local_mixing ? Object.keys(structure.groups) : [];
  return { declared, mixesCodes: config.code_axis };
}

/** For each kind as from `groupKinds`, then for the vectors of a cell, the row of its weights: kinds
 * that are alike share one. */
export function weightRows({ declared, mixesCodes }, { alike }) {
  const firstOf = (kind) => alike.find((kinds) => kinds.includes(kind))?.[0] ?? kind;
  const shared = declared.map(firstOf);
  const own = [...new Set(shared)];
  const rows = shared.map((kind) => own.indexOf(kind));
  return mixesCodes ? [...rows, own.length] : rows;
}

/** The codes that have a vector each in every cell; none: a cell has one vector. */
export function axisCodes(config, structure) {
  return config.code_axis ? structure.interchangeable[0] : [];
}

/**
 * @param {Object} config the network's settings.
 * @param {Object} structure neighbourhood, groups and interchangeable codes of such grids.
 * @param {number[]} shape rows and columns.
 * @param {number} apart codes of an answer that are not on the axis.
 */
export function layOut(config, structure, shape, apart) {
  const codes = axisCodes(config, structure);
  const { declared } = groupKinds(config, structure);
  return {
    shape,
    cells: shape[0] * shape[1],
    codes,
    vectors: codes.length || 1, // of a cell
    answerCodes: codes.length + apart,
    groups: declared.map((kind) => structure.groups[kind]),
  };
}
