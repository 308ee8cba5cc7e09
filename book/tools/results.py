"""Numbers that programs found, as book/results has them; and the search for those that somebody typed by hand.

record.py writes them.
"""
import ast
import datetime
import json
import math
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "book/results"
RUNS = f"{FOLDER}/runs.toml"
CELL = re.compile(r'((?:\d\d-[a-z0-9-]+:)?\w+)\["([^"\]]*)"\]\.(\w+)')
FORMAT = re.compile(r"(?:(\d+)([%g]?)\s?(\+-|to)?|words)$")
WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
FUNCTIONS = {"ln": math.log, "log2": math.log2, "log10": math.log10, "sqrt": math.sqrt, "exp": math.exp, "round": round,
             "min": min, "max": max, "abs": abs}
OPERATORS = {ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
             ast.Div: lambda a, b: a / b, ast.Pow: lambda a, b: a**b, ast.FloorDiv: lambda a, b: a // b,
             ast.Mod: lambda a, b: a % b}


class Wrong(ValueError):
    """Something that an author wrote and that cannot be: the text says what."""


# -- reading -------------------------------------------------------------------------------------------------------
class Run:
    """One recorded run of a program."""

    def __init__(self, path, data):
        self.path, self.data = path, data
        self.name = data["name"]
        self.chapter = str(int(self.name.split("-")[0]))
        self.scalars, self.tables = data.get("scalars", {}), data.get("tables", {})
        self.curves, self.output = data.get("curves", {}), data.get("output", [])

    @property
    def command(self):
        return self.data.get("shown") or self.data["command"]

    @property
    def date(self):
        d = datetime.date.fromisoformat(self.data["date"])
        return f"{d.day} {d:%B %Y}"

    @property
    def circumstances(self):
        """When and where, in words."""
        d = self.data
        threads = d.get("threads")
        seeds = d.get("seeds", [])
        words = [self.date, d["machine"]]
        if threads:
            words.append(f"{threads} thread{'s' * (threads != 1)}")
        if seeds:
            words.append(f"seed{'s' * (len(seeds) != 1)} {', '.join(map(str, seeds))}")
        return ", ".join(words)

    @property
    def provenance(self):
        return f"{self.command}; {self.circumstances}"


def number(value):
    """A recorded value as a number; JSON has no infinity and no NaN, so those are words there."""
    return float(value) if isinstance(value, str) and value in ("inf", "-inf", "nan") else value


class Results:
    """All recorded runs."""

    def __init__(self, root, errors):
        self.root, self.errors, self.runs = Path(root), errors, {}
        self.used = {}   # (run, name) -> places where the text quotes it
        for file in sorted((self.root / FOLDER).glob("*.json")):
            path = file.relative_to(self.root).as_posix()
            try:
                run = Run(path, json.loads(file.read_text(encoding="utf-8")))
            except (json.JSONDecodeError, KeyError, ValueError) as e:
                errors.add(path, 0, f"no recorded result: {e}")
                continue
            self.runs[run.name] = run

    def run(self, name):
        if name not in self.runs:
            raise Wrong(f"no recorded run {name}: there are {', '.join(self.runs) or 'none'} in {FOLDER}")
        return self.runs[name]

    def find(self, kind, name, chapter):
        """(run, what it recorded): by 'run:name', or by the name alone where one run of the chapter has it."""
        if ":" in name:
            of, _, short = name.partition(":")
            run = self.run(of.strip())
            known = [run] if short.strip() in getattr(run, kind) else []
        else:
            of, short = None, name
            known = [r for r in self.runs.values() if r.chapter == chapter and name in getattr(r, kind)]
        short = short.strip()
        if not known:
            where = of.strip() if of else f"chapter {chapter}'s runs"
            raise Wrong(f"{where} recorded no {kind[:-1]} {short}")
        if len(known) > 1 and any(getattr(r, kind)[short] != getattr(known[0], kind)[short] for r in known):
            raise Wrong(f"several runs recorded {short}: write {known[0].name}:{short}, or another")
        self.used.setdefault((known[0].name, short), [])
        return known[0], getattr(known[0], kind)[short]

    def cell(self, name, row, column, chapter):
        """(run, value) of a recorded table's cell, the row by its first cells: 'rank 8', or 'rank 8, rate 0.01'.

        A curve is a table of two columns, named after its axes: validation["240"].nats.
        """
        try:
            run, curve = self.find("curves", name, chapter)
            table = {"columns": [curve["x"], curve["y"]], "rows": [[f"{x:g}", y] for x, y in curve["points"]]}
        except Wrong:
            run, table = self.find("tables", name, chapter)
        if column not in table["columns"]:
            raise Wrong(f"the table {name} has no column {column}: it has {', '.join(table['columns'])}")
        cells = [[str(c) for c in r if c != ""] for r in table["rows"]]
        rows = [r for r, words in zip(table["rows"], cells) if any(row == ", ".join(words[:n]) for n in (1, 2, 3))]
        if len(rows) != 1:
            raise Wrong(f"{len(rows) or 'no'} rows of the table {name} begin with “{row}”: "
                        f"it has {'; '.join(', '.join(words[:2]) for words in cells)}")
        value = number(rows[0][table["columns"].index(column)])
        if isinstance(value, float) and math.isnan(value):
            raise Wrong(f"the table {name} has no {column} for “{row}”")
        return run, value

    def scalar(self, text, chapter):
        """'name' or 'name, format', a cell's name too: (text to show, run, name)."""
        name, form = split_format(text)
        if m := CELL.fullmatch(name):
            run, value = self.cell(m[1], m[2], m[3], chapter)
            return show(value, form, name), run, m[1].split(":")[-1]
        run, found = self.find("scalars", name, chapter)
        value, interval = number(found["value"]), FORMAT.fullmatch(form)
        if interval and interval[3]:
            if "plus_minus" not in found:
                raise Wrong(f"{run.name} recorded no interval with {name}")
            form, half = interval[1] + interval[2], found["plus_minus"]
            shown = (f"{show(value, form, name)} ± {show(half, form, name)}" if interval[3] == "+-" else
                     f"{show(value - half, form, name)} to {show(value + half, form, name)}")
            return shown, run, name.split(":")[-1]
        return show(value, form, name), run, name.split(":")[-1]

    def compute(self, text, chapter):
        """'expression' or 'expression, format': (text to show, runs whose values it took)."""
        expression, form = split_format(text)
        runs, named, cells = [], {}, {}

        def a_cell(m):  # 'lora["rank 8"].new_task' is none either
            run, found = self.cell(m[1], m[2], m[3], chapter)
            runs.append(run)
            cells[f"cell_{len(cells)}"] = found
            return f"cell_{len(cells) - 1}"

        def other_run(m):  # '02-descent:last' is no name to Python
            named[f"recorded_{len(named)}"] = m[0]
            return f"recorded_{len(named) - 1}"

        def value(node):
            if isinstance(node, ast.Expression):
                return value(node.body)
            if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
                return node.value
            if isinstance(node, ast.Name) and node.id in cells:
                return cells[node.id]
            if isinstance(node, ast.Name):
                run, found = self.find("scalars", named.get(node.id, node.id), chapter)
                runs.append(run)
                return number(found["value"])
            if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
                return OPERATORS[type(node.op)](value(node.left), value(node.right))
            if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
                return -value(node.operand)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
                return FUNCTIONS[node.func.id](*map(value, node.args))
            raise Wrong(f"“{expression}” is no arithmetic on numbers and recorded names")
        try:
            python = re.sub(r"\b\d\d-[a-z0-9-]+:\w+", other_run, CELL.sub(a_cell, expression)).replace("^", "**")
            result = value(ast.parse(python, mode="eval"))
        except (SyntaxError, ZeroDivisionError, ArithmeticError) as e:
            raise Wrong(f"“{expression}” cannot be computed: {e}") from e
        return show(result, form, expression), runs

    def lines(self, name, first, last):
        """What a run printed, from the line that begins with the one text to the line that begins with the other."""
        run = self.run(name)
        begin = next((i for i, x in enumerate(run.output) if x.strip().startswith(first)), None) if first else 0
        if begin is None:
            raise Wrong(f"{run.name} printed no line that begins with “{first}”")
        end = len(run.output) - 1
        if last:
            end = next((i for i, x in enumerate(run.output[begin:], begin) if x.strip().startswith(last)), None)
            if end is None:
                raise Wrong(f"{run.name} printed no line that begins with “{last}” after “{first}”")
        self.used.setdefault((run.name, "output"), [])
        return run, run.output[begin:end + 1]

    def rows(self, name, template, chapter):
        """A recorded table: each row as the template has it, '{column}' or '{column:format}' for a value. A cell of
        which no value was measured is a dash."""
        name, _, picked = name.partition(";")
        run, table = self.find("tables", name.strip(), chapter)
        columns, rows = table["columns"], table["rows"]
        if picked.strip():
            try:
                rows = [rows[int(n) - 1] for n in picked.split(",")]
            except (ValueError, IndexError) as e:
                raise Wrong(f"“{picked.strip()}” are no rows of {name}, which has 1 to {len(rows)}") from e
        out = []
        for row in rows:
            values = dict(zip(columns, row))

            def cell(m, values=values):
                if m[1] not in values:
                    raise Wrong(f"the table {name} has no column {m[1]}: it has {', '.join(columns)}")
                v = number(values[m[1]])
                return show(v, m[2] or "", m[1]) if not isinstance(v, str) else v
            cells = []
            for part in template.split("|"):
                asked = re.findall(r"\{(\w+)", part)
                missing = asked and all(missed(values.get(column, "")) for column in asked)
                cells.append(" – " if missing else re.sub(r"\{(\w+)(?::([^}]*))?\}", cell, part))
            out.append("|".join(cells))
        return run, out


def missed(value):
    """Whether a recorded value stands for one that was not measured."""
    value = number(value)
    return isinstance(value, float) and math.isnan(value)


def split_format(text):
    """'losses, 3' to ('losses', '3'): what stands behind the last comma is a format where it looks like one."""
    head, comma, tail = text.rpartition(",")
    if comma and FORMAT.fullmatch(tail.strip()):
        return head.strip(), tail.strip()
    return text.strip(), ""


def show(value, form, name):
    """A number as the book writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, float) and math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if not form:
        if float(value) != int(value):
            raise Wrong(f"{name} is {value}, no whole number: say how many digits to show, as in “{name}, 3”")
        return f"{int(value):,}"
    if form == "words":
        if int(value) != value or not 0 <= value <= 12:
            raise Wrong(f"{name} is {value}: only 0 to 12 are written in words")
        return WORDS[int(value)]
    m = FORMAT.fullmatch(form)
    if not m or m[3]:
        raise Wrong(f"“{form}” is no format here: digits behind the point (3), significant digits (3g), percent (1%), words; "
                    "with a recorded interval, 3+- or 3 to")
    if m[2] == "%":
        return f"{100 * value:,.{m[1]}f}\N{NO-BREAK SPACE}%"
    if m[2] == "g":
        if value == 0:
            return "0"
        digits = max(0, int(m[1]) - 1 - math.floor(math.log10(abs(value))))
        return f"{round(value, int(m[1]) - 1 - math.floor(math.log10(abs(value)))):,.{digits}f}"
    return f"{value:,.{m[1]}f}"


# -- numbers typed by hand -----------------------------------------------------------------------------------------
UNIT = (r"(?:\s?%|\s(?:percent|seconds?|minutes?|hours?|ms|nats?|bits?|times|GB|MB|kB|GiB|MiB|bytes|thousand|million|billion|"
        r"characters?|tokens?|steps?|parameters?|pairs?|points?|samples?)\b)")
NUMBER = re.compile(r"(?<![\w.,/])(?<![A-Za-z]-)(\d[\d,]*\d(?:\.\d+)?|\d(?:\.\d+)?)(" + UNIT + r")?(?![\w/])")
REFERENCE = re.compile(r"\b(?:chapters?|sections?|exercises?|predictions?|figures?|pages?|equations?|algorithms?|parts?|lines?|"
                       r"dimensions?|place|token|seed)\s(?:\d[\d.]*(?:,?\s(?:(?:and|or|to|–)\s)?(?=\d)|,)?)+", re.I)
HIDE = re.compile(r"\bU\+[0-9A-F]{4,6}\b|`+[^`]*`+|\\f\$.*?\\f\$|\$\$.*?\$\$|\$(?=\S)(?:[^$\\]|\\.)+?(?<=\S)\$(?!\d)|\]\([^)]*\)|<https?:[^>]*>|<!--.*?-->", re.S)


def typed_numbers(text):
    """The numbers in a text, as (place, number), that want to be marked: those that something may have measured."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m[0])
    text = REFERENCE.sub(blank, HIDE.sub(blank, text))
    for m in NUMBER.finditer(text):
        plain = m[1].replace(",", "")
        small = "." not in plain and int(plain) < 10 and not m[2]
        year = re.fullmatch(r"(?:1[5-9]|20)\d\d", m[1]) and not m[2]
        if not small and not year:
            yield m.start(), m[1]


# What an element has between its braces that is no prose.
SILENT = re.compile(r"@(?:cite|see|listing|exercise|prediction|interactive|figure|beside|result|compute|given|output|results)\{[^{}]*\}")


def hand_typed(text):
    """The lines and numbers of a chapter that are neither a result, nor computed, nor given: (line, number)."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m[0])
    given = {m[1] for g in re.finditer(r"@given\{([^{}]*)\}", text) for m in NUMBER.finditer(g[1])}
    text = re.sub(r"^(\s*)(`{3,}|~{3,}).*?^\s*\2\s*$", blank, text, flags=re.M | re.S)      # code
    text = re.sub(r"^@results\{.*?^@end|^@output\{.*?^@end", blank, text, flags=re.M | re.S)
    text = re.sub(r"^(?:by|says): .*$|^#.*$|^\s*\d+\. ", blank, text, flags=re.M)          # commands, quotations, headings
    text = SILENT.sub(blank, text)
    for place, number in typed_numbers(text):
        if number not in given:
            yield text.count("\n", 0, place) + 1, number


def printed_by_hand(text):
    """Lines of the fences that show what a program printed, where a recorded run should."""
    for m in re.finditer(r"^```console\n(.*?)^```", text, re.M | re.S):
        shown = [x for x in m[1].split("\n") if x and not x.startswith("$ ")]
        if shown:
            yield text.count("\n", 0, m.start()) + 1, shown[0]
