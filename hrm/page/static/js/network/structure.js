// What a model folder says of its puzzle's structure: which cells belong together, which codes could
// change places.

const FARTHEST = 32; // a neighbour at most, in rows and columns

const NINE = [-1, 0, 1].flatMap((row) => [-1, 0, 1].map((column) => [row, column]));

/**
 * @param {Object | undefined} given as in config.json.
 * @param {Object} grid its numbers.
 * @param {Object} config the network's settings.
 * @throws {Error} if it does not fit the grid, or the network asks for what is not there.
 */
export function readStructure(given, grid, config) {
  // Before it was written, local mixing was always along the nine cells around.
  const { neighbourhood = [], groups = {}, interchangeable = [], alike = [] } =
    given ?? (config.local_mixing ? { neighbourhood: NINE } : {});
  const cells = grid.height * grid.width;
  const codes = Math.min(grid.inputCodes, grid.answerCodes);
  const fits =
    areLists(neighbourhood, -FARTHEST, FARTHEST + 1) &&
    Object.values(groups).every((kind) => areLists(kind, 0, cells)) &&
    areLists(interchangeable, 0, codes) &&
    areKinds(alike, groups);
  if (!fits) throw new Error("config.json: damaged: grid.structure does not fit the grid");
  if (config.code_axis && interchangeable.length !== 1) {
    throw new Error("config.json: model.code_axis needs one set of interchangeable codes");
  }
  return { neighbourhood, groups, interchangeable, alike };
}

/** Lists of kinds of groups, none of them twice. */
function areKinds(lists, groups) {
  if (!Array.isArray(lists) || !lists.every((list) => Array.isArray(list) && list.length > 0)) {
    return false;
  }
  const named = lists.flat();
  return new Set(named).size === named.length && named.every((kind) => Object.hasOwn(groups, kind));
}

function areLists(lists, first, end) {
  const isIn = (number) => Number.isSafeInteger(number) && number >= first && number < end;
  return (
    Array.isArray(lists) &&
    lists.every((list) => Array.isArray(list) && list.length > 0 && list.every(isIn))
  );
}
