#!/usr/bin/env python3
"""Records runs for chapter 6, each with one of its ten faults or with none: some to draw lines by, others to judge them by.

usage: record_runs.py PROGRAM tuning|held_out [--out FOLDER] [--jobs N] [--list | --lines]

PROGRAM is build/solution_06. A run's seed, size, text and settings follow from its place in the list below and from nothing
else, so that anybody can record the same; --list prints them, a line for each run, and --lines shows between which numbers
the lines of the hidden faults may be drawn. Runs that the folder has already are left alone. Needs data/tinyshakespeare.txt (`make data`).

The tuning runs are those that the lines of given/hidden_faults.h were looked at by. The held-out ones were recorded after that,
and no rule and no line has been changed since their scores are known. The 41 runs in given/held_out with seeds 1001
to 1041 are older, and were recorded by hand; they were never asked the questions of given/probes.h.
"""
import argparse
import collections
import concurrent.futures
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
GIVEN = os.path.join(ROOT, "chapters", "06_loss_stages", "given")

# Layers and width; a batch's windows with the steps; learning rates as they were meant.
SIZES = [(1, 64), (2, 32), (2, 64), (1, 96), (3, 32), (2, 96)]
BATCHES = [(8, 450), (12, 400), (16, 400), (12, 450)]
RATES = [0.001, 0.002, 0.003]
TEXTS = ["play", "shakespeare", "cyrillic", "hanzi", "short"]

# Each kind of run: the fault, what its folder is called, and the settings that are not the usual ones.
Kind = collections.namedtuple("Kind", "fault name rates warmup dropouts")
HEALTHY = [
    Kind("none", "healthy", RATES, 100, [0]),
    Kind("none", "healthy-dropout", RATES, 100, [0.1, 0.2]),
    Kind("none", "healthy-no-warmup", RATES[:2], 0, [0]),
]
FAULTS = [
    Kind("no-initialisation", "no-initialisation", RATES, 100, [0]),
    Kind("no-causal-mask", "no-causal-mask", RATES, 100, [0]),
    Kind("unshifted-targets", "unshifted-targets", RATES, 100, [0, 0.1]),
    Kind("same-batch", "same-batch", RATES, 100, [0]),
    Kind("high-learning-rate", "high-learning-rate", [0.005, 0.01, 0.02], 100, [0]),
    Kind("no-warmup", "no-warmup", [0.01, 0.02, 0.03], 0, [0]),
]
HIDDEN = [
    Kind("evaluation-dropout", "evaluation-dropout", RATES, 100, [0.1, 0.2, 0.05]),
    Kind("leaking-split", "leaking-split", RATES, 100, [0, 0.1]),
    Kind("wrong-tokenizer", "wrong-tokenizer", RATES, 100, [0]),
    Kind("lost-precision", "lost-precision", RATES, 100, [0, 0.1]),
]
# What is recorded of each, and from which seed on.
SETS = {
    "tuning": (21, [*[(kind, 4) for kind in HIDDEN], (HEALTHY[0], 5), (HEALTHY[1], 3), (HEALTHY[2], 1), *[(kind, 1) for kind in FAULTS]]),
    "held_out": (2001, [(HEALTHY[0], 15), (HEALTHY[1], 10), (HEALTHY[2], 5), *[(kind, 7) for kind in FAULTS], *[(kind, 10) for kind in HIDDEN]]),
}


def runs_of(name):
    """Every run of a set: its folder's name, its text, and the program's arguments."""
    seed, wanted = SETS[name]
    runs = []
    for place, (kind, count) in enumerate(wanted):
        for i in range(count):
            text = TEXTS[(i + place) % len(TEXTS)]
            layers, width = SIZES[(i + 2 * place) % len(SIZES)]
            batch, steps = BATCHES[(i + place) % len(BATCHES)]
            rate, dropout = kind.rates[i % len(kind.rates)], kind.dropouts[i % len(kind.dropouts)]
            arguments = ["--fault", kind.fault, "--seed", seed, "--layers", layers, "--width", width, "--batch-size", batch,
                         "--steps", steps, "--learning-rate", rate, "--warmup", kind.warmup, "--dropout", dropout, "--threads", 1]
            runs.append((i, f"{text}-{layers}x{width}-{kind.name}-{seed}", text, [str(argument) for argument in arguments]))
            seed += 1
    # The first of every kind comes first, so that a set that was broken off has a bit of everything.
    return [run for _, *run in sorted(runs, key=lambda run: run[0])]


def in_cyrillic(text):
    """The text with each Latin letter written as one Cyrillic letter, another for each."""
    small = "абцдефгхийклмнопярстувжщызэюь"
    latin = "abcdefghijklmnopqrstuvwxyz"
    table = {ord(one): other for one, other in zip(latin, small)}
    table.update({ord(one.upper()): other.upper() for one, other in zip(latin, small)})
    return text.translate(table)


def in_hanzi(text):
    """One Chinese character for each of the 600 most frequent words, another for all the rest; spaces are left out."""
    words = collections.Counter(re.findall(r"[a-z']+", text.lower()))
    signs = {word: chr(0x4E00 + i) for i, (word, _) in enumerate(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:600])}
    return re.sub(r"[A-Za-z']+", lambda word: signs.get(word.group().lower(), "\u3007"), text).replace(" ", "")


def write_texts(folder):
    """Writes the texts, and gives the file of each; the play is the program's own."""
    with open(os.path.join(ROOT, "data", "tinyshakespeare.txt"), encoding="utf-8") as file:
        shakespeare = file.read()
    texts = {"shakespeare": shakespeare, "cyrillic": in_cyrillic(shakespeare), "hanzi": in_hanzi(shakespeare), "short": shakespeare[:200000]}
    files = {}
    for name, text in texts.items():
        files[name] = os.path.join(folder, name + ".txt")
        with open(files[name], "w", encoding="utf-8") as file:
            file.write(text)
    return files


def show_lines(folder):
    """For each hidden fault: the least of its number in the runs that have it, and the largest in all others."""
    numbers = {kind.name: ([], []) for kind in HIDDEN}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name, "evidence.json"), encoding="utf-8") as file:
            evidence = json.load(file)
        with open(os.path.join(folder, name, "metrics.csv"), encoding="utf-8") as file:
            last = list(csv.DictReader(file))[-1]
        found = {"evaluation-dropout": evidence.get("answers_differ"), "leaking-split": evidence.get("seen_before"),
                 "lost-precision": evidence.get("rounded_weights")}
        # A model that sees the future, or repeats what it reads, writes nonsense for that reason.
        if evidence.get("sample_surprise") is not None and "no-causal-mask" not in name and "unshifted-targets" not in name:
            found["wrong-tokenizer"] = evidence["sample_surprise"] - float(last["val_loss"])
        for fault, number in found.items():
            if number is not None:
                numbers[fault][0 if fault in name else 1].append((number, name))
    for fault, (there, elsewhere) in numbers.items():
        if there and elsewhere:
            print(f"{fault}: at least {min(there)[0]:.4g} in {len(there)} runs ({min(there)[1]}), "
                  f"at most {max(elsewhere)[0]:.4g} in {len(elsewhere)} others ({max(elsewhere)[1]})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--out", help="the folder of the runs; without it the chapter's own")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--list", action="store_true", help="prints the runs and records none")
    parser.add_argument("--lines", action="store_true", help="shows what the recorded runs say about the lines, and records none")
    asked = parser.parse_args()
    runs = runs_of(asked.set)
    if asked.list:
        for name, text, arguments in runs:
            print(name, text, *arguments)
        return 0
    out = asked.out or os.path.join(GIVEN, asked.set)
    if asked.lines:
        show_lines(out)
        return 0
    os.makedirs(out, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        files = write_texts(folder)

        def record(run):
            name, text, arguments = run
            place = os.path.join(out, name)
            if os.path.exists(place):
                return None
            data = ["--data", files[text]] if text in files else []
            done = subprocess.run([asked.program, *arguments, *data, "--out", place], capture_output=True, text=True)
            return f"{name}: {done.stderr.strip().splitlines()[-1:]}" if done.returncode else None

        with concurrent.futures.ThreadPoolExecutor(max_workers=asked.jobs) as pool:
            failures = [failure for failure in pool.map(record, runs) if failure]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
