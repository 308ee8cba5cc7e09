// A text that grows: chapter 7's generate(), one token at a time, with a way back.

import {Random} from "./random.mjs";
import {TextStream} from "./codec.mjs";
import {draw, greedy, mostProbable, probabilitiesOf} from "./sampling.mjs";

/** So many of the most probable tokens are remembered for each place. */
const REMEMBERED = 10;

export class Writer {
  /** @param tokens those of the prompt, at least one */
  constructor(model, tokens, seed) {
    if (tokens.length === 0) throw new Error("a text can only be continued from at least one character");
    this.model = model;
    this.random = new Random(seed);
    this.prompt = tokens.slice();
    this.made = [];    // {token, choices: [{token, probability}]}
    this.window = [];  // what the model sees: everything read since the context was last full
    this.unread = tokens.slice();
    model.truncate(0);
  }

  /** Reads what is new. @return logits for the token after it */
  look() {
    const {model} = this;
    this.window.push(...this.unread);
    // When the context is full, its last half is read again from position 0.
    if (this.window.length > model.context) {
      this.window = this.window.slice(-Math.max(Math.floor(model.context / 2), 1));
      model.truncate(0);
    }
    let logits = null;
    for (let i = model.length; i < this.window.length; ++i) {
      logits = model.step(this.window[i], i + 1 === this.window.length);
    }
    this.unread = [];
    return logits;
  }

  /** Adds a token. @return it, with the most probable ones that it was chosen from */
  next(options) {
    const logits = this.look();
    const probabilities = probabilitiesOf(logits, options);
    const token = options.greedy ? greedy(logits) : draw(probabilities, this.random);
    const choices =
        mostProbable(probabilities, REMEMBERED).map((each) => ({token: each, probability: probabilities[each]}));
    const made = {token, choices};
    this.made.push(made);
    this.unread = [token];
    return made;
  }

  /** Goes back to before the new token number `index`, and puts another one there. */
  another(index, token) {
    const {choices} = this.made[index];
    const dropped = this.made.length - index;
    this.made = this.made.slice(0, index);
    this.made.push({token, choices});
    const kept = this.window.length + this.unread.length - dropped;
    if (kept > 0 && kept <= this.window.length) {
      this.window = this.window.slice(0, kept);
      this.model.truncate(kept);
      this.unread = [token];
    } else {
      // That far back the window has moved on, or nothing was read since it had: the text is read anew.
      this.window = [];
      this.model.truncate(0);
      this.unread = [...this.prompt, ...this.made.map((made) => made.token)];
    }
  }

  /** Where in the window a place of the text stands, or -1. @param place counts the prompt's tokens and the new ones */
  placeInWindow(place) {
    const all = this.prompt.length + this.made.length;
    const inWindow = place - (all - this.window.length - this.unread.length);
    return inWindow >= 0 && inWindow < this.model.length ? inWindow : -1;
  }
}

/** What `gpt generate` writes after a prompt. @param seed a whole number, or its digits */
export function continueText(model, codec, prompt, count, options, seed) {
  const writer = new Writer(model, codec.encode(prompt), seed);
  const stream = new TextStream();
  let text = "";
  for (let i = 0; i < count; ++i) text += stream.add(codec.bytesOf(writer.next(options).token));
  return text + stream.finish();
}
