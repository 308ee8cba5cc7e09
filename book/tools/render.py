"""Makes pages: puts back what the words stand for, and frames each page."""
import difflib
import html
import re
from pathlib import Path

import contracts
import formulas
import interactive
import pictures
from doxy import inner_html
from markup import TOKEN

MODEL = "model/gpt.html"  # of the book's last page; in book/ it lies compressed
HINTS = ("A nudge", "The shape of the answer", "Nearly the answer")


def esc(text):
    return html.escape(str(text), quote=True)


def anchor_of(name):
    return "exercise-" + name.removeprefix("Exercise ").replace(".", "-")


def term_anchor(word):
    return "term-" + re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")


class Book:
    def __init__(self, course, reader, pages, declarations, lines, errors):
        self.course, self.reader, self.pages = course, reader, pages
        self.declarations, self.lines, self.errors = declarations, lines, errors
        self.anchors = {}        # anchor -> (page, title as HTML with words)
        self.placed = []         # listings and exercises in the prose: (source, first, last, page, section anchor, label)
        self.figure_number = 0
        self.sources_cited, self.talk_figures, self.entries = {}, {}, {}
        self.names = {}          # what a code span may call a declaration
        self.math = {}
        for page in pages:
            self._anchor(page.anchor, page.name, page.title, page.path)
            for section in page.sections:
                if section.anchor:
                    self._anchor(section.anchor, page.name, section.title, page.path, section.line)
        for piece in reader.pieces:
            if piece.kind == "exercise":
                self.anchors[anchor_of(piece.data["arg"])] = (piece.data["page"].name, "Exercise " + piece.data["arg"])
            if piece.kind == "prediction":
                self.anchors["prediction-" + piece.data["arg"].replace(".", "-")] = (piece.data["page"].name,
                                                                                    "Prediction " + piece.data["arg"])

    def _anchor(self, anchor, page, title, path, line=1):
        if anchor in self.anchors:
            self.errors.add(path, line, f"the anchor {anchor} is there already, in {self.anchors[anchor][0]}")
        self.anchors[anchor] = (page, title)

    # -- words back to HTML ---------------------------------------------------------------------------------------
    def fill(self, text, depth=0):
        text = re.sub(r"<p(?: [^>]*)?>\s*((?:zq\d+zq\s*)+)</p>", self._alone, text)
        return TOKEN.sub(lambda m: self.piece(int(m[1])), text)

    def _alone(self, m):
        """A paragraph of one block element is no paragraph."""
        words = TOKEN.findall(m[1])
        first = self.reader.pieces[int(words[0])]
        inline = first.kind in ("code", "open", "close", "cite", "see", "number") or (
            first.kind == "raw" and not first.html.startswith(("<div", "</div", "<aside", "</aside", "<section"))) or (
            first.kind == "math" and not first.data["display"])
        return m[0] if inline else m[1]

    def piece(self, number):
        piece = self.reader.pieces[number]
        if piece.html is None:
            piece.html = self.fill(getattr(self, "_" + piece.kind)(piece))
        else:
            piece.html = self.fill(piece.html) if TOKEN.search(piece.html) else piece.html
        return piece.html

    def plain(self, text):
        """Words and tags out: for titles in search, in the sidebar and in attributes."""
        import lxml.html
        filled = self.fill(text)
        tree = lxml.html.fragment_fromstring(filled, create_parent="div")
        for hidden in tree.xpath('.//*[@aria-hidden="true"]|.//annotation'):
            hidden.drop_tree()
        return " ".join(tree.text_content().split())

    def fail(self, piece, message):
        self.errors.add(piece.path, piece.line, message)
        return ""

    def find(self, anchor):
        return self.anchors.get(anchor)

    def url(self, anchor, here=None):
        page, _ = self.anchors[anchor]
        return f"{page}.html" + (f"#{anchor}" if not any(p.anchor == anchor for p in self.pages) else "")

    def _math(self, piece):
        text = self.math.get((piece.data["tex"], piece.data["display"]), "")
        if piece.data["display"]:
            return f'<div class="formula" tabindex="0" role="group" aria-label="Formula">{text}</div>'
        return text

    def _code(self, piece):
        code = piece.data["code"]
        shown = f"<code>{esc(code)}</code>"
        if piece.data.get("plain"):
            return shown
        if re.fullmatch(r"(?:common|chapters|solutions|tests|book|data)/[\w./-]+\.\w+", code) and "NN" not in code:
            if code in self.course.sources:
                return f'<a class="code" href="{self.course.sources[code].page}">{shown}</a>'
            if not (self.course.root / code).exists() and not code.startswith("data/"):
                self.fail(piece, f"no file {code}")
            return shown
        entity = self.names.get(code.removesuffix("()"))
        if entity and (code.endswith("()") or "::" in code or entity.short[:1].isupper()):
            return f'<a class="code" href="{entity.url}">{shown}</a>'
        if re.fullmatch(r"verse::[\w:]+(?:\(\))?", code):
            self.fail(piece, f"{code} is declared and documented nowhere")
        return shown

    def _open(self, piece):
        target, css = piece.data["target"], piece.data.get("css", "")
        css = f' class="{css}"' if css else ""
        if re.match(r"(https?|mailto):", target):
            return f'<a{css} href="{esc(target)}">'
        path, _, anchor = target.partition("#")
        if anchor:
            if anchor not in self.anchors:
                self.fail(piece, f"no section {{#{anchor}}} anywhere in the book")
                return "<a>"
            return f'<a{css} href="{self.url(anchor)}">'
        source = (Path(piece.path).parent / path)
        name = str(Path("/" + str(source)).resolve()).lstrip("/")
        page = next((p for p in self.pages if p.path == name), None)
        if page:
            return f'<a{css} href="{page.name}.html">'
        if name in self.course.sources:
            return f'<a{css} href="{self.course.sources[name].page}">'
        self.fail(piece, f"a link to {target}: no page of the book, and no source that it shows")
        return "<a>"

    def _see(self, piece):
        anchor = piece.data["arg"]
        if anchor not in self.anchors:
            return self.fail(piece, f"no section {{#{anchor}}} anywhere in the book")
        return f'<a href="{self.url(anchor)}">{self.anchors[anchor][1]}</a>'

    def _cite(self, piece):
        key = piece.data["arg"]
        if key not in self.sources_cited:
            return self.fail(piece, f"the bibliography has no source {key}")
        return f'<a class="cite" href="bibliography.html#source-{key}">{esc(self.sources_cited[key])}</a>'

    def _number(self, piece):
        """A measured number: it leads to its run, and says on hover, tap and focus where it comes from."""
        run = piece.data["runs"][0]
        told = "; ".join(dict.fromkeys(r.provenance for r in piece.data["runs"]))
        if "by" in piece.data:
            told = f"{piece.data['by'].strip()}, from {told}"
        return f'<a class="measured" href="numbers.html#run-{run.name}" title="{esc(told)}">{esc(piece.data["shown"])}</a>'

    def _recorded(self, piece):
        run = piece.data["runs"][0]
        return (f'<p class="from">Recorded by <a href="numbers.html#run-{run.name}"><code>{esc(run.command)}</code></a>, '
                f"{esc(run.circumstances)}</p>")

    def _output(self, piece):
        run = piece.data["runs"][0]
        return (self.console(piece.data["body"]) +
                f'<p class="from"><a href="numbers.html#run-{run.name}">Recorded</a> {esc(run.circumstances)}</p>')

    @staticmethod
    def console(lines):
        rows = []
        for line in lines:
            if line.startswith("$ "):
                rows.append(f'<span class="prompt" aria-hidden="true">$ </span><b class="command">{esc(line[2:])}</b>')
            else:
                rows.append(f'<span class="out">{esc(line)}</span>' if line else "")
        return f'<div class="console code-box"><pre tabindex="0">{chr(10).join(rows)}</pre></div>'

    def _fence(self, piece):
        lines = piece.data["body"]
        if piece.data["language"] == "console":
            return self.console(lines)
        return f'<div class="plain code-box"><pre tabindex="0">{esc(chr(10).join(lines))}</pre></div>'

    def _heading(self, piece):
        s = piece.data["section"]
        tag = f"h{s.level}"
        if not s.anchor:
            return f"<{tag}>{s.title}</{tag}>"
        return (f'<{tag} id="{s.anchor}">{s.title}<a class="heading-link" href="#{s.anchor}" '
                f'aria-label="Link to this section">#</a></{tag}>')

    # -- listings -------------------------------------------------------------------------------------------------
    def _of(self, piece, text, chapter):
        """'file,mark' to (source, first, last); errors are the author's."""
        name, _, mark = (x.strip() for x in text.partition(","))
        source = self.course.find_source(name, chapter)
        if source is None:
            self.fail(piece, f"no source {name}, in the chapter's folders or from the root")
            return None
        if not mark:
            return source, 1, len(source.lines)
        if mark not in source.marks:
            self.fail(piece, f"{source.path} has no pair of marks [{mark}]")
            return None
        return source, *source.marks[mark]

    def code_rows(self, source, first, last):
        """The coloured lines first to last, without marks and common indentation: (number, html, text)."""
        from course import MARK
        coloured = self.lines.get(source.path, {})
        rows = []
        for number in range(first, last + 1):
            text = source.lines[number - 1]
            if MARK.match(text):
                continue
            rows.append([number, self.coloured(coloured.get(number), text), text])
        while rows and not rows[0][2].strip():
            rows.pop(0)
        while rows and not rows[-1][2].strip():
            rows.pop()
        pad = min((len(t) - len(t.lstrip(" ")) for _, _, t in rows if t.strip()), default=0)
        for row in rows:
            row[2] = row[2][pad:]
            row[1] = re.sub(r"^((?:<[^>]+>)*) {%d}" % pad, r"\1", row[1]) if pad else row[1]
        return rows

    def coloured(self, div, text):
        """A line as Doxygen coloured it, its links led to our pages."""
        if div is None:
            return esc(text)
        inner = inner_html(div).replace("\u00a0", " ").replace("&#160;", " ")
        inner = re.sub(r'<a (?:class="(code[^"]*)" )?href="([^"]*)"[^>]*>', self._code_link, inner)
        inner = re.sub(r"<a>((?:(?!</?a[ >]).)*)</a>", r"\1", inner)  # a link that leads nowhere here
        inner = re.sub(r'<span class="\w+"></span>', "", inner)
        plain = html.unescape(re.sub(r"<[^>]+>", "", inner))
        if plain.rstrip() != text.rstrip():
            lead = len(plain) - len(plain.lstrip(" ")) - (len(text) - len(text.lstrip(" ")))
            if lead > 0 and plain[lead:].rstrip() == text.rstrip():
                inner = re.sub(r"^((?:<[^>]+>)*) {%d}" % lead, r"\1", inner)
            else:
                return esc(text)  # Doxygen altered the code: show it uncoloured rather than wrong
        return inner

    def _code_link(self, m):
        href = m[2]
        id_ = href.split("#")[-1] if "#" in href else href.removesuffix(".html")
        entity = self.by_doxygen.get(id_)
        return f'<a href="{entity.url}">' if entity and entity.page else "<a>"

    def _rows_html(self, rows, classes=None, notes=None):
        out = []
        for i, (number, code, _) in enumerate(rows, 1):
            css = classes[i - 1] if classes else ""
            if notes and i in notes:
                css += " noted"
            label = f' data-n="{number}"' if number and number % 5 == 0 else ""
            out.append(f'<span class="row{" " + css.strip() if css.strip() else ""}"{label}>{code}\n</span>')
        return "".join(out)

    def listing_box(self, source, first, last, rows, classes=None, notes=(), since=""):
        width = max((len(t) for _, _, t in rows), default=0)
        wide = " wide widest" if width > 108 else " wide" if width > 74 else ""
        shown = (rows[0][0], rows[-1][0]) if rows else (first, last)
        caption = (f'<a href="{source.page}#l{first}"><span class="file">{esc(source.path)}</span> '
                   f'<span class="lines">lines {shown[0]}–{shown[1]}</span></a>{since}')
        sides = "".join(f'<p class="beside" style="--line:{n}"><span class="beside-line">Line {rows[n - 1][0]}. </span>{t}</p>'
                        for n, t in notes)
        return (f'<figure class="listing{wide}{" has-notes" if notes else ""}"><figcaption>{caption}</figcaption>'
                f'<div class="code-box"><pre tabindex="0"><code>{self._rows_html(rows, classes, {n for n, _ in notes})}'
                f"</code></pre></div>{sides}</figure>")

    def _listing(self, piece):
        found = self._of(piece, piece.data["of"], piece.data["chapter"])
        if not found:
            return ""
        source, first, last = found
        rows = self.code_rows(source, first, last)
        if not rows:
            return self.fail(piece, f"the listing {piece.data['of']} is empty")
        self.place(source, first, last, piece)
        notes = []
        for n, text, line in piece.data.get("notes", []):
            if 1 <= n <= len(rows):
                notes.append((n, text))
            else:
                self.errors.add(piece.path, line, f"@beside{{{n}}}: the listing has {len(rows)} lines")
        if not piece.data["since"]:
            return self.listing_box(source, first, last, rows, notes=notes)
        before = self._of(piece, piece.data["since"], piece.data["chapter"])
        if not before:
            return ""
        old = self.code_rows(*before)
        merged, classes, index = [], [], {}
        matcher = difflib.SequenceMatcher(None, [r[2] for r in old], [r[2] for r in rows], autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag in ("delete", "replace"):
                for r in old[a:b]:
                    merged.append((0, f"<del>{esc(r[2])}</del>" if r[2].strip() else "", r[2]))
                    classes.append("gone")
            for i, r in enumerate(rows[c:d], c):
                merged.append(tuple(r))
                classes.append("same" if tag == "equal" else "new")
        since = (f' <span class="since">changed since <a href="{before[0].page}#l{before[1]}">'
                 f'{esc(before[0].path) if before[0] is not source else "lines"} {before[1]}–{before[2]}</a></span>')
        shown = [r for r in merged if r[0]]
        box = self.listing_box(source, first, last, shown, since=since)
        body = self._rows_html(merged, classes)
        return re.sub(r"(<code>).*(</code>)", lambda m: m[1] + body + m[2], box, flags=re.S).replace(
            'class="listing', 'class="listing changed', 1)

    def place(self, source, first, last, piece, label=None):
        sections = piece.data.get("sections") or []
        page = piece.data.get("page")
        if page is not None:
            self.placed.append((source, first, last, page, sections[0] if sections else page.anchor, label))

    # -- exercises ------------------------------------------------------------------------------------------------
    def _task(self, piece, known, kind):
        name = piece.data["arg"]
        if name not in known:
            where = piece.data["page"].chapter
            self.fail(piece, f"no {kind} {name} in " + (where.manifest_path if where else "book/sample/exercises.toml"))
            return None
        entry = known[name]
        if entry["seen"]:
            self.fail(piece, f"{kind} {name} stands here a second time, first in {entry['seen'][0]}")
        entry["seen"].append(f"{piece.path}:{piece.line}")
        if entry["section"] not in piece.data["sections"]:
            self.errors.add(entry["manifest"], entry["line"],
                            f"{kind} {name} names the section {entry['section']}, but stands in "
                            f"{' / '.join(piece.data['sections']) or 'none'} ({piece.path}:{piece.line})")
        return entry

    def _exercise(self, piece):
        entry = self._task(piece, self.course.exercises, "exercise")
        if not entry or not entry.get("source") or entry["id"] not in entry["source"].marks:
            return ""
        name, source = entry["id"], entry["source"]
        if entry["chapter"] and contracts.find(self.course, entry) is None:
            self.fail(piece, contracts.missing(entry))
        first, last = source.marks[name]
        self.place(source, first, last, piece, f"Exercise {name}")
        chapter = entry["chapter"].number if entry["chapter"] else "A"
        file = source.path.replace("solutions/", "chapters/", 1)
        sample = "" if entry["chapter"] else " sample"
        hints = "".join(
            f'<details class="hint"><summary><span>Hint {i} of 3</span><i>{label}</i></summary>'
            f"<div>{self.fill(self.inline(text, entry))}</div></details>"
            for i, (label, text) in enumerate(zip(HINTS, entry["hints"]), 1))
        rows, classes = self.with_frame(source, first, last)
        solution = self.listing_box(source, first, last, rows, classes)
        core = ('<span class="core">Core path</span>' if entry.get("core", True) else
                '<span class="further">Going further</span>')
        title = self.fill(self.inline(entry["title"], entry))
        return (
            f'<section class="exercise{sample}" id="{anchor_of(name)}" aria-label="Exercise {name}">'
            f'<p class="task-kind"><span class="task-number">Exercise {name}</span>{core}'
            f'<span class="minutes">about {entry["minutes"]} minutes</span></p>'
            f'<p class="task-title">{title}</p>{self.contract(entry)}{self.calls(entry)}'
            f'<dl class="task-do"><dt>Write</dt><dd><code>{esc(file)}</code></dd>'
            f"<dt>Check</dt><dd>{self.copyable(f'make test-chapter-{chapter}')}</dd>"
            f"<dt>Stuck</dt><dd>{self.copyable(f'make hint-{name}')} or below</dd></dl>"
            f'<div class="folds">{hints}'
            f'<details class="solution"><summary><span>The solution</span><i>one way to write it</i></summary>'
            f"<div>{solution}</div></details></div></section>")

    def contract(self, entry):
        """The declaration with what its comment promises: what the reader needs of the header."""
        found = contracts.find(self.course, entry)
        if found is None:
            return ""  # told where the exercise stands
        owner = f' · member of <code>{esc(found.owner)}</code>' if found.owner else ""
        rows = []
        for source, first, last in [*found.types, (found.source, found.first, found.last)]:
            rows += [(0, "", "")] * bool(rows) + self.code_rows(source, first, last)
        classes = ["comment" if text.lstrip().startswith("//") else "" for _, _, text in rows]
        return (f'<figure class="listing contract"><figcaption><a href="{found.source.page}#l{found.first}">'
                f'<span class="file">{esc(found.source.path)}</span></a>{owner}</figcaption><div class="code-box"><pre tabindex="0"><code>'
                f"{self._rows_html([(0, code, text) for _, code, text in rows], classes)}</code></pre></div></figure>")

    def calls(self, entry):
        """The calls that the exercise takes and that are new here."""
        rows = "".join(f'<dt><code>{esc(c["call"])}</code></dt><dd>{self.fill(self.inline(c["does"], entry))}</dd>'
                       for c in entry.get("calls", []))
        return f'<dl class="task-calls">{rows}</dl>' if rows else ""

    def copyable(self, command):
        return f'<code class="copyable">{esc(command)}</code>'

    def with_frame(self, source, first, last):
        """An exercise's body with the function around it, dimmed: what is given and what is written."""
        head, tail = first - 1, last + 1
        body = [line for line in source.lines[first - 1:last] if line.strip()]
        indent = min((len(x) - len(x.lstrip()) for x in body), default=0)
        top = head - 1
        while top > 0 and source.lines[top - 1].strip() and not source.lines[top - 1].startswith("}") and head - top < 12:
            text = source.lines[top - 1]
            if text.lstrip().startswith("//") and len(text) - len(text.lstrip()) < indent:
                break
            top -= 1
            if indent and len(text) - len(text.lstrip()) < indent and not text.lstrip().startswith(("//", ")", ":")):
                if top == 1 or not source.lines[top - 1].startswith(" "):
                    break
        bottom = tail + 1
        while bottom <= len(source.lines) and not source.lines[bottom - 1].startswith("}") and bottom - tail < 12:
            bottom += 1
        framed = (indent > 0 and bottom <= len(source.lines) and source.lines[bottom - 1].startswith("}")
                  and head - top < 12 and not source.lines[top].startswith(" "))
        from course import MARK
        between = source.lines[top:head - 1] + source.lines[tail:bottom]
        if not framed or any(MARK.match(x) for x in between):
            return self.code_rows(source, first, last), None
        rows = self.code_rows(source, top + 1, bottom)
        return rows, ["" if first <= r[0] <= last else "given" for r in rows]

    def _prediction(self, piece):
        entry = self._task(piece, self.course.predictions, "prediction")
        if not entry:
            return ""
        name = entry["id"]
        answer = entry.get("answer", (entry.get("accept") or [""])[0])
        shown = f"{answer:,}" if isinstance(answer, int) else str(answer)
        tolerance = entry.get("tolerance", 0)
        within = f" (within {tolerance:g})" if tolerance else ""
        field = "prediction-" + name.replace(".", "-")
        if "accept" in entry:
            wanted = f'data-accept="{esc("|".join(str(w).lower() for w in entry["accept"]))}"'
            label, mode = "Your answer", ""
        else:
            wanted = f'data-answer="{answer}" data-tolerance="{tolerance}"'
            label, mode = "Your number", ' inputmode="decimal"'
        guess = (f'<form class="guess" {wanted}><label for="{field}-guess">{label}</label><input id="{field}-guess"{mode} '
                 f'autocomplete="off"><button type="submit">Compare</button><output for="{field}-guess"></output></form>')
        return (
            f'<section class="prediction" id="{field}" aria-label="Prediction {name}">'
            f'<p class="task-kind"><span class="task-number">Before you read on</span><span>{name}</span></p>'
            f'<p class="task-title">{self.fill(self.inline(entry["question"], entry))}</p>{guess}'
            f'<details><summary><span>The answer</span><i>decide first</i></summary><div>'
            f'<p><b class="answer">{esc(shown)}</b>{within}</p><p>{self.fill(self.inline(entry.get("why", ""), entry))}</p>'
            f"</div></details></section>")

    def inline(self, text, entry):
        return entry["inline"][text]

    # -- the rest -------------------------------------------------------------------------------------------------
    def _talk(self, piece):
        d = piece.data
        if "quoted" in d:
            if d["quoted"] not in self.talk_figures:
                return self.fail(piece, f"book/figures-the-talk-got-wrong.md has no figure {d['quoted']}")
            wrong = self.talk_figures[d["quoted"]]
            says, holds = wrong["says"], wrong["holds"]
            more = f'<a class="talk-more" href="{self.url("talk-figures")}#figure-{d["quoted"]}">All such figures</a>'
        else:
            says, holds, more = d["says"], d["holds"], ""
        return (f'<div class="talk" role="note"><div><p class="box-title">The talk says</p><p>{says}</p></div>'
                f'<div><p class="box-title">What holds</p><p>{holds}</p>{more}</div></div>')

    def _wrong(self, piece):
        d = piece.data
        told = [p for p in self.reader.pieces if p.kind == "talk" and p.data.get("quoted") == d["key"] and
                p.data["page"].chapter]
        links = ", ".join(f'<a href="{self.url(p.data["sections"][0] if p.data["sections"] else p.data["page"].anchor)}">'
                          f'{p.data["page"].number} · {p.data["page"].title}</a>' for p in told)
        more = f'<p class="told">Told in {links}</p>' if links else ""
        return (f'<div class="talk" id="figure-{d["key"]}"><div><p class="box-title">The talk says</p><p>{d["says"]}</p></div>'
                f'<div><p class="box-title">What holds</p><p>{d["holds"]}</p>{more}</div></div>')

    def _entry(self, piece):
        word = piece.data["arg"].split(";")[0].strip()
        anchor = term_anchor(word)
        used = ", ".join(f'<a href="{p.name}.html">{p.number}</a>' for p in self.pages if p.chapter and anchor in p.terms)
        used = f'<p class="used">{"chapters" if "," in used else "chapter"} {used}</p>' if used else ""
        return f'<h2 class="entry" id="{anchor}">{esc(word)}</h2>{used}'

    def _source(self, piece):
        key, _, label = (x.strip() for x in piece.data["arg"].partition(";"))
        cited = {}
        for p in self.reader.pieces:
            if p.kind == "cite" and p.data["arg"] == key:
                page = next((x for x in self.pages if x.path == p.path), None)
                if page and page.chapter:
                    cited[page.name] = f'<a href="{page.name}.html">{page.number} · {page.title}</a>'
        by = f'<p class="told">Cited in {", ".join(cited.values())}</p>' if cited else ""
        return f'<h2 class="entry" id="source-{key}">{esc(label)}</h2>{by}'

    def _figure(self, piece):
        name = piece.data["file"]
        found = next((self.course.root / f / name for f in ("book/figures", "book/diagrams")
                      if (self.course.root / f / name).is_file()), None)
        if found is None:
            return self.fail(piece, f"no picture {name} in book/figures or book/diagrams")
        if found.parent.name == "figures" and not piece.data["by"]:
            self.fail(piece, f"the figure {name} has no line 'by:', with the command that drew it")
        self.figure_number += 1
        try:
            svg = pictures.load(found, piece.data["alt"], self.figure_number)
        except Exception as e:
            return self.fail(piece, f"{found.relative_to(self.course.root)}: {e}")
        by = f' <span class="by">Drawn by {piece.data["by"]}</span>' if piece.data["by"] else ""
        return (f'<figure class="picture"><div class="scroll" tabindex="0" role="group" aria-label="Picture">{svg}</div>'
                f'<figcaption>{piece.data["caption"]}{by}</figcaption></figure>')

    def _interactive(self, piece):
        name = piece.data["arg"]
        if name not in interactive.KINDS:
            return self.fail(piece, f"no interactive picture {name}: there are {', '.join(interactive.KINDS)}")
        piece.data["page"].interactive = True
        self.figure_number += 1
        return interactive.still(name, self.figure_number)

    def _model(self, piece):
        """A page of `gpt page`, within this one."""
        title = "A trained model, to be written with"
        return (f'<figure class="model"><iframe src="{MODEL}" title="{title}"></iframe>'
                f'<figcaption><a href="{MODEL}">The same by itself</a></figcaption></figure>')

    def _art(self, piece):
        svg = (self.course.root / "book/theme/front.svg").read_text(encoding="utf-8")
        page = next(p for p in self.pages if p.name == "index")
        lede = f'<p class="lede">{page.lede}</p>' if page.lede else ""
        return (f'<div class="art">{svg[svg.index("<svg"):]}</div><h1 id="{page.anchor}">Chapter <i>and</i> Verse</h1>{lede}')

    def _start(self, piece):
        if not self.course.chapters:
            return ""
        first = self.course.chapters[0]
        page = next(p for p in self.pages if p.chapter is first)
        return f'<p class="start"><a href="{page.name}.html">Begin with chapter {first.number}, {page.title}</a></p>'

    def _contents(self, piece):
        rows = []
        for page in self.pages:
            if page.chapter:
                rows.append(f'<li><a href="{page.name}.html"><span class="n">{page.number}</span><span class="t">'
                            f'{page.title}</span></a><p>{page.lede or ""}</p><p class="m">{self.meta(page)}</p></li>')
        return f'<ol class="chapters">{"".join(rows)}</ol>' if rows else "<p>No chapter has been written yet.</p>"

    def meta(self, page):
        minutes = max(1, round(page.words / 200))
        exercises = [e for e in self.course.exercises.values() if e["chapter"] is page.chapter]
        predictions = [e for e in self.course.predictions.values() if e["chapter"] is page.chapter]
        out = [f"{minutes} minute{'s' * (minutes != 1)} to read"]
        if exercises:
            count = len(exercises)
            out.append(f"{count} exercise{'s' * (count != 1)}, {sum(e['minutes'] for e in exercises)} minutes")
        if predictions:
            out.append(f"{len(predictions)} prediction{'s' * (len(predictions) != 1)}")
        return " · ".join(out)

    def _parts(self, piece):
        """Which chapter holds what of the talk's model, train and generate, with lines counted."""
        import tomllib
        path = "book/parts.toml"
        parts = tomllib.loads((self.course.root / path).read_text(encoding="utf-8"))
        rows = []
        for part in parts["part"]:
            for i, row in enumerate(part["holds"]):
                number, folder = row["folder"][:2], row["folder"]
                wanted = row.get("files", ["*.cpp"])
                sources = [s for s in self.course.sources.values() if s.path.startswith(f"solutions/{folder}/") and
                           not s.path.endswith("main.cpp") and any(Path(s.path).match(w) for w in wanted)]
                lines = sum(s.code_lines() for s in sources)
                page = next((p for p in self.pages if p.chapter and p.chapter.folder == folder), None)
                title = f'<a href="{page.name}.html">{int(number)} · {page.title}</a>' if page else \
                    " · ".join(str(x) for x in self.titles.get(folder, (int(number),))[:2])
                head = (f'<th scope="rowgroup" rowspan="{len(part["holds"])}"><code>{part["name"]}</code></th>' if not i
                        else "")
                rows.append(f'<tr>{head}<td>{title}</td><td>{esc(row["what"])}</td>'
                            f'<td class="r">{f"{lines:,}" if lines else "–"}</td></tr>')
        return ('<div class="scroll" tabindex="0" role="group" aria-label="Table"><table class="parts"><thead><tr>'
                '<th scope="col">The talk’s file</th><th scope="col">Chapter</th><th scope="col">holds</th>'
                '<th scope="col" class="r">Lines of code</th></tr></thead><tbody>' + "".join(rows) + "</tbody></table></div>")
