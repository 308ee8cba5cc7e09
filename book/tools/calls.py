"""The calls that exercises take: which of them nobody has named before the reader meets the exercise.

A call is known from the text above the exercise (code in it, its listings, the declarations of its blocks), from an earlier
chapter's, from the headers of the course, or from `calls` in the manifest, this exercise's or an earlier one's. What every
C++ programmer uses daily is known from the start.
"""
import re

import contracts
from course import MARK

# The everyday part of C++: containers, strings, numbers, streams.
EVERYDAY = set("""
size empty begin end rbegin rend front back push_back emplace_back pop_back insert emplace erase clear resize reserve assign at
data find count contains first second substr append c_str length str value has_value value_or reset get swap what
move forward make_pair make_tuple get tie make_unique make_shared make_optional min max abs sort stable_sort reverse
exp log sqrt pow cos sin tanh log2 log10 log1p floor ceil round lround isfinite isnan isinf
vector array map set pair tuple string optional function unordered_map unordered_set string_view deque span initializer_list
size_t int64_t uint64_t int32_t uint8_t ptrdiff_t runtime_error invalid_argument out_of_range logic_error domain_error
if for while switch return sizeof catch static_cast const_cast reinterpret_cast dynamic_cast decltype alignof defined throw
int double float bool char auto unsigned long void to_string stoi
""".split())
KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "catch"}
CALL = re.compile(r"(?:\b((?:torch|std|at|c10|F|nn)(?:::\w+)*)::(\w+)|(\.|->)(\w+))\s*(?:<[\w:,\s*&]*>)?\s*[({]")
# What a header of the course declares itself.
DECLARED = re.compile(r"\b(\w+)\s*\(")
CODE = re.compile(r"`+([^`]+)`+")


def calls_of(code):
    """The calls in a piece of code: {name: how it is written there}."""
    code = re.sub(r'//[^\n]*|"(?:[^"\\\n]|\\.)*"', "", code)
    found = {}
    for m in CALL.finditer(code):
        name = m[2] or m[4]
        if name not in EVERYDAY:
            found.setdefault(name, f"{m[1]}::{name}" if m[1] else f"{m[3]}{name}")
    return found


def names_in(code):
    return set(re.findall(r"\w+", code))


def body(source, first, last):
    return "\n".join(x for x in source.lines[first - 1:last] if not MARK.match(x))


class Reading:
    """What somebody has seen who reads the chapters in order."""

    def __init__(self, course, root):
        self.course, self.root = course, root
        self.known = set()
        self.missing = []  # (exercise, {name: as written})

    def header_names(self, chapter):
        """What the course's own headers declare, of this chapter and of what it stands on."""
        for path, source in self.course.sources.items():
            mine = path.startswith(f"chapters/{chapter.folder}/")
            if path.endswith(".h") and (mine or path.startswith("common/")):
                text = "\n".join(x for x in source.lines if not x.strip().startswith("//"))
                self.known |= set(DECLARED.findall(text)) | set(re.findall(r"\b(?:class|struct|using) (\w+)", text))
                self.known |= set(re.findall(r"\b(\w+)(?:\{[^{}]*\})?;", text))  # members, which may be modules

    def read(self, chapter):
        self.header_names(chapter)
        text = (self.root / chapter.path).read_text(encoding="utf-8")
        lines = text.split("\n")
        fence = False
        for line in lines:
            if line.lstrip().startswith("```"):
                fence = not fence
            if fence:
                self.known |= names_in(line)
                continue
            for m in CODE.finditer(line):
                self.known |= names_in(m[1])
            for m in re.finditer(r"@listing\{([^{}]*)\}", line):
                name, _, mark = (x.strip() for x in m[1].partition(","))
                source = self.course.find_source(name, chapter)
                if source and (not mark or mark in source.marks):
                    first, last = source.marks[mark] if mark else (1, len(source.lines))
                    self.known |= names_in(body(source, first, last))
            for m in re.finditer(r"@output\{(\S+)\}", line):
                self.output(m[1])
            for m in re.finditer(r"@exercise\{([\w.]+)\}", line):
                if entry := self.course.exercises.get(m[1]):
                    self.meet(entry)

    def output(self, name):
        """A program may print calls with what they give; they are in its record."""
        import json
        file = self.root / "book/results" / f"{name}.json"
        if file.exists():
            for line in json.loads(file.read_text(encoding="utf-8")).get("output", []):
                self.known |= names_in(line) if "(" in line else set()

    def meet(self, entry):
        contract = contracts.find(self.course, entry)
        if contract:
            self.known |= names_in(contract.text)
        for call in entry.get("calls", []):
            self.known |= names_in(call.get("call", ""))
        source = entry.get("source")
        if source is None or entry["id"] not in source.marks:
            return
        code = body(source, *source.marks[entry["id"]])
        own = set(re.findall(r"\b(\w+)\s*=\s*\[", code))  # lambdas of its own
        own |= given_around(source, entry["id"])
        unnamed = {n: w for n, w in calls_of(code).items() if n not in self.known and n not in own}
        if unnamed:
            self.missing.append((entry, unnamed))
        self.known |= set(unnamed)  # told once; whoever solves it knows it afterwards


def given_around(source, name):
    """The words of what the learner's file gives: everything between no exercise's marks."""
    words, inside = set(), False
    for line in source.lines:
        m = MARK.match(line)
        if m and re.fullmatch(r"\d+\.\d+", m[1]):
            inside = not inside
        elif not inside:
            words |= names_in(line)
    return words


def check(course, root):
    """Complaints: (manifest, line, message)."""
    reading = Reading(course, root)
    for chapter in course.chapters:
        reading.read(chapter)
    return [(e["manifest"], e["line"], f"exercise {e['id']} takes {', '.join(sorted(u.values()))}, which nobody has named so far: "
             "name it in the text, or in `calls`") for e, u in reading.missing]
