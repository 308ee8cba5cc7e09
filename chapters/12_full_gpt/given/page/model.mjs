// A GPT that reads one token after another: chapter 4's (GPT-2) or chapter 11's. Features are kept in float32, sums in float64.

const EPSILON = 1e-5;

/** A matrix times a vector, plus a bias where there is one. @param matrix [to.length, from.length] */
export function product(to, matrix, from, bias) {
  const inputs = from.length;
  for (let row = 0, at = 0; row < to.length; ++row) {
    let a = 0, b = 0, c = 0, d = 0, i = 0;
    for (; i + 4 <= inputs; i += 4, at += 4) {
      a += matrix[at] * from[i];
      b += matrix[at + 1] * from[i + 1];
      c += matrix[at + 2] * from[i + 2];
      d += matrix[at + 3] * from[i + 3];
    }
    for (; i < inputs; ++i, ++at) a += matrix[at] * from[i];
    to[row] = a + b + (c + d) + (bias ? bias[row] : 0);
  }
}

/** Features to mean 0 and variance 1, then a gain and a bias where there are some. */
export function layerNorm(to, from, gain, bias) {
  const count = from.length;
  let mean = 0, variance = 0;
  for (let i = 0; i < count; ++i) mean += from[i];
  mean /= count;
  for (let i = 0; i < count; ++i) variance += (from[i] - mean) ** 2;
  const scale = 1 / Math.sqrt(variance / count + EPSILON);
  for (let i = 0; i < count; ++i) to[i] = (from[i] - mean) * scale * (gain ? gain[i] : 1) + (bias ? bias[i] : 0);
}

/** The integral of the normal distribution's bell, to 12 digits: a power series, then a continued fraction. */
export function erf(x) {
  const size = Math.abs(x);
  if (size < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-18; ++n) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; --n) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-size * size) / (Math.sqrt(Math.PI) * (size + fraction)));
}

const ACTIVATIONS = {
  "gelu-tanh": (x) => x * 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
  "gelu": (x) => x * 0.5 * (1 + erf(x / Math.SQRT2)),
  "squared-relu": (x) => (x > 0 ? x * x : 0),
};

export class Model {
  /**
   * @param shape {kind: "gpt2" or "modern", layers, heads, width, context, vocabulary, activation, without: [parts]}
   * @param tensors name to Float32Array, by the names of the C++ model's parameters
   */
  constructor(shape, tensors) {
    Object.assign(this, shape);
    this.modern = shape.kind === "modern";
    this.headWidth = this.width / this.heads;
    this.activate = ACTIVATIONS[shape.activation];
    const has = (part) => this.modern && !shape.without.includes(part);
    this.rotary = has("rotary");
    this.qkNorm = has("qk-norm");
    this.table = tensors["token_embedding"];
    this.positions = tensors["position_embedding"];
    this.head = tensors["own_head"] ?? this.table;
    this.finalNorm = [tensors["final_norm.weight"], tensors["final_norm.bias"]];
    this.parts = Array.from({length: this.layers}, (_, i) => (this.modern ? modernLayer : gpt2Layer)(tensors, i));
    this.speeds = Float32Array.from({length: this.headWidth / 2}, (_, i) => 10000 ** (-2 * i / this.headWidth));

    // What was read, by layer: [context, width] each. Queries are kept for whoever asks where a position looked.
    const rows = () => new Float32Array(this.context * this.width);
    this.read = this.parts.map(() => ({query: rows(), key: rows(), value: rows(), attention: rows(), mlp: rows()}));
    this.length = 0;
    this.x = new Float32Array(this.width);
    this.seen = new Float32Array(this.width);
    this.wide = new Float32Array(3 * this.width);
    this.mixed = new Float32Array(this.width);
    this.change = new Float32Array(this.width);
    this.hidden = new Float32Array(4 * this.width);
    this.scores = new Float64Array(this.context);
  }

  /** Keeps only the first `length` positions that were read. */
  truncate(length) {
    this.length = Math.min(this.length, length);
  }

  /** Reads a token after those before it. @return logits [vocabulary], or null where they are not wanted */
  step(token, wantsLogits = true) {
    const {width, x, length: position} = this;
    if (position >= this.context) throw new Error(`the context of ${this.context} positions is full`);
    for (let i = 0; i < width; ++i) {
      x[i] = this.table[token * width + i] + (this.positions ? this.positions[position * width + i] : 0);
    }
    if (this.modern) layerNorm(x, Float32Array.from(x));
    for (let i = 0; i < this.layers; ++i) this.block(this.parts[i], this.read[i], position);
    ++this.length;
    if (!wantsLogits) return null;
    layerNorm(this.seen, x, ...this.finalNorm);
    const logits = new Float32Array(this.vocabulary);
    product(logits, this.head, this.seen);
    return logits;
  }

  block(part, read, position) {
    const {x, width} = this;
    this.look(part.attentionNorm, part.attentionShift, read.attention, position);
    product(this.wide, part.queryKeyValue, this.seen, part.queryKeyValueBias);
    this.attend(read, position);
    product(this.change, part.output, this.mixed, part.outputBias);
    for (let i = 0; i < width; ++i) x[i] += this.change[i];

    this.look(part.mlpNorm, part.mlpShift, read.mlp, position);
    product(this.hidden, part.expand, this.seen, part.expandBias);
    for (let i = 0; i < this.hidden.length; ++i) this.hidden[i] = this.activate(this.hidden[i]);
    product(this.change, part.contract, this.hidden, part.contractBias);
    for (let i = 0; i < width; ++i) x[i] += this.change[i];
  }

  /** What a layer sees of the stream: it normed, with a share of the position before where there is token shift. */
  look(norm, shift, before, position) {
    const {seen, width} = this;
    layerNorm(seen, this.x, ...norm);
    if (!shift) return;
    before.set(seen, position * width);
    if (position === 0) return;
    for (let i = 0; i < width; ++i) seen[i] += shift[i] * before[(position - 1) * width + i];
  }

  /** Queries, keys and values are cut into heads, kept, and each head brings home what it looked at. */
  attend(read, position) {
    const {width, heads, headWidth} = this, at = position * width;
    read.query.set(this.wide.subarray(0, width), at);
    read.key.set(this.wide.subarray(width, 2 * width), at);
    read.value.set(this.wide.subarray(2 * width), at);
    for (let head = 0; head < heads; ++head) {
      for (const rows of [read.query, read.key]) {
        const part = rows.subarray(at + head * headWidth, at + (head + 1) * headWidth);
        if (this.qkNorm) layerNorm(part, part.slice());
        if (this.rotary) this.turn(part, position);
      }
      const weights = this.weights(read, head, position);
      const mixed = this.mixed.subarray(head * headWidth, (head + 1) * headWidth).fill(0);
      for (let key = 0; key <= position; ++key) {
        const weight = weights[key], from = key * width + head * headWidth;
        for (let i = 0; i < headWidth; ++i) mixed[i] += weight * read.value[from + i];
      }
    }
  }

  turn(part, position) {
    for (let i = 0; i < this.headWidth; i += 2) {
      const angle = Math.fround(position * this.speeds[i / 2]);
      const cosine = Math.cos(angle), sine = Math.sin(angle), across = part[i], up = part[i + 1];
      part[i] = across * cosine - up * sine;
      part[i + 1] = across * sine + up * cosine;
    }
  }

  /** How a head at a position shares its attention out. The array is overwritten by the next call. */
  weights(read, head, position) {
    const {width, headWidth, scores} = this, scale = 1 / Math.sqrt(headWidth), from = position * width + head * headWidth;
    let largest = -Infinity, sum = 0;
    for (let key = 0, at = head * headWidth; key <= position; ++key, at += width) {
      let score = 0;
      for (let i = 0; i < headWidth; ++i) score += read.query[from + i] * read.key[at + i];
      scores[key] = score * scale;
      largest = Math.max(largest, scores[key]);
    }
    for (let key = 0; key <= position; ++key) sum += scores[key] = Math.exp(scores[key] - largest);
    for (let key = 0; key <= position; ++key) scores[key] /= sum;
    return scores;
  }

  /** Where a position that was read looks: [position + 1], sums to 1. */
  attention(layer, head, position) {
    return this.weights(this.read[layer], head, position).slice(0, position + 1);
  }
}

function gpt2Layer(tensors, i) {
  const get = (name) => tensors[`blocks.${i}.${name}`];
  return {
    attentionNorm: [get("attention_norm.weight"), get("attention_norm.bias")],
    queryKeyValue: get("attention.query_key_value.weight"),
    queryKeyValueBias: get("attention.query_key_value.bias"),
    output: get("attention.output.weight"),
    outputBias: get("attention.output.bias"),
    mlpNorm: [get("mlp_norm.weight"), get("mlp_norm.bias")],
    expand: get("mlp.expand.weight"),
    expandBias: get("mlp.expand.bias"),
    contract: get("mlp.contract.weight"),
    contractBias: get("mlp.contract.bias"),
  };
}

function modernLayer(tensors, i) {
  const get = (name) => tensors[`layers.${i}.${name}`];
  return {
    attentionNorm: [],
    mlpNorm: [],
    queryKeyValue: get("query_key_value"),
    output: get("output"),
    expand: get("expand"),
    contract: get("contract"),
    attentionShift: get("attention_shift"),
    mlpShift: get("mlp_shift"),
  };
}
