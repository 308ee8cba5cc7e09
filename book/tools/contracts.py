"""What a header promises of an exercise: the declaration with the comment above it."""
import re
import textwrap
from pathlib import PurePosixPath


class Contract:
    """A declaration, as the learner reads it."""

    def __init__(self, source, first, last, owner):
        self.source, self.first, self.last, self.owner = source, first, last, owner

    @property
    def text(self):
        return textwrap.dedent("\n".join(self.source.lines[self.first - 1:self.last]))


def find(course, entry):
    """The contract of an exercise: the comment of a header that names it, and what the comment stands above."""
    folder = PurePosixPath(entry["source"].path).parent.name
    headers = [s for path, s in sorted(course.sources.items()) if path.startswith(f"chapters/{folder}/") and path.endswith(".h")]
    if not headers:
        headers = [entry["source"]]
    for source in headers:
        for number, line in enumerate(source.lines, 1):
            if re.search(r"//.*\(Exercises? [^)]*\b" + re.escape(entry["id"]) + r"\b(?!\.)", line):
                return _around(source, number)
    return None


def _around(source, number):
    lines = source.lines
    first = number
    while first > 1 and lines[first - 2].lstrip().startswith("///"):
        first -= 1
    last = number
    while last < len(lines) and lines[last].lstrip().startswith("//"):
        last += 1
    # What is declared there: to the end of each declaration, as long as no line is left empty.
    while last < len(lines) and lines[last].strip() and not lines[last].lstrip().startswith("///"):
        text, depth = "", 0
        while last < len(lines):
            text += lines[last] + "\n"
            last += 1
            code = re.sub(r"//.*|\"(?:[^\"\\]|\\.)*\"", "", text)
            depth = sum(code.count(c) for c in "({[") - sum(code.count(c) for c in ")}]")
            if depth == 0 and code.rstrip().endswith((";", "}", "};")):
                break
        if re.match(r"\s*(?:class|struct)\b", text):
            break
    return Contract(source, first, last, _owner(lines, first))


def _owner(lines, number):
    """The class that a declaration is a member of."""
    indent = len(lines[number - 1]) - len(lines[number - 1].lstrip())
    if not indent:
        return None
    for line in reversed(lines[:number - 1]):
        if m := re.match(r"(?:class|struct) (\w+)", line):
            return m[1]
        if line.startswith("}"):
            return None
    return None
