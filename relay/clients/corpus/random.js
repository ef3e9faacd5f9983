// Numbers that are the same in each run.

export class Random {
  #state;

  constructor(seed) {
    this.#state = [...seed].reduce((hash, letter) => Math.imul(hash ^ letter.codePointAt(0), 16777619) >>> 0, 2166136261);
  }

  // below returns a whole number from 0 to n - 1.
  below(n) {
    let t = (this.#state = (this.#state + 0x6d2b79f5) >>> 0);
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  pick(list) {
    return list[this.below(list.length)];
  }
}
