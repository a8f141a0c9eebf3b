// One board on the page, with the model that thinks about it and the frames of its thought.

import { Bars } from "./view/bars.js";
import { BoardView } from "./view/board_view.js";
import { momentWords, verdictWords } from "./words.js";

export class Pane {
  frames = [];
  #shown = 0;

  constructor() {
    this.element = document.getElementById("pane").content.firstElementChild.cloneNode(true);
    this.board = new BoardView(this.element.querySelector(".board"));
    this.bars = new Bars(this.element.querySelector(".bars"));
    this.element.addEventListener("click", (event) => this.#onBar(event));
  }

  /** Show another puzzle, about which nothing is thought yet. */
  setPuzzle({ task, cells, shape }, planned) {
    this.puzzle = { task, puzzle: cells, shape };
    this.frames = [{ answer: cells, belief: null, changed: 0, segment: 0, step: 0, verdict: {} }];
    this.planned = planned;
    this.bars.show(this.frames, planned);
    this.show(0, {});
    const free = cells.findIndex((code) => code === (task.start ?? 0));
    this.board.choose(Math.max(0, free));
  }

  /** So many updates are to come in all. */
  replan(planned) {
    this.planned = planned;
    this.bars.show(this.frames, planned);
  }

  get cellCnt() {
    return this.puzzle.puzzle.length;
  }

  /** Add what was read out after an update; the verdict is found here, if it does not come with it. */
  add(frame) {
    const { task, puzzle, shape } = this.puzzle;
    const before = this.frames.at(-1).answer;
    const changed = frame.answer.reduce((sum, code, i) => sum + Number(code !== before[i]), 0);
    const verdict = frame.verdict ?? task.judge(puzzle, frame.answer, shape);
    this.frames.push({ ...frame, changed, verdict });
    this.bars.show(this.frames, Math.max(this.planned, this.frames.length - 1));
  }

  /**
   * Show a moment, or the last one there is before it.
   *
   * @param {number} at the moment.
   * @param {Object} how `belief`: whether to show it; `colours` (S, 3) or `attention` to show them
   *     instead of the answer.
   */
  show(at, how) {
    this.#shown = Math.min(at, this.frames.length - 1);
    const frame = this.frames[this.#shown];
    this.board.show({
      ...this.puzzle,
      answer: this.#shown ? frame.answer : null,
      belief: how.belief ? frame.belief : null,
      crosses: frame.crosses,
      colours: how.colours,
      attention: how.attention,
    });
    this.bars.mark(this.#shown);
    this.#say(frame);
  }

  /** Where the thought stands and what the answer is worth, in words. */
  get words() {
    const [bold, rest] = momentWords(this.frames[this.#shown], this.#shown, this.#count());
    const { verdict } = this.frames[this.#shown];
    return `${bold}, ${rest}. ${verdict.words ? verdictWords(verdict) : ""}`;
  }

  #count() {
    return Math.max(this.planned, this.frames.length - 1);
  }

  #say(frame) {
    const [bold, rest] = momentWords(frame, this.#shown, this.#count());
    const moment = this.element.querySelector(".moment");
    const strong = document.createElement("b");
    strong.textContent = bold;
    moment.replaceChildren(strong, ` · ${rest}`);
    const { verdict } = frame;
    const chip = this.element.querySelector(".verdict > span");
    const known = Boolean(verdict.words);
    chip.className = `chip ${known ? (verdict.solved ? "right" : "wrong") : ""}`;
    chip.dataset.verdict = verdict.name ?? "";
    chip.querySelector(".sign").textContent = known ? (verdict.solved ? "✓" : "✕") : "…";
    chip.querySelector(".words").textContent = known ? verdictWords(verdict) : "No answer yet";
  }

  #onBar({ target }) {
    const at = [...this.element.querySelectorAll(".bars > span")].indexOf(target);
    if (at >= 0) this.element.dispatchEvent(new CustomEvent("seek", { detail: { at: at + 1 } }));
  }
}
