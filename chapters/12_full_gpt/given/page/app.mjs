// What is seen and clicked. All that comes from the run goes in as text, never as HTML.

import {TextStream} from "./codec.mjs";
import {drawCurve} from "./curve.mjs";
import {openPage} from "./open.mjs";
import {Writer, continueText} from "./writer.mjs";

const get = (id) => document.getElementById(id);
const SLICE = 20;  // milliseconds of writing between two pictures

function make(parent, name, text, attributes = {}) {
  const element = parent.appendChild(document.createElement(name));
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** A token as it can be shown by itself: spaces and line ends visible, bytes that are no character as numbers. */
export function visible(bytes) {
  const text = new TextDecoder("utf-8", {ignoreBOM: true}).decode(bytes);
  if (text.includes("\ufffd")) return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return text.replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥") || "∅";
}

const percent = (share) => (share >= 0.0995 ? (100 * share).toFixed(0) : (100 * share).toFixed(1)) + " %";

class App {
  constructor() {
    const read = (id) => {
      const element = get(id), text = element.textContent;
      element.remove();
      return text;
    };
    Object.assign(this, openPage(read));
    this.writer = null;
    this.running = false;
    this.chosen = -1;  // place in the text whose choices and attention are shown; -1 is the last
    this.about();
    for (let i = 1; i <= this.model.layers; ++i) make(get("layer"), "option", String(i));
    for (let i = 1; i <= this.model.heads; ++i) make(get("head"), "option", String(i));

    get("write").onclick = () => this.begin();
    get("more").onclick = () => this.go();
    get("stop").onclick = () => (this.running = false);
    get("text").onclick = (event) => this.choose(event.target.dataset.place);
    get("text").onkeydown = (event) => this.walk(event);
    get("choices").onclick = (event) => this.another(event.target.closest("button"));
    for (const id of ["layer", "head", "looks"]) get(id).onchange = () => this.showAttention();
    get("greedy").onchange = () => ["temperature", "top-k", "top-p", "seed"].forEach((id) => (get(id).disabled = get("greedy").checked));
    get("ready").hidden = true;
    get("write").disabled = false;
  }

  // --- What it is ---------------------------------------------------------------------------------------------------

  about() {
    const {description, model} = this, {shape, run, metrics} = description;
    const rows = [];
    const parameters = description.tensors.reduce((sum, {sizes}) => sum + sizes.reduce((a, b) => a * b, 1), 0);
    if (run) rows.push(["Trained on", run.text.name]);
    rows.push(["Model", `${shape.kind === "gpt2" ? "GPT-2's parts" : "newer parts than GPT-2's"}: ${model.layers} layers, ` +
                        `${model.heads} heads, ${model.width} wide, sees ${model.context} ${this.codec.unit}s`]);
    rows.push(["Parameters", `${parameters.toLocaleString("en")}, kept as ${{fp16: "float16", fp32: "float32", int8: "int8 by rows"}[description.precision]}`]);
    rows.push(["Reads", `${this.codec.unit}s: ${model.vocabulary.toLocaleString("en")} kinds`]);
    if (run) {
      const {recipe} = run;
      rows.push(["Recipe", `${recipe.preset}: ${run.step.toLocaleString("en")} of ${recipe.steps.toLocaleString("en")} steps ` +
                           `of ${recipe["batch-size"]} windows, ${run.seconds.toFixed(0)} s, seed ${recipe.seed}`]);
      if (run.best_loss !== null) rows.push(["Best loss", `${run.best_loss.toFixed(4)} a ${this.codec.unit}, after step ${run.best_step}`]);
    }
    for (const [name, value] of rows) {
      make(get("facts"), "dt", name);
      make(get("facts"), "dd", value);
    }
    const curve = drawCurve(metrics);
    if (curve) get("curve").prepend(curve);
    get("curve").hidden = !curve;
    if (run) document.title = get("title").textContent = `A GPT that has read ${run.text.name}`;
  }

  // --- Writing ------------------------------------------------------------------------------------------------------

  /** The settings, or null after a word about the one that is wrong. */
  settings() {
    for (const id of ["temperature", "top-k", "top-p", "seed", "count"]) {
      if (!get(id).disabled && !get(id).checkValidity()) {
        this.say(`${get(id).labels[0].textContent}: ${get(id).validationMessage}`);
        get(id).focus();
        return null;
      }
    }
    const number = (id) => (get(id).value === "" ? undefined : Number(get(id).value));
    return {temperature: number("temperature"), topK: number("top-k"), topP: number("top-p"), greedy: get("greedy").checked};
  }

  say(message) {
    get("says").textContent = message;
  }

  begin() {
    const prompt = get("prompt").value || "\n";
    if (!this.settings()) return;
    try {
      this.writer = new Writer(this.model, this.codec.encode(prompt), get("seed").value || "1");
    } catch (error) {
      return this.say(error.message);
    }
    this.chosen = -1;
    this.show();
    this.go();
  }

  async go() {
    const options = this.settings();
    if (!options || this.running || !this.writer) return;
    this.running = true;
    this.chosen = -1;
    this.say("");
    for (const id of ["write", "more"]) get(id).disabled = true;
    get("stop").disabled = false;
    const count = Number(get("count").value), begin = performance.now();
    let made = 0, problem = "";
    try {
      while (this.running && made < count) {
        const end = performance.now() + SLICE;
        while (this.running && made < count && performance.now() < end) {
          this.grow(this.writer.next(options));
          ++made;
        }
        this.mark();
        await new Promise((done) => setTimeout(done));
      }
    } catch (error) {
      problem = error.message;
    }
    const seconds = (performance.now() - begin) / 1000;
    this.running = false;
    for (const id of ["write", "more"]) get(id).disabled = false;
    get("stop").disabled = true;
    this.mark();
    this.say(problem || `${made} ${this.codec.unit}s, ${(made / seconds).toFixed(0)} a second`);
  }

  // --- The text -----------------------------------------------------------------------------------------------------

  /** Shows the text anew, from its beginning. */
  show() {
    get("text").textContent = "";
    this.stream = new TextStream();
    this.spans = [];
    for (const token of this.writer.prompt) this.span(token, new TextStream(), "prompt");
    for (const made of this.writer.made) this.grow(made);
    this.mark();
  }

  span(token, stream, kind) {
    const place = this.spans.length;
    this.spans.push(make(get("text"), "span", stream.add(this.codec.bytesOf(token)), {class: kind, "data-place": place}));
  }

  grow(made) {
    this.span(made.token, this.stream, "made");
  }

  choose(place) {
    if (place === undefined || this.running) return;
    this.chosen = Number(place);
    this.mark();
  }

  walk(event) {
    const way = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!way || this.running || !this.spans?.length) return;
    event.preventDefault();
    const place = (this.chosen < 0 ? this.spans.length - 1 : this.chosen) + way;
    this.choose(Math.min(Math.max(place, 0), this.spans.length - 1));
  }

  /** The place that is looked at. */
  get place() {
    return this.chosen < 0 ? this.spans.length - 1 : this.chosen;
  }

  mark() {
    get("text").querySelector(".chosen")?.classList.remove("chosen");
    if (!this.spans?.length) return;
    if (this.chosen >= 0) this.spans[this.chosen].classList.add("chosen");
    this.showChoices();
    this.showAttention();
  }

  // --- What might have come -----------------------------------------------------------------------------------------

  showChoices() {
    const list = get("choices"), index = this.place - this.writer.prompt.length, made = this.writer.made[index];
    list.textContent = "";
    get("choices-of").textContent = made ? `What stood to choose from for “${visible(this.codec.bytesOf(made.token))}”`
                                         : "This is of the prompt: nothing was chosen here";
    for (const {token, probability} of made?.choices ?? []) {
      const name = visible(this.codec.bytesOf(token));
      const button = make(make(list, "li"), "button", undefined,
                          {type: "button", "data-token": token, "aria-label": `${name}, ${percent(probability)}: go on with it`});
      if (token === made.token) button.className = "taken";
      make(button, "span", name, {class: "token"});
      make(make(button, "span", undefined, {class: "bar"}), "span").style.width = `${100 * probability}%`;
      make(button, "span", percent(probability), {class: "share"});
    }
  }

  another(button) {
    if (!button || this.running) return;
    this.writer.another(this.place - this.writer.prompt.length, Number(button.dataset.token));
    this.show();
    this.go();
  }

  // --- Where it looks -----------------------------------------------------------------------------------------------

  showAttention() {
    for (const span of this.lit ?? []) span.style.backgroundColor = "";
    this.lit = [];
    get("looks-says").textContent = "";
    if (!get("looks").checked || !this.spans?.length) return;
    // A token that was made last has not been read yet: what led to it is the one before.
    const all = this.spans.length;
    let place = this.place;
    if (this.writer.placeInWindow(place) < 0 && place === all - 1) --place;
    const inWindow = this.writer.placeInWindow(place);
    if (inWindow < 0) {
      get("looks-says").textContent = "The model does not see this place any more.";
      return;
    }
    const weights = this.model.attention(get("layer").selectedIndex, get("head").selectedIndex, inWindow);
    const most = Math.max(...weights);
    weights.forEach((weight, i) => {
      const span = this.spans[place - inWindow + i];
      span.style.backgroundColor = `rgb(var(--light) / ${(0.75 * weight / most).toFixed(3)})`;
      this.lit.push(span);
    });
    const best = place - inWindow + weights.indexOf(most);
    get("looks-says").textContent =
        `From “${this.spans[place].textContent.replaceAll("\n", "↵")}”, most (${percent(most)}) at ` +
        (best === place ? "itself" : `“${this.spans[best].textContent.replaceAll("\n", "↵")}”, ${place - best} before`);
  }
}

/** Opens the page, and leaves the model in `verse` for the console: verse.write("KING", 100, {greedy: true}). */
export function start() {
  try {
    const app = new App();
    globalThis.verse = {
      app,
      write: (prompt, count, options = {}, seed = 1) =>
          continueText(app.model, app.codec, prompt, count, {temperature: 0.7, ...options}, seed),
    };
  } catch (error) {
    get("ready").textContent = `The page cannot be used: ${error.message}`;
  }
}
