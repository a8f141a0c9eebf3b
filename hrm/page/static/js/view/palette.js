// The colours of the page, which its style sheet names, for drawing on a canvas.

const NAMES = [
  "paper", "ink", "faint", "grid", "tile", "right", "path", "belief", "wrong", "wall", "end",
  "given", "line", "clash", "given-clash",
];

/** The colours of now, by name, as [red, green, blue]. */
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    NAMES.map((name) => [name, parseColour(style.getPropertyValue(`--${name}`))]),
  );
}

/** A colour as CSS. */
export function css([red, green, blue], alpha = 1) {
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** `ground` with a share, in [0, 1], of `colour` over it. */
export function blend(ground, colour, share) {
  return ground.map((level, i) => Math.round(level + (colour[i] - level) * share));
}

/** Black or white, whichever is read more easily on a ground. */
export function inkOn([red, green, blue]) {
  return 299 * red + 587 * green + 114 * blue > 140_000 ? [31, 41, 55] : [255, 255, 255];
}

/** Of six hexadecimal digits. */
export function parseColour(text) {
  const digits = text.trim().replace("#", "");
  return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
}
