// The buttons and the slider of the player.

import { Player } from "./view/player.js";

const byId = (id) => document.getElementById(id);

export class PlayerControls {
  #slider = byId("moment");
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * @param {Object} thoughts see `Player`.
   * @param {Pane[]} panes whose bars may be clicked, and which are read aloud at rest.
   * @param {function(number)} onShow shows a moment.
   */
  constructor(thoughts, panes, onShow) {
    this.panes = panes;
    this.onShow = onShow;
    this.player = new Player(thoughts, (at) => this.#show(at), () => this.#rest());
    const { player } = this;
    const jumps = {
      first: () => 0,
      back: () => player.at - 1,
      forth: () => player.at + 1,
      last: () => thoughts.count() - 1,
    };
    for (const [id, place] of Object.entries(jumps)) {
      byId(id).addEventListener("click", () => player.seek(place()));
    }
    byId("play").addEventListener("click", () => (player.playing ? player.pause() : player.play()));
    byId("speed").addEventListener("change", (event) => {
      player.speed = Number(event.target.value);
    });
    this.#slider.addEventListener("input", () => player.seek(Number(this.#slider.value)));
    for (const pane of panes) this.listenTo(pane);
  }

  /** Let a pane's bars choose the moment. */
  listenTo(pane) {
    pane.element.addEventListener("seek", ({ detail }) => this.player.seek(detail.at));
  }

  /** Play from the start; who wants less motion sees the end at once, as soon as it is there. */
  begin(planned) {
    this.plan(planned);
    if (this.#still.matches) this.player.seek(planned);
    else this.player.restart();
  }

  /** There is another moment to show, or there will be no more. */
  arrived() {
    const { player } = this;
    player.arrived();
    if (this.#still.matches && !player.thoughts.isThinking()) player.seek(Infinity);
  }

  /** So many updates are to come in all. */
  plan(planned) {
    this.#slider.max = planned;
  }

  #show(at) {
    const { playing } = this.player;
    this.#slider.value = at;
    this.#slider.setAttribute("aria-valuetext", at ? `update ${at}` : "the puzzle");
    document.body.classList.toggle("plays", playing);
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    this.onShow(at);
  }

  #rest() {
    for (const pane of this.panes) pane.board.describe();
    byId("news").textContent = this.panes.map((pane) => pane.words).join(" ");
  }
}
