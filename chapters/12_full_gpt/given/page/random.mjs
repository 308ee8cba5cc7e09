// Random numbers: xoshiro256** seeded through SplitMix64, number for number those of common/base/random.h.

const BITS = 64;
const cut = (bits) => BigInt.asUintN(BITS, bits);
const rotateLeft = (bits, count) => cut(bits << count) | (bits >> (64n - count));

export class Random {
  /** @param seed a whole number from 0 to 2^64 - 1, as a number, a BigInt or its digits */
  constructor(seed) {
    let walk = cut(BigInt(seed));
    this.state = [];
    for (let i = 0; i < 4; ++i) {
      walk = cut(walk + 0x9e3779b97f4a7c15n);
      let mixed = cut((walk ^ (walk >> 30n)) * 0xbf58476d1ce4e5b9n);
      mixed = cut((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
      this.state.push(mixed ^ (mixed >> 31n));
    }
  }

  /** The next 64 random bits, a BigInt. */
  next() {
    const s = this.state;
    const result = cut(rotateLeft(cut(s[1] * 5n), 7n) * 9n);
    const shifted = cut(s[1] << 17n);
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotateLeft(s[3], 45n);
    return result;
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  uniform() {
    return Number(this.next() >> 11n) * 2 ** -53;
  }
}
