"""What a header promises of an exercise: the declaration with the comment above it."""
import re
import textwrap
from pathlib import PurePosixPath

LONGEST = 30  # lines of a type that is shown with a declaration


class Contract:
    """A declaration, as the learner reads it, and the types of the chapter that it names."""

    def __init__(self, source, first, last, owner):
        self.source, self.first, self.last, self.owner = source, first, last, owner
        self.types = []  # (source, first line, last line) of each, in the order in which they are named

    @property
    def text(self):
        parts = [*self.types, (self.source, self.first, self.last)]
        return "\n\n".join(textwrap.dedent("\n".join(source.lines[first - 1:last])) for source, first, last in parts)


def find(course, entry):
    """The contract of an exercise: the comment of a header that names it, and what the comment stands above."""
    folder = PurePosixPath(entry["source"].path).parent.name
    headers = [s for path, s in sorted(course.sources.items()) if path.startswith(f"chapters/{folder}/") and path.endswith(".h")]
    if not headers:
        headers = [entry["source"]]
    for source in headers:
        for number, line in enumerate(source.lines, 1):
            if re.search(r"//.*\(Exercises? [^)]*\b" + re.escape(entry["id"]) + r"\b(?!\.)", line):
                contract = _around(source, number)
                contract.types = _types(headers, contract)
                return contract
    return None


def missing(entry):
    """What is to be said of an exercise for which nothing is found."""
    return f"no header of the chapter has a comment with “(Exercise {entry['id']})” in one line, above what is declared"


def _types(headers, contract):
    """The structs, enumerations and aliases of these headers that a declaration names: who fills one in needs its members."""
    found, seen = [], {contract.owner}

    def look_at(lines):
        code = re.sub(r"//.*", "", "\n".join(lines))
        if re.match(r"\s*(?:class|struct)\b", code):
            return  # a class that is itself the exercise
        for name in re.findall(r"\b[A-Z]\w+\b", code):
            if name in seen:
                continue
            seen.add(name)
            for source in headers:
                for number, line in enumerate(source.lines, 1):
                    if re.match(rf"(?:struct|enum class) {name} {{", line):
                        last = next(n for n in range(number, len(source.lines) + 1) if "}" in source.lines[n - 1][:1] or
                                    (n == number and line.rstrip().endswith("};")))
                    elif re.match(rf"using {name} = ", line):
                        last = next(n for n in range(number, len(source.lines) + 1) if source.lines[n - 1].rstrip().endswith(";"))
                        look_at(source.lines[number - 1:last])
                    else:
                        continue
                    first = number
                    while source.lines[first - 2].startswith("///"):
                        first -= 1
                    if last - first < LONGEST:
                        found.append((source, first, last))

    look_at(contract.source.lines[contract.first - 1:contract.last])
    return found


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
