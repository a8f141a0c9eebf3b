// Random numbers from a seed. They are the page's own, and not those of the library's generators.

/** Uniform numbers, the mulberry32 generator. */
export class Dice {
  /** @param {number} seed a whole number; by default another one each time. */
  constructor(seed = Math.floor(Math.random() * 2 ** 31)) {
    this.state = seed >>> 0;
  }

  /** In [0, 1). */
  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
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
