// Text to tokens and back, by a run's tokenizer.json: characters, or GPT-2's byte pairs as chapter 10 reads them.

const toBytes = (text) => new TextEncoder().encode(text);

/** Chapter 1's tokenizer: a token is a character. */
class CharacterCodec {
  constructor(file) {
    this.numbers = new Map(Object.entries(file.model.vocab));
    this.characters = [];
    for (const [character, number] of this.numbers) this.characters[number] = character;
    this.unit = "character";
  }

  /** @return token numbers; an Error for a character that the model does not know */
  encode(text) {
    return Array.from(text, (character) => {
      const number = this.numbers.get(character);
      if (number === undefined) throw new Error(`the model does not know the character “${character}”`);
      return number;
    });
  }

  bytesOf(token) {
    return toBytes(this.characters[token] ?? "");
  }
}

/** GPT-2's writing of each byte as a character that can be seen. */
const BYTE_CHARACTERS = (() => {
  const characters = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; ++byte) {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    characters.push(String.fromCodePoint(visible ? byte : next++));
  }
  return characters;
})();
const CHARACTER_BYTES = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

/** The rules by which chapter 10's word_cutter.h cuts text. The long s is an s where the case does not count. */
const WORD_RULES = {
  gpt2: new RegExp(
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\p{White_Space}\\p{L}\\p{N}]+" +
      "|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+", "gu"),
  gpt4: new RegExp(
      "'(?:[sSſtTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" +
      "| ?[^\\p{White_Space}\\p{L}\\p{N}]+[\\r\\n]*|\\p{White_Space}*[\\r\\n]+" +
      "|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+", "gu"),
};

/** A text's words. @param rule "gpt2", "gpt4", or "none": the text is one word */
export function cutIntoWords(text, rule = "gpt2") {
  return rule === "none" ? [text] : text.match(WORD_RULES[rule]) ?? [];
}

/** The steps that a tokenizer.json's pre_tokenizer consists of. */
function cuttingSteps(step) {
  return step.pretokenizers ? step.pretokenizers.flatMap(cuttingSteps) : [step];
}

/** By which rule these steps cut. Only the two rules' patterns come here; GPT-4's alone counts digits. */
function ruleOf(steps) {
  const split = steps.find((step) => step.type === "Split");
  if (split) return split.pattern.Regex.includes("{1,3}") ? "gpt4" : "gpt2";
  return steps.at(-1).use_regex ?? true ? "gpt2" : "none";
}

class BytePairCodec {
  constructor(file) {
    const model = file.model;
    this.numbers = new Map(Object.entries(model.vocab));
    this.bytes = [];
    for (const [written, number] of this.numbers) this.bytes[number] = this.written(written);
    this.merges = new Map();
    model.merges.forEach((merge, rank) => {
      const space = typeof merge === "string" ? merge.indexOf(" ") : -1;
      const [left, right] = typeof merge === "string" ? [merge.slice(0, space), merge.slice(space + 1)] : merge;
      const pair = this.key(this.numbers.get(left), this.numbers.get(right));
      this.merges.set(pair, {rank, result: this.numbers.get(left + right)});
    });
    this.byteTokens = BYTE_CHARACTERS.map((character) => this.numbers.get(character));
    this.unknown = model.unk_token ? this.numbers.get(model.unk_token) : undefined;
    this.joinsUnknown = Boolean(model.fuse_unk);
    this.wholeWords = Boolean(model.ignore_merges);
    const steps = cuttingSteps(file.pre_tokenizer);
    this.spaceBefore = Boolean(steps.at(-1).add_prefix_space);
    this.rule = ruleOf(steps);
    this.added = [[], []];
    for (const token of file.added_tokens ?? []) {
      this.bytes[token.id] = this.written(token.content);
      this.added[token.normalized ? 1 : 0].push(token);
    }
    for (const tokens of this.added) tokens.sort((a, b) => toBytes(b.content).length - toBytes(a.content).length);
    this.known = new Map();
    this.unit = "token";
  }

  key(left, right) {
    return left * 2 ** 26 + right;
  }

  /** The bytes of a token as the file writes it; one that has characters which stand for no byte stands for itself. */
  written(token) {
    const bytes = Array.from(token, (character) => CHARACTER_BYTES.get(character));
    return bytes.includes(undefined) ? toBytes(token) : Uint8Array.from(bytes);
  }

  bytesOf(token) {
    return this.bytes[token] ?? new Uint8Array(0);
  }

  encode(text) {
    const tokens = [];
    this.encodeAround(text, 0, tokens);
    return tokens;
  }

  /** Cuts out the added tokens that are looked for at this stage, and hands the rest to the next. */
  encodeAround(text, stage, tokens) {
    if (stage === this.added.length) return this.encodePlain(text, tokens);
    let begin = 0, place = 0;
    while (place < text.length) {
      const found = this.added[stage].find((token) => text.startsWith(token.content, place));
      if (!found) {
        ++place;
        continue;
      }
      this.encodeAround(text.slice(begin, place), stage + 1, tokens);
      tokens.push(found.id);
      begin = place = place + found.content.length;
    }
    this.encodeAround(text.slice(begin), stage + 1, tokens);
  }

  encodePlain(text, tokens) {
    if (text === "") return;
    if (this.spaceBefore && !text.startsWith(" ")) text = " " + text;
    for (const word of cutIntoWords(text, this.rule)) {
      if (!this.known.has(word)) this.known.set(word, this.encodeWord(word));
      for (const token of this.known.get(word)) tokens.push(token);
    }
  }

  /** Of all neighbouring pairs, the one learned first is joined, the leftmost of equals, until none is left. */
  encodeWord(word) {
    const bytes = toBytes(word);
    if (this.wholeWords) {
      const whole = this.numbers.get(Array.from(bytes, (byte) => BYTE_CHARACTERS[byte]).join(""));
      if (whole !== undefined) return [whole];
    }
    const chain = [];
    let afterUnknown = false;
    for (const byte of bytes) {
      const token = this.byteTokens[byte], isUnknown = token === undefined;
      if (isUnknown && (this.unknown === undefined || (this.joinsUnknown && afterUnknown))) continue;
      afterUnknown = isUnknown;
      chain.push(token ?? this.unknown);
    }
    for (;;) {
      let best = null, place = -1;
      for (let i = 0; i + 1 < chain.length; ++i) {
        const merge = this.merges.get(this.key(chain[i], chain[i + 1]));
        if (merge && (best === null || merge.rank < best.rank)) [best, place] = [merge, i];
      }
      if (best === null) return chain;
      chain.splice(place, 2, best.result);
    }
  }
}

/** The codec that a tokenizer.json describes. */
export function makeCodec(file) {
  const kind = file.model.type ?? (file.model.merges ? "BPE" : "");
  return kind === "BPE" ? new BytePairCodec(file) : new CharacterCodec(file);
}

/** Text that arrives in pieces which may end within a character: add() hands on whole characters only. */
export class TextStream {
  constructor() {
    this.decoder = new TextDecoder("utf-8", {ignoreBOM: true});
  }
  add(bytes) {
    return this.decoder.decode(bytes, {stream: true});
  }
  finish() {
    return this.decoder.decode();
  }
}
