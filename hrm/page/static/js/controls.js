// The buttons, sliders and fields of the page besides the player's.

import { droppedFiles, modelAmong } from "./sources.js";
import { toText } from "./puzzles/registry.js";
import { showLegend } from "./view/legend.js";
import { EXPLAINED_TIE, HOW_TO_EDIT, VIEW_WORDS } from "./words.js";

const find = (id) => document.getElementById(id);

export class Controls {
  #shapes = [];
  #editor = null; // of the pane that was last touched, for the digit buttons

  /** @param {App} app does what the visitor wants. */
  constructor(app) {
    this.app = app;
    const actions = {
      random: () => app.newPuzzle(),
      clear: () => app.setPuzzle({ ...app.puzzle, cells: app.puzzle.task.cleared(app.puzzle.cells) }),
      share: () => this.#share(),
      "use-text": () => app.useText(find("text").value),
      more: () => app.thinkLonger(),
      noise: () => app.thinkFromNoise(),
      again: () => app.think(),
      compare: () => app.compare(),
    };
    for (const [id, action] of Object.entries(actions)) {
      find(id).addEventListener("click", () => this.attempt(action));
    }
    find("size").addEventListener("input", ({ target }) => this.#showSize(this.#shapes[target.value]));
    find("size").addEventListener("change", ({ target }) =>
      this.attempt(() => app.newPuzzle(this.#shapes[target.value])),
    );
    find("files").addEventListener("change", ({ target }) => {
      this.attempt(async () => app.addModel(await modelAmong([...target.files], "chosen model")));
    });
    find("error").querySelector("button").addEventListener("click", () => this.#say(""));
    find("belief").addEventListener("change", () => app.redraw());
    for (const input of document.querySelectorAll("[name=view]")) {
      input.addEventListener("change", () => this.#onView());
    }
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#legend());
    this.#acceptDrops();
  }

  get view() {
    return document.querySelector("[name=view]:checked").value;
  }

  get belief() {
    return find("belief").checked;
  }

  /** Do something, and say what was wrong if it fails. */
  async attempt(action) {
    this.#say("");
    try {
      await action();
    } catch (error) {
      this.#say(error.message);
      if (this.app.puzzle) this.show(this.app);
    }
  }

  addPane(mind, count) {
    const { element, board } = mind.pane;
    find("panes").append(element);
    this.#countPanes(count);
    element.querySelector(".model").addEventListener("change", ({ target }) => {
      this.attempt(() => this.app.useModel(mind, target.value));
    });
    mind.segmentsInput.addEventListener("change", () => {
      mind.segments = mind.segments;
      this.attempt(() => this.app.think());
    });
    board.addEventListener("cell", () => {
      this.#editor = board;
      if (this.view === "attention") this.app.redraw();
    });
    this.#editor ??= board;
  }

  removePane(mind) {
    mind.pane.element.remove();
    this.#editor = this.app.mind.pane.board;
    this.#countPanes(1);
  }

  /** Show what the puzzle and its models are. */
  show(app) {
    const { task, cells, shape } = app.puzzle;
    find("puzzle-title").textContent = task.title;
    find("goal").textContent = task.goal;
    find("how").textContent = HOW_TO_EDIT[task.drawing];
    if (document.activeElement !== find("text")) find("text").value = toText(task, cells, shape);
    this.#showSizes(app.sizes(), shape);
    this.#showDigits(task);
    for (const select of document.querySelectorAll("select.model")) {
      this.#fill(select, app.models.names);
    }
    this.#showModels(app);
    const attends = app.minds.some(({ model }) => model.config.attention);
    const choice = document.querySelector("[value=attention]");
    choice.disabled = !attends;
    if (!attends && choice.checked) document.querySelector("[value=answer]").checked = true;
    this.#onView(false);
  }

  #countPanes(count) {
    find("panes").classList.toggle("two", count > 1);
    find("compare").setAttribute("aria-pressed", String(count > 1));
  }

  #fill(select, names) {
    const options = [...select.options].map(({ value }) => value);
    if (options.join("\n") === names.join("\n")) return;
    select.replaceChildren(...names.map((name) => new Option(name, name)));
  }

  #showModels(app) {
    for (const mind of app.minds) {
      mind.pane.element.querySelector(".model").value = mind.model.name;
    }
  }

  #showSizes({ shapes, tie }, shape) {
    this.#shapes = shapes;
    const slider = find("size");
    slider.max = Math.max(0, shapes.length - 1);
    slider.value = shapes.findIndex((one) => one.join() === shape.join());
    slider.disabled = shapes.length < 2;
    find("size-why").textContent = tie ? EXPLAINED_TIE[tie] : "";
    this.#showSize(shape);
  }

  #showSize(shape) {
    find("size-words").textContent = shape.join("×");
    find("size").setAttribute("aria-valuetext", `${shape.join(" by ")} cells`);
  }

  #showDigits(task) {
    const digits = find("digits");
    digits.hidden = task.drawing !== "sudoku";
    if (digits.hidden || digits.children.length === task.codes.length) return;
    const button = (code) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = code ? task.codes[code].glyph : "⌫";
      made.setAttribute("aria-label", code ? `Digit ${task.codes[code].glyph}` : "Empty the cell");
      made.addEventListener("click", () => this.#typeDigit(code ? task.codes[code].glyph : "0"));
      return made;
    };
    const order = [...task.codes.keys()].slice(1);
    digits.replaceChildren(...[...order, 0].map(button));
  }

  #typeDigit(key) {
    const detail = { cell: this.#editor.focused, key };
    this.#editor.dispatchEvent(new CustomEvent("key", { detail, cancelable: true }));
  }

  #onView(redraw = true) {
    const { view, app } = this;
    find("view-words").textContent = VIEW_WORDS[view];
    for (const grid of document.querySelectorAll("[role=grid]")) {
      const looks = view === "attention";
      grid.classList.toggle("chooses", looks || app.puzzle.task.drawing === "sudoku");
      grid.classList.toggle("draws", !looks && app.puzzle.task.drawing === "path");
    }
    find("belief").disabled = view !== "answer";
    this.#legend();
    if (redraw) app.redraw();
  }

  #legend() {
    if (this.app.puzzle) showLegend(find("legend"), this.app.puzzle.task, this.view);
  }

  async #share() {
    const link = this.app.link();
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      find("share").textContent = "Copied";
    } catch {
      find("share").textContent = "In the address bar";
    }
    setTimeout(() => (find("share").textContent = "Copy link"), 2000);
  }

  #acceptDrops() {
    const veil = find("drop");
    addEventListener("dragover", (event) => {
      event.preventDefault();
      veil.hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) veil.hidden = true;
    });
    addEventListener("drop", (event) => {
      event.preventDefault();
      veil.hidden = true;
      const dropped = droppedFiles(event.dataTransfer);
      this.attempt(async () => {
        const { files, folder } = await dropped;
        await this.app.addModel(await modelAmong(files, folder));
      });
    });
  }

  #say(message) {
    find("error").hidden = !message;
    find("error").querySelector("span").textContent = message;
  }
}
