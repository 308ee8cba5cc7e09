"""From what an author writes to what Doxygen reads.

Everything that Markdown does not have, and everything that Doxygen 1.9.4 silently gets wrong, is taken out and replaced by
a word of letters and digits ("zq17zq"). Doxygen lays out what is left: paragraphs, lists, tables, headings. Afterwards the
words are replaced by what they stand for. Each is remembered with the file and line it came from, so that every complaint
can name them.
"""
import html
import re
from dataclasses import dataclass, field

from results import Wrong

TOKEN = re.compile(r"zq(\d+)zq")
INLINE = ("cite", "term", "see", "given", "result", "compute")
ALONE = ("lede", "listing", "exercise", "prediction", "interactive", "margin", "beside", "contents", "art", "model",
         "parts", "start", "entry", "source")
BLOCKS = ("note", "warning", "question", "talk", "columns", "figure", "show", "wrong", "output", "results")
BREAKS = re.compile(r"\s*(?:`{3,}|~{3,}|#{1,6}\s|@(?!(?:" + "|".join(INLINE) + r")\{)\w)")
TAGS = re.compile(r"</?(?:kbd|sub|sup)>|<br ?/?>", re.I)
BULLET = re.compile(r"\n[ \t]*(?:[-*+]|\d+[.)])[ \t]|\n[ \t]*\|")


@dataclass
class Piece:
    """What one word stands for."""
    kind: str
    path: str
    line: int
    data: dict = field(default_factory=dict)
    html: str = None


@dataclass
class Section:
    level: int
    anchor: str
    title: str     # with words in it
    line: int


class Page:
    """One page of the book, read from one Markdown file."""

    def __init__(self, path, name, chapter=None):
        self.path, self.name, self.chapter = path, name, chapter
        self.title, self.anchor, self.number = "", "", None
        self.sections, self.lede, self.words = [], None, 0
        self.out, self.map = [], []  # Doxygen's Markdown, and for each line of it the author's


class Reader:
    """Reads pages; keeps every piece of the whole book in one list."""

    def __init__(self, errors, glossary=None, results=None):
        self.errors, self.pieces, self.glossary, self.results = errors, [], glossary or {}, results
        self.auto = None

    # -- pieces ---------------------------------------------------------------------------------------------------
    def word(self, kind, line, text=None, **data):
        self.pieces.append(Piece(kind, self.page.path, line, data, text))
        return f"zq{len(self.pieces) - 1}zq"

    def raw(self, text, line):
        return self.word("raw", line, text)

    def fail(self, line, message):
        self.errors.add(self.page.path, line, message)

    # -- inline ---------------------------------------------------------------------------------------------------
    def inline(self, text, line, link=True):
        """Text of a paragraph, table or list, with everything but the layout replaced by words."""
        out, i, here = [], 0, line
        n = len(text)

        def at(position):
            return line + text.count("\n", 0, position)

        while i < n:
            c, here = text[i], at(i)
            if c == "\\":
                if text.startswith("\\f$", i):
                    j = text.find("\\f$", i + 3)
                    if j < 0:
                        self.fail(here, "a formula that is not closed")
                        return "".join(out)
                    out.append(self.word("math", here, tex=text[i + 3:j].strip(), display=False))
                    i = j + 3
                elif i + 1 < n and text[i + 1] in "\\`*_{}[]()#+-.!$|<>@%~^&\"'":
                    out.append(self.raw(html.escape(text[i + 1]), here))
                    i += 2
                else:
                    m = re.match(r"\\\w*", text[i:])
                    self.fail(here, f"{m[0]} means nothing in the book's prose")
                    i += max(1, len(m[0]))
            elif c == "`":
                ticks = re.match(r"`+", text[i:])[0]
                j = text.find(ticks, i + len(ticks))
                if j < 0:
                    self.fail(here, "a backtick that is not closed")
                    return "".join(out)
                code = " ".join(text[i + len(ticks):j].split("\n"))
                code = code[1:-1] if len(ticks) > 1 and code[:1] == code[-1:] == " " else code
                out.append(self.word("code", here, code=code))
                i = j + len(ticks)
            elif c == "$":
                double = text.startswith("$$", i)
                if double:
                    j = text.find("$$", i + 2)
                else:
                    m = re.match(r"\$(?=\S)((?:[^$\\]|\\.)+?)(?<=\S)\$(?!\d)", text[i:])
                    j = i + m.end() - 1 if m else -1
                if j < 0:
                    self.fail(here, r"a dollar that opens no formula: write \$ for the character")
                    i += 1
                    continue
                width = 2 if double else 1
                out.append(self.word("math", here, tex=text[i + width:j].strip(), display=double))
                i = j + width
            elif c == "<":
                if text.startswith("<!--", i):
                    j = text.find("-->", i)
                    i = j + 3 if j > 0 else n
                elif m := TAGS.match(text, i):
                    out.append(self.raw(m[0].lower(), here))
                    i = m.end()
                elif m := re.match(r"<(https?://[^\s>]+)>", text[i:]):
                    out.append(self.raw(f'<a href="{html.escape(m[1])}">{html.escape(m[1])}</a>', here))
                    i += m.end()
                elif m := re.match(r"</?[A-Za-z!][^>\n]*>?", text[i:]):
                    self.fail(here, f"HTML in prose: {m[0]}")
                    i += m.end()
                else:
                    out.append(self.raw("&lt;", here))
                    i += 1
            elif c == "!" and text.startswith("![", i):
                self.fail(here, "a picture is placed with @figure")
                i += 2
            elif c == "[" and (m := self._link(text, i)):
                label, target, end = m
                inner = self.inline(label, here, link=False)
                out.append(self.word("open", here, target=target) + inner + self.word("close", here, "</a>"))
                i = end
            elif c == "@":
                m = re.match(r"@(\w+)", text[i:])
                if not m or (i and (text[i - 1].isalnum())):
                    out.append(self.raw("@", here))
                    i += 1
                elif m[1] in INLINE and text[i + m.end():i + m.end() + 1] == "{":
                    arg, end = self._braces(text, i + m.end(), here)
                    out.append(self._inline_element(m[1], arg, here))
                    i = end
                else:
                    known = m[1] in INLINE + ALONE + BLOCKS + ("end", "next", "and")
                    self.fail(here, f"@{m[1]} " + ("stands on a line of its own" if known and m[1] not in INLINE else
                                                  "needs {…} behind it" if known else "is no element of the book"))
                    i += m.end()
            elif c in "#%~^" or (c == "_" and 0 < i < n - 1 and text[i - 1].isalnum() and text[i + 1].isalnum()):
                out.append(self.raw(c, here))
                i += 1
            elif c == "-" and re.match(r"--[A-Za-z]", text[i:]) and (not i or not text[i - 1].isalnum()):
                self.fail(here, f"{re.match(r'--[^ ]*', text[i:])[0]} outside code becomes a dash: put it in backticks")
                i += 2
            else:
                out.append(c)
                i += 1
        result = "".join(out)
        keep = r"(?:(?!\n[ \t]*(?:[-*+]|\d+[.)])[ \t]|\n[ \t]*\|).)+?"
        for mark, tag in ((r"\*\*", "strong"), (r"\*", "em"), (r"(?<![A-Za-z0-9])_", "em")):
            close = r"_(?![A-Za-z0-9])" if "_" in mark else mark
            result = re.sub(mark + r"(?=[^\s*])(" + keep + r")(?<=[^\s])" + close,
                            lambda m: self.raw(f"<{tag}>", line) + m[1] + self.raw(f"</{tag}>", line), result,
                            flags=re.S)
        return self._glossary(result, line) if link and self.auto is not None else result

    def _link(self, text, i):
        """[label](target) at i: (label, target, end), or nothing."""
        depth, j, code = 0, i, False
        while j < len(text):
            if text[j] == "`":
                code = not code
            elif not code and text[j] == "[":
                depth += 1
            elif not code and text[j] == "]":
                depth -= 1
                if not depth:
                    break
            j += 1
        m = re.match(r"\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)", text[j + 1:]) if j < len(text) else None
        return (text[i + 1:j], m[1], j + 1 + m.end()) if m else None

    def _braces(self, text, i, line):
        """{…} at i, balanced: (inside, end)."""
        depth = 0
        for j in range(i, len(text)):
            depth += (text[j] == "{") - (text[j] == "}")
            if not depth:
                return text[i + 1:j], j + 1
        self.fail(line, "a brace that is not closed")
        return text[i + 1:], len(text)

    def _inline_element(self, name, arg, line):
        if name == "term":
            term, _, shown = arg.partition(",")
            key = self.glossary.get(" ".join(term.lower().split()))
            if key is None:
                self.fail(line, f"the glossary has no word “{term.strip()}”")
                return shown or term
            if self.auto is not None:
                self.auto.add(key)
            return (self.word("open", line, target="#" + key, css="term") + self.inline((shown or term).strip(), line, False)
                    + self.word("close", line, "</a>"))
        if name == "given":
            return self.inline(arg, line, False)
        if name in ("result", "compute"):
            return self._number(name, arg, line)
        return self.word(name, line, arg=arg.strip())

    def _number(self, name, arg, line):
        """A number that a program found, or that is computed."""
        try:
            if name == "result":
                shown, run, key = self.results.scalar(arg, self._chapter())
                return self.word("number", line, shown=shown, runs=[run], names=[key], **self._where())
            shown, runs = self.results.compute(arg, self._chapter())
            if not runs:
                return shown
            return self.word("number", line, shown=shown, runs=runs, names=[], by=arg, **self._where())
        except Wrong as e:
            self.fail(line, f"@{name}{{{arg}}}: {e}")
            return ""

    def _chapter(self):
        return self.page.chapter.number if self.page.chapter else "A"

    def _glossary(self, text, line):
        """Links the first use of each glossary word; leaves what is a link already."""
        if not self.glossary:
            return text
        out, last, inside = [], 0, 0
        for m in self.glossary_pattern.finditer(text):
            if m.lastgroup == "token":
                kind = self.pieces[int(m["number"])].kind
                inside += (kind == "open") - (kind == "close")
                continue
            key = self.glossary[" ".join(m["entry"].lower().split())]
            if inside or key in self.auto:
                continue
            self.auto.add(key)
            out += [text[last:m.start()], self.word("open", line, target="#" + key, css="term"), m["entry"],
                    self.word("close", line, "</a>")]
            last = m.end()
        return "".join(out) + text[last:]

    def set_glossary(self, forms):
        """forms: each form of each word, in small letters, with the anchor of its entry."""
        self.glossary = forms
        words = "|".join(re.escape(w).replace(r"\ ", r"\s+") for w in sorted(forms, key=len, reverse=True))
        self.glossary_pattern = re.compile(r"(?P<token>zq(?P<number>\d+)zq)|(?<![\w-])(?P<entry>" + words + r")(?![\w-])",
                                           re.I)

    # -- blocks ---------------------------------------------------------------------------------------------------
    def read(self, page, text, auto_glossary=False):
        self.page, self.stack = page, []
        self.auto = set() if auto_glossary else None
        page.lines = text.split("\n")
        page.outer = page.out, page.map
        self._blocks(page.lines, 1)
        for name, line, _ in self.stack:
            self.fail(line, f"@{name} is not closed by @end")
        if not page.title:
            self.fail(1, "no title: the first line is '# 3 · Name {#ch03}'")

    def _emit(self, text, line):
        for offset, part in enumerate(text.split("\n")):
            self.page.out.append(part)
            self.page.map.append(line + offset)

    def _block_word(self, word, line, indent=""):
        for part in ("", indent + word, ""):
            self.page.out.append(part)
            self.page.map.append(line)

    def _blocks(self, lines, first):
        i, n = 0, len(lines)
        while i < n:
            line, here = lines[i], first + i
            stripped = line.strip()
            indent = line[:len(line) - len(line.lstrip())]
            if not stripped:
                self._emit("", here)
                i += 1
            elif m := re.match(r"(`{3,}|~{3,})\s*(\S*)", stripped):
                j = i + 1
                while j < n and not re.match(r"\s*" + re.escape(m[1]) + r"[`~]*\s*$", lines[j]):
                    j += 1
                if j == n:
                    self.fail(here, "a fence that is not closed")
                body = [x[len(indent):] if x.startswith(indent) else x.lstrip() for x in lines[i + 1:j]]
                if m[2] not in ("console", "text"):
                    self.fail(here, f"a fence is console or text, not “{m[2]}”: code comes from a file, with @listing")
                self._block_word(self.word("fence", here, language=m[2], body=body), here, indent)
                i = j + 1
            elif m := re.match(r"(#{1,6})\s+(.*)$", line):
                self._heading(len(m[1]), m[2], here)
                i += 1
            elif m := re.match(r"@(\w+)", stripped):
                if m[1] in INLINE and stripped[m.end():m.end() + 1] == "{":
                    i = self._paragraph(lines, i, first)
                else:
                    i = self._element(m[1], lines, i, first, indent)
            else:
                i = self._paragraph(lines, i, first)

    def _paragraph(self, lines, i, first):
        j = i + 1
        while j < len(lines) and lines[j].strip() and not re.match(BREAKS, lines[j]):
            j += 1
        text = "\n".join(lines[i:j])
        display = text.strip()
        if display.startswith("$$") and display.endswith("$$") and len(display) > 4 and "$$" not in display[2:-2]:
            self._block_word(self.word("math", first + i, tex=display[2:-2].strip(), display=True), first + i)
        elif re.match(r"(?:    |\t)\S", text) and (i == 0 or not lines[i - 1].strip()) and not self._in_list(lines, i):
            self.fail(first + i, "four spaces at the start of a paragraph make it code: use a fence")
        else:
            self.page.words += len(text.split())
            bullet = re.compile(r"\s*(?:[-*+]|\d+[.)])\s")
            if not bullet.match(lines[i]) and not self._in_list(lines, i):
                for k in range(i + 1, j):
                    if bullet.match(lines[k]):
                        self.fail(first + k, "this line begins a list: leave a line empty above it, or break the line elsewhere")
            if re.match(r"\s*\|", lines[i]) and not (i + 1 < j and re.match(r"\s*\|[\s:|-]+\|\s*$", lines[i + 1])):
                self.fail(first + i, "a table without its line of dashes")
            if re.match(r"\s*\|", lines[i]):
                cells = [self._cells(x) for x in lines[i:j]]
                for offset, count in enumerate(cells):
                    if count != cells[0]:
                        self.fail(first + i + offset, f"this row has {count} cells, the first has {cells[0]}")
                self._emit("", first + i)
            self._emit(self.inline(text, first + i), first + i)
        return j

    @staticmethod
    def _cells(row):
        row = re.sub(r"`[^`]*`|\$[^$]*\$|\\\|", "x", row.strip())
        return row.strip("|").count("|") + 1

    @staticmethod
    def _in_list(lines, i):
        while i > 0:
            i -= 1
            if re.match(r"\s*(?:[-*+]|\d+[.)])\s", lines[i]):
                return True
            if lines[i].strip() and not lines[i].startswith(" "):
                return False
        return False

    def _heading(self, level, text, line):
        m = re.match(r"(.*?)\s*\{#([\w-]+)\}\s*$", text)
        title, anchor = (m[1], m[2]) if m else (text.strip(), "")
        page = self.page
        if level == 1:
            if page.title:
                self.fail(line, "a second title")
            if not anchor:
                self.fail(line, "the title has no anchor: '# 3 · Name {#ch03}'")
            page.anchor = anchor
            if page.chapter:
                number = re.match(r"(\d+) · (.+)$", title)
                if not number or number[1] != page.chapter.number or anchor != page.chapter.label:
                    self.fail(line, f"the title reads '# {page.chapter.number} · Name {{#{page.chapter.label}}}'")
                page.number, title = (number[1], number[2]) if number else (page.chapter.number, title)
            page.title = title
            page.plain_title = title.replace("`", "").replace("*", "")
            self._emit(f"# {title.encode('ascii', 'ignore').decode() or 'Page'} {{#page_{page.name.replace('-', '_')}}}", line)
            return
        if level == 2 and not anchor:
            self.fail(line, f"the section “{title}” has no anchor: {{#{page.anchor or 'ch00'}-name}}")
        if anchor and page.chapter and not anchor.startswith(page.chapter.label + "-"):
            self.fail(line, f"the anchor {anchor} does not begin with {page.chapter.label}-")
        above = page.sections[-1].level if page.sections else 1
        if level > above + 1:
            self.fail(line, f"a heading of level {level} under one of level {above}")
        words = self.inline(title, line, link=False)
        section = Section(level, anchor, words, line)
        page.sections.append(section)
        self._block_word(self.word("heading", line, section=section), line)

    def _element(self, name, lines, i, first, indent):
        here, stripped = first + i, lines[i].strip()
        rest = stripped[len(name) + 1:]
        opened = rest.startswith("{")
        arg = None
        if opened:  # the argument may run over several lines
            text, j = "\n".join([rest] + lines[i + 1:]), i
            arg, end = self._braces(text, 0, here)
            j = i + text.count("\n", 0, end)
            tail = text[end:].split("\n", 1)[0].strip()
        else:
            j, tail = i, rest.strip()
        after = j + 1
        if name == "end" or name == "next":
            if not self.stack:
                self.fail(here, f"@{name} closes nothing")
            elif name == "next":
                if self.stack[-1][0] != "columns":
                    self.fail(here, "@next stands between two @columns")
                self._block_word(self.raw("</div><div>", here), here)
            else:
                _, _, close = self.stack.pop()
                self._block_word(self.raw(close, here), here)
            return after
        if name == "show":
            return self._show(lines, i, first)
        if name == "talk" and arg is not None:
            self._block_word(self.word("talk", here, quoted=arg.strip(), **self._where()), here)
            return after
        if name == "results":
            return self._table(arg, lines, after, first, here)
        if name in ("talk", "figure", "wrong", "output"):
            return self._fields(name, arg, lines, after, first, here)
        if name in ("note", "warning", "columns"):
            if name == "columns":
                self._block_word(self.raw('<div class="columns"><div>', here), here)
                self.stack.append((name, here, "</div></div>"))
            else:
                title = self.inline(arg, here, False) if arg else {"note": "Note", "warning": "Careful"}[name]
                self._block_word(self.raw(f'<div class="box {name}" role="note"><p class="box-title">{title}</p>', here), here)
                self.stack.append((name, here, "</div>"))
            return after
        if name == "question":
            if not (arg or "").strip():
                self.fail(here, "@question needs {the question} behind it; its answer stands below, up to @end")
            asked = self.inline(arg or "", here, False)
            self._block_word(self.raw('<section class="prediction question" aria-label="Question"><p class="task-kind">'
                                      '<span class="task-number">Do you understand?</span></p>'
                                      f'<p class="task-title">{asked}</p><details><summary><span>The answer</span>'
                                      '<i>think first</i></summary><div>', here), here)
            self.stack.append((name, here, "</div></details></section>"))
            return after
        if name not in ALONE:
            self.fail(here, f"@{name} is no element of the book")
            return after
        if name in ("exercise", "prediction", "listing", "interactive", "lede", "margin") and arg is None:
            self.fail(here, f"@{name} needs {{…}} behind it")
            return after
        if name == "lede":
            self.page.lede = self.inline(arg, here, False)
        elif name == "margin":
            self.page.words += len(arg.split())
            self._block_word(self.raw(f'<aside class="margin"><p>{self.inline(arg, here)}</p></aside>', here), here, indent)
        elif name == "beside":
            while after < len(lines) and lines[after].strip() and not lines[after].strip().startswith(("@", "#", "`")):
                tail += " " + lines[after].strip()
                after += 1
            listing = next((p for p in reversed(self.pieces) if p.kind == "listing" and p.path == self.page.path), None)
            if listing is None or listing.data.get("closed"):
                self.fail(here, "@beside stands under the listing that it speaks of")
            elif not (arg or "").strip().isdigit():
                self.fail(here, "@beside{2} names the line of the listing, counted from its top")
            else:
                listing.data.setdefault("notes", []).append((int(arg), self.inline(tail, here), here))
        elif name == "listing":
            since = re.match(r"since\s*\{([^}]*)\}$", tail)
            if tail and not since:
                self.fail(here, f"behind a listing stands nothing, or since {{file,mark}}: “{tail}”")
            for p in self.pieces:
                if p.kind == "listing" and p.path == self.page.path:
                    p.data["closed"] = True
            self._block_word(self.word("listing", here, of=arg, since=since[1] if since else None,
                                       chapter=self.page.chapter, **self._where()), here, indent)
        else:
            self._block_word(self.word(name, here, arg=(arg or "").strip(), tail=tail, **self._where()), here, indent)
        return after

    def _where(self):
        """The page, and the sections that the next line stands in, the innermost first."""
        within = []
        for s in reversed(self.page.sections):
            if not within or s.level < within[-1].level:
                within.append(s)
        return {"page": self.page, "sections": [s.anchor for s in within if s.anchor]}

    def _show(self, lines, i, first):
        """An element with its source above it."""
        depth, j = 1, i + 1
        fence = False
        while j < len(lines):
            s = lines[j].strip()
            if s.startswith("```"):
                fence = not fence
            if not fence:
                m = re.match(r"@(\w+)(\{)?", s)
                if m and (m[1] in BLOCKS and (m[1] != "talk" or not m[2])):
                    depth += 1
                if s == "@end":
                    depth -= 1
                    if not depth:
                        break
            j += 1
        body = lines[i + 1:j]
        here = first + i
        self._block_word(self.raw('<div class="show"><div class="show-source">', here), here)
        self._block_word(self.word("fence", here, language="text", body=body), here)
        self._block_word(self.raw('</div><div class="show-result">', here), here)
        self._blocks(body, here + 1)
        self._block_word(self.raw("</div></div>", here), here)
        return j + 1

    def _fields(self, name, arg, lines, i, first, here):
        """A block of 'name: value' lines, and for a figure a caption."""
        fields, rest = {}, []
        allowed = {"figure": ("alt", "by"), "output": ("from", "to", "command")}.get(name, ("says", "holds"))
        where = {}
        last = None
        while i < len(lines) and lines[i].strip() != "@end":
            m = re.match(r"\s*(\w+):\s+(.*)$", lines[i])
            if m and m[1] in allowed and m[1] not in fields:
                last = m[1]
                fields[last], where[last] = m[2], first + i
            elif name != "figure" and last:
                fields[last] += "\n" + lines[i].strip()
            else:
                rest.append(lines[i])
            i += 1
        if i == len(lines):
            self.fail(here, f"@{name} is not closed by @end")
        if name == "output":
            try:
                run, shown = self.results.lines((arg or "").strip(), fields.get("from", ""), fields.get("to", ""))
            except Wrong as e:
                self.fail(here, f"@output{{{arg}}}: {e}")
                return i + 1
            command = fields.get("command", run.command)
            self._block_word(self.word("output", here, body=([] if command == "none" else ["$ " + command]) + shown, runs=[run],
                                       names=["output"], **self._where()), here)
        elif name != "figure":
            for key in allowed:
                if key not in fields:
                    self.fail(here, f"@{name} has no line '{key}:'")
            self._block_word(self.word(name, here, key=(arg or "").strip(), says=self.inline(fields.get("says", ""), here, False),
                                       holds=self.inline(fields.get("holds", ""), here, False)), here)
        else:
            if not fields.get("alt"):
                self.fail(here, f"the figure {arg} has no line 'alt:', for readers who cannot see it")
            caption = self.inline("\n".join(rest).strip(), here + 1)
            by = self.word("code", here, code=fields["by"], plain=True) if fields.get("by") else None
            self._block_word(self.word("figure", here, file=(arg or "").strip(), alt=self._plain(fields.get("alt", ""), here), by=by,
                                       caption=caption), here)
        return i + 1

    def _plain(self, text, line):
        """Text in which numbers may stand, and nothing else of the book's: for readers who cannot see a picture."""
        def number(m):
            try:
                if m[1] == "given":
                    return m[2]
                if m[1] not in ("result", "compute"):
                    raise Wrong("in a picture's text stand @given, @result and @compute, no other element")
                return (self.results.scalar if m[1] == "result" else self.results.compute)(m[2], self._chapter())[0]
            except Wrong as e:
                self.fail(line, f"@{m[1]}{{{m[2]}}}: {e}")
                return ""
        return re.sub(r"@(\w+)\{([^{}]*)\}", number, text)

    def _table(self, arg, lines, i, first, here):
        """A recorded table: its head and its line of dashes as in Markdown, then one row that each of its rows fills."""
        end = i
        while end < len(lines) and lines[end].strip() != "@end":
            end += 1
        if end == len(lines):
            self.fail(here, "@results is not closed by @end")
        body = [x for x in lines[i:end] if x.strip()]
        if len(body) != 3:
            self.fail(here, "in @results stand three lines: the table's head, its line of dashes, and one row to be filled")
            return end + 1
        try:
            run, rows = self.results.rows((arg or "").strip(), body[2], self._chapter())
        except Wrong as e:
            self.fail(here, f"@results{{{arg}}}: {e}")
            return end + 1
        self._emit("", here)
        for line in [*body[:2], *rows]:
            self._emit(self.inline(line, here, False), here)
        self._block_word(self.word("recorded", here, runs=[run], names=[(arg or "").partition(";")[0].strip().split(":")[-1]], **self._where()), here)
        return end + 1
