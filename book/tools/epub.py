"""The book for an electronic reader: the chapters as plain Markdown, bound by pandoc."""
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import lxml.etree

import readme

STYLE = """
body { line-height: 1.5 } pre { white-space: pre-wrap; font-size: .8em; line-height: 1.4 } code { font-size: .9em }
table { border-collapse: collapse; font-size: .85em } th, td { padding: .2em .6em .2em 0; text-align: left; border-bottom: 1px solid #ccc }
blockquote { border-left: 3px solid #a1331b; margin-left: 0; padding-left: 1em } img { max-width: 100% }
"""


def chapter_text(writer, chapter):
    text = readme.Readme(writer, chapter).text().replace(readme.HEAD, "").strip()
    text = re.sub(r"^# (.*?)(?: \{#ch\d\d\})?$", rf"# \1 {{#{chapter.label}}}", text, count=1, flags=re.M)
    # Files of the repository are not in the book: their names stay, the links go.
    return re.sub(r"(?<!!)\[(`[^`]+`|[^\[\]]*)\]\((?!https?:|mailto:|#)[^()\s]*\)", r"\1", text)


def build(root, out):
    writer = readme.Writer(root, flavour="pandoc")
    chapters = [chapter_text(writer, chapter) for chapter in writer.course.chapters]
    if writer.errors.lines:
        print("\n".join(writer.errors.lines), file=sys.stderr)
        return 1
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for path, text in writer.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        (folder / "book.md").write_text("\n\n".join(chapters), encoding="utf-8")
        (folder / "book.css").write_text(STYLE, encoding="utf-8")
        command = ["pandoc", "-f", "markdown-yaml_metadata_block-citations", "-t", "epub3", "--mathml", "--toc", "--toc-depth=2",
                   "--epub-chapter-level=1", "--css=book.css", "--metadata", "title=Chapter and Verse", "--metadata", "lang=en",
                   "--metadata", "identifier=chapter-and-verse", "-o", str(out), "book.md"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        except FileNotFoundError:
            print("book/build --epub: pandoc is missing: apt-get install pandoc", file=sys.stderr)
            return 1
    if done.returncode or done.stderr.strip():
        print(done.stderr.strip(), file=sys.stderr)
        return 1
    wrong = check(out)
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(chapters)} chapters, {out.stat().st_size / 2**20:.1f} MB: {out}")
    return 1 if wrong else 0


def check(file):
    """Every file in it is read, and every link and picture looked for."""
    wrong, ids, trees = [], {}, {}
    with zipfile.ZipFile(file) as book:
        names = set(book.namelist())
        for name in names:
            if name.endswith((".xhtml", ".opf", ".ncx", ".xml", ".svg")):
                try:
                    trees[name] = lxml.etree.fromstring(book.read(name))
                    ids[name] = set(trees[name].xpath("//@id"))
                except lxml.etree.XMLSyntaxError as e:
                    wrong.append(f"{file.name}: {name}: {e}")
    for name, tree in trees.items():
        for link in tree.xpath("//*[local-name()='a']/@href | //*[local-name()='img']/@src"):
            if re.match(r"(?:https?|mailto):", link):
                continue
            path, _, anchor = link.partition("#")
            target = str(Path("/" + name).parent.joinpath(path).resolve()).lstrip("/") if path else name
            if target not in names or (anchor and anchor not in ids.get(target, ())):
                wrong.append(f"{file.name}: {name}: a link that leads nowhere: {link}")
    return wrong
