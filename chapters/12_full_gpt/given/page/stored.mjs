// Weights as text: 13 bits are two characters out of 91 that HTML leaves alone.

const BASE = 91;
const PAIR_BITS = 13;

/** The number that each character stands for: all visible ASCII but the quotation mark, & and <. */
const DIGITS = (() => {
  const digits = new Uint16Array(128).fill(1 << PAIR_BITS);
  let next = 0;
  for (let code = 0x21; code < 0x7f; ++code) {
    if (code !== 0x22 && code !== 0x26 && code !== 0x3c) digits[code] = next++;
  }
  return digits;
})();

/** The bytes that a text stands for. @param count how many there are; fewer or more are an Error */
export function decodeBytes(text, count) {
  if (text.length !== 2 * Math.ceil((8 * count) / PAIR_BITS)) throw new Error("the page's weights are not complete");
  const bytes = new Uint8Array(count);
  let waiting = 0, bits = 0, done = 0;
  for (let i = 0; i < text.length; i += 2) {
    const value = DIGITS[text.charCodeAt(i)] + BASE * DIGITS[text.charCodeAt(i + 1)];
    if (!(value < 1 << PAIR_BITS)) throw new Error("the page's weights are damaged");
    waiting |= value << bits;
    for (bits += PAIR_BITS; bits >= 8 && done < count; bits -= 8, waiting >>>= 8) bytes[done++] = waiting & 255;
  }
  return bytes;
}

/** A float16's value. @param half its 16 bits */
export function halfToNumber(half) {
  const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Numbers as they were stored. @param precision "fp16" or "fp32" @return a Float32Array */
export function decodeNumbers(text, count, precision) {
  const bytes = decodeBytes(text, count * (precision === "fp16" ? 2 : 4));
  const view = new DataView(bytes.buffer);
  const numbers = new Float32Array(count);
  if (precision === "fp32") {
    for (let i = 0; i < count; ++i) numbers[i] = view.getFloat32(4 * i, true);
    return numbers;
  }
  const values = Float32Array.from({length: 65536}, (_, half) => halfToNumber(half));
  for (let i = 0; i < count; ++i) numbers[i] = values[view.getUint16(2 * i, true)];
  return numbers;
}

/**
 * A matrix of one byte a number, as chapter 11 rounds it: first each row's scale, a float32, then the numbers, row by row.
 * @return a Float32Array of the products, rounded as float32 rounds them
 */
export function decodeRows(text, rows, columns) {
  const bytes = decodeBytes(text, rows * (4 + columns));
  const view = new DataView(bytes.buffer), values = new Int8Array(bytes.buffer, 4 * rows);
  const numbers = new Float32Array(rows * columns);
  for (let row = 0, at = 0; row < rows; ++row) {
    const scale = view.getFloat32(4 * row, true);
    for (let i = 0; i < columns; ++i, ++at) numbers[at] = values[at] * scale;
  }
  return numbers;
}
