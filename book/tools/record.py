"""Runs the programs whose numbers the book quotes, and writes down what they find.

    record.py run [N ...]      the runs of these chapters (of all, where none is named); says how long before it starts
    record.py check            names the results whose code has changed since; runs those anew that take seconds, and fails
                               where a value differs by more than the run's tolerance
    record.py targets [N ...]  what is to be built for them

The runs stand in book/results/runs.toml, each with its command; what one finds lies beside it, in NAME.json.
"""
import argparse
import datetime
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from results import FOLDER, ROOT, RUNS, number

MOST_SECONDS = 30  # what CI runs again
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


class Table:
    """runs.toml."""

    def __init__(self, root):
        self.root = Path(root)
        table = tomllib.loads((self.root / RUNS).read_text(encoding="utf-8"))
        self.runs, self.beside = table.get("run", []), table.get("beside_the_result", [])
        for run in self.runs:
            if not re.fullmatch(r"\d\d-[a-z0-9-]+", run["name"]):
                raise SystemExit(f"{RUNS}: {run['name']}: a run is named by its chapter and a word, as in 02-descent")

    def of(self, chapters):
        wanted = {f"{int(c):02}" for c in chapters}
        known = {r["name"][:2] for r in self.runs}
        if missing := wanted - known:
            raise SystemExit(f"no recorded run belongs to chapter {int(min(missing))}; those that have one: "
                             f"{', '.join(str(int(k)) for k in sorted(known))}")
        return [r for r in self.runs if not wanted or r["name"][:2] in wanted]

    # -- what a result depends on ---------------------------------------------------------------------------------
    def depends(self, run):
        """{file: digest} of the code that the run's program is made of, from its main file along its includes."""
        folder = next((p.name for p in (self.root / "chapters").glob(run["name"][:2] + "_*")), None)
        waiting = [p for p in [self.root / f"chapters/{folder}/main.cpp", *(self.root / f for f in run.get("files", []))] if p.exists()]
        seen = {}
        while waiting:
            file = waiting.pop()
            path = file.relative_to(self.root).as_posix()
            if path in seen or any(re.fullmatch(p, path) for p in self.beside):
                continue
            text = file.read_text(encoding="utf-8")
            seen[path] = code_digest(text)
            for name in INCLUDE.findall(text):
                header = next((self.root / f / name for f in ("", "chapters") if (self.root / f / name).exists()), None)
                if header is None:
                    continue
                waiting.append(header)
                body = header.with_suffix(".cpp")
                solution = self.root / "solutions" / body.parent.name / body.name
                waiting += [b for b in (solution if solution.exists() else body,) if b.exists()]
        for name in re.findall(r"\S*/given/runs/\S+|data/\S+\.json", run["command"]):
            seen[name] = "-"
        return dict(sorted(seen.items()))


def code_digest(text):
    """A digest of what the compiler sees: comments and blank space are left out."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|("(?:[^"\\\n]|\\.)*")', lambda m: m[1] or "", text, flags=re.S)
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


def words(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def perform(table, run, folder, figures="book/figures"):
    """Runs the command; gives what its program recorded, with what it printed and what it depends on. Pictures go into figures."""
    file = Path(folder) / "record.json"
    command = shlex.split(run["command"].replace("book/figures", str(figures)))
    began = time.monotonic()
    done = subprocess.run([*command, "--record", str(file)], cwd=table.root, stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - began
    if done.returncode or not file.exists():
        raise SystemExit(f"{run['name']}: “{run['command']}” ended with {done.returncode}"
                         + ("" if done.returncode else " and recorded nothing"))
    data = {"name": run["name"], **json.loads(file.read_text(encoding="utf-8"))}
    data["command"] = run["command"]
    if "shown" in run:
        data["shown"] = run["shown"]
    data["seconds"] = round(seconds, 1)
    data["output"] = done.stdout.rstrip("\n").split("\n")
    data["depends"] = table.depends(run)
    return data


def as_text(data):
    """JSON with a line for each value, row, point and printed line."""
    def line(value):
        return json.dumps(value, ensure_ascii=False)
    out = []
    for key, value in data.items():
        if key in ("scalars", "depends") and value:
            rows = ",\n".join(f"  {line(k)}: {line(v)}" for k, v in value.items())
            out.append(f" {line(key)}: {{\n{rows}\n }}")
        elif key in ("tables", "curves") and value:
            entries = []
            for name, entry in value.items():
                rows = "rows" if key == "tables" else "points"
                head = "".join(f"{line(k)}: {line(v)}, " for k, v in entry.items() if k != rows)
                body = ",\n".join(f"   {line(row)}" for row in entry[rows])
                entries.append(f"  {line(name)}: {{{head}{line(rows)}: [\n{body}]}}")
            out.append(f" {line(key)}: {{\n" + ",\n".join(entries) + "\n }")
        elif key == "output":
            out.append(f" {line(key)}: [\n" + ",\n".join(f"  {line(x)}" for x in value) + "\n ]")
        else:
            out.append(f" {line(key)}: {line(value)}")
    return "{\n" + ",\n".join(out) + "\n}\n"


def write(path, text):
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as f:
        f.write(text)
    os.chmod(f.name, 0o644)
    os.replace(f.name, path)


def run_all(table, chapters):
    runs = table.of(chapters)
    print(f"{len(runs)} run{'s' * (len(runs) != 1)}, about {words(sum(r['seconds'] for r in runs))}", file=sys.stderr)
    for run in runs:
        print(f"{run['name']}: {run['command']} (about {words(run['seconds'])})", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            data = perform(table, run, folder)
        write(table.root / FOLDER / f"{run['name']}.json", as_text(data))
    return 0


# -- checking ------------------------------------------------------------------------------------------------------
def changed(then, now):
    """The files whose code differs between two {file: digest}."""
    return sorted(f for f in {*then, *now} if then.get(f) != now.get(f))


def differences(then, now, tolerance):
    """How two records differ by more than the tolerance, a relative one: lines to print."""
    out = []

    def compare(where, a, b):
        if isinstance(a, dict) and isinstance(b, dict):
            for key in {**a, **b}:
                compare(f"{where}.{key}" if where else key, a.get(key), b.get(key))
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            for i, (x, y) in enumerate(zip(a, b)):
                compare(f"{where}[{i}]", x, y)
        else:
            x, y = number(a), number(b)
            numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (x, y))
            if a == b or x == y or (numbers and abs(x - y) <= tolerance * max(abs(x), abs(y))):
                return
            out.append(f"{where}: {a} was recorded, {b} is found now")
    for kind in ("scalars", "tables", "curves"):
        compare(kind, then.get(kind, {}), now.get(kind, {}))
    return out


def check(table, again):
    wrong, old = 0, []
    names = {r["name"] for r in table.runs}
    for file in sorted((table.root / FOLDER).glob("*.json")):
        if file.stem not in names:
            print(f"{FOLDER}/{file.name}: no run of {RUNS} makes it")
            wrong += 1
    for run in table.runs:
        file = table.root / FOLDER / f"{run['name']}.json"
        if not file.exists():
            print(f"{run['name']}: not recorded; `make results-{int(run['name'][:2])}` does it")
            wrong += 1
            continue
        then = json.loads(file.read_text(encoding="utf-8"))
        moved = changed(then["depends"], table.depends(run))
        if then["command"] != run["command"]:
            moved.append("its command")
        if again and run["seconds"] <= MOST_SECONDS:
            with tempfile.TemporaryDirectory() as folder:
                now = perform(table, run, folder, folder)
            found = differences(then, now, run.get("tolerance", 1e-6))
            for line in found[:10]:
                print(f"{run['name']}: {line}")
            wrong += bool(found)
        elif moved:
            old.append((then["date"], run, moved))
    for date, run, moved in sorted(old, key=lambda x: x[0]):
        days = (datetime.date.today() - datetime.date.fromisoformat(date)).days
        print(f"{run['name']}: {days} day{'s' * (days != 1)} old, and changed since: {', '.join(moved)} "
              f"(`make results-{int(run['name'][:2])}`)")
    print(f"{len(table.runs) - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description="Records the numbers that the book quotes.")
    parser.add_argument("what", choices=("run", "check", "targets"))
    parser.add_argument("chapters", nargs="*", help="their numbers; all, where none is given")
    parser.add_argument("--root", default=ROOT)
    parser.add_argument("--again", action="store_true", help="check: run those anew that take seconds, and compare")
    arguments = parser.parse_args()
    table = Table(arguments.root)
    if arguments.what == "targets":
        programs = {"gpt": "solution_12", "tokenizer_trade.py": "solution_12 write_play"}
        print(" ".join(sorted({programs.get(p, p) for r in table.of(arguments.chapters)
                               for p in [shlex.split(r["command"])[0].split("/")[-1]]})))
        return 0
    if arguments.what == "run":
        return run_all(table, arguments.chapters)
    return check(table, arguments.again)


if __name__ == "__main__":
    sys.exit(main())
