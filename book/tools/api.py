"""The reference: one page a chapter, from the documentation comments of its headers, in the order of the headers."""
import html
import re

from render import anchor_of


def esc(text):
    return html.escape(str(text), quote=True)


def slug(name):
    return re.sub(r"[^A-Za-z0-9]+", "-", name.removeprefix("verse::")).strip("-") or "operator"


class Reference:
    def __init__(self, book, titles):
        self.book, self.titles = book, titles   # titles: folder -> (number, title)
        self.pages = {}                          # page name -> (title, [(header path, [entities])])
        d = book.declarations
        def order(item):  # the header with the chapter's own name comes first
            folder, name = item[0].rsplit("/", 1)
            return folder, name.removesuffix(".h") != folder.split("/")[-1][3:], name

        for path, source in sorted(book.course.sources.items(), key=order):
            if not path.endswith(".h") or path.startswith(("solutions/", "book/")):
                continue
            entities = [e for e in d.files.get(path, []) if e.kind in ("class", "struct", "function", "enum", "typedef", "variable")
                        and not e.short.startswith("@") and "detail::" not in e.name and "@" not in e.name
                        and not re.fullmatch(r"[A-Z_]{3,}", e.short)]
            if not entities:
                continue
            folder = path.split("/")[1] if path.startswith("chapters/") else "common"
            page = f"api-{folder}"
            self.pages.setdefault(page, (folder, []))[1].append((path, entities))
            used = set()
            for entity in entities:
                self._assign(entity, page, source)
        used = {}
        for page, (_, headers) in self.pages.items():
            for _, entities in headers:
                for e in entities:
                    for x in [e, *(m for m in e.members if not m.short.startswith("~"))]:
                        base, n = x.anchor, 2
                        while (page, x.anchor) in used:
                            x.anchor, n = f"{base}-{n}", n + 1
                        used[page, x.anchor] = True
        book.by_doxygen = {}
        for id_, entity in d.by_id.items():
            if not entity.page:
                continue
            book.by_doxygen[id_] = entity
            book.by_doxygen[id_.rsplit("_1", 1)[-1]] = entity
        names = {}
        for entity in d.by_id.values():
            if not entity.page:
                continue
            shown = {entity.name, entity.name.removeprefix("verse::")}
            if getattr(entity, "module", None):
                shown |= {n.removesuffix("Impl") for n in shown}
                shown |= {re.sub(r"Impl$", "", n) for n in shown}
            if entity.parent is not None and getattr(entity.parent, "module", None):
                shown |= {n.replace("Impl::", "::") for n in shown}
            if entity.parent is None:
                shown |= {entity.short}
            for name in shown:
                names.setdefault(name, entity)
        book.names = names

    def _assign(self, entity, page, source):
        entity.page, entity.anchor = page + ".html", slug(entity.name)
        entity.module = False
        if entity.short.endswith("Impl"):
            name = entity.short.removesuffix("Impl")
            entity.module = any(re.search(rf"TORCH_MODULE\({name}\)", line) for line in source.lines)
            if entity.module:
                entity.anchor = slug(name)
        for member in entity.members:
            member.page = entity.page
            member.anchor = entity.anchor if member.short.startswith("~") else entity.anchor + "-" + slug(member.short)

    def documented(self, entity):
        return any("".join(entity.node.find(t).itertext()).strip() for t in ("briefdescription", "detaileddescription")
                   if entity.node.find(t) is not None)

    def grouped(self, entity, entities):
        """The declaration above it, where no blank line stands between: one comment speaks of both."""
        lines = self.book.course.sources[entity.file].lines
        above = lines[entity.line - 2].strip() if entity.line > 1 else ""
        i = entities.index(entity)
        return entities[i - 1] if i and above and not above.startswith(("//", "template", "/*", "}  //")) else None

    # -- documentation comments -----------------------------------------------------------------------------------
    def doc(self, node):
        """A description of Doxygen's XML as HTML."""
        if node is None:
            return ""
        return "".join(self.element(child) for child in node)

    def children(self, e):
        out = esc(e.text or "")
        for child in e:
            out += self.element(child) + esc(child.tail or "")
        return out

    def with_exercises(self, text):
        """“(Exercise 3.2)” in a documentation comment gives way to the link at the foot; shapes are set as code."""
        def link(m):
            entry = self.book.course.exercises.get(m[1])
            return "" if entry and entry["seen"] else m[0]
        text = re.sub(r"\s*\(Exercise (\d+\.\d+)\)", link, text)
        text = re.sub(r"(?<!\w)\[(?:[\w.+*/-]+(?: [+*/-] ?\w+| \w+)?(?:, )?)+\]", lambda m: f'<code class="shape">{m[0]}</code>', text)
        return re.sub(r"<p>\s*</p>", "", text)

    def element(self, e):
        if not isinstance(e.tag, str):
            return ""
        t = e.tag
        if t == "para":
            blocks = ("parameterlist", "simplesect", "itemizedlist", "orderedlist", "programlisting", "verbatim", "table")
            out, run = [], esc(e.text or "")
            for child in e:
                if child.tag in blocks or (child.tag == "formula" and (child.text or "").startswith("\\[")):
                    if run.strip():
                        out.append(f"<p>{run}</p>")
                    out.append(self.element(child))
                    run = esc(child.tail or "")
                else:
                    run += self.element(child) + esc(child.tail or "")
            if run.strip():
                out.append(f"<p>{run}</p>")
            return "".join(out)
        simple = {"bold": "strong", "emphasis": "em", "subscript": "sub", "superscript": "sup", "itemizedlist": "ul",
                  "orderedlist": "ol", "listitem": "li"}
        if t in simple:
            return f"<{simple[t]}>{self.children(e)}</{simple[t]}>"
        if t == "computeroutput":
            code = "".join(e.itertext())
            entity = self.book.names.get(code.removesuffix("()"))
            if entity and (code.endswith("()") or "::" in code or entity.short[:1].isupper()):
                return f'<a class="code" href="{entity.url}"><code>{esc(code)}</code></a>'
            return f"<code>{esc(code)}</code>"
        if t == "formula":
            tex = (e.text or "").strip()
            display = tex.startswith("\\[")
            tex = tex.strip("$").removeprefix("\\[").removesuffix("\\]").strip()
            shown = self.book.math.get((tex, display), "")
            return f'<div class="formula">{shown}</div>' if display else shown
        if t == "ref":
            entity = self.book.by_doxygen.get(e.get("refid"))
            return f'<a href="{entity.url}">{self.children(e)}</a>' if entity else self.children(e)
        if t == "ulink":
            return f'<a href="{esc(e.get("url"))}">{self.children(e)}</a>'
        if t == "simplesect":
            kind = {"return": "Gives", "pre": "Needs", "post": "Afterwards", "note": "Note", "see": "See", "warning": "Careful",
                    "since": "Since", "remark": "Remark", "par": ""}.get(e.get("kind"), e.get("kind").capitalize())
            title = e.find("title")
            kind = esc("".join(title.itertext())) if title is not None else kind
            return f'<dl class="facts"><dt>{kind}</dt><dd>{"".join(self.element(c) for c in e if c.tag != "title")}</dd></dl>'
        if t == "parameterlist":
            if e.get("kind") in ("exception",):
                rows = "".join(f"<dt>Throws</dt><dd>{self._names(i)} {self.doc(i.find('parameterdescription'))}</dd>"
                               for i in e.findall("parameteritem"))
                return f'<dl class="facts inline">{rows}</dl>'
            rows = "".join(f"<dt>{self._names(i)}</dt><dd>{self.doc(i.find('parameterdescription'))}</dd>"
                           for i in e.findall("parameteritem"))
            return f'<dl class="facts params">{rows}</dl>'
        if t in ("programlisting", "verbatim", "preformatted"):
            if t == "programlisting":
                text = "\n".join("".join(" " if x.tag == "sp" else (x.text or "") + (x.tail or "") for x in line.iter()
                                         if x is not line) for line in e.findall("codeline"))
            else:
                text = "".join(e.itertext())
            return f'<div class="code-box"><pre tabindex="0">{esc(text.strip(chr(10)))}</pre></div>'
        entities = {"ndash": "–", "mdash": "—", "nonbreakablespace": " ", "sp": " ", "linebreak": "<br>", "lsquo": "‘",
                    "rsquo": "’", "hruler": "", "times": "×", "ge": "≥", "le": "≤", "radic": "√"}
        return entities.get(t, self.children(e))

    def _names(self, item):
        return ", ".join(f'<code>{esc("".join(n.itertext()))}</code>' for n in item.iter("parametername"))

    # -- signatures -----------------------------------------------------------------------------------------------
    def typed(self, node):
        if node is None:
            return ""

        def modules(text):  # Doxygen does not know the holders that TORCH_MODULE makes
            def link(m):
                entity = self.book.names.get(m[0])
                known = entity is not None and getattr(entity, "module", False)
                return f'<a href="{entity.url}">{m[0]}</a>' if known else m[0]
            return re.sub(r"\b[A-Z]\w+\b", link, esc(text or ""))

        out = modules(node.text)
        for child in node:
            entity = self.book.by_doxygen.get(child.get("refid"))
            inner = esc("".join(child.itertext()))
            out += (f'<a href="{entity.url}">{inner}</a>' if entity else inner) + modules(child.tail)
        out = re.sub(r"&lt; ", "&lt;", re.sub(r" &gt;", "&gt;", out))
        return re.sub(r" ([&*]|&amp;)", r"\1", out)

    def signature(self, e):
        n = e.node
        if e.kind in ("class", "struct"):
            bases = ["".join(b.itertext()).removeprefix("verse::") for b in n.findall("basecompoundref")]
            name = e.short.removesuffix("Impl") if e.module else e.short
            tail = f' <span class="dim">: {esc(", ".join(bases))}</span>' if bases and not e.module else ""
            return f'<span class="kw">{"module" if e.module else e.kind}</span> {esc(name)}{tail}'
        if e.kind == "enum":
            values = "".join(f'\n  {esc(v.findtext("name"))},' for v in n.findall("enumvalue"))
            return f'<span class="kw">enum class</span> <b>{esc(e.short)}</b> {{{values}\n}}'
        type_ = self.typed(n.find("type"))
        if e.kind == "typedef":
            return f'<span class="kw">using</span> <b>{esc(e.short)}</b> = <span class="type">{type_}</span>'
        if e.kind == "variable":
            value = "".join(n.find("initializer").itertext()) if n.find("initializer") is not None else ""
            value = f' <span class="dim">{esc(value)}</span>' if value and len(value) < 60 else ""
            return f'<span class="type">{type_}</span> <b>{esc(e.short)}</b>{esc(n.findtext("argsstring") or "")}{value}'
        params = []
        for p in n.findall("param"):
            value = "".join(p.find("defval").itertext()) if p.find("defval") is not None else ""
            value = re.sub(r"< ", "<", re.sub(r" >", ">", value))
            params.append(f'<span class="type">{self.typed(p.find("type"))}</span> {esc(p.findtext("declname") or "")}'.rstrip()
                          + (f' <span class="dim">= {esc(value)}</span>' if value else ""))
        template = n.find("templateparamlist")
        head = ""
        if template is not None:
            head = '<span class="dim">template &lt;' + ", ".join(
                (self.typed(p.find("type")) + " " + esc(p.findtext("declname") or "")).strip() for p in template) + "&gt;</span>\n"
        lead = f'<span class="type">{type_}</span> ' if type_ else ""
        tail = " const" if n.get("const") == "yes" else ""
        one = f"{lead}<b>{esc(e.short)}</b>({', '.join(params)})"
        if len(html.unescape(re.sub("<[^>]+>", "", one))) > 92:
            one = f"{lead}<b>{esc(e.short)}</b>(\n    " + ",\n    ".join(params) + ")"
        return head + one + (f'<span class="kw">{tail}</span>' if tail else "")

    # -- pages ----------------------------------------------------------------------------------------------------
    def readings(self, entity):
        """The places of the book that show this declaration's code."""
        found, spans = {}, []
        if entity.body:
            spans.append(entity.body)
        if entity.kind in ("class", "struct"):
            spans += [m.body for m in entity.members if m.body]
        else:
            spans.append((entity.file, entity.line, entity.line))
        for source, first, last, page, anchor, label in self.book.placed:
            for file, a, b in spans:
                if source.path == file and first <= b and last >= a and not (last - first > 250):
                    found[anchor, label] = (page, anchor, label)
        return list(found.values())

    def entry(self, e, member=False):
        where = [f'<a href="{self.book.course.sources[e.file].page}#l{e.line}">{esc(e.file)}:{e.line}</a>']
        if e.body and e.body[0] != e.file and e.body[0] in self.book.course.sources:
            where.append(f'body <a href="{self.book.course.sources[e.body[0]].page}#l{e.body[1]}">{esc(e.body[0])}:{e.body[1]}</a>')
        reads = []
        for page, anchor, label in self.readings(e):
            title = self.book.anchors[anchor][1]
            number = f"{page.number} · " if page.number else ""
            if label:
                reads.append(f'<a href="{page.name}.html#{anchor_of(label)}">{label}</a>')
            section = f'<a href="{self.book.url(anchor)}">{number + title}</a>'
            if section not in reads:
                reads.append(section)
        read = f'<span class="reads">Read: {", ".join(reads)}</span>' if reads and not (member and len(reads) == 0) else ""
        brief = self.with_exercises("".join(f"{self.doc(e.node.find(t))}" for t in ("briefdescription", "detaileddescription")))
        if not member and not self.documented(e):
            above = self.grouped(e, self.book.declarations.files[e.file])
            if above is not None and above.page:
                brief = f'<p>Documented together with <a href="{above.url}"><code>{esc(above.short)}</code></a>, above.</p>'
        signature = f'<div class="signature"><pre tabindex="0"><code>{self.signature(e)}</code></pre></div>'
        label = e.short.removesuffix("Impl") if getattr(e, "module", False) else e.short
        if e.kind == "enum":
            rows = "".join(f'<dt><code>{esc(v.findtext("name"))}</code></dt><dd>{self.doc(v.find("briefdescription"))}'
                           f'{self.doc(v.find("detaileddescription"))}</dd>' for v in e.node.findall("enumvalue"))
            brief += f'<dl class="facts params">{rows}</dl>'
        if member:
            foot = f'<p class="api-where">{read}</p>' if read and e.body and not e.file == e.body[0] else ""
            return f'<div class="member" id="{e.anchor}">{signature}{brief}{foot}</div>'
        members = [m for m in e.members if not m.short.startswith("~")]
        plain = [m for m in members if m.kind == "variable"]
        rest = [m for m in members if m.kind != "variable"]
        body = "".join(self.entry(m, True) for m in plain + rest if not m.short.startswith("@"))
        body = f'<div class="members">{body}</div>' if body else ""
        heading = esc(label)
        if e.kind in ("class", "struct"):
            heading, signature = self.signature(e), ""
        return (f'<section class="api-entry {e.kind}" aria-labelledby="{e.anchor}"><h3 id="{e.anchor}">{heading}</h3>{signature}{brief}'
                f'{body}<p class="api-where"><span>{" · ".join(where)}</span>{read}</p></section>')

    def page(self, name):
        """(title, HTML, sections) of one page."""
        folder, headers = self.pages[name]
        out, sections = [], []
        for path, entities in headers:
            anchor = "file-" + path.split("/")[-1].replace(".", "-")
            sections.append((anchor, path.split("/")[-1]))
            out.append(f'<h2 id="{anchor}"><a class="file-head" href="{self.book.course.sources[path].page}">{esc(path.split("/")[-1])}</a></h2>')
            out += [self.entry(e) for e in entities]
        number, title, page = self.titles.get(folder, (None, "Common", None))
        return number, title, page, "".join(out), sections

    def lede(self, name):
        """What the first header's file comment says."""
        for path, _ in self.pages[name][1]:
            text = self.book.declarations.file_docs.get(path)
            if text is not None:
                inner = re.sub(r"^<p>(Chapter \d+: )?|</p>$", "", self.doc(text))
                return f'<p class="lede">{inner[:1].upper() + inner[1:]}</p>' if inner else ""
        return ""

    def check(self):
        for name, (folder, headers) in self.pages.items():
            if folder == "common":
                continue
            for path, entities in headers:
                for e in entities:
                    if not self.documented(e) and not self.grouped(e, entities):
                        self.book.errors.add(path, e.line, f"{e.name} has no documentation comment")
