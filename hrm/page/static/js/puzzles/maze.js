// Mazes of any rectangle, from S to G.

import { hardMaze } from "./hard_maze.js";
import { PathPuzzle } from "./path_puzzle.js";
import { DOWN, LEFT, RIGHT, UP } from "./paths.js";
import { perfectMaze } from "./perfect_maze.js";
import { firstBlock, GlyphText, requireSides } from "./text.js";

export class Maze extends PathPuzzle {
  constructor() {
    const words = ["wall", "floor", "start", "goal", "path"];
    super({
      name: "maze",
      title: "Maze",
      goal: "Find a shortest path from S to G. Steps go up, down, left or right, not through walls.",
      codes: words.map((word, i) => ({ glyph: "# SGo"[i], word })),
      wall: 0, floor: 1, start: 2, end: 3, path: 4,
      order: [DOWN, LEFT, RIGHT, UP],
      unsolvable: { name: "unsolvable", words: "this maze has no path", solved: false },
    });
    this.glyphs = { "#": 0, S: 2, G: 3, E: 3 };
  }

  /** The sizes that the size slider offers; perfect mazes have odd sides. */
  sizes({ kind = "hard" }) {
    const step = kind === "hard" ? 1 : 2;
    const sides = Array.from({ length: kind === "hard" ? 31 : 16 }, (_, i) => 5 + i * step);
    return sides.map((side) => [side, side]);
  }

  /** A random maze of the kind that the model was trained on. */
  random(shape, settings, dice) {
    const isOdd = shape[0] % 2 === 1 && shape[1] % 2 === 1;
    const kind = isOdd ? (settings.kind ?? "hard") : "hard";
    if (kind === "hard") return hardMaze(this, shape, settings, dice);
    return perfectMaze(this, shape, settings, dice);
  }

  /** Rows of # and spaces; or, where a row has a point, with points as floor. */
  parse(content) {
    const lines = firstBlock(content);
    const pointed = lines.some(({ text }) => text.includes("."));
    if (pointed) return new GlyphText(this.glyphs, { ".": this.floor }).parse(content);
    const width = Math.max(0, ...lines.map(({ text }) => text.length));
    const filled = lines.map(({ text }) => text.padEnd(width)).join("\n");
    const found = new GlyphText(this.glyphs, { " ": this.floor }).parse(filled);
    requireSides(found.shape);
    return found;
  }
}
