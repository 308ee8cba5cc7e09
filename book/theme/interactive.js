"use strict";
// The pictures to be touched. Each takes the place of the still picture beneath it, and is worked by ordinary form controls.
(() => {
  const el = (tag, props = {}, ...kids) => { const e = Object.assign(document.createElement(tag), props); e.append(...kids); return e; };
  const svg = (w, h, label, body) => `<svg viewBox="0 0 ${w} ${h}" style="width:${w}px" role="img" aria-label="${label}">${body}</svg>`;
  const esc = s => s.replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const show = c => c === " " ? "␣" : c === "\n" ? "↵" : c;
  const number = n => n.toLocaleString("en");
  let count = 0;

  const frame = figure => {
    const form = el("form", { className: "touch" }), stage = el("div", { className: "stage-live" }), says = el("p", { className: "touch-says" });
    form.addEventListener("submit", e => e.preventDefault());
    says.setAttribute("role", "status");
    figure.querySelector(".touch-stage").append(form, stage, says);
    figure.classList.add("live");
    return { form, stage, says };
  };
  const range = (form, label, min, max, step, value, text, changed) => {
    const id = "touch-" + ++count, input = el("input", { type: "range", id, min, max, step }), out = el("output");
    input.value = value; out.htmlFor = id;
    const shown = () => { const t = text(+input.value); out.textContent = t; input.setAttribute("aria-valuetext", t); };
    input.addEventListener("input", () => { shown(); changed(); });
    form.append(el("div", { className: "field" }, el("label", { htmlFor: id, textContent: label }), input, out));
    shown();
    return { get value() { return +input.value; }, set(v, most) { if (most !== undefined) input.max = most; input.value = v; shown(); } };
  };
  const line = (form, label, value, changed, length = 48) => {
    const id = "touch-" + ++count, input = el("input", { type: "text", id, value, maxLength: length, spellcheck: false, autocomplete: "off" });
    input.addEventListener("input", changed);
    form.append(el("div", { className: "field" }, el("label", { htmlFor: id, textContent: label }), input));
    return input;
  };

  const kinds = {
    tokens(figure) {
      const alphabet = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
      const { form, stage, says } = frame(figure), text = line(form, "Type a line", "to be or not to be", draw);
      function draw() {
        const all = [...text.value], known = all.filter(c => alphabet.includes(c));
        const chips = all.map(c => { const i = alphabet.indexOf(c); return `<span class="${i < 0 ? "unknown" : ""}">${esc(show(c))}<small>${i < 0 ? "none" : i}</small></span>`; }).join("");
        const letters = [...new Set(known)].sort((a, b) => alphabet.indexOf(a) - alphabet.indexOf(b)), pairs = new Map();
        let total = 0;
        all.forEach((c, i) => { const next = all[i + 1]; if (next !== undefined && alphabet.includes(c) && alphabet.includes(next)) { pairs.set(c + next, (pairs.get(c + next) || 0) + 1); total++; } });
        let table = "";
        if (letters.length && letters.length <= 24) {
          table = '<div class="scroll"><table class="pairs"><thead><tr><th></th>' + letters.map(c => `<th scope="col">${esc(show(c))}</th>`).join("") + "</tr></thead><tbody>" +
            letters.map(a => `<tr><th scope="row">${esc(show(a))}</th>` + letters.map(b => { const n = pairs.get(a + b) || 0; return `<td class="${n ? "on" : ""}">${n || ""}</td>`; }).join("") + "</tr>").join("") + "</tbody></table></div>";
        }
        stage.innerHTML = `<div class="chips">${chips}</div>${table}`;
        const strange = all.length - known.length;
        says.textContent = `${number(all.length)} characters, ${number(total)} pairs, ${number(pairs.size)} of them different: ${(pairs.size / 42.25).toFixed(2)} % of the 4,225 that 65 characters can form.` + (strange ? ` ${strange} ${strange === 1 ? "is" : "are"} not in the alphabet and would need a larger one.` : "") + (letters.length > 24 ? " The table is left out above 24 different characters." : "");
      }
      draw();
    },

    mask(figure) {
      const { form, stage, says } = frame(figure), text = line(form, "Type a line", "to be or not", again, 20);
      const at = range(form, "Position", 1, 12, 1, 7, v => String(v), draw);
      function again() { const n = Math.max(1, [...text.value].length); at.set(Math.min(at.value, n), n); draw(); }
      function draw() {
        const c = [...text.value], n = c.length || 1, size = 26, left = 40, top = 30, row = Math.min(at.value, n) - 1;
        let body = "";
        for (let i = 0; i < c.length; i++) {
          body += `<text x="${left + i * size + 13}" y="${top - 10}" class="mono" text-anchor="middle">${esc(show(c[i]))}</text><text x="${left - 14}" y="${top + i * size + 18}" class="mono" text-anchor="middle">${esc(show(c[i]))}</text>`;
          for (let j = 0; j < n; j++) body += `<rect data-row="${i + 1}" x="${left + j * size + 1}" y="${top + i * size + 1}" width="24" height="24" rx="3" class="${j <= i ? "seen" : "hidden"}" style="opacity:${i === row ? 1 : j <= i ? .35 : .7}"/>`;
        }
        if (c.length) body += `<rect x="${left - 1}" y="${top + row * size - 1}" width="${n * size + 2}" height="${size + 2}" rx="5" class="pick"/>`;
        stage.innerHTML = svg(left + n * size + 6, top + n * size + 6, `The causal mask of ${n} positions; position ${row + 1} sees ${row + 1} of them.`, body);
        if (!c.length) { says.textContent = "Nothing typed: no position to look from."; return; }
        const seen = c.slice(0, row + 1).map(show).join("");
        says.innerHTML = `Position ${row + 1}, <code>${esc(show(c[row]))}</code>, sees <code>${esc(seen)}</code>: ${row + 1} of ${n} scores stay, ${n - row - 1} ${n - row - 1 === 1 ? "becomes" : "become"} minus infinity. ${row + 1 < n ? `It is to predict <code>${esc(show(c[row + 1]))}</code>, which it cannot see.` : "What comes next is not written yet."} In the whole square ${number(n * (n + 1) / 2)} of ${number(n * n)} stay.`;
      }
      stage.addEventListener("click", e => { const r = e.target.dataset && e.target.dataset.row; if (r) { at.set(+r); draw(); } });
      again();
    },

    sampling(figure) {
      const data = window.VERSE_NEXT || VERSE_NEXT, counts = data.counts, total = counts.reduce((s, c) => s + c[1], 0), p = counts.map(c => c[1] / total);
      const { form, stage, says } = frame(figure);
      const heat = range(form, "Temperature", -100, 70, 1, 0, v => (10 ** (v / 100)).toFixed(2), draw);
      const top = range(form, "Top-k", 1, counts.length, 1, counts.length, v => v === counts.length ? "all" : String(v), draw);
      const mass = range(form, "Top-p", 1, 100, 1, 100, v => (v / 100).toFixed(2), draw);
      const again = el("button", { type: "button", textContent: "Draw 40 characters" }), drawn = el("p", { className: "drawn" });
      drawn.setAttribute("role", "status");
      form.append(again);
      let q = p;
      function draw() {
        const t = 10 ** (heat.value / 100), logits = p.map(x => Math.log(x) / t), most = Math.max(...logits);
        q = logits.map(x => Math.exp(x - most));
        const norm = v => { const s = v.reduce((a, b) => a + b, 0); return v.map(x => x / s); };
        q = norm(q.map((x, i) => i < top.value ? x : 0));
        let sum = 0;
        q = norm(q.map(x => { const stays = sum < mass.value / 100 - 1e-12; sum += x; return stays ? x : 0; }));
        const shown = Math.min(24, counts.length), highest = Math.max(q[0], p[0]), scale = 130 / highest;
        let body = '<path d="M24 150h504" class="axis"/>';
        for (let i = 0; i < shown; i++) {
          const x = 27 + i * 21, a = p[i] * scale, b = q[i] * scale;
          body += `<rect x="${x}" y="${150 - b}" width="15" height="${b}" rx="2" class="now"/><rect x="${x}" y="${150 - a}" width="15" height="${a}" rx="2" class="${q[i] ? "was" : "dropped"}"/><text x="${x + 7.5}" y="168" class="mono" text-anchor="middle"${q[i] ? "" : ' opacity=".45"'}>${esc(show(counts[i][0]))}</text>`;
        }
        const kept = q.filter(x => x > 0).length, entropy = -q.reduce((s, x) => s + (x > 0 ? x * Math.log(x) : 0), 0);
        stage.innerHTML = svg(540, 178, `The distribution after temperature, top-k and top-p: ${kept} characters remain, the first with ${(q[0] * 100).toFixed(1)} %.`, body);
        says.textContent = `After “${data.context}”: ${kept} of ${counts.length} characters remain; “${show(counts[0][0])}” has ${(q[0] * 100).toFixed(1)} % (counted: ${(p[0] * 100).toFixed(1)} %). Entropy ${Math.abs(entropy).toFixed(2)} nats. Filled: what is sampled from; outlined: what was counted.`;
      }
      again.addEventListener("click", () => {
        let out = "";
        for (let n = 0; n < 40; n++) { let u = Math.random(), i = 0; while (i < q.length - 1 && (u -= q[i]) >= 0) i++; while (q[i] === 0) i--; out += show(counts[i][0]); }
        drawn.textContent = out;
      });
      draw();
      says.after(drawn);
    },

    schedule(figure) {
      const { form, stage, says } = frame(figure), peak = 1e-3, low = 1e-4;
      const steps = range(form, "Steps in all", 200, 5000, 100, 2000, number, again), warm = range(form, "Warm-up", 0, 2000, 10, 100, number, draw), at = range(form, "Look at step", 0, 2000, 10, 1000, number, draw);
      function again() { warm.set(Math.min(warm.value, steps.value), steps.value); at.set(Math.min(at.value, steps.value), steps.value); draw(); }
      const rate = i => i < warm.value ? peak * i / warm.value : i >= steps.value ? low : low + .5 * (1 + Math.cos(Math.PI * (i - warm.value) / Math.max(1, steps.value - warm.value))) * (peak - low);
      function draw() {
        const n = steps.value, x = i => 50 + i / n * 470, y = r => 170 - r / peak * 140, points = [];
        for (let k = 0; k <= 235; k++) { const i = Math.round(k / 235 * n); points.push(`${x(i).toFixed(1)},${y(rate(i)).toFixed(1)}`); }
        const i = at.value, r = rate(i);
        let body = `<path d="M50 20v150h480" class="axis"/><polyline points="${points.join(" ")}" class="curve"/><circle cx="${x(i)}" cy="${y(r)}" r="5" class="now"/><text x="44" y="34" class="small" text-anchor="end">1e-3</text><text x="44" y="160" class="small" text-anchor="end">1e-4</text><text x="520" y="188" class="small" text-anchor="end">step ${number(n)}</text>`;
        if (warm.value > 0 && warm.value < n) body += `<path d="M${x(warm.value)} 30v140" class="dropped"/><text x="${x(warm.value) + 5}" y="164" class="small">warm-up ends</text>`;
        stage.innerHTML = svg(540, 196, `Learning rate over ${number(n)} steps with ${number(warm.value)} of warm-up.`, body);
        let sum = 0; for (let k = 0; k < n; k++) sum += rate(k);
        says.textContent = `At step ${number(i)} the rate is ${r.toExponential(2)}, ${(r / peak * 100).toFixed(0)} % of the peak; on average over the run it is ${(sum / n).toExponential(2)}.`;
      }
      draw();
    },
  };
  for (const figure of document.querySelectorAll(".interactive")) kinds[figure.dataset.kind](figure);
})();
