"""Renders the book into build/book/html. See book/how-this-project-works.md, and book/authors.md for the markup."""
import argparse
import gzip
import html
import os
import re
import shutil
import sys
import time
from pathlib import Path

import lxml.html

import api
import calls
import doxy
import epub
import formulas
import gallery
import interactive
import numbers_page
import readme
import search
from course import ROOT, Course, Errors
from markup import Page, Reader
from results import Results, hand_typed, printed_by_hand
from render import MODEL, Book, anchor_of, esc, term_anchor

KATEX = Path("/usr/share/javascript/katex")
LUNR = Path("/usr/share/javascript/lunr/lunr.min.js")
FONTS = [("/usr/share/fonts-sil-charis/woff2", ["CharisSIL-Regular.woff2", "CharisSIL-Italic.woff2", "CharisSIL-Bold.woff2",
                                                "CharisSIL-BoldItalic.woff2"]),
         ("/usr/share/fonts/opentype/inter", ["Inter-Regular.otf", "Inter-Italic.otf", "Inter-SemiBold.otf",
                                              "InterDisplay-Bold.otf"]),
         ("/usr/share/fonts/truetype/jetbrains-mono", ["JetBrainsMono-Regular.ttf", "JetBrainsMono-Italic.ttf",
                                                       "JetBrainsMono-Bold.ttf"])]
EXTRA = ["how-this-project-works", "teaching", "figures-the-talk-got-wrong", "glossary", "bibliography", "a-model-that-writes",
         "authors"]
LIMIT = 17 * 2**20


def forms_of_glossary(text):
    forms = {}
    for m in re.finditer(r"^@entry\{([^}]*)\}", text, re.M):
        words = [w.strip() for w in m[1].split(";") if w.strip()]
        for word in words:
            forms[" ".join(word.lower().split())] = term_anchor(words[0])
    return forms


class Build:
    def __init__(self, root, out, work):
        self.root, self.out, self.work = Path(root), Path(out), Path(work)
        self.errors = Errors()

    def run(self):
        try:
            self.render()
        except Exception:
            if not self.errors.lines:
                raise
            self.stop_if_wrong()  # what is known to be wrong is the likely cause

    def render(self):
        started = time.monotonic()
        self.course = Course(self.root, self.errors)
        self.results = Results(self.root, self.errors)
        self.reader = Reader(self.errors, results=self.results)
        self.read_pages()
        self.read_manifests()
        for path, line, message in calls.check(self.course, self.root):
            self.errors.add(path, line, message)
        sources = list(self.course.sources)
        doxy.run(self.root, self.work, self.pages, sources, self.errors)
        declarations = doxy.Declarations(self.work, self.root)
        lines = {path: doxy.source_lines(self.work, declarations.file_ids[path]) for path in sources
                 if path in declarations.file_ids}
        self.book = Book(self.course, self.reader, self.pages, declarations, lines, self.errors)
        self.know_appendices()
        titles = {p.chapter.folder: (p.number, p.title, p) for p in self.pages if p.chapter}
        for path in sources:  # a chapter whose prose is not there yet has a name all the same
            folder = path.split("/")[1]
            if path.startswith("chapters/"):
                titles.setdefault(folder, (str(int(folder[:2])), folder[3:].replace("_", " ").capitalize().replace("gpt", "GPT"), None))
        self.book.titles = titles
        self.reference = api.Reference(self.book, titles)
        self.reference.check()
        self.render_formulas(declarations)
        self.shape()
        self.write_pages()
        self.every_exercise_has_its_place()
        self.copy_assets()
        gallery.write(self.book, self.out.parent / "figures.html")
        self.check()
        self.stop_if_wrong()
        size = sum(f.stat().st_size for f in self.out.rglob("*") if f.is_file())
        if size > LIMIT:
            self.errors.add("build/book/html", 0, f"{size / 2**20:.1f} MB, more than {LIMIT / 2**20:.0f}")
            self.stop_if_wrong()
        seconds = time.monotonic() - started
        print(f"{len(self.rendered)} pages, {len(self.index)} search entries, {len(self.book.math)} formulas, "
              f"{len(self.book.placed)} listings, {size / 2**20:.1f} MB, {seconds:.1f} s: {self.out / 'index.html'}")

    def stop_if_wrong(self):
        if self.errors.lines:
            for line in self.errors.lines:
                print(line, file=sys.stderr)
            print(f"the book is not rendered: {len(self.errors.lines)} mistake{'s' * (len(self.errors.lines) != 1)}",
                  file=sys.stderr)
            sys.exit(1)

    # -- reading --------------------------------------------------------------------------------------------------
    def read_pages(self):
        glossary = self.root / "book/glossary.md"
        forms = forms_of_glossary(glossary.read_text(encoding="utf-8")) if glossary.exists() else {}
        self.reader.set_glossary(forms or {"\0": ""})
        self.pages = []

        def add(path, name, chapter=None):
            file = self.root / path
            if not file.exists():
                return
            page = Page(path, name, chapter)
            page.interactive = False
            self.reader.read(page, file.read_text(encoding="utf-8"), auto_glossary=chapter is not None)
            page.terms = self.reader.auto or set()
            if chapter:
                self.no_number_by_hand(path, file.read_text(encoding="utf-8"))
            self.pages.append(page)

        add("book/index.md", "index")
        for chapter in self.course.chapters:
            add(chapter.path, chapter.folder, chapter)
        for name in EXTRA:
            add(f"book/{name}.md", name)

    def no_number_by_hand(self, path, text):
        for line, number in hand_typed(text):
            self.errors.add(path, line, f"{number} is typed by hand: a program's is @result{{name}}, arithmetic @compute{{65^2}}, "
                            "a source's or a definition @given{" + number + "}")
        for line, shown in printed_by_hand(text):
            self.errors.add(path, line, f"“{shown[:40]}” was printed by a program: @output{{run}} takes it from its recorded run")

    def read_manifests(self):
        """The texts of the manifests, read like a paragraph of their chapter."""
        for known in (self.course.exercises, self.course.predictions):
            for entry in known.values():
                page = Page(entry["manifest"], "manifest")
                self.reader.page, self.reader.auto = page, None
                texts = [entry[k] for k in ("title", "question", "why") if isinstance(entry.get(k), str)]
                texts += entry.get("hints", []) + [c["does"] for c in entry.get("calls", []) if isinstance(c.get("does"), str)]
                entry["inline"] = {t: self.reader.inline(t, entry["line"]) for t in {"", *texts}}
                anchors = {s.anchor for p in self.pages for s in p.sections} | {p.anchor for p in self.pages}
                if entry["section"] not in anchors:
                    self.errors.add(entry["manifest"], entry["line"],
                                    f"{entry['id']} names the section {entry['section']}, which is nowhere in the book")

    def know_appendices(self):
        for piece in self.reader.pieces:
            if piece.kind == "wrong":
                self.book.talk_figures[piece.data["key"]] = piece.data
                self.book.anchors[f"figure-{piece.data['key']}"] = ("figures-the-talk-got-wrong", "")
            elif piece.kind == "source":
                key, _, label = (x.strip() for x in piece.data["arg"].partition(";"))
                if key in self.book.sources_cited:
                    self.errors.add(piece.path, piece.line, f"the source {key} is there twice")
                self.book.sources_cited[key] = label
                self.book.anchors[f"source-{key}"] = ("bibliography", label)
            elif piece.kind == "entry":
                word = piece.data["arg"].split(";")[0].strip()
                if term_anchor(word) in self.book.anchors:
                    self.errors.add(piece.path, piece.line, f"the word {word} is there twice")
                self.book.anchors[term_anchor(word)] = ("glossary", word)

    def render_formulas(self, declarations):
        wanted = {}
        for piece in self.reader.pieces:
            if piece.kind == "math":
                wanted.setdefault((piece.data["tex"], piece.data["display"]), (piece.path, piece.line))
        for entity in declarations.by_id.values():
            for formula in entity.node.iter("formula"):
                tex = (formula.text or "").strip()
                display = tex.startswith("\\[")
                tex = tex.strip("$").removeprefix("\\[").removesuffix("\\]").strip()
                wanted.setdefault((tex, display), (entity.file, entity.line))
        self.book.math = formulas.render(wanted, self.errors)

    # -- pages ----------------------------------------------------------------------------------------------------
    def shape(self):
        """Chapters' HTML, made before anything that must know what they show: the reference and the sources."""
        self.prose = {}
        for page in self.pages:
            text = doxy.prose(self.work, page)
            if '<pre class="fragment"' in text or 'class="fragment"' in text:
                self.errors.add(page.path, 0, "an indented paragraph became code")
            text = re.sub(r'<table class="markdownTable">', '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>', text)
            text = re.sub(r"</table>", "</table></div>", text)
            text = re.sub(r' class="markdownTable(?:Row(?:Odd|Even)|Head)"', "", text)
            text = re.sub(r' class="markdownTable(?:Head|Body)(Left|Right|Center|None)"',
                          lambda m: {"Right": ' class="r"', "Center": ' class="c"'}.get(m[1], ""), text)
            text = re.sub(r"<th(?=[ >])", '<th scope="col"', text).replace("\u200d", "")
            text = re.sub(r"<table>\s*<tr>\s*((?:<th.*?</th>\s*)+)</tr>(.*?)</table>",
                          r"<table><thead><tr>\1</tr></thead><tbody>\2</tbody></table>", text, flags=re.S)
            text = re.sub(r' class="(?:startli|endli|interli|starttd|endtd|intertd|startdd|enddd)"', "", text)
            text = re.sub(r'<p\s*>\s*<a class="anchor"[^>]*></a>\s*</p>', "", text).replace("<p >", "<p>").lstrip()
            text = self.book.fill(text)
            # A margin note goes with the paragraph before it.
            text = re.sub(r'(<p>(?:(?!</?p>).)*</p>)\s*((?:<aside class="margin">.*?</aside>\s*)+)',
                          r'<div class="aside-by">\2\1</div>', text, flags=re.S)
            self.prose[page.name] = text

    def side(self, here, sections=()):
        """The contents at the left; sections: those of this page."""
        def item(url, label, number="", current=False, inner=""):
            mark = ' aria-current="page"' if current else ""
            n = f'<span class="n">{number}</span>' if number != "" else ""
            return f'<li{" class=here" if current else ""}><a href="{url}"{mark}>{n}<span>{label}</span></a>{inner}</li>'

        inner = ""
        if sections:
            inner = '<ol class="sections">' + "".join(f'<li><a href="#{a}">{t}</a></li>' for a, t in sections) + "</ol>"
        chapters = [item(f"{p.name}.html", p.title, p.number, p.name == here, inner if p.name == here else "")
                    for p in self.pages if p.chapter]
        extra = [item(f"{p.name}.html", p.title, "", p.name == here, inner if p.name == here else "")
                 for p in self.pages if not p.chapter and p.name not in ("index", "authors")]
        ref = [item("api.html", "API by chapter", "", here == "api")]
        if here.startswith("api-"):
            ref = [item("api.html", "API by chapter", "", False,
                        "<ol class=\"subpages\">" + "".join(
                            item(f"{n}.html", self.api_title(n), "", n == here, inner if n == here else "")
                            for n in self.reference.pages) + "</ol>")]
        ref.append(item("sources.html", "Sources", "", here == "sources" or here.startswith("source-")))
        if self.results.runs:
            ref.append(item("numbers.html", "Numbers", "", here == "numbers"))
        ref += [item(f"{p.name}.html", p.title, "", p.name == here, inner if p.name == here else "")
                for p in self.pages if p.name == "authors"]
        out = f'<h2 class="side-title">Chapters</h2><ol>{"".join(chapters)}</ol>' if chapters else ""
        out += f'<h2 class="side-title">Appendices</h2><ul>{"".join(extra)}</ul>' if extra else ""
        return out + f'<h2 class="side-title">Reference</h2><ul>{"".join(ref)}</ul>'

    def api_title(self, name):
        folder = self.reference.pages[name][0]
        number, title, _ = self.reference.titles.get(folder, (None, "Common", None))
        return f"{number} · {title}" if number else "Common"

    def page(self, name, title, kind, main, sections=(), scripts=""):
        template = (self.root / "book/theme/page.html").read_text(encoding="utf-8")
        full = "Chapter and Verse" if name == "index" else f"{self.strip(title)} · Chapter and Verse"
        values = {"title": esc(full), "kind": kind, "main": main, "side": self.side(name, sections), "scripts": scripts}
        text = re.sub(r"\{\{(\w+)\}\}", lambda m: values[m[1]], template)
        self.rendered[name + ".html"] = (text, title, kind)

    @staticmethod
    def strip(text):
        return html.unescape(re.sub(r"<[^>]+>", "", text))

    def write_pages(self):
        self.rendered = {}
        chapters = [p for p in self.pages if p.chapter]
        order = [p for p in self.pages if p.name != "authors"]
        for page in self.pages:
            script = '\n<script defer src="interactive.js"></script>' if page.interactive else ""
            sections = [(s.anchor, self.book.fill(s.title)) for s in page.sections if s.level == 2 and s.anchor]
            if page.name == "index":
                self.page("index", page.title, "front", f"<article>{self.prose['index']}</article>{self.foot()}", (), script)
                continue
            lede = f'<p class="lede">{self.book.fill(page.lede)}</p>' if page.lede else ""
            if page.chapter:
                head = (f'<header class="opening"><p class="eyebrow">Chapter {page.number}</p><h1 id="{page.anchor}">'
                        f'<span class="numeral" aria-hidden="true">{page.number}</span>{page.title}</h1>{lede}'
                        f'<p class="chapter-meta">{self.book.meta(page)}{self.api_link(page)}</p></header>')
            else:
                head = f'<header class="opening"><h1 id="{page.anchor}">{page.title}</h1>{lede}</header>'
            ends = self.prevnext(page, order)
            body = self.prose[page.name]
            if page.chapter:
                body += self.exercise_list(page)
            self.page(page.name, page.title, "chapter" if page.chapter else f"plain {page.name}",
                      f"<article>{head}{body}</article>{ends}{self.foot()}", sections, script)
        self.write_reference()
        self.write_sources()
        if self.results.runs:
            self.page("numbers", numbers_page.TITLE, "plain numbers", f"<article>{numbers_page.article(self)}</article>{self.foot()}")

    def api_link(self, page):
        name = f"api-{page.chapter.folder}"
        return f' · <a href="{name}.html">its declarations</a>' if name in self.reference.pages else ""

    def exercise_list(self, page):
        entries = [e for e in self.course.exercises.values() if e["chapter"] is page.chapter]
        if not entries:
            return ""
        rows = "".join(f'<li><a href="#exercise-{e["id"].replace(".", "-")}"><b>{e["id"]}</b> '
                       f'{self.book.fill(e["inline"][e["title"]])}</a><span>{e["minutes"]} min'
                       f'{"" if e.get("core", True) else " · going further"}</span></li>' for e in entries)
        return (f'<aside class="round-up"><p class="box-title">Exercises of this chapter</p><ol>{rows}</ol>'
                f'<p>All at once: <code class="copyable">make test-chapter-{page.number}</code></p></aside>')

    def prevnext(self, page, order):
        if page not in order:
            return ""
        i = order.index(page)
        out = ""
        if i > 0:
            p = order[i - 1]
            out += f'<a class="prev" rel="prev" href="{p.name}.html"><i>Previous</i>{self.numbered(p)}</a>'
        if i + 1 < len(order):
            p = order[i + 1]
            out += f'<a class="next" rel="next" href="{p.name}.html"><i>Next</i>{self.numbered(p)}</a>'
        return f'<nav class="prevnext" aria-label="Previous and next">{out}</nav>'

    @staticmethod
    def numbered(page):
        if page.name == "index":
            return "Front page"
        return (f'<span class="n">{page.number}</span> ' if page.chapter else "") + page.title

    @staticmethod
    def foot():
        return ('<footer class="foot"><p>Every listing in this book is cut from code that compiles and is tested. '
                '<a href="how-this-project-works.html">How this project works</a></p></footer>')

    def write_reference(self):
        rows = []
        for name in self.reference.pages:
            number, title, page, body, sections = self.reference.page(name)
            eyebrow = f"Declarations of chapter {number}" if number else "What several chapters need and none teaches"
            back = f'<p class="chapter-meta"><a href="{page.name}.html">Read chapter {number}</a></p>' if page else ""
            lede = self.reference.lede(name)
            head = f'<header class="opening"><p class="eyebrow">{eyebrow}</p><h1>{title}</h1>{lede}{back}</header>'
            self.page(name, f"API: {title}", "api", f"<article>{head}{body}</article>{self.foot()}", sections)
            names = []
            for _, entities in self.reference.pages[name][1]:
                for e in entities:
                    label = e.short.removesuffix("Impl") if e.module else e.short
                    link = f'<a href="{e.url}"><code>{esc(label)}</code></a>'
                    if link not in names and not any(f"<code>{esc(label)}</code>" in x for x in names):
                        names.append(link)
            n = f'<span class="n">{number}</span>' if number else '<span class="n">·</span>'
            rows.append(f'<section class="api-chapter"><h2>{n}<a href="{name}.html">{title}</a></h2><p>{" ".join(names)}</p></section>')
        head = ('<header class="opening"><h1>API by chapter</h1><p class="lede">Every public declaration of the course, with the '
                "chapter that it belongs to.</p></header>")
        self.page("api", "API by chapter", "api index", f"<article>{head}{''.join(rows)}</article>{self.foot()}")

    def write_sources(self):
        shown = {}
        for source, first, last, page, anchor, label in self.book.placed:
            title = label or self.book.anchors[anchor][1]
            target = (f"{page.name}.html#" + anchor_of(label)) if label else self.book.url(anchor)
            number = f"{page.number} · " if page.number and not label else ""
            shown.setdefault(source.path, {}).setdefault(first, {})[target] = number + self.book.fill(title)
        groups = {}
        for path, source in self.course.sources.items():
            rows = []
            coloured = self.book.lines.get(path, {})
            marks = shown.get(path, {})
            for number, text in enumerate(source.lines, 1):
                notes = "".join(f'<a class="shown-in" href="{url}">{title}</a>' for url, title in marks.get(number, {}).items())
                rows.append(f'<span class="row" id="l{number}">{self.book.coloured(coloured.get(number), text)}'
                            f"{notes}\n</span>")
            name = source.page.removesuffix(".html")
            head = (f'<header class="opening"><p class="eyebrow">Source</p><h1 class="file-title">{esc(path)}</h1>'
                    f'<p class="chapter-meta">{len(source.lines)} lines, {source.code_lines()} of code</p></header>')
            self.page(name, path, "source", f'<article>{head}<div class="code-box whole"><pre tabindex="0"><code>'
                      f"{''.join(rows)}</code></pre></div></article>{self.foot()}")
            groups.setdefault(path.rsplit("/", 1)[0], []).append(source)
        body = "".join(f'<section class="api-chapter"><h2>{esc(folder)}</h2><ul class="files">' + "".join(
            f'<li><a href="{s.page}">{esc(s.path.rsplit("/", 1)[1])}</a><span>{s.code_lines()} lines of code</span></li>'
            for s in sources) + "</ul></section>" for folder, sources in groups.items() if folder != "book/sample")
        head = '<header class="opening"><h1>Sources</h1><p class="lede">The files that the listings are cut from.</p></header>'
        self.page("sources", "Sources", "api index", f"<article>{head}{body}</article>{self.foot()}")

    def every_exercise_has_its_place(self):
        for kind, known in (("exercise", self.course.exercises), ("prediction", self.course.predictions)):
            for name, entry in known.items():
                if not entry["seen"]:
                    where = entry["chapter"].path if entry["chapter"] else "book/authors.md"
                    self.errors.add(entry["manifest"], entry["line"], f"{kind} {name} stands nowhere in {where}")

    # -- output ---------------------------------------------------------------------------------------------------
    def copy_assets(self):
        shutil.rmtree(self.out, ignore_errors=True)
        (self.out / "katex/fonts").mkdir(parents=True)
        (self.out / "fonts").mkdir()
        for file in (KATEX / "fonts").glob("*.woff2"):
            shutil.copy(file, self.out / "katex/fonts" / file.name)
        css = (KATEX / "katex.min.css").read_text(encoding="utf-8")
        css = re.sub(r',url\([^)]*\) format\("(?:woff|truetype)"\)', "", css)
        (self.out / "katex/katex.min.css").write_text(css, encoding="utf-8")
        for folder, names in FONTS:
            for name in names:
                if (Path(folder) / name).exists():
                    shutil.copy(Path(folder) / name, self.out / "fonts" / name)
        for name in ("book.css", "book.js", "interactive.js"):
            shutil.copy(self.root / "book/theme" / name, self.out / name)
        shutil.copy(LUNR, self.out / "lunr.min.js")
        model = self.root / "book" / (MODEL + ".gz")  # nobody reads its numbers, and so it is a third smaller
        if model.exists():
            (self.out / MODEL).parent.mkdir()
            (self.out / MODEL).write_bytes(gzip.decompress(model.read_bytes()))
        (self.out / "interactive.js").write_text(
            interactive.data_script(self.root) + (self.root / "book/theme/interactive.js").read_text(encoding="utf-8"),
            encoding="utf-8")
        self.index = []
        self.trees = {}
        for name, (text, title, kind) in self.rendered.items():
            (self.out / name).write_text(text, encoding="utf-8")
            tree = lxml.html.fromstring(text)
            self.trees[name] = tree
            article = tree.xpath("//article")[0]
            if not kind.startswith("source") and name not in ("sources.html", "api.html"):
                label = "reference" if kind == "api" else "other" if name == "authors.html" else "book"
                self.index += search.sections(article, name, self.strip(title), label)
        search.write(self.out / "search-index.js", self.index)

    # -- checks ---------------------------------------------------------------------------------------------------
    def check(self):
        ids, files = {}, {f.relative_to(self.out).as_posix() for f in self.out.rglob("*") if f.is_file()}
        back = {f"{p.name}.html": p.path for p in self.pages}
        for name, tree in self.trees.items():
            where = back.get(name, f"build/book/html/{name}")
            found = tree.xpath("//@id")
            ids[name] = set(found)
            for twice in {i for i in found if found.count(i) > 1}:
                self.errors.add(where, 0, f"the id {twice} is twice on the page")
            text = etext(tree)
            if m := re.search(r"zq\d+zq", text):
                self.errors.add(where, 0, f"an element was not replaced ({m[0]})")
            if m := re.search(r"\|\s*:?-{3,}:?\s*\|", text):
                self.errors.add(where, 0, f"a table that Doxygen did not read as one, near {text[max(0, m.start() - 60):m.start()]!r}")
            levels = [int(h.tag[1]) for h in tree.xpath("//main//*[self::h1 or self::h2 or self::h3 or self::h4]")]
            if levels[:1] != [1] or levels.count(1) != 1 or any(b > a + 1 for a, b in zip(levels, levels[1:])):
                self.errors.add(where, 0, f"headings skip a level: {levels}")
            for image in tree.xpath("//img[not(@alt)]|//svg[@role='img'][not(@aria-label)]"):
                self.errors.add(where, 0, f"a picture without a text for those who cannot see it: {image.get('src')}")
        for name, tree in self.trees.items():
            where = back.get(name, f"build/book/html/{name}")
            for link in set(tree.xpath("//@href") + tree.xpath("//@src")):
                if re.match(r"(https?|mailto|data):", link):
                    continue
                file, _, anchor = link.partition("#")
                file = file or name
                if file not in files:
                    self.errors.add(where, 0, f"a link that leads nowhere: {link}")
                elif anchor and anchor not in ids.get(file, ()):
                    self.errors.add(where, 0, f"a link to an anchor that is not there: {link}")


def etext(tree):
    return " ".join(t for t in tree.xpath("//main//text()[not(ancestor::pre) and not(ancestor::code) and not(ancestor::annotation)]"))


def main():
    parser = argparse.ArgumentParser(description="Renders the book into build/book/html.")
    parser.add_argument("--root", default=ROOT, help="the repository (default: this one)")
    parser.add_argument("--out", help="where the pages go (default: build/book/html in the repository)")
    parser.add_argument("--check", action="store_true", help="only check: what is rendered is thrown away")
    parser.add_argument("--epub", action="store_true", help="bind the chapters for an electronic reader instead (needs pandoc)")
    parser.add_argument("--readmes", action="store_true", help="write the chapters' README.md (--check: only compare)")
    arguments = parser.parse_args()
    root = Path(arguments.root).resolve()
    if arguments.epub:
        sys.exit(epub.build(root, root / "build/book/chapter-and-verse.epub"))
    if arguments.readmes:
        sys.exit(readme.run(root, arguments.check))
    base = root / "build/book"
    if arguments.check:
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            Build(root, Path(folder) / "html", Path(folder) / "work").run()
    else:
        Build(root, Path(arguments.out).resolve() if arguments.out else base / "html", base / "doxygen").run()


if __name__ == "__main__":
    main()
