"""A chapter as plain Markdown, to be read beside its code: on GitHub, in an editor, anywhere.

Written from chapter.md line by line: what Markdown has stays as it is, and each element of the book becomes the nearest thing
that Markdown has. Never edited: `book/build --readmes` writes it, `book/build --readmes --check` says where it has drifted.
"""
import difflib
import os
import re
from pathlib import Path

import contracts
import front
import pictures
from course import MARK, Course, Errors
from markup import BLOCKS, BREAKS, INLINE
from results import Results, Wrong

HEAD = "<!-- Written from chapter.md by `book/build --readmes`: edit that file, not this one. -->"
PICTURES = "book/figures/plain"
# What stands for the page's ink and its colours where a picture is shown by itself, on light and on dark paper.
INKS = {"light": {"currentColor": "#2a2724", "--red": "#a1331b", "--soft": "#655e55", "--rule": "#ddd5c5", "--faint": "#b3a893",
                  "--paper": "#ffffff", "--paper-2": "#f5f1e8", "--blue": "#1d5873", "--ink": "#2a2724", "--strong": "#15130f"},
        "dark": {"currentColor": "#e6e1d8", "--red": "#f08a6b", "--soft": "#a9a196", "--rule": "#4a453d", "--faint": "#6d665b",
                 "--paper": "#16140f", "--paper-2": "#211e18", "--blue": "#8dc3dc", "--ink": "#e6e1d8", "--strong": "#ffffff"}}
for inks in INKS.values():
    inks.update({"--mono": "monospace", "--serif": "serif", "--sans": "sans-serif"})
INTERACTIVE = {"tokens": "Tokens and pairs", "mask": "The causal mask", "sampling": "Temperature, top-k, top-p",
               "schedule": "The learning rate"}


def slug(title):
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"[`*]|\$", "", title).lower()
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text).strip())


def braces(text, i):
    depth = 0
    for j in range(i, len(text)):
        depth += (text[j] == "{") - (text[j] == "}")
        if not depth:
            return text[i + 1:j], j + 1
    return text[i + 1:], len(text)


class Anchors:
    """Where each section is: {anchor: (file from the root, GitHub's anchor, title)}."""

    def __init__(self, root, course):
        self.known = {}
        files = [(c.path, str(Path(c.path).with_name("README.md"))) for c in course.chapters]
        files += [(f"book/{p.name}", f"book/{p.name}") for p in sorted((root / "book").glob("*.md"))]
        for path, shown in files:
            used = {}
            fence = False
            for line in (root / path).read_text(encoding="utf-8").split("\n"):
                if line.lstrip().startswith("```"):
                    fence = not fence
                m = re.match(r"(#{1,6})\s+(.*?)\s*(?:\{#([\w-]+)\}\s*)?$", line)
                if fence or not m:
                    continue
                name = slug(m[2] if shown != path else line.lstrip("# "))
                n = used[name] = used.get(name, -1) + 1
                if m[3]:
                    self.known[m[3]] = (shown, f"{name}-{n}" if n else name, m[2])


class Readme:
    """The README of one chapter."""

    def __init__(self, writer, chapter):
        self.writer, self.chapter = writer, chapter
        self.root, self.course, self.results = writer.root, writer.course, writer.results
        self.folder = Path(chapter.path).parent
        self.cited, self.runs, self.line = [], [], 1
        self.last_listing = None

    def fail(self, message):
        self.writer.errors.add(self.chapter.path, self.line, message)
        return ""

    def link(self, path, anchor=""):
        """A link from this README to a file of the repository."""
        if self.writer.flavour != "github":
            return f"#{anchor}" if anchor else path
        target = os.path.relpath(path, self.folder)
        return ("" if target == "README.md" and anchor else target) + (f"#{anchor}" if anchor else "")

    # -- inline ---------------------------------------------------------------------------------------------------
    def inline(self, text):
        text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
        out, i, first = [], 0, self.line
        while i < len(text):
            if m := re.match(r"(`+)(.+?)\1(?!`)", text[i:], re.S):
                out.append(m[0])
                i += m.end()
            elif text.startswith("\\f$", i):
                j = text.find("\\f$", i + 3)
                j = len(text) if j < 0 else j
                out.append(self.formula(text[i + 3:j].strip()))
                i = j + 3
            elif text[i] == "\\" and i + 1 < len(text):
                out.append(text[i:i + 2])
                i += 2
            elif m := re.match(r"\$(?=\S)((?:[^$\\]|\\.)+?)(?<=\S)\$(?!\d)", text[i:], re.S):
                out.append(self.formula(m[1]))
                i += m.end()
            elif (m := re.match(r"@(\w+)\{", text[i:])) and (i == 0 or not text[i - 1].isalnum()):
                arg, end = braces(text, i + m.end() - 1)
                self.line = first + text.count("\n", 0, i)
                out.append(self.element_inline(m[1], arg))
                i = end
            elif m := re.match(r"\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)", text[i:]):
                self.line = first + text.count("\n", 0, i)
                out.append(f"]({self.target(m[1])})")
                i += m.end()
            else:
                out.append(text[i])
                i += 1
        self.line = first
        return "".join(out)

    def formula(self, tex):
        if self.writer.flavour == "github" and re.search(r"\\[^A-Za-z\s]|[_*].*[_*]", tex):
            return f"$`{tex}`$"  # so that Markdown leaves its signs alone
        return f"${tex}$"

    def target(self, target):
        if re.match(r"(?:https?|mailto):", target):
            return target
        path, _, anchor = target.partition("#")
        if anchor:
            if anchor not in self.writer.anchors.known:
                return self.fail(f"no section {{#{anchor}}} anywhere in the book")
            file, name, _ = self.writer.anchors.known[anchor]
            if self.writer.flavour != "github":
                return f"#{anchor}" if file.startswith("chapters/") else "none:"
            return self.link(file, name)
        if self.writer.flavour != "github":
            chapter = re.search(r"(\d\d)_\w+/chapter\.md$", path)
            return f"#ch{chapter[1]}" if chapter else "none:"
        return re.sub(r"(^|/)chapter\.md$", r"\1README.md", path)

    def element_inline(self, name, arg):
        try:
            if name == "cite":
                key = arg.strip()
                if key not in self.writer.sources:
                    return self.fail(f"the bibliography has no source {key}")
                if key not in self.cited:
                    self.cited.append(key)
                return f"[^{self.note(key)}]"
            if name == "term":
                word, _, shown = arg.partition(",")
                return self.inline((shown or word).strip())
            if name == "see":
                anchor = arg.strip()
                title = self.writer.anchors.known.get(anchor, ("", "", ""))[2]
                return f"[{title}]({self.target('#' + anchor)})"
            if name == "given":
                return self.inline(arg)
            if name == "result":
                shown, run, _ = self.results.scalar(arg, self.chapter.number)
                self.from_runs([run])
                return shown
            if name == "compute":
                shown, runs = self.results.compute(arg, self.chapter.number)
                self.from_runs(runs)
                return shown
        except Wrong as e:
            return self.fail(f"@{name}{{{arg}}}: {e}")
        return self.fail(f"@{name} is no element of the book")

    def from_runs(self, runs):
        for run in runs:
            if run not in self.runs:
                self.runs.append(run)

    # -- blocks ---------------------------------------------------------------------------------------------------
    def text(self):
        body = self.blocks((self.root / self.chapter.path).read_text(encoding="utf-8").split("\n"))
        body = re.sub(r"\n{3,}", "\n\n", body).strip()
        parts = [HEAD, body]
        if self.runs:
            rows = "\n".join(f"- `{r.command}`: {r.circumstances}" for r in self.runs)
            unlisted = "" if self.writer.flavour == "github" else " {.unlisted}"
            parts.append(f"## Where the numbers come from{unlisted}\n\nThe measured numbers of this chapter were recorded by:\n\n" + rows)
        if self.cited:
            notes = "\n".join(f"[^{self.note(key)}]: {self.plain_source(key)}" for key in self.cited)
            parts.append(notes)
        return "\n\n".join(parts) + "\n"

    def note(self, key):
        return key if self.writer.flavour == "github" else f"{self.chapter.label}-{key}"

    def plain_source(self, key):
        return " ".join(self.writer.sources[key].split())

    def blocks(self, lines, first=1):
        out, i = [], 0
        while i < len(lines):
            self.line = first + i
            line = lines[i]
            stripped = line.strip()
            indent = line[:len(line) - len(line.lstrip())]
            if m := re.match(r"(`{3,}|~{3,})", stripped):
                j = i + 1
                while j < len(lines) and not lines[j].strip().startswith(m[1]):
                    j += 1
                out += lines[i:j + 1]
                i = j + 1
            elif m := re.match(r"(#{1,6})\s+(.*?)\s*(\{#[\w-]+\})?\s*$", line):
                anchor = " " + m[3] if m[3] and self.writer.flavour != "github" else ""
                out.append(f"{m[1]} {self.inline(m[2])}{anchor}")
                i += 1
            elif (m := re.match(r"@(\w+)(\{?)", stripped)) and (m[1] not in INLINE or not m[2]):
                text, i = self.element(m[1], lines, i, first)
                out += ["", *((indent + x if x and indent else x) for x in text.split("\n")), ""]
            else:
                j = i + 1
                while j < len(lines) and lines[j].strip() and not re.match(BREAKS, lines[j]):
                    j += 1
                paragraph = "\n".join(lines[i:j])
                display = paragraph.strip()
                if display.startswith("$$") and display.endswith("$$") and len(display) > 4:
                    out += self.display(display[2:-2].strip()).split("\n")
                else:
                    out += self.inline(paragraph).split("\n")
                i = j
        return "\n".join(out)

    def display(self, tex):
        return f"```math\n{tex}\n```" if self.writer.flavour == "github" else f"$$\n{tex}\n$$"

    @staticmethod
    def until_end(lines, i):
        """The lines below i to its @end, and the place behind that."""
        depth, j = 1, i
        while j < len(lines):
            m = re.match(r"\s*@(\w+)(\{.*\})?", lines[j])
            if m and m[1] in BLOCKS and (m[1] != "talk" or not m[2]):
                depth += 1
            if lines[j].strip() == "@end":
                depth -= 1
                if not depth:
                    return lines[i:j], j + 1
            j += 1
        return lines[i:], len(lines)

    def element(self, name, lines, i, first):
        stripped = lines[i].strip()
        arg, after, tail = "", i + 1, stripped[len(name) + 1:]
        if tail.startswith("{"):
            text = "\n".join([tail] + lines[i + 1:])
            arg, end = braces(text, 0)
            after = i + text.count("\n", 0, end) + 1
            tail = text[end:].split("\n", 1)[0]
        tail = tail.strip()
        try:
            if name == "lede":
                return f"*{self.inline(arg)}*", after
            if name == "listing":
                return self.listing(arg, tail), after
            if name == "beside":
                while after < len(lines) and lines[after].strip() and not lines[after].strip().startswith(("@", "#", "`")):
                    tail += " " + lines[after].strip()
                    after += 1
                return f"- Line {arg.strip()}: {self.inline(tail)}", after
            if name == "margin":
                return quote(self.inline(arg)), after
            if name == "exercise":
                return self.exercise(arg.strip()), after
            if name == "prediction":
                return self.prediction(arg.strip()), after
            if name == "interactive":
                title = INTERACTIVE.get(arg.strip(), arg.strip())
                return f"*“{title}” is a picture to be touched: it is in the rendered book (`make book`).*", after
            if name == "talk" and arg:
                says, holds = self.writer.talk.get(arg.strip(), ("", ""))
                if not says:
                    return self.fail(f"book/figures-the-talk-got-wrong.md has no figure {arg.strip()}"), after
                return self.talk(says, holds), after
            if name in ("talk", "figure", "output", "results"):
                body, after = self.until_end(lines, after)
                fields, rest = read_fields(body, {"figure": ("alt", "by"), "output": ("from", "to", "command"),
                                                  "results": ()}.get(name, ("says", "holds")), name != "figure")
                if name == "talk":
                    return self.talk(fields.get("says", ""), fields.get("holds", "")), after
                if name == "figure":
                    return self.figure(arg.strip(), fields, rest), after
                if name == "output":
                    return self.output(arg.strip(), fields), after
                return self.table(arg.strip(), [x for x in body if x.strip()]), after
            if name in ("note", "warning"):
                body, end = self.until_end(lines, after)
                title = self.inline(arg) or {"note": "Note", "warning": "Careful"}[name]
                return quote(f"**{title}**\n\n" + self.blocks(body, first + after).strip()), end
            if name == "question":
                body, end = self.until_end(lines, after)
                answer = self.blocks(body, first + after).strip()
                return (f"**Do you understand?** {self.inline(arg)}\n\n<details><summary>The answer</summary>\n\n{answer}\n\n"
                        "</details>"), end
            if name == "columns":
                body, end = self.until_end(lines, after)
                return self.blocks([x for x in body if x.strip() != "@next"], first + after).strip(), end
        except Wrong as e:
            return self.fail(f"@{name}{{{arg}}}: {e}"), after
        return self.fail(f"@{name} is no element of the book"), after

    # -- elements -------------------------------------------------------------------------------------------------
    def code(self, source, first, last):
        rows = [x for x in source.lines[first - 1:last] if not MARK.match(x)]
        while rows and not rows[0].strip():
            rows.pop(0)
        while rows and not rows[-1].strip():
            rows.pop()
        pad = min((len(x) - len(x.lstrip(" ")) for x in rows if x.strip()), default=0)
        return [x[pad:] for x in rows]

    def place(self, text):
        name, _, mark = (x.strip() for x in text.partition(","))
        source = self.course.find_source(name, self.chapter)
        if source is None or (mark and mark not in source.marks):
            raise Wrong("no such source or marks")
        return (source, *source.marks[mark]) if mark else (source, 1, len(source.lines))

    def listing(self, of, tail):
        source, first, last = self.place(of)
        rows = self.code(source, first, last)
        caption = f"[`{source.path}`]({self.link(source.path)})"
        since = re.match(r"since\s*\{([^}]*)\}$", tail)
        if not since:
            return f"{caption}:\n\n```cpp\n" + "\n".join(rows) + "\n```"
        before = self.code(*self.place(since[1]))
        changes = [x for x in difflib.ndiff(before, rows) if not x.startswith("?")]
        return f"{caption}, with what changed:\n\n```diff\n" + "\n".join(x[0] + x[1:] for x in changes) + "\n```"

    def exercise(self, name):
        entry = self.course.exercises.get(name)
        if not entry:
            raise Wrong("no such exercise")
        file = Path(entry["source"].path).name
        contract = contracts.find(self.course, entry)
        if contract is None:
            raise Wrong(contracts.missing(entry))
        out = ["---", "", f"### Exercise {name}: {self.inline(entry['title'])}", "",
               f"*About {entry['minutes']} minutes, {'core path' if entry.get('core', True) else 'going further'}*"]
        owner = f" of `{contract.owner}`" if contract.owner else ""
        out += ["", f"Declared in [`{Path(contract.source.path).name}`]({self.link(contract.source.path)}){owner}:", "",
                "```cpp", contract.text, "```"]
        if calls := entry.get("calls"):
            out += ["", "Calls that it takes and that are new here:", "", *[f"- `{c['call']}`: {self.inline(c['does'])}" for c in calls]]
        learner = f"chapters/{self.chapter.folder}/{file}"
        out += ["", f"Write it in [`{file}`]({self.link(learner)}), between the two lines `//! [{name}]`. "
                f"Check it with `make test-chapter-{self.chapter.number}`; `make hint-{name}` helps.", "", "---"]
        return "\n".join(out)

    def prediction(self, name):
        entry = self.course.predictions.get(name)
        if not entry:
            raise Wrong("no such prediction")
        return quote(f"**Before you read on ({name}):** {self.inline(entry['question'])}\n\n"
                     f"Answer it with `make predict-{name}`, which says why.")

    def talk(self, says, holds):
        return quote(f"**The talk says:** {self.inline(says)}\n\n**What holds:** {self.inline(holds)}")

    def figure(self, name, fields, rest):
        light, dark = self.writer.picture(name, self)
        alt = re.sub(r"[`*$]", "", self.inline(fields.get("alt", ""))).replace('"', "&quot;")
        caption = self.inline("\n".join(rest).strip())
        by = f" Drawn by `{fields['by']}`." if fields.get("by") else ""
        if self.writer.flavour != "github":
            return f"![{caption}{by}]({light})"
        return (f'<picture><source media="(prefers-color-scheme: dark)" srcset="{self.link(dark)}">'
                f'<img alt="{alt}" src="{self.link(light)}"></picture>\n\n*{caption}*{by}' if caption else "")

    def output(self, name, fields):
        run, shown = self.results.lines(name, fields.get("from", ""), fields.get("to", ""))
        self.from_runs([run])
        command = fields.get("command", run.command)
        head = [] if command == "none" else [f"$ {command}"]
        return "```console\n" + "\n".join(head + shown) + "\n```"

    def table(self, name, rows):
        if len(rows) != 3:
            raise Wrong("three lines stand in it: the table's head, its line of dashes, and one row to be filled")
        run, filled = self.results.rows(name, rows[2], self.chapter.number)
        self.from_runs([run])
        return "\n".join(self.inline(x) for x in [*rows[:2], *filled])


def quote(text):
    return "\n".join(("> " + x).rstrip() for x in text.split("\n"))


def read_fields(lines, allowed, joined):
    """'name: value' lines, and what is none."""
    fields, rest, last = {}, [], None
    for line in lines:
        m = re.match(r"\s*(\w+):\s+(.*)$", line)
        if m and m[1] in allowed and m[1] not in fields:
            last = m[1]
            fields[last] = m[2].strip()
        elif joined and last:
            fields[last] += " " + line.strip()
        else:
            rest.append(line)
    return fields, rest


class Writer:
    """All READMEs, and the pictures in them."""

    def __init__(self, root, flavour="github"):
        self.root, self.errors, self.flavour = Path(root), Errors(), flavour
        self.course = Course(self.root, self.errors)
        self.results = Results(self.root, self.errors)
        self.anchors = Anchors(self.root, self.course)
        self.sources = self.read_entries("book/bibliography.md", "source")
        self.talk = self.read_talk()
        self.files = {}  # path -> text, of everything that is written

    def read_entries(self, path, element):
        found, key = {}, None
        if not (self.root / path).exists():
            return found
        for line in (self.root / path).read_text(encoding="utf-8").split("\n"):
            if m := re.match(rf"@{element}\{{([^;}}]*)", line):
                key = m[1].strip()
                found[key] = ""
            elif line.startswith("#"):
                key = None
            elif key:
                found[key] += line + "\n"
        return found

    def read_talk(self):
        found = {}
        file = self.root / "book/figures-the-talk-got-wrong.md"
        if file.exists():
            for m in re.finditer(r"^@wrong\{([^}]*)\}\n(.*?)^@end", file.read_text(encoding="utf-8"), re.M | re.S):
                fields, _ = read_fields(m[2].split("\n"), ("says", "holds"), True)
                found[m[1].strip()] = (fields.get("says", "").strip(), fields.get("holds", "").strip())
        return found

    def picture(self, name, readme):
        """The picture's two files, on light and on dark paper."""
        found = next((self.root / f / name for f in ("book/figures", "book/diagrams") if (self.root / f / name).is_file()), None)
        if found is None:
            raise Wrong(f"no picture {name} in book/figures or book/diagrams")
        paths = []
        for paper, inks in INKS.items():
            path = f"{PICTURES}/{Path(name).stem}-{paper}.svg"
            if path not in self.files:
                try:
                    self.files[path] = pictures.alone(found, inks)
                except ValueError as e:
                    raise Wrong(str(e)) from e
            paths.append(path)
        return paths

    def write(self):
        """{path: text} of every README and its pictures."""
        for chapter in self.course.chapters:
            text = Readme(self, chapter).text()
            self.files[str(Path(chapter.path).with_name("README.md"))] = text
        if self.flavour == "github" and (self.root / front.PATH).exists():
            text = (self.root / front.PATH).read_text(encoding="utf-8")
            self.files[front.PATH] = front.write(text, self.results, self.errors)
            front.check(text, self.errors)
        return self.files


def run(root, check):
    writer = Writer(root)
    files = writer.write()
    for line in writer.errors.lines:
        print(line)
    if writer.errors.lines:
        return 1
    known = {str(p.relative_to(root)) for p in (writer.root / PICTURES).glob("*.svg")}
    drifted = []
    for path, text in files.items():
        file = writer.root / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            drifted.append(path)
            if not check:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    for path in sorted(known - set(files)):
        drifted.append(path)
        if not check:
            (writer.root / path).unlink()
    if check and drifted:
        for path in drifted:
            print(f"{path}: is not what its sources make; `book/build --readmes` writes it anew")
        return 1
    print(f"{len(files)} files, {len(drifted)} written anew" if not check else f"{len(files)} files are what their sources make")
    return 0
