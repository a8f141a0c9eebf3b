// The page: one puzzle, one or two minds that think about it, and what the visitor wants of them.

import { Controls } from "./controls.js";
import { Mind } from "./mind.js";
import { fits, Models, ownShape, requireFit, sizesFor } from "./models.js";
import { PlayerControls } from "./player_controls.js";
import { Dice } from "./puzzles/random.js";
import { fromLink, puzzleOf } from "./puzzles/registry.js";
import { linkTo, sharedHere } from "./share.js";
import { Thinker } from "./thinking/thinker.js";
import { Editing } from "./view/editing.js";

export class App {
  #thinker = new Thinker();
  #minds = [];
  #puzzle = null;
  #seed = 0;

  /** @param {Sources} sources the models that come with the page. */
  constructor(sources) {
    this.models = new Models(sources, this.#thinker);
    this.controls = new Controls(this);
    const thoughts = {
      count: () => Math.max(...this.#minds.map(({ pane }) => pane.frames.length)),
      isThinking: () => this.#minds.some((mind) => mind.isThinking),
      changes: (at) => this.#minds.some(({ pane }) => pane.frames[at]?.changed > 0),
    };
    this.player = new PlayerControls(thoughts, [], (at) => this.#show(at));
  }

  async start() {
    await this.controls.attempt(async () => {
      await this.models.list();
      this.#addMind();
      await this.#useShared();
    });
    addEventListener("hashchange", () => this.controls.attempt(() => this.#useShared()));
  }

  get puzzle() {
    return this.#puzzle;
  }

  get minds() {
    return this.#minds;
  }

  /** The first one, by whose model the puzzle goes. */
  get mind() {
    return this.#minds[0];
  }

  /** Use another model in a mind. The puzzle stays if the model can look at it. */
  async useModel(mind, name) {
    const model = await this.models.get(name);
    if (mind !== this.mind) requireFit(model, this.#puzzle);
    const keeps = this.#puzzle && this.#minds.length > 1 && fits(model, this.#puzzle);
    mind.model = model;
    mind.segments = model.config.infer_segment_cnt;
    if (!keeps) {
      this.#compareNoMore();
      return this.newPuzzle(ownShape(model));
    }
    return this.think();
  }

  /** A random puzzle of a shape. */
  newPuzzle(shape = this.#puzzle.shape) {
    const { task: settings } = this.mind.model;
    const task = puzzleOf(settings.name, shape);
    const cells = task.random(shape, settings, new Dice());
    return this.setPuzzle({ task, cells, shape });
  }

  /** Use a puzzle as text. */
  useText(content) {
    const shape = this.#puzzle?.shape ?? ownShape(this.mind.model);
    const task = puzzleOf(this.mind.model.task.name, shape);
    const { cells, shape: found } = task.parse(content);
    const puzzle = { task: puzzleOf(task.name, found), cells, shape: found };
    const complaint = puzzle.task.complaint(cells);
    if (complaint) throw new Error(complaint);
    requireFit(this.mind.model, puzzle);
    return this.setPuzzle(puzzle);
  }

  /** Show a puzzle and think about it. */
  setPuzzle(puzzle) {
    this.#puzzle = puzzle;
    return this.think();
  }

  /** Show a puzzle while it is being drawn. */
  sketch(cells) {
    this.#puzzle = { ...this.#puzzle, cells };
    this.player.player.clear();
    for (const mind of this.#minds) mind.forget(this.#puzzle);
    this.#show(0);
    this.controls.show(this);
  }

  /** Think about the puzzle from the beginning. */
  think(seed = 0) {
    this.#seed = seed;
    const complaint = this.#puzzle.task.complaint(this.#puzzle.cells);
    this.controls.show(this);
    if (complaint) {
      this.sketch(this.#puzzle.cells);
      throw new Error(`${complaint[0].toUpperCase()}${complaint.slice(1)}.`);
    }
    const thoughts = this.#minds.map((mind) => mind.begin(this.#puzzle, seed));
    this.player.begin(this.#planned());
    return Promise.all(thoughts);
  }

  /** Begin again with other noise added to the initial state. */
  thinkFromNoise() {
    return this.think(this.#seed + 1);
  }

  /** Think on from where the thoughts are. */
  thinkLonger() {
    const thoughts = this.#minds.map((mind) => mind.more(mind.model.config.infer_segment_cnt));
    this.player.plan(this.#planned());
    if (!this.player.player.playing) this.player.player.play();
    return Promise.all(thoughts);
  }

  /** Look at two models or two think times side by side, or at one again. */
  async compare() {
    if (this.#minds.length > 1) this.#compareNoMore();
    else {
      const mind = this.#addMind();
      const other = await this.models.otherThan(this.mind.model, this.#puzzle);
      mind.model = other ?? this.mind.model;
      mind.segments = other ? other.config.infer_segment_cnt : 1;
    }
    return this.think(this.#seed);
  }

  /** Add a model that a visitor brought, and use it. */
  async addModel(files) {
    const { name } = await this.models.add(files);
    await this.useModel(this.mind, name);
  }

  /** Show the moment of the player again, as the visitor wants to see it. */
  redraw() {
    this.#show(this.player.player.at);
  }

  link() {
    return linkTo(this.#puzzle, this.mind.model.name);
  }

  /** The sizes that the model takes; see `sizesFor`. */
  sizes() {
    return sizesFor(this.mind.model, this.#puzzle.task);
  }

  #addMind() {
    const mind = new Mind(this.#thinker, () => this.#onChange(), () => this.redraw());
    this.#minds.push(mind);
    this.player.panes.push(mind.pane);
    this.player.listenTo(mind.pane);
    this.controls.addPane(mind, this.#minds.length);
    new Editing(mind.pane.board, {
      puzzle: () => this.#puzzle,
      isLooking: () => this.controls.view === "attention",
      change: (cells) => this.sketch(cells),
      done: () => this.controls.attempt(() => this.think()),
    });
    return mind;
  }

  #compareNoMore() {
    if (this.#minds.length < 2) return;
    const mind = this.#minds.pop();
    mind.forget(this.#puzzle);
    this.player.panes.pop();
    this.controls.removePane(mind);
  }

  async #useShared() {
    const shared = sharedHere();
    const { names } = this.models;
    const name = names.includes(shared.model) ? shared.model : names[0];
    if (!name) throw new Error("There is no model on this page. Drop a model folder on it.");
    this.mind.model = await this.models.get(name);
    this.mind.segments = this.mind.model.config.infer_segment_cnt;
    if (shared.puzzle === null) return this.newPuzzle(ownShape(this.mind.model));
    if (shared.task !== this.mind.model.task.name) {
      await this.newPuzzle(ownShape(this.mind.model));
      throw new Error(`The link holds a puzzle of ${shared.task}; no model here is of that task.`);
    }
    return this.useText(fromLink(shared.puzzle));
  }

  #planned() {
    return Math.max(...this.#minds.map((mind) => mind.planned));
  }

  #onChange() {
    this.player.arrived();
    this.redraw();
  }

  #show(at) {
    const { view, belief } = this.controls;
    for (const mind of this.#minds.filter(({ pane }) => pane.frames.length)) {
      const cell = mind.pane.board.focused;
      mind.pane.show(at, { belief, ...mind.insteadOfAnswer(view, at, cell) });
    }
  }
}
