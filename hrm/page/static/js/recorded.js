// A page that shows one recorded thought: the same player, without a network.

import { Pane } from "./pane.js";
import { PlayerControls } from "./player_controls.js";
import { puzzleOf } from "./puzzles/registry.js";
import { fromBase64 } from "./sources.js";
import { showLegend } from "./view/legend.js";
import { parseColour } from "./view/palette.js";
import { VIEW_WORDS } from "./words.js";

const MOST = 255; // beliefs are kept as bytes

export class Recorded {
  #belief = document.getElementById("belief");

  /** @param {Object} record as `hrm.page.record` writes it. */
  constructor(record) {
    const { task: name, shape, planned, frames } = record;
    document.body.classList.add("recorded");
    const task = name ? puzzleOf(name, shape) : declaredTask(record);
    const puzzle = { task, shape, cells: bytes(record.puzzle) };
    this.pane = new Pane();
    document.getElementById("panes").append(this.pane.element);
    this.pane.setPuzzle(puzzle, planned);
    for (const frame of frames) this.pane.add(readFrame(frame));
    document.getElementById("view-words").textContent = VIEW_WORDS.answer;
    this.#legend(task);
    const thoughts = {
      count: () => this.pane.frames.length,
      isThinking: () => false,
      changes: (at) => this.pane.frames[at].changed > 0,
    };
    const controls = new PlayerControls(thoughts, [this.pane], (at) => this.#show(at));
    this.#belief.addEventListener("change", () => controls.player.pause());
    controls.begin(planned);
  }

  #legend(task) {
    const show = () => showLegend(document.getElementById("legend"), task, "answer");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
  }

  #show(at) {
    this.pane.show(at, { belief: this.#belief.checked });
  }
}

function readFrame({ answer, belief, crosses, ...rest }) {
  return {
    ...rest,
    answer: bytes(answer),
    crosses: bytes(crosses),
    belief: belief && Float32Array.from(bytes(belief), (level) => level / MOST),
  };
}

/** A puzzle of a task that the page does not know: what its declaration says of codes. */
function declaredTask({ codes, answerCodes, open }) {
  const read = (list) =>
    list.map((code) => ({ ...code, colour: code.colour && parseColour(code.colour) }));
  return {
    drawing: "tiles", codes: read(codes), answerCodes: read(answerCodes), open: bytes(open),
  };
}

function bytes(text) {
  return new Uint8Array(fromBase64(text));
}
