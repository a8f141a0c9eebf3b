// How many cells changed in each update, as bars; green ones are of right answers.

const TALLEST = 42; // pixels

export class Bars {
  #element;
  #now = 0;

  /** @param {HTMLElement} element holds the bars. */
  constructor(element) {
    this.#element = element;
  }

  /**
   * Show the moments of a thought, as far as it is thought.
   *
   * @param {Object[]} frames the first one, the puzzle, has no bar.
   * @param {number} planned updates in all.
   */
  show(frames, planned) {
    const bars = this.#element.children;
    while (bars.length > planned) bars[bars.length - 1].remove();
    while (bars.length < planned) this.#element.append(document.createElement("span"));
    const most = Math.max(1, ...frames.slice(1).map(({ changed }) => changed));
    for (let i = 0; i < planned; i++) {
      const frame = frames[i + 1];
      const share = frame ? Math.sqrt(frame.changed / most) : 0;
      bars[i].style.height = `${2 + (TALLEST - 2) * share}px`;
      bars[i].classList.toggle("solved", Boolean(frame?.verdict.solved));
      bars[i].classList.toggle("begins", i > 0 && frame?.step === 1);
    }
    this.mark(this.#now);
  }

  /** Show which moment is looked at. */
  mark(at) {
    this.#now = at;
    [...this.#element.children].forEach((bar, i) => {
      bar.classList.toggle("done", i < at);
      bar.classList.toggle("now", i === at - 1);
    });
  }
}
