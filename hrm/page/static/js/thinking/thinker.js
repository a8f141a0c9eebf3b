// The page's side of the worker: requests, and the frames of thoughts as they come.

/** Starts the worker and speaks with it. */
export class Thinker {
  #worker = startWorker();
  #pending = new Map();
  #listeners = new Map();
  #last = 0;

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = ({ message }) => this.#fail(message);
  }

  /**
   * Make a network of a model folder's files.
   *
   * @returns {Promise<Object>} what its config says, as from `readConfig`.
   * @throws {Error} saying what is wrong with the files.
   */
  load(model, config, weights) {
    return this.#ask("load", { model, config, weights });
  }

  /**
   * Begin a thought.
   *
   * @param {Object} about model, puzzle, shape and seed of the noise.
   * @param {function(Object)} onFrame gets each frame.
   * @returns {Promise<number>} the thought, by which it is asked for.
   */
  async begin(about, onFrame) {
    const thought = ++this.#last;
    this.#listeners.set(thought, onFrame);
    await this.#ask("begin", { thought, ...about });
    return thought;
  }

  /** Think on; done when all segments are. */
  think(thought, segments) {
    return this.#ask("think", { thought, segments });
  }

  /** Hear no more of a thought. */
  stop(thought) {
    this.#listeners.delete(thought);
    return this.#ask("stop", { thought });
  }

  /** How much a cell attended to each cell in the update that led to a frame. */
  attention(thought, number, cell) {
    return this.#ask("attention", { thought, number, cell });
  }

  /** The states of a thought as colours. */
  colours(thought) {
    return this.#ask("colours", { thought });
  }

  #ask(action, values) {
    const id = ++this.#last;
    this.#worker.postMessage({ id, action, ...values });
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  /** The worker itself is broken: nothing that was asked for will come. */
  #fail(message) {
    const error = new Error(`The networks cannot run in this browser: ${message ?? "no worker"}`);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #receive({ id, result, error, thought, frame }) {
    if (frame) {
      this.#listeners.get(thought)?.(frame);
      return;
    }
    const { resolve, reject } = this.#pending.get(id);
    this.#pending.delete(id);
    if (error) reject(new Error(error));
    else resolve(result);
  }
}

/** A page that is one file holds all of its code in one element; from a disk, no worker may be a
 * module. */
function startWorker() {
  const program = document.getElementById("program");
  if (!program) return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const code = new Blob([program.textContent], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(code));
}
