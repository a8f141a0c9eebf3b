// Playing a thought back: which moment is shown, and for how long. It knows nothing of what is shown.

const FIRST = 800, STEP = 300, SETTLED = 60; // milliseconds, as in the library's animations

export class Player {
  #timer = null;

  /**
   * @param {Object} thoughts `count()` of moments there are, `isThinking()` whether more will come,
   *     `changes(at)` whether the answer is another one than at the moment before.
   * @param {function(number)} onShow called with the moment to show.
   * @param {function()} onRest called when it plays no longer, or the moment was chosen by hand.
   */
  constructor(thoughts, onShow, onRest) {
    Object.assign(this, { thoughts, onShow, onRest, at: 0, speed: 1, playing: false });
  }

  /** From the first moment on. */
  restart() {
    this.at = 0;
    this.onShow(0);
    this.play();
  }

  play() {
    const { count, isThinking } = this.thoughts;
    if (this.at >= count() - 1 && !isThinking()) this.at = 0;
    this.playing = true;
    this.onShow(this.at);
    this.#wait();
  }

  pause() {
    clearTimeout(this.#timer);
    this.playing = false;
    this.onShow(this.at);
    this.onRest();
  }

  /** Show one moment, and stay there. */
  seek(at) {
    this.at = Math.min(Math.max(0, at), this.thoughts.count() - 1);
    this.pause();
  }

  /** Forget all moments. */
  clear() {
    clearTimeout(this.#timer);
    this.at = 0;
    this.playing = false;
  }

  /** There is another moment than before, or there will be no more. */
  arrived() {
    if (this.playing && this.#timer === null) this.#wait();
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.at < this.thoughts.count() - 1) {
      this.#timer = setTimeout(() => this.#step(), this.#milliseconds());
    } else if (!this.thoughts.isThinking()) {
      this.pause();
    }
  }

  #step() {
    this.#timer = null;
    this.at += 1;
    this.onShow(this.at);
    this.#wait();
  }

  #milliseconds() {
    const { count, changes } = this.thoughts;
    let later = this.at;
    while (later < count() && !changes(later)) later++;
    const still = this.at > 0 && later >= count() && !this.thoughts.isThinking();
    const wait = this.at === 0 ? FIRST : still ? SETTLED : STEP;
    return wait / this.speed;
  }
}
