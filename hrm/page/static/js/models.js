// The models of the page: those that came with it, and those that visitors brought.

import { tiedToSizeBy } from "./network/config.js";
import { puzzleOf } from "./puzzles/registry.js";
import { requireSides } from "./puzzles/text.js";

export class Models {
  #known = new Map(); // by name: what the config says; null until the files are read

  /**
   * @param {Sources} sources of those that come with the page.
   * @param {Thinker} thinker makes networks of their files.
   */
  constructor(sources, thinker) {
    Object.assign(this, { sources, thinker });
  }

  /** Learn which models there are. */
  async list() {
    for (const name of await this.sources.names()) this.#known.set(name, null);
  }

  get names() {
    return [...this.#known.keys()];
  }

  /**
   * A model, read when it is first asked for.
   *
   * @returns {Promise<{name: string, grid: Object, task: Object, config: Object}>}
   * @throws {Error} if its files are not to be had, or damaged.
   */
  async get(name) {
    if (!this.#known.get(name)) {
      const { config, weights } = await this.sources.files(name);
      await this.#read(name, config, weights);
    }
    return this.#known.get(name);
  }

  /** Add a model that a visitor brought. */
  async add({ name, config, weights }) {
    await this.#read(name, config, weights);
    return this.#known.get(name);
  }

  /** The first other model that can look at a puzzle; null: there is none. */
  async otherThan(model, puzzle) {
    for (const name of this.names) {
      const other = name === model.name ? null : await this.get(name);
      if (other && fits(other, puzzle)) return other;
    }
    return null;
  }

  async #read(name, config, weights) {
    const { grid, task, model } = await this.thinker.load(name, config, weights);
    const shape = [grid.height, grid.width];
    requireSides(shape);
    puzzleOf(task.name, shape); // refused, if the page does not know it
    this.#known.set(name, { name, grid, task, config: model });
  }
}

export function ownShape({ grid: { height, width } }) {
  return [height, width];
}

/** Whether a model can look at puzzles of such a task and shape. */
export function fits(model, puzzle) {
  try {
    requireFit(model, puzzle);
    return true;
  } catch {
    return false;
  }
}

/** @throws {Error} if a model cannot look at puzzles of such a task and shape. */
export function requireFit(model, { task, shape }) {
  const own = ownShape(model).join("×"), given = shape.join("×");
  if (model.task.name !== task.name) throw new Error(`${model.name} solves other puzzles.`);
  if (tiedToSizeBy(model.config) && given !== own) {
    throw new Error(`${model.name} takes ${own} cells only; this puzzle is ${given}.`);
  }
  // An axis of codes takes any number of those that lie on it.
  const mostCodes = model.config.code_axis ? Infinity : model.grid.inputCodes;
  if (puzzleOf(task.name, shape).codes.length > mostCodes) {
    throw new Error(`${model.name} knows fewer codes than there are in this puzzle.`);
  }
}

/** The sizes that a model takes of those that its task offers, and what ties it to them. */
export function sizesFor(model, task) {
  const tie = tiedToSizeBy(model.config);
  if (tie) return { shapes: [ownShape(model)], tie };
  const offered = task.sizes(model.task);
  const shapes = offered.filter((shape) => fits(model, { task, shape }));
  return { shapes, tie: shapes.length < offered.length ? "codes" : null };
}
