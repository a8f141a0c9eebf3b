// A board on the page: a canvas that shows it, and over it a grid of cells for keyboard, pointer and
// screen reader.

import { drawAttention, drawStates } from "./field_board.js";
import { readPalette } from "./palette.js";
import { drawPathBoard } from "./path_board.js";
import { Pen } from "./pen.js";
import { drawSudokuBoard } from "./sudoku_board.js";
import { drawTileBoard } from "./tile_board.js";

const BOARDS = { path: drawPathBoard, sudoku: drawSudokuBoard, tiles: drawTileBoard };
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class BoardView extends EventTarget {
  #scene = null;
  #focused = 0;

  /** @param {HTMLElement} element holds a canvas and a grid. */
  constructor(element) {
    super();
    this.canvas = element.querySelector("canvas");
    this.grid = element.querySelector("[role=grid]");
    this.grid.addEventListener("keydown", (event) => this.#onKey(event));
    this.grid.addEventListener("focusin", ({ target }) => this.#onFocus(target));
    new ResizeObserver(() => this.draw()).observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.draw());
  }

  /** Show a scene; see `drawPathBoard`. It may have `colours` or `attention` besides. */
  show(scene) {
    const shape = scene.shape.join();
    if (this.#scene?.shape.join() !== shape) this.#makeCells(scene.shape);
    this.#scene = scene;
    this.draw();
  }

  /** Say in words what each cell holds, for those who do not see it. */
  describe() {
    const { task, puzzle, answer, shape } = this.#scene;
    this.#cells().forEach((element, cell) => {
      const place = `row ${Math.floor(cell / shape[1]) + 1}, column ${(cell % shape[1]) + 1}`;
      const given = task.codes[puzzle[cell]].word;
      const words = answer && task.answerCodes[answer[cell]]?.word;
      const says = words && words !== given ? `, answer ${words}` : "";
      element.setAttribute("aria-label", `${place}: ${given}${says}`);
    });
  }

  /** The cell at a point of the window; -1 outside. */
  cellAt(x, y) {
    const box = this.grid.getBoundingClientRect();
    const [rows, columns] = this.#scene.shape;
    const row = Math.floor(((y - box.top) / box.height) * rows);
    const column = Math.floor(((x - box.left) / box.width) * columns);
    const inside = row >= 0 && row < rows && column >= 0 && column < columns;
    return inside ? row * columns + column : -1;
  }

  /** Let a cell be the chosen one, as long as the keyboard is elsewhere. */
  choose(cell) {
    if (this.grid.contains(document.activeElement)) return;
    const cells = this.#cells();
    cells[this.#focused].tabIndex = -1;
    cells[cell].tabIndex = 0;
    this.#focused = cell;
  }

  /** Put the keyboard's focus on a cell. */
  focus(cell) {
    this.#cells()[cell]?.focus({ preventScroll: true });
  }

  get focused() {
    return this.#focused;
  }

  draw() {
    if (!this.#scene) return;
    const [rows, columns] = this.#scene.shape;
    const ratio = devicePixelRatio || 1;
    const most = Math.max(rows, columns);
    const side = Math.floor((this.canvas.parentElement.clientWidth * ratio) / most);
    if (side < 1) return;
    this.canvas.width = side * columns;
    this.canvas.height = side * rows;
    for (const element of [this.canvas, this.grid]) {
      element.style.width = `${(side * columns) / ratio}px`;
      element.style.height = `${(side * rows) / ratio}px`;
    }
    const context = this.canvas.getContext("2d");
    const palette = readPalette();
    context.fillStyle = `rgb(${palette.grid.join(" ")})`;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.scale(side, side);
    const scene = { ...this.#scene, palette, gap: Math.min(1 / side, 1 / 8) * Math.max(1, ratio) };
    const drawing = this.#drawing(scene);
    drawing(new Pen(context), scene);
  }

  #drawing({ colours, attention, task }) {
    if (colours) return drawStates;
    return attention ? drawAttention : BOARDS[task.drawing];
  }

  #cells() {
    return [...this.grid.querySelectorAll("[role=gridcell]")];
  }

  #makeCells([rows, columns]) {
    const made = Array.from({ length: rows }, () => {
      const row = document.createElement("div");
      row.setAttribute("role", "row");
      for (let i = 0; i < columns; i++) {
        const cell = document.createElement("div");
        cell.setAttribute("role", "gridcell");
        cell.tabIndex = -1;
        row.append(cell);
      }
      return row;
    });
    this.grid.replaceChildren(...made);
    this.#focused = 0;
    this.#cells()[0].tabIndex = 0;
  }

  #onFocus(target) {
    const cells = this.#cells();
    const cell = cells.indexOf(target);
    if (cell < 0) return;
    cells[this.#focused].tabIndex = -1;
    target.tabIndex = 0;
    this.#focused = cell;
    this.dispatchEvent(new CustomEvent("cell", { detail: { cell } }));
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [rows, columns] = this.#scene.shape;
    if (event.key in ARROWS) {
      const [down, right] = ARROWS[event.key];
      const row = Math.floor(this.#focused / columns) + down;
      const column = (this.#focused % columns) + right;
      const inside = row >= 0 && row < rows && column >= 0 && column < columns;
      if (inside) this.focus(row * columns + column);
      event.preventDefault();
      return;
    }
    const detail = { cell: this.#focused, key: event.key };
    const used = !this.dispatchEvent(new CustomEvent("key", { detail, cancelable: true }));
    if (used) event.preventDefault();
  }
}
