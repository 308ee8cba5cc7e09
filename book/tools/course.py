"""The course as the book sees it: chapters, their manifests, the sources and the marks in them."""
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"^\s*//[/!]?\s*\[([\w.+-]+)\]\s*$")


class Errors:
    """What is wrong, one line each, beginning with the file."""

    def __init__(self):
        self.lines = []

    def add(self, path, line, message):
        entry = f"{path}:{line}: {message}" if line else f"{path}: {message}"
        if entry not in self.lines:
            self.lines.append(entry)


@dataclass
class Source:
    """A file that the compiler reads, with the pairs of marks in it."""
    path: str
    lines: list
    marks: dict = field(default_factory=dict)  # name -> (first, last) line between the marks, from 1

    @property
    def page(self):
        return "source-" + self.path.replace("/", "-") + ".html"

    def code_lines(self):
        """Lines that are neither blank nor comment."""
        return sum(1 for line in self.lines if line.strip() and not line.strip().startswith("//"))


@dataclass
class Chapter:
    number: str
    folder: str
    path: str      # of chapter.md, from the root
    manifest: dict
    manifest_path: str
    label: str     # "ch03"

    @property
    def page(self):
        return self.folder + ".html"


class Course:
    def __init__(self, root, errors):
        self.root, self.errors = Path(root), errors
        self.sources, self.chapters, self.exercises, self.predictions = {}, [], {}, {}
        self._read_sources()
        self._read_chapters()

    def _glob(self, *patterns):
        return sorted({p for pattern in patterns for p in self.root.glob(pattern) if p.is_file()})

    def _read_sources(self):
        files = self._glob("common/**/*.h", "common/**/*.cpp", "chapters/*/*.h", "chapters/*/given/**/*.h",
                           "chapters/*/main.cpp", "solutions/*/*.h", "solutions/*/*.cpp", "book/sample/*.cpp")
        given = [f for f in self._glob("chapters/*/*.cpp", "chapters/*/given/**/*.cpp") if f.name != "main.cpp" and
                 not (self.root / "solutions" / f.parent.name / f.name).exists()]
        for file in sorted({*files, *given}):
            path = file.relative_to(self.root).as_posix()
            source = Source(path, file.read_text(encoding="utf-8").split("\n"))
            if source.lines and source.lines[-1] == "":
                source.lines.pop()
            opened = {}
            for number, line in enumerate(source.lines, 1):
                if not (m := MARK.match(line)):
                    continue
                name = m[1]
                if name in source.marks:
                    self.errors.add(path, number, f"the mark [{name}] stands here a third time")
                elif name in opened:
                    source.marks[name] = (opened.pop(name) + 1, number - 1)
                else:
                    opened[name] = number
            for name, number in opened.items():
                self.errors.add(path, number, f"the mark [{name}] is not closed by a second one")
            self.sources[path] = source

    def _manifest(self, path):
        try:
            return tomllib.loads((self.root / path).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as e:
            self.errors.add(path, 0, str(e))
            return {}

    def _read_chapters(self):
        for readme in self._glob("chapters/[0-9][0-9]_*/chapter.md"):
            folder = readme.parent.name
            manifest_path = f"chapters/{folder}/exercises.toml"
            manifest = self._manifest(manifest_path) if (self.root / manifest_path).exists() else {}
            chapter = Chapter(str(int(folder[:2])), folder, f"chapters/{folder}/chapter.md", manifest, manifest_path,
                              "ch" + folder[:2])
            self.chapters.append(chapter)
            self._read_exercises(manifest, manifest_path, folder, chapter)
        sample = "book/sample/exercises.toml"
        if (self.root / sample).exists():
            self._read_exercises(self._manifest(sample), sample, "book/sample", None)

    def _line_of(self, path, text):
        for number, line in enumerate((self.root / path).read_text(encoding="utf-8").split("\n"), 1):
            if text in line:
                return number
        return 0

    def _read_exercises(self, manifest, path, folder, chapter):
        for kind, needed, into in (("exercise", ("id", "title", "file", "section", "minutes", "hints"), self.exercises),
                                   ("prediction", ("id", "question", "section"), self.predictions)):
            for entry in manifest.get(kind, []):
                name = str(entry.get("id", "?"))
                line = self._line_of(path, f'"{name}"')
                missing = [key for key in needed if key not in entry]
                if missing:
                    self.errors.add(path, line, f"{kind} {name} has no {', '.join(missing)}")
                    continue
                if name in into:
                    self.errors.add(path, line, f"{kind} {name} is there twice")
                if kind == "prediction" and ("answer" in entry) == ("accept" in entry):
                    self.errors.add(path, line, f"prediction {name} wants either answer (a number) or accept (words)")
                    continue
                if kind == "exercise" and len(entry["hints"]) != 3:
                    self.errors.add(path, line, f"exercise {name} has {len(entry['hints'])} hints, not 3")
                entry = dict(entry, chapter=chapter, manifest=path, line=line, folder=folder, seen=[])
                into[name] = entry
                if kind == "exercise":
                    entry["source"] = self.find_source(entry["file"], chapter)
                    if entry["source"] is None:
                        self.errors.add(path, line, f"exercise {name}: no file {entry['file']}")
                    elif name not in entry["source"].marks:
                        self.errors.add(path, line,
                                        f"exercise {name}: {entry['source'].path} has no pair of marks [{name}]")

    def find_source(self, name, chapter):
        """A file by the name that an author uses: from the chapter's folder, or from the root."""
        tries = [name]
        if chapter:
            tries = [f"solutions/{chapter.folder}/{name}", f"chapters/{chapter.folder}/{name}", name]
        else:
            tries = [name, f"book/sample/{name}"]
        tries += [f"solutions/{name}", f"chapters/{name}"]
        if found := next((self.sources[t] for t in tries if t in self.sources), None):
            return found
        # What a chapter is given lies in rooms of its own; the file's name is enough there.
        below = f"chapters/{chapter.folder}/given/" if chapter else "chapters/"
        given = [path for path in self.sources if path.startswith(below) and path.endswith("/" + name)]
        return self.sources[given[0]] if len(given) == 1 else None
