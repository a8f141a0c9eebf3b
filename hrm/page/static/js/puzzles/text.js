// Puzzles as text: a glyph a cell, a line a row.

const LARGEST_SIDE = 64;

export class GlyphText {
  /**
   * @param {Object} glyphs codes by glyph.
   * @param {Object} others more glyphs that are read; in the texts of a link, the first stands for
   *     the last code.
   */
  constructor(glyphs, others) {
    this.codes = { ...others, ...glyphs };
  }

  /**
   * @param {string} content rows; the first puzzle, if blank lines follow it.
   * @returns {{cells: Uint8Array, shape: number[]}}
   * @throws {Error} naming line and column.
   */
  parse(content) {
    const lines = firstBlock(content);
    if (!lines.length) throw new Error(`no puzzle found; expected rows of ${this.#known()}`);
    const rows = lines.map(({ text, number }) => this.#row(text, number));
    const shape = [rows.length, rows[0].length];
    rows.forEach((row, i) => {
      if (row.length !== shape[1]) {
        throw new Error(
          `line ${lines[i].number}: ${row.length} cells, but ${shape[1]} in the first row`,
        );
      }
    });
    requireSides(shape);
    return { cells: Uint8Array.from(rows.flat()), shape };
  }

  #row(text, number) {
    const row = [];
    [...text].forEach((symbol, i) => {
      const code = this.codes[symbol];
      if (code !== undefined) row.push(code);
      else if (symbol.trim()) {
        const expected = `expected one of ${this.#known()}`;
        throw new Error(`line ${number}, column ${i + 1}: unexpected “${symbol}”; ${expected}`);
      }
    });
    return row;
  }

  #known() {
    return Object.keys(this.codes).join(" ");
  }
}

/** The lines up to the first blank one, without comments and line ends. */
export function firstBlock(content) {
  const lines = content.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  const kept = lines
    .map((text, i) => ({ text, number: i + 1 }))
    .filter(({ text }) => !text.trimStart().startsWith("//"));
  const first = kept.findIndex(({ text }) => text.trim());
  if (first < 0) return [];
  const end = kept.findIndex(({ text }, i) => i > first && !text.trim());
  return kept.slice(first, end < 0 ? undefined : end);
}

/** @throws {Error} if a grid is too small or too large for this page. */
export function requireSides([rows, columns]) {
  if (Math.min(rows, columns) < 2 || Math.max(rows, columns) > LARGEST_SIDE) {
    throw new Error(`${rows}×${columns} cells; this page takes 2 to ${LARGEST_SIDE} on a side`);
  }
}
