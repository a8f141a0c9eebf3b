// What the page says.

/** Where a thought stands. */
export function momentWords({ segment, step, changed }, at, count) {
  if (at === 0) return ["The puzzle", "nothing thought yet"];
  const cells = changed === 1 ? "1 cell" : `${changed || "no"} cells`;
  return [`Update ${at} of ${count}`, `segment ${segment}, step ${step}: ${cells} changed`];
}

/** The verdict as a person would say it. */
export function verdictWords({ name, words, solved }) {
  if (name === "exact") return "Right";
  return solved ? `Right: ${words}` : words[0].toUpperCase() + words.slice(1);
}

export const VIEW_WORDS = {
  answer: "Drawn in blue: what the network would answer at this moment.",
  state:
    "The hidden state of each cell as a colour: its first three principal components as red, green" +
    " and blue. Cells of similar colour have similar states.",
  attention:
    "Choose a cell. Blue shows how much it looks at each cell in this update: the mean over the" +
    " heads of the last block.",
};

export const HOW_TO_EDIT = {
  path:
    "Draw walls on the board with the mouse or a finger. Drag the start and the end. With the" +
    " keyboard: arrows move, Space changes a wall, a letter puts the start or the end there.",
  sudoku: "Choose a cell and type a digit. Backspace empties it.",
};

/** Why a model does not take every size. */
export const EXPLAINED_TIE = {
  codes: "Larger ones have digits that this model does not know.",
  "learned positions": "The size is fixed: this model has learned the positions of one size only.",
  "positions counted along the flattened board":
    "The size is fixed: this model counts positions along the flattened board.",
};
