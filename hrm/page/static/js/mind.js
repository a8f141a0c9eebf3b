// A pane whose model thinks on this page.

import { Pane } from "./pane.js";

export class Mind {
  pane = new Pane();
  model = null;
  #run = 0; // the number of the thought that is shown; answers to earlier ones are dropped
  #thought = null;
  #working = 0;
  #colours = null;
  #attention = null;
  #asked = ""; // what was last asked for

  /**
   * @param {Thinker} thinker
   * @param {function()} onChange called after each update, and when thinking ends.
   * @param {function()} onFound called when what `insteadOfAnswer` asked for is there.
   */
  constructor(thinker, onChange, onFound) {
    Object.assign(this, { thinker, onChange, onFound });
    this.segmentsInput = this.pane.element.querySelector(".segments");
  }

  get isThinking() {
    return this.#working > 0;
  }

  /** Segments to think for. */
  get segments() {
    const given = Math.round(Number(this.segmentsInput.value));
    return Math.min(Math.max(given || 1, 1), Number(this.segmentsInput.max));
  }

  set segments(count) {
    this.segmentsInput.value = Math.min(count, Number(this.segmentsInput.max));
  }

  /** Updates of the whole thought. */
  get planned() {
    return this.segments * this.model.config.framesPerSegment;
  }

  /** Show a puzzle and think nothing about it. */
  forget(puzzle) {
    this.#run++;
    this.#working = 0;
    this.#colours = this.#attention = null;
    this.#asked = "";
    if (this.#thought !== null) this.thinker.stop(this.#thought);
    this.#thought = null;
    this.pane.setPuzzle(puzzle, this.planned);
  }

  /** Begin a new thought; seed 0: from the model's own initial state, otherwise with noise. */
  async begin(puzzle, seed) {
    this.forget(puzzle);
    const run = this.#run;
    const { task, cells, shape } = puzzle;
    const { structure } = task;
    const about = { model: this.model.name, puzzle: cells, shape, structure, seed };
    await this.#work(run, async () => {
      const thought = await this.thinker.begin(about, (frame) => this.#add(run, frame));
      if (run !== this.#run) {
        this.thinker.stop(thought);
        return;
      }
      this.#thought = thought;
      await this.thinker.think(thought, this.segments);
    });
  }

  /** Think on from where the thought is. */
  async more(segments) {
    const before = this.segments;
    this.segments = before + segments;
    this.pane.replan(this.planned);
    await this.#work(this.#run, () => this.thinker.think(this.#thought, this.segments - before));
  }

  /** What to show instead of the answer at a moment; `onFound` is called when it is there. */
  insteadOfAnswer(view, at, cell) {
    const number = Math.min(at, this.pane.frames.length - 1);
    if (view === "state") return { colours: this.#colours?.[number] ?? this.#askForColours() };
    if (view !== "attention" || !this.model.config.attention) return {};
    const found = this.#attention;
    if (found?.number !== number || found.cell !== cell) this.#askForAttention(number, cell);
    return { attention: found ?? { cell, weights: new Float32Array(this.pane.cellCnt) } };
  }

  async #work(run, task) {
    this.#working++;
    this.pane.element.setAttribute("aria-busy", "true");
    try {
      await task();
    } finally {
      if (run === this.#run) {
        this.#working--;
        this.pane.element.setAttribute("aria-busy", String(this.isThinking));
        this.onChange();
      }
    }
  }

  #add(run, frame) {
    if (run !== this.#run || frame.segment === 0) return;
    this.pane.add(frame);
    this.onChange();
  }

  /** Colours are those of all states together, so they are asked for when thinking rests. */
  #askForColours() {
    if (this.isThinking) return undefined;
    const keep = (found) => (this.#colours = found);
    this.#ask(`${this.pane.frames.length} states`, (id) => this.thinker.colours(id), keep);
    return undefined;
  }

  #askForAttention(number, cell) {
    const keep = (weights) => (this.#attention = { number, cell, weights });
    this.#ask(`${number} ${cell}`, (id) => this.thinker.attention(id, number, cell), keep);
  }

  async #ask(name, request, keep) {
    if (this.#thought === null || this.#asked === name) return;
    this.#asked = name;
    const run = this.#run;
    const found = await request(this.#thought);
    if (!found || run !== this.#run) return;
    keep(found);
    this.onFound();
  }
}
