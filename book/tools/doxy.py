"""Runs Doxygen, and reads what it wrote: the prose as HTML, the sources line by line, the declarations."""
import html
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import lxml.etree
import lxml.html


def run(root, work, pages, sources, errors):
    """Writes the prose where Doxygen finds it, runs it, and takes any output for an error."""
    shutil.rmtree(work, ignore_errors=True)
    prose = work / "prose"
    prose.mkdir(parents=True)
    maps = {}
    for page in pages:
        file = prose / f"{page.name}.md"
        file.write_text("\n".join(page.out) + "\n", encoding="utf-8")
        maps[str(file)] = page
    config = (root / "book/Doxyfile").read_text(encoding="utf-8")
    config += f'\nOUTPUT_DIRECTORY = "{work}"\nSTRIP_FROM_PATH = "{root}"\nINPUT ='
    config += "".join(f' "{f}"' for f in [*maps, *(str(root / s) for s in sources)]) + "\n"
    done = subprocess.run(["doxygen", "-"], input=config, capture_output=True, text=True, cwd=root)
    output = (done.stdout + done.stderr).strip()
    for line in output.split("\n") if output else []:
        if line.startswith("Doxygen version") or "treated as errors" in line or line.startswith("error: Problems running"):
            continue
        m = re.match(r"(?:warning: |error: )?(/[^:]+):(\d+): (?:warning: |error: )?(.*)$", line)
        if not m:
            errors.add("book/Doxyfile", 0, "Doxygen says: " + line)
        elif m[1] in maps:
            page, number = maps[m[1]], int(m[2])
            errors.add(page.path, page.map[min(number, len(page.map)) - 1], "Doxygen says: " + m[3])
        else:
            errors.add(*_commented(root, m[1].removeprefix(f"{root}/"), int(m[2]), m[3]), "Doxygen says: " + m[3])
    if done.returncode and not errors.lines:
        errors.add("book/Doxyfile", 0, f"Doxygen ended with {done.returncode}")


def _commented(root, path, line, message):
    """Doxygen names a definition where the comment that it means stands at the declaration: the header's line then."""
    m = re.match(r"argument '(\w+)' of command @param", message)
    header = root / path.replace("solutions/", "chapters/").replace(".cpp", ".h")
    if m and path.endswith(".cpp") and header.exists():
        for number, text in enumerate(header.read_text(encoding="utf-8").split("\n"), 1):
            if re.search(rf"[@\\]param[^@]*\b{m[1]}\b", text):
                return header.relative_to(root).as_posix(), number
    return path, line


def inner_html(element):
    text = html.escape(element.text or "", quote=False)
    return text + "".join(lxml.html.tostring(child, encoding="unicode") for child in element)


def prose(work, page):
    """The laid out prose of a page, its words still in it."""
    name = "page_" + page.name.replace("-", "_")
    file = next((f for f in (work / "html").glob("*.html") if f.stem.replace("__", "_") == name), None)
    if file is None:
        raise FileNotFoundError(f"Doxygen wrote no page for {page.path}")
    tree = lxml.html.fromstring(file.read_text(encoding="utf-8"))
    return inner_html(tree.xpath('//div[@class="contents"]//div[@class="textblock"]')[0])


@dataclass
class Entity:
    """A declaration."""
    id: str
    kind: str            # class, struct, function, enum, typedef, variable, define
    name: str            # as in C++, with its scope
    short: str
    file: str
    line: int
    node: object = None
    parent: object = None
    members: list = field(default_factory=list)
    body: tuple = None   # (file, first, last)
    anchor: str = ""
    page: str = ""
    readings: list = field(default_factory=list)

    @property
    def url(self):
        return f"{self.page}#{self.anchor}"


def _body(node):
    where = node.find("location")
    if where is None or where.get("bodystart") in (None, "-1"):
        return None
    first = int(where.get("bodystart"))
    last = int(where.get("bodyend", "-1"))
    return where.get("bodyfile") or where.get("file"), first, last if last >= first else first


class Declarations:
    def __init__(self, work, root):
        self.by_id, self.files = {}, {}   # files: path -> entities declared there at namespace level
        self.file_ids = {}                # path -> Doxygen's name of the file
        self.file_docs = {}               # path -> what the file's own comment says
        compounds = {}
        for file in sorted((work / "xml").glob("*.xml")):
            if file.name == "index.xml":
                continue
            for compound in lxml.etree.parse(str(file)).getroot().findall("compounddef"):
                compounds[compound.get("id")] = compound
        for id_, compound in compounds.items():
            kind = compound.get("kind")
            if kind == "file":
                path = self._relative(compound.find("location").get("file"), root)
                self.file_ids[path] = id_
                brief = compound.find("briefdescription")
                if brief is not None and "".join(brief.itertext()).strip():
                    self.file_docs[path] = brief
            if kind in ("class", "struct", "union"):
                if compound.get("prot", "public") != "public":
                    continue
                self._add_class(id_, compound, root)
        for id_, compound in compounds.items():
            if compound.get("kind") in ("namespace", "file"):
                for member in compound.iter("memberdef"):
                    if member.get("id") not in self.by_id:
                        self._add_member(member, None, root)
        for entity in self.by_id.values():
            if entity.parent is None:
                self.files.setdefault(entity.file, []).append(entity)
        for entities in self.files.values():
            entities.sort(key=lambda e: e.line)

    @staticmethod
    def _relative(path, root):
        return path.removeprefix(f"{root}/")

    def _add_class(self, id_, node, root):
        name = node.findtext("compoundname")
        where = node.find("location")
        entity = Entity(id_, node.get("kind"), name, name.split("::")[-1], self._relative(where.get("file"), root),
                        int(where.get("line")), node, body=_body(node))
        self.by_id[id_] = entity
        for section in node.findall("sectiondef"):
            for member in section.findall("memberdef"):
                if member.get("prot") == "public" and member.get("kind") != "friend":
                    self._add_member(member, entity, root)
        entity.members.sort(key=lambda e: e.line)

    def _add_member(self, node, parent, root):
        where = node.find("location")
        name = node.findtext("name")
        qualified = node.findtext("qualifiedname") or (f"{parent.name}::{name}" if parent else name)
        if not parent and not node.findtext("qualifiedname"):
            m = re.search(r"([\w:]+::)" + re.escape(name) + r"$", node.findtext("definition") or "")
            qualified = (m[1] if m else "") + name
        file = where.get("declfile") or where.get("file")
        line = int(where.get("declline") or where.get("line"))
        entity = Entity(node.get("id"), node.get("kind"), qualified, name, self._relative(file, root), line, node, parent,
                        body=_body(node))
        if entity.body:
            entity.body = (self._relative(entity.body[0], root), *entity.body[1:])
        self.by_id[entity.id] = entity
        if parent:
            parent.members.append(entity)


def source_lines(work, file_id):
    """The coloured lines of a source, each as HTML with Doxygen's links still in it; {} where there is none."""
    file = work / "html" / f"{file_id}_source.html"
    if not file.exists():
        return {}
    tree = lxml.html.fromstring(file.read_text(encoding="utf-8"))
    lines = {}
    for div in tree.xpath('//div[@class="fragment"]/div[@class="line"]'):
        anchor = div.find("a")
        if anchor is None or not (anchor.get("id") or anchor.get("name") or "").startswith("l"):
            continue
        number = int((anchor.get("id") or anchor.get("name"))[1:])
        anchor.drop_tree()
        for span in div.xpath('.//span[@class="lineno"]'):
            span.drop_tree()
        lines[number] = div
    return lines
