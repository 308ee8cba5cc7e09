"use strict";
(() => {
  const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
  const el = (tag, props = {}, ...kids) => { const e = Object.assign(document.createElement(tag), props); e.append(...kids); return e; };
  const root = document.documentElement;
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch (e) { /* a private window keeps nothing */ } };

  // Light or dark, remembered.
  const setTheme = theme => {
    root.dataset.theme = theme;
    for (const b of $$('[data-do="theme"]')) b.setAttribute("aria-pressed", theme === "dark");
  };
  setTheme(root.dataset.theme);

  // The contents as a drawer, on narrow screens.
  const menu = $('#bar [data-do="menu"]');
  const drawer = open => {
    root.classList.toggle("drawer", open);
    menu.setAttribute("aria-expanded", open);
    if (open) $("#side a").focus(); else if ($("#side").contains(document.activeElement)) menu.focus();
  };

  document.addEventListener("click", e => {
    const what = e.target.closest("[data-do]");
    if (!what) { if (e.target.closest("#side a")) drawer(false); return; }
    if (what.dataset.do === "theme") { const next = root.dataset.theme === "dark" ? "light" : "dark"; setTheme(next); keep("verse-theme", next); }
    if (what.dataset.do === "menu") drawer(!root.classList.contains("drawer"));
    if (what.dataset.do === "search") { drawer(false); search.open(); }
  });

  // Progress through the page: a line beside the sections, a line under the bar.
  const sections = $$(".sections a").map(a => [a, document.getElementById(decodeURIComponent(a.hash.slice(1)))]).filter(x => x[1]);
  const list = $(".sections");
  const progress = () => {
    const all = root.scrollHeight - innerHeight, part = all > 0 ? Math.min(1, scrollY / all) : 1;
    root.style.setProperty("--part", (part * 100).toFixed(1) + "%");
    if (!list) return;
    let here = -1;
    sections.forEach(([, h], i) => { if (h.getBoundingClientRect().top < 160) here = i; });
    if (part > .995) here = sections.length - 1;
    sections.forEach(([a], i) => { if (i === here) a.setAttribute("aria-current", "true"); else a.removeAttribute("aria-current"); });
    const a = here >= 0 ? sections[here][0] : null;
    list.style.setProperty("--read", a ? a.offsetTop + a.offsetHeight + "px" : "0px");
  };
  addEventListener("scroll", progress, { passive: true });
  addEventListener("resize", progress);
  progress();
  const current = $("#side .here");
  if (current && current.offsetTop > innerHeight * .7) $("#side").scrollTop = current.offsetTop - innerHeight * .3;

  // What does not scroll need not be reached by the keyboard.
  const scrollers = () => { for (const e of $$("pre, .scroll, .formula, .signature pre")) { if (e.scrollWidth > e.clientWidth + 1) e.tabIndex = 0; else e.removeAttribute("tabindex"); } };
  scrollers();
  addEventListener("resize", scrollers);
  for (const d of $$("details")) d.addEventListener("toggle", scrollers);
  if (document.fonts) document.fonts.ready.then(() => { scrollers(); progress(); notes(); });

  // Notes beside a listing that would cover each other move down.
  const notes = () => { for (const l of $$(".listing.has-notes")) { let floor = 0; for (const n of $$(".beside", l)) { n.style.marginTop = ""; if (getComputedStyle(n).position !== "absolute") continue; const top = n.offsetTop; if (top < floor) n.style.marginTop = floor - top + "px"; floor = n.offsetTop + n.offsetHeight + 10; } } };
  notes();
  addEventListener("resize", notes);

  // Where a measured number comes from: a card on hover and focus; a first tap shows it too, and a second one follows the link.
  const card = el("div", { id: "from", hidden: true, role: "tooltip" });
  let owner = null;
  const hide = () => { if (owner) owner.removeAttribute("aria-describedby"); owner = null; card.hidden = true; };
  const tell = a => {
    if (owner === a) return;
    hide();
    owner = a;
    const [command, ...rest] = a.dataset.from.split("; ");
    card.replaceChildren(el("code", { textContent: command }), rest.join("; "));
    card.hidden = false;
    a.setAttribute("aria-describedby", "from");
    const r = a.getClientRects()[0], width = card.offsetWidth, below = r.bottom + 8 + card.offsetHeight < innerHeight;
    card.style.left = Math.max(8, Math.min(r.left + scrollX, scrollX + root.clientWidth - width - 8)) + "px";
    card.style.top = scrollY + (below ? r.bottom + 8 : r.top - card.offsetHeight - 8) + "px";
  };
  for (const a of $$("a.measured")) {
    a.dataset.from = a.title;
    a.removeAttribute("title");
    let touched = false;
    a.addEventListener("pointerenter", e => { if (e.pointerType === "mouse") tell(a); });
    a.addEventListener("pointerleave", e => { if (e.pointerType === "mouse" && document.activeElement !== a) hide(); });
    a.addEventListener("pointerdown", e => { touched = e.pointerType !== "mouse" && owner !== a; });
    a.addEventListener("focus", () => tell(a));
    a.addEventListener("blur", hide);
    a.addEventListener("click", e => { if (touched) { e.preventDefault(); touched = false; tell(a); } });
  }
  document.body.append(card);
  document.addEventListener("keydown", e => { if (e.key === "Escape") hide(); });
  document.addEventListener("pointerdown", e => { if (!e.target.closest("a.measured, #from")) hide(); });

  // Copying.
  const copy = async (text, button, label) => {
    try { await navigator.clipboard.writeText(text); }
    catch (e) { const t = el("textarea", { value: text }); document.body.append(t); t.select(); document.execCommand("copy"); t.remove(); }
    button.textContent = "Copied"; setTimeout(() => { button.textContent = label; }, 1300);
  };
  for (const box of $$(".code-box")) {
    const button = el("button", { type: "button", className: "copy", textContent: "Copy" });
    button.setAttribute("aria-label", "Copy this code");
    button.addEventListener("click", () => {
      const commands = $$(".command", box), rows = $$(".row:not(.gone)", box);
      const plain = r => { const c = r.cloneNode(true); $$(".shown-in", c).forEach(n => n.remove()); return c.textContent.replace(/\n$/, ""); };
      copy(commands.length ? commands.map(c => c.textContent).join("\n") : rows.length ? rows.map(plain).join("\n") : $("pre", box).textContent, button, "Copy");
    });
    box.append(button);
  }
  for (const code of $$(".copyable")) {
    const button = el("button", { type: "button", className: "copy-inline", textContent: "copy" });
    button.setAttribute("aria-label", "Copy " + code.textContent);
    button.addEventListener("click", () => copy(code.textContent, button, "copy"));
    code.after(button);
  }

  // Predictions: compare a number with the answer.
  for (const form of $$("form.guess")) form.addEventListener("submit", e => {
    e.preventDefault();
    if (form.dataset.accept) {
      const word = $("input", form).value.trim().toLowerCase().replace(/[.!?]$/, ""), right = form.dataset.accept.split("|").includes(word);
      $("output", form).textContent = !word ? "Write a word." : right ? "That is it." : "Not what the answer below says.";
      if (right) form.parentElement.querySelector("details").open = true;
      return;
    }
    const said = $("input", form).value.replace(/[\s,']/g, ""), guess = Number(said), answer = Number(form.dataset.answer), tolerance = Number(form.dataset.tolerance);
    const out = $("output", form);
    if (!said || Number.isNaN(guess)) { out.textContent = "That is no number."; return; }
    const off = Math.abs(guess - answer);
    if (off <= tolerance + 1e-9 * Math.abs(answer)) { out.textContent = "That is it."; form.parentElement.querySelector("details").open = true; }
    else if (answer !== 0 && guess / answer > 0) { const r = guess > answer ? guess / answer : answer / guess; out.textContent = (guess > answer ? "Too large" : "Too small") + (r > 1.5 ? `, by a factor of about ${r < 10 ? r.toFixed(1) : Math.round(r).toLocaleString("en")}.` : ", but near."); }
    else out.textContent = guess > answer ? "Too large." : "Too small.";
  });

  // Search: lunr ranks and stems; both it and the index are loaded when first asked for.
  const search = (() => {
    let index = null, documents = [], on = 0, loading = null;
    const dialog = el("dialog", { id: "search" }), box = el("input", { type: "search", placeholder: "Search the book and its declarations", spellcheck: false, autocomplete: "off" }), list = el("ol"), none = el("p", { className: "none" }), keys = el("p", { className: "keys", textContent: "↑ ↓ to choose, Enter to go, Esc to close" });
    dialog.setAttribute("aria-label", "Search"); box.setAttribute("aria-label", "Search for"); box.setAttribute("role", "combobox"); box.setAttribute("aria-expanded", "true"); box.setAttribute("aria-controls", "found"); list.id = "found"; list.setAttribute("role", "listbox"); list.setAttribute("aria-label", "What was found"); none.setAttribute("role", "status");
    dialog.append(box, list, none, keys); document.body.append(dialog);
    const script = src => new Promise((done, failed) => document.head.append(el("script", { src, onload: done, onerror: failed })));
    const load = () => loading || (loading = script("lunr.min.js").then(() => script("search-index.js")).then(() => {
      documents = window.VERSE_INDEX;
      // lunr tells the nodes of its word tree apart by edges and numbers written without a gap, so that words of digits can
      // be taken for one another, and a search then ends in an error. With gaps they cannot.
      lunr.TokenSet.prototype.toString = function () {
        const edges = Object.keys(this.edges).sort();
        return (this.final ? "1" : "0") + edges.map(label => "|" + label + ":" + this.edges[label].id).join("");
      };
      index = lunr(function () {
        this.ref("i"); this.field("title", { boost: 8 }); this.field("page", { boost: 3 }); this.field("text"); this.field("extra", { boost: 2 });
        documents.forEach((d, i) => this.add({ i, title: d[1].includes("_") ? d[1] + " " + d[1].replace(/_/g, " ") : d[1], page: d[2], text: d[3], extra: d[5] }, { boost: d[4] === "book" ? 1.5 : d[4] === "other" ? .3 : 1 }));
      });
    }));
    const escape = s => s.replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
    const find = () => {
      if (!index) return;
      const text = box.value.toLowerCase().trim(), words = text.split(/[^\p{L}\p{N}_]+/u).filter(Boolean);
      let scores = null, any = new Map();
      words.forEach((word, n) => {
        const last = n === words.length - 1;
        const hits = index.query(q => { q.term(word, { boost: 10, usePipeline: true }); if (last || word.length > 3) q.term(word, { boost: 4, usePipeline: false, wildcard: lunr.Query.wildcard.TRAILING }); if (word.length > 4) q.term(word, { boost: 1, editDistance: 1 }); });
        const here = new Map(hits.map(h => [+h.ref, h.score]));
        here.forEach((s, i) => any.set(i, (any.get(i) || 0) + s));
        scores = scores === null ? here : new Map([...scores].filter(([i]) => here.has(i)).map(([i, s]) => [i, s + here.get(i)]));
      });
      if (!scores || !scores.size) scores = any;
      if (words.length > 1) for (const [i, s] of scores) { const d = documents[i]; scores.set(i, s * (d[1].toLowerCase().replace(/_/g, " ").includes(text) ? 2.5 : d[3].toLowerCase().includes(text) ? 1.5 : 1)); }
      // A section that explains comes before a task that asks.
      for (const [i, s] of scores) if (/^(Prediction|Exercise) /.test(documents[i][1])) scores.set(i, s * .5);
      if (words.length > 1) for (const [i, s] of scores) if (/^api-/.test(documents[i][0])) scores.set(i, s * .5);
      for (const [i, s] of scores) if (/^numbers\.html/.test(documents[i][0])) scores.set(i, s * .2); // where a number comes from explains nothing
      const hits = [...scores].sort((a, b) => b[1] - a[1]).slice(0, 14);
      const stems = words.map(w => lunr.stemmer(new lunr.Token(w, {})).toString()).filter(Boolean).map(s => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      const pattern = stems.length ? new RegExp("(" + stems.map(s => s.split("").join("-?")).join("|") + ")", "gi") : null;
      const mark = s => pattern ? escape(s).replace(pattern, "<mark>$1</mark>") : escape(s);
      on = 0;
      list.innerHTML = hits.map(([i], n) => {
        const [url, title, page, body, kind] = documents[i];
        const at = pattern ? Math.max(0, body.search(pattern) - 50) : 0, cut = (at ? "…" : "") + body.slice(at ? body.indexOf(" ", at) + 1 : 0, at + 150).trim() + (body.length > at + 150 ? "…" : "");
        return `<li role="option" id="hit-${n}" aria-selected="${n === 0}" class="${n ? "" : "on"}"><a href="${escape(url)}" tabindex="-1"><b>${mark(title)}</b><i>${title === page ? (kind === "reference" ? "API" : "") : escape(page)}</i><span>${mark(cut)}</span></a></li>`;
      }).join("");
      box.setAttribute("aria-activedescendant", hits.length ? "hit-0" : "");
      none.textContent = !words.length ? "" : hits.length ? "" : "Nothing found.";
      none.hidden = !none.textContent;
    };
    const move = step => { const items = $$("li", list); if (!items.length) return; items[on].classList.remove("on"); items[on].setAttribute("aria-selected", "false"); on = (on + step + items.length) % items.length; items[on].classList.add("on"); items[on].setAttribute("aria-selected", "true"); items[on].scrollIntoView({ block: "nearest" }); box.setAttribute("aria-activedescendant", items[on].id); };
    box.addEventListener("input", find);
    dialog.addEventListener("click", e => { if (e.target === dialog || e.target.closest("a")) dialog.close(); });
    dialog.addEventListener("keydown", e => {
      if (e.key === "Escape") { e.preventDefault(); dialog.close(); }
      if (e.key === "ArrowDown") { e.preventDefault(); move(1); }
      if (e.key === "ArrowUp") { e.preventDefault(); move(-1); }
      if (e.key === "Enter") { e.preventDefault(); const a = $("li.on a", list); if (a) { dialog.close(); location.href = a.href; } }
    });
    return { open() { dialog.showModal(); box.focus(); box.select(); load().then(find, () => { none.hidden = false; none.textContent = "The index could not be loaded."; }); }, dialog };
  })();
  document.addEventListener("keydown", e => {
    if (e.key === "Escape" && root.classList.contains("drawer")) drawer(false);
    if (search.dialog.open || /^(input|textarea|select)$/i.test(e.target.tagName)) return;
    if ((e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey) || (e.key === "k" && (e.ctrlKey || e.metaKey))) { e.preventDefault(); search.open(); }
  });

  // A link to something folded opens it.
  const unfold = () => { const t = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1))); for (let d = t && t.closest("details"); d; d = d.parentElement.closest("details")) d.open = true; };
  addEventListener("hashchange", unfold);
  unfold();
})();
