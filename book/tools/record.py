"""Runs the programs whose numbers the book quotes, and writes down what they find.

    record.py run [N ...]      the runs of these chapters, or of these names (all, where none is named); says how long before it starts
    record.py check            names the results whose code has changed since; runs those anew that take seconds, and fails
                               where a value differs by more than the run's tolerance
    record.py targets [N ...]  what is to be built for them
    record.py draw FOLDER      draws the recorded pictures into a folder, without running anything
    record.py pack FOLDER NAME ...   makes a folder that runs these elsewhere, on its processor: bash FOLDER/run.sh PROGRAMS TEXT OUT
    record.py take FOLDER OUT        takes what that has found: FOLDER as it was packed, OUT as it came back

The runs stand in book/results/runs.toml, each with its command; what one finds lies beside it, in NAME.json.
"""
import argparse
import datetime
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import reports
from results import FOLDER, ROOT, RUNS, number

MOST_SECONDS = 30  # what CI runs again
TIMES = ("ms", "seconds", "times as fast", "characters a second", "operations a second", "MB")  # units of what differs from run to run
TIMED = re.compile(r"(?:ms|seconds|.*_ms|.*per_second|of_product|speed|pages)$")  # and columns
WORKPLACE = "build/results"  # where recorded runs keep their folders; a reader's lie in runs/
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
        named = [self.named(c) for c in chapters if not c.isdigit()]
        if named:
            return named + self.of([c for c in chapters if c.isdigit()]) if any(c.isdigit() for c in chapters) else named
        wanted = {f"{int(c):02}" for c in chapters}
        known = {r["name"][:2] for r in self.runs}
        if missing := wanted - known:
            raise SystemExit(f"no recorded run belongs to chapter {int(min(missing))}; those that have one: "
                             f"{', '.join(str(int(k)) for k in sorted(known))}")
        return [r for r in self.runs if not wanted or r["name"][:2] in wanted]

    def named(self, name):
        found = next((r for r in self.runs if r["name"] == name), None)
        if found is None:
            raise SystemExit(f"{RUNS} has no run {name}")
        return found

    def before(self, run):
        """The runs whose folders this one reads, where they are not there."""
        needed = [self.named(run["after"])] if "after" in run else []
        return [n for n in needed if not (self.root / n["writes"]).exists()]

    # -- what a result depends on ---------------------------------------------------------------------------------
    def depends(self, run):
        """{file: digest} of the code that the run's program is made of, from its main file along its includes, and of the given
        runs that it reads."""
        folder = next((p.name for p in (self.root / "chapters").glob(run["name"][:2] + "_*")), None)
        waiting = [p for p in [self.root / f"chapters/{folder}/main.cpp", *(self.root / f for f in run.get("files", []))] if p.exists()]
        seen = {}
        if "report" in run:
            return {run["report"]: "-"}
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
        for name in re.findall(r"[^\s,]*/given/(?:runs|held_out|tuning)(?:/[^\s,]+)?|data/\S+\.json", run["command"]):
            seen[name] = data_digest(self.root / name)
        return dict(sorted(seen.items()))


def code_digest(text):
    """A digest of what the compiler sees: comments and blank space are left out."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|("(?:[^"\\\n]|\\.)*")', lambda m: m[1] or "", text, flags=re.S)
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


def data_digest(path):
    """A digest of a file, or of a folder's files with their names; a dash where there is none here."""
    if not path.exists():
        return "-"
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(path).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


def words(seconds):
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def perform(table, run, folder, figures="book/figures"):
    """Runs the command; gives what its program recorded, with what it printed and what it depends on. Pictures go into figures."""
    if "report" in run:
        return reports.record(run, table.root)
    file = Path(folder) / "record.json"
    (table.root / WORKPLACE).mkdir(parents=True, exist_ok=True)
    if "writes" in run:
        shutil.rmtree(table.root / run["writes"], ignore_errors=True)
    command = shlex.split(run["command"].replace("book/figures", str(figures)))
    began = time.monotonic()
    done = subprocess.run([*command, "--record", str(file)], cwd=table.root, stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - began
    if done.returncode or not file.exists():
        raise SystemExit(f"{run['name']}: “{run['command']}” ended with {done.returncode}"
                         + ("" if done.returncode else " and recorded nothing"))
    return complete(run, json.loads(file.read_text(encoding="utf-8")), done.stdout, seconds, table.depends(run))


def complete(run, found, printed, seconds, depends):
    """What a program recorded, with what stands around it."""
    data = {"name": run["name"], **{key: value for key, value in found.items() if key != "name"}}
    data["command"] = run["command"]
    data["shown"] = run.get("shown", run["command"]).replace(f"{WORKPLACE}/", "runs/")
    if data["shown"] == data["command"]:
        del data["shown"]
    data["seconds"] = round(seconds, 1)
    data["output"] = printed.replace(f"{WORKPLACE}/", "runs/").rstrip("\n").split("\n")
    data["depends"] = depends
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
        elif key == "pictures" and value:
            entries = []
            for name, picture in value.items():
                parts = []
                for part, content in picture.items():
                    rows = ",\n".join(f"    {line(row)}" for row in content) if part in ("series", "values", "bars") else ""
                    parts.append(f"   {line(part)}: [\n{rows}]" if rows else f"   {line(part)}: {line(content)}")
                entries.append(f"  {line(name)}: {{\n" + ",\n".join(parts) + "}")
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
        if "needs" in run and not (table.root / run["needs"]).exists():
            print(f"{run['name']}: left out, because there is no {run['needs']}", file=sys.stderr)
            continue
        for needed in table.before(run):
            print(f"{needed['name']} first, whose folder {run['name']} reads (about {words(needed['seconds'])})", file=sys.stderr)
            with tempfile.TemporaryDirectory() as folder:
                perform(table, needed, folder)
        print(f"{run['name']}: {run['command']} (about {words(run['seconds'])})", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            data = perform(table, run, folder)
        write(table.root / FOLDER / f"{run['name']}.json", as_text(data))
    return 0


# -- elsewhere -----------------------------------------------------------------------------------------------------
def pack(table, names, folder):
    """A folder that carries runs to another machine: what is to be run there, and the code that they depend on now."""
    folder.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "--short=7", "HEAD"], cwd=table.root, capture_output=True, text=True).stdout.strip()
    runs = [table.named(name) for name in names]
    write(folder / "runs.json", json.dumps({"commit": commit, "runs": [{**r, "depends": table.depends(r)} for r in runs]}, indent=1))
    here = {r["name"] for r in runs}
    lines = ["#!/bin/bash", "# usage: run.sh PROGRAMS TEXT OUT: first what is to have the machine for itself, then the other runs side by side.",
             "set -u", 'programs=$(realpath "${1:-$PROGRAMS}") text=$(realpath "${2:-$TEXT}"); mkdir -p "${3:-$OUT}"; out=$(realpath "${3:-$OUT}")',
             'place=$(mktemp -d) && cd "$place" || exit 1', 'mkdir -p build/results data book/figures && ln -s "$programs"/* build/',
             'ln -s "$text" data/tinyshakespeare.txt', '[ -d "$programs/tree" ] && cp -r "$programs/tree/." .  # what else the runs read, as it lies here',
             "one() {", '  local name=$1 began=$(date +%s.%N); shift', '  timeout -s INT "${MOST_SECONDS:-220}" "$@" --device cpu --record "$out/$name.json" >"$out/$name.txt" 2>"$out/$name.log"',
             '  echo "$? $(date +%s.%N) $began" >"$out/$name.end"', "}"]
    lines += [f"one {r['name']} {r['command']}" for r in runs if r.get("alone")]
    for run in runs:
        if run.get("after") in here or run.get("alone"):
            continue
        chain = [run, *(r for r in runs if r.get("after") == run["name"])]
        lines.append("( " + "; ".join(f"one {r['name']} {'nice -n 10 ' * (r['seconds'] >= 200)}{r['command']}" for r in chain) + " ) &")
    lines += ["wait", 'echo "all have ended"', ""]
    write(folder / "run.sh", "\n".join(lines))
    return 0


def take(table, folder, out):
    """Takes what came back, as if it had been run here."""
    packed = json.loads((folder / "runs.json").read_text(encoding="utf-8"))
    missing = 0
    for run in packed["runs"]:
        name = run["name"]
        end = (out / f"{name}.end").read_text().split() if (out / f"{name}.end").exists() else []
        if end[:1] != ["0"] or not (out / f"{name}.json").exists():
            print(f"{name}: " + (f"ended with {end[0]}, see {out / name}.log" if end else "did not end"))
            missing += 1
            continue
        found = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
        found["commit"] = found.get("commit") or packed["commit"]
        printed = (out / f"{name}.txt").read_text(encoding="utf-8")
        data = complete(table.named(name), found, printed, float(end[1]) - float(end[2]), run["depends"])
        write(table.root / FOLDER / f"{name}.json", as_text(data))
        print(f"{name}: taken")
    return 1 if missing else 0


def draw(table, folder):
    """Draws each recorded picture that belongs to the book, under its name there."""
    command = [str(table.root / "build/draw_recorded"), "--out", str(folder)]
    for run in table.runs:
        file = table.root / FOLDER / f"{run['name']}.json"
        if file.exists():
            names = json.loads(file.read_text(encoding="utf-8")).get("pictures", {})
            other = {n: "" for n in names if not re.match(r"ch\d\d-", n)}  # a run folder's own, or a report's
            command += [f"{k}={v}" for k, v in {**other, **run.get("pictures", {})}.items()] + [str(file)]
    return subprocess.run(command).returncode


# -- checking ------------------------------------------------------------------------------------------------------
def changed(then, now):
    """The files whose code differs between two {file: digest}."""
    return sorted(f for f in {*then, *now} if then.get(f) != now.get(f))


def differences(then, now, tolerance):
    """How two records differ by more than the tolerance, a relative one: lines to print."""
    out = []

    def end(curve):  # where a curve stops being numbers
        return next((i for i, (_, y) in enumerate(curve["points"]) if y == "nan"), None)

    def compare(where, a, b):
        if isinstance(a, dict) and isinstance(b, dict) and a.get("points") and b.get("points") and end(a) and end(a) == end(b):
            # The last number before a training blows up is another one on each kind of processor.
            last = end(a) - 1
            if all(isinstance(curve["points"][last][1], (int, float)) for curve in (a, b)):
                a, b = ({**curve, "points": curve["points"][:last] + curve["points"][last + 1:]} for curve in (a, b))
        if isinstance(a, dict) and isinstance(b, dict):
            if a.get("unit") in TIMES:
                return
            timed = [i for i, c in enumerate(a.get("columns", [])) if TIMED.match(c)]
            for key in {**a, **b}:
                x, y = a.get(key), b.get(key)
                if key == "rows" and timed and x and y:
                    x, y = ([[v for i, v in enumerate(row) if i not in timed] for row in rows] for rows in (x, y))
                compare(f"{where}.{key}" if where else key, x, y)
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
        if not file.exists() and run.get("pending"):
            print(f"{run['name']}: is still to be recorded; `make results-{int(run['name'][:2])}` does it")
            continue
        if not file.exists():
            print(f"{run['name']}: not recorded; `make results-{int(run['name'][:2])}` does it")
            wrong += 1
            continue
        then = json.loads(file.read_text(encoding="utf-8"))
        moved = changed(then["depends"], table.depends(run))
        if then["command"] != run["command"]:
            moved.append("its command")
        if again and run["seconds"] <= MOST_SECONDS and not table.before(run):
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
    parser.add_argument("what", choices=("run", "check", "targets", "draw", "pack", "take"))
    parser.add_argument("chapters", nargs="*", help="their numbers; all, where none is given; a folder, and runs' names")
    parser.add_argument("--root", default=ROOT)
    parser.add_argument("--again", action="store_true", help="check: run those anew that take seconds, and compare")
    arguments = parser.parse_args()
    table = Table(arguments.root)
    if arguments.what == "targets":
        programs = {"gpt": "solution_12", "tokenizer_trade.py": "solution_12 write_play", "tokenizer_compare.py": "tokenize write_play",
                    "hosts_demo.py": "solution_12 draw_recorded"}
        runs = table.of(arguments.chapters)
        runs += [n for r in runs for n in table.before(r)]
        compared = {p.name: "solution_12" for p in (table.root / "tests/benchmarks").glob("*.py")} | {"python": "solution_12"}
        programs = compared | programs  # those that compare, where they need no more
        print(" ".join(sorted({programs.get(p, p) for r in runs if "report" not in r
                               for p in [shlex.split(r["command"])[0].split("/")[-1]]})))
        return 0
    if arguments.what in ("draw", "pack", "take"):
        if len(arguments.chapters) < (1 if arguments.what == "draw" else 2):
            parser.error(f"{arguments.what}: see the head of {Path(__file__).name}")
        folder, *rest = arguments.chapters
        if arguments.what == "draw":
            return draw(table, Path(folder).resolve())
        return pack(table, rest, Path(folder)) if arguments.what == "pack" else take(table, Path(folder), Path(rest[0]))
    if arguments.what == "run":
        return run_all(table, arguments.chapters)
    return check(table, arguments.again)


if __name__ == "__main__":
    sys.exit(main())
