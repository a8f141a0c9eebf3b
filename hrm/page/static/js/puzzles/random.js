// Random numbers from a seed. They are the page's own, and not those of the library's generators.

const SPREAD = 0x9e3779b1; // odd, so that no two seeds begin alike
const SKIPPED = 8; // numbers after which neighbouring seeds have nothing in common

/** Uniform numbers, by xorshift (Marsaglia 2003). */
export class Dice {
  /** @param {number} seed a whole number; by default another one each time. */
  constructor(seed = Math.floor(Math.random() * 2 ** 31)) {
    this.state = Math.imul(seed + 1, SPREAD) || 1; // never 0, from which it would not move
    for (let i = 0; i < SKIPPED; i++) this.uniform();
  }

  /** In [0, 1). */
  uniform() {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to count - 1. */
  below(count) {
    return Math.floor(this.uniform() * count);
  }

  /** From the normal distribution with mean 0 and deviation 1. */
  normal() {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The numbers from 0 to count - 1 in random order. */
  order(count) {
    const found = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [found[i], found[j]] = [found[j], found[i]];
    }
    return found;
  }
}
