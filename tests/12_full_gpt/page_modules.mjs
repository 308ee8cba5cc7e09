// Tests of the page's modules one by one. page_test.py runs them by node, page_browser.py in a browser, where all modules share a scope.

import {Random} from "../../chapters/12_full_gpt/given/page/random.mjs";
import {decodeBytes, decodeNumbers, decodeRows, halfToNumber} from "../../chapters/12_full_gpt/given/page/stored.mjs";
import {draw, greedy, keepTopK, keepTopP, mostProbable, temperatureProbabilities} from "../../chapters/12_full_gpt/given/page/sampling.mjs";
import {TextStream, cutIntoWords, makeCodec} from "../../chapters/12_full_gpt/given/page/codec.mjs";
import {Model, erf, layerNorm, product} from "../../chapters/12_full_gpt/given/page/model.mjs";
import {Writer} from "../../chapters/12_full_gpt/given/page/writer.mjs";
import {ticks} from "../../chapters/12_full_gpt/given/page/curve.mjs";
import {visible} from "../../chapters/12_full_gpt/given/page/app.mjs";

const problems = [];
let checks = 0;

function same(what, came, expected) {
  ++checks;
  const [a, b] = [came, expected].map((value) => JSON.stringify(value, (_, x) => (ArrayBuffer.isView(x) ? Array.from(x) : x)));
  if (a !== b) problems.push(`${what}: ${a}, not ${b}`);
}

function near(what, came, expected, tolerance) {
  ++checks;
  const far = Array.from(came, (value, i) => Math.abs(value - expected[i])).find((distance) => !(distance <= tolerance));
  if (came.length !== expected.length || far !== undefined) problems.push(`${what}: ${Array.from(came)}, not ${expected}`);
}

function refused(what, body, words) {
  ++checks;
  try {
    body();
  } catch (error) {
    if (!error.message.includes(words)) problems.push(`${what}: refused with "${error.message}"`);
    return;
  }
  problems.push(`${what}: not refused`);
}

/** A model of a few random weights. */
function smallModel(kind) {
  const random = new Random(3), width = 8, vocabulary = 5, tensors = {};
  const shape = {kind, layers: 2, heads: 2, width, context: 6, vocabulary, activation: "gelu-tanh", without: []};
  const fill = (name, count) => (tensors[name] = Float32Array.from({length: count}, () => random.uniform() - 0.5));
  fill("token_embedding", vocabulary * width);
  if (kind === "gpt2") ["position_embedding", "final_norm.weight", "final_norm.bias"].forEach((name, i) => fill(name, i ? width : 6 * width));
  for (let i = 0; i < shape.layers; ++i) {
    const names = kind === "gpt2" ?
        {"blocks.N.attention.query_key_value.weight": 24 * width, "blocks.N.attention.output.weight": 8 * width,
         "blocks.N.mlp.expand.weight": 32 * width, "blocks.N.mlp.contract.weight": 32 * width} :
        {"layers.N.query_key_value": 24 * width, "layers.N.output": 8 * width, "layers.N.expand": 32 * width,
         "layers.N.contract": 32 * width, "layers.N.attention_shift": width, "layers.N.mlp_shift": width};
    for (const [name, count] of Object.entries(names)) fill(name.replace("N", i), count);
  }
  return new Model(shape, tensors);
}

const BYTE_PAIRS = {
  added_tokens: [{id: 11, content: "<|end|>", normalized: false}, {id: 12, content: "<|end|>ing", normalized: false}],
  pre_tokenizer: {type: "ByteLevel", add_prefix_space: false},
  model: {
    type: "BPE",
    vocab: {a: 0, b: 1, c: 2, "Ġ": 3, "Ã": 4, "©": 5, bc: 6, ab: 7, abc: 8, "Ġa": 9, "Ã©": 10},
    merges: [["b", "c"], "a b", ["a", "bc"], ["Ġ", "a"], ["Ã", "©"]],
  },
};

export function moduleProblems() {
  // Random numbers: the first of seed 1 and of the largest seed, by the paper's definition (computed in Python).
  same("seed 1", String(new Random(1).next()), "12966619160104079557");
  same("the largest seed", String(new Random("18446744073709551615").next()), "10328197420357168392");
  const random = new Random(7);
  same("uniform", Array.from({length: 100}, () => random.uniform()).every((x) => x >= 0 && x < 1), true);

  // Stored weights: 13 bits, lowest first, in two characters, the lower digit first.
  same("no bytes", decodeBytes("", 0), []);
  same("bytes", decodeBytes("!!", 1), [0]);
  same("bits go lowest first", decodeBytes("#!", 1), [1]);
  same("the second digit counts 91", decodeBytes("!#", 1), [91]);
  refused("too short", () => decodeBytes("!!", 2), "not complete");
  refused("no digit", () => decodeBytes("<!", 1), "damaged");
  same("halves", [0x3c00, 0xc000, 0x0001, 0x7bff, 0x3555, 0x8000].map(halfToNumber), [1, -2, 2 ** -24, 65504, 0.333251953125, -0]);
  same("not finite", [halfToNumber(0x7c00), halfToNumber(0xfc00), Number.isNaN(halfToNumber(0x7e00))], [Infinity, -Infinity, true]);
  same("numbers", decodeNumbers("!!!!", 1, "fp16"), [0]);
  // Scales 0.5 and 3, then 1, -127 and 127, -2; and the scale 0.1 with 3 and -127 (computed in Python).
  same("rows", decodeRows("!!Sg2!!!@\\I#.mC!", 2, 2), [0.5, -63.5, 381, -6]);
  same("products as float32 rounds them", decodeRows("#HRL=$p$", 1, 2), [Math.fround(3 * Math.fround(0.1)), Math.fround(-127 * Math.fround(0.1))]);
  refused("rows too short", () => decodeRows("#HRL=$", 1, 2), "not complete");

  // Sampling, on numbers that can be counted by hand.
  near("softmax", temperatureProbabilities([0, Math.log(3)], 1), [0.25, 0.75], 1e-15);
  near("temperature sharpens", temperatureProbabilities([0, Math.log(3)], 0.5), [0.1, 0.9], 1e-15);
  near("large logits", temperatureProbabilities([1e6, 1e6], 1), [0.5, 0.5], 0);
  near("top-k", keepTopK(Float64Array.of(0.5, 0.3, 0.2), 2), [0.625, 0.375, 0], 1e-15);
  near("top-k keeps ties", keepTopK(Float64Array.of(0.5, 0.25, 0.25), 2), [0.5, 0.25, 0.25], 1e-15);
  near("top-k of more than there are", keepTopK(Float64Array.of(0.5, 0.5), 9), [0.5, 0.5], 0);
  near("top-p keeps the one that crosses", keepTopP(Float64Array.of(0.2, 0.5, 0.3), 0.6), [0, 0.625, 0.375], 1e-15);
  near("top-p stops when it is reached", keepTopP(Float64Array.of(0.25, 0.5, 0.25), 0.5), [0, 1, 0], 1e-15);
  near("top-p of equals takes the first", keepTopP(Float64Array.of(0.25, 0.25, 0.25, 0.25), 0.3), [0.5, 0.5, 0, 0], 1e-15);
  same("greedy takes the first of equals", greedy([1, 3, 3]), 1);
  same("order", mostProbable([0.1, 0.4, 0.4, 0.1], 3), [1, 2, 0]);
  const lot = (place) => draw(Float64Array.of(0, 0.5, 0.5 - 1e-9, 0), {uniform: () => place});
  same("draw", [lot(0), lot(0.499), lot(0.5), lot(1 - 1e-12)], [1, 1, 2, 2]);

  // Text.
  const characters = makeCodec({model: {type: "WordLevel", vocab: {"\n": 0, "é": 1, "𝓐": 2, "1": 3}}});
  same("characters", characters.encode("1é𝓐\n"), [3, 1, 2, 0]);
  same("bytes of a character", characters.bytesOf(1), [0xc3, 0xa9]);
  refused("an unknown character", () => characters.encode("x"), "“x”");
  same("words", cutIntoWords("it's I'LL we'll''s"), ["it", "'s", " I", "'", "LL", " we", "'ll", "''", "s"]);
  same("spaces", cutIntoWords("a \n\n b\n"), ["a", " \n\n", " b", "\n"]);
  same("classes", cutIntoWords("né 12x² …!"), ["né", " 12", "x", "²", " …!"]);
  same("other spaces", cutIntoWords("a\u00a0 b\u0085c\ufeff"), ["a", "\u00a0", " b", "\u0085", "c", "\ufeff"]);
  same("To be", cutIntoWords("To be,  or 2b?"), ["To", " be", ",", " ", " or", " 2", "b", "?"]);
  same("GPT-4's words", cutIntoWords("It'S  a 12345 x²!?\n\n(b) \r\n  c'\u017f'LLd ", "gpt4"),
       ["It", "'S", " ", " a", " ", "123", "45", " x", "²", "!?\n\n", "(b", ")", " \r\n", " ", " c", "'\u017f", "'LL", "d", " "]);
  same("no words", cutIntoWords("a b", "none"), ["a b"]);
  const pairs = makeCodec(BYTE_PAIRS);
  same("the pair learned first is joined first", pairs.encode("abc"), [8]);
  same("words apart", pairs.encode("ab ab a"), [7, 3, 7, 9]);
  same("bytes", pairs.encode("é"), [10]);
  same("what has no token is left out", pairs.encode("axé"), [0, 10]);
  same("the longer added token", pairs.encode("a<|end|>ing<|end|>b"), [0, 12, 11, 1]);
  same("bytes of a token", [pairs.bytesOf(10), pairs.bytesOf(9), pairs.bytesOf(99)], [[0xc3, 0xa9], [0x20, 0x61], []]);
  const whole = makeCodec({...BYTE_PAIRS, pre_tokenizer: {add_prefix_space: true}, model: {...BYTE_PAIRS.model, unk_token: "c", fuse_unk: true}});
  same("a space before, unknowns joined", whole.encode("axyb"), [9, 2, 1]);
  const split = {type: "Split", pattern: {Regex: "\\p{N}{1,3}"}, behavior: "Isolated"};
  const row = (...steps) => makeCodec({...BYTE_PAIRS, pre_tokenizer: {type: "Sequence", pretokenizers: steps}});
  same("a row of steps cuts as GPT-4", row(split, {type: "ByteLevel", use_regex: false}).rule, "gpt4");
  same("a row of one step", row({type: "ByteLevel", add_prefix_space: true}).encode("a"), [9]);
  const stream = new TextStream();
  same("characters whole", [[0x61, 0xc3], [0xa9, 0xff], [0xe2, 0x82]].map((bytes) => stream.add(Uint8Array.from(bytes))), ["a", "é\ufffd", ""]);
  same("the rest", stream.finish(), "\ufffd");
  same("visible", [visible(Uint8Array.of(0x20, 0x0a)), visible(Uint8Array.of(0xc3))], ["␣↵", "c3"]);

  // The model.
  const to = new Float32Array(2);
  product(to, Float32Array.of(1, 2, 3, 4, 5, 1, 1, 1, 1, 1), Float32Array.of(1, 1, 1, 1, 2), [0.5, 0]);
  same("product", to, [20.5, 6]);
  const normed = new Float32Array(4);
  layerNorm(normed, Float32Array.of(1, 3, 1, 3), [1, 1, 2, 2], [0, 0, 0, 1]);
  near("norm", normed, [-1, 1, -2, 3], 2e-5);
  near("erf", [0, 0.5, -1, 2.4999, 2.5001, 5].map(erf), [0, 0.5204998778130465, -0.8427007929497149, 0.9995928300996666, 0.9995932657565293, 0.9999999999984626], 1e-12);
  for (const kind of ["gpt2", "modern"]) {
    const model = smallModel(kind), tokens = [0, 3, 1, 4, 2, 2];
    const first = tokens.map((token) => model.step(token));
    refused(`${kind}: a full context`, () => model.step(0), "full");
    const sums = [0, 1, 5].map((place) => model.attention(1, 1, place).reduce((sum, weight) => sum + weight, 0));
    near(`${kind}: attention sums to 1`, sums, [1, 1, 1], 1e-12);
    model.truncate(3);
    same(`${kind}: read again after going back`, tokens.slice(3).map((token) => model.step(token)), first.slice(3));

    // Another way is what would have been written with that token; also where the window has moved on since.
    const options = {temperature: 1};
    for (const [made, index] of [[3, 1], [3, 0], [9, 2], [9, 8]]) {
      const writer = new Writer(model, [1, 2], 5);
      for (let i = 0; i < made; ++i) writer.next(options);
      const before = writer.made.slice(0, index).map((each) => each.token);
      writer.another(index, 4);
      same(`${kind}: what stood before stays`, writer.made.map((each) => each.token), [...before, 4]);
      const logits = writer.look();
      const anew = smallModel(kind);
      same(`${kind}: another way after ${made} from ${index}`, logits, writer.window.map((token) => anew.step(token)).at(-1));
      same(`${kind}: and the window ends in it`, writer.window.at(-1), 4);

      // Two ways in turn, with nothing read between them.
      const twice = new Writer(model, [1, 2], 5);
      for (let i = 0; i < made; ++i) twice.next(options);
      twice.another(index, 3);
      twice.another(index, 4);
      same(`${kind}: another way twice`, twice.look(), logits);
    }
  }
  refused("an empty prompt", () => new Writer(smallModel("gpt2"), [], 1), "at least one");

  same("ticks", [ticks(0, 1000), ticks(1.9, 4.2), ticks(2, 2), ticks(0.03, 0.09)],
       [[0, 500, 1000], [2, 3, 4], [2], [0.04, 0.06, 0.08]]);
  return {checks, problems};
}
