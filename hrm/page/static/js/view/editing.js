// Drawing a puzzle with mouse, finger or keyboard: walls are painted, start and end dragged, digits
// typed.

export class Editing {
  #stroke = null;

  /**
   * @param {BoardView} view the board.
   * @param {Object} page `puzzle()` → {task, cells}, `isLooking()` whether cells are chosen and not
   *     changed, `change(cells)` after each change, and `done()` after the last one of a stroke.
   */
  constructor(view, page) {
    Object.assign(this, { view, page });
    const { grid } = view;
    grid.addEventListener("pointerdown", (event) => this.#onDown(event));
    grid.addEventListener("pointermove", (event) => this.#onMove(event));
    for (const end of ["pointerup", "pointercancel"]) {
      grid.addEventListener(end, () => this.#onUp());
    }
    view.addEventListener("key", (event) => this.#onKey(event));
  }

  /** Put a code into a cell, as a stroke of its own. */
  put(cell, code) {
    if (this.#change(cell, code)) this.page.done();
  }

  #onDown(event) {
    if (event.button !== 0) return;
    const cell = this.view.cellAt(event.clientX, event.clientY);
    if (cell < 0) return;
    event.preventDefault();
    this.view.focus(cell);
    const { task, cells } = this.page.puzzle();
    if (this.page.isLooking() || task.drawing !== "path") return;
    this.view.grid.setPointerCapture(event.pointerId);
    this.#stroke = { code: codeOfStroke(task, cells[cell]), last: cell, changed: false };
    if (![task.start, task.end].includes(cells[cell])) this.#paint(cell);
  }

  #onMove(event) {
    if (!this.#stroke) return;
    const cell = this.view.cellAt(event.clientX, event.clientY);
    if (cell < 0 || cell === this.#stroke.last) return;
    this.#stroke.last = cell;
    this.#paint(cell);
  }

  #onUp() {
    const changed = this.#stroke?.changed;
    this.#stroke = null;
    if (changed) this.page.done();
  }

  #paint(cell) {
    if (this.#change(cell, this.#stroke.code)) this.#stroke.changed = true;
  }

  #change(cell, code) {
    const { task, cells } = this.page.puzzle();
    const next = task.edited(cells, cell, code);
    if (next.every((c, i) => c === cells[i])) return false;
    this.page.change(next);
    return true;
  }

  #onKey(event) {
    const { cell, key } = event.detail;
    if (this.page.isLooking()) return;
    const code = codeOfKey(this.page.puzzle(), cell, key);
    if (code === null) return;
    event.preventDefault();
    this.put(cell, code);
  }
}

/** What a stroke paints: start and end are dragged, walls are taken away, floor becomes wall. */
function codeOfStroke(task, code) {
  if (code === task.start || code === task.end) return code;
  return code === task.wall ? task.floor : task.wall;
}

/** What a key puts into a cell; null: nothing. */
function codeOfKey({ task, cells }, cell, key) {
  if (task.drawing === "path") {
    if (key === " " || key === "Enter") return codeOfStroke(task, cells[cell]);
    const code = task.codes.findIndex(({ glyph }) => glyph === key.toUpperCase());
    return [task.start, task.end].includes(code) ? code : null;
  }
  if (["Backspace", "Delete", "0", ".", " "].includes(key)) return 0;
  const code = task.codes.findIndex(({ glyph }) => glyph === key.toUpperCase());
  return code > 0 ? code : null;
}
