#!/usr/bin/env python3
"""Times our training step beside nanoGPT's, in turn, on the same text, shape, batch, and threads.

usage: training_compare.py OURS NANOGPT_FOLDER PYTHON TEXT [--rounds 3] [--steps 300] [--threads N] [--preset small] [--record FILE]

OURS is build/gpt; PYTHON an interpreter that can import torch, numpy and requests. nanoGPT runs eager, in
float32. Each round is one run of each; of a run's steps the first 30 are left out, and of the rest the median over
means of ten steps counts: ours has a line for each ten in metrics.csv, and nanoGPT's log, which has one a step, is
averaged in the same way.
"""

import argparse
import csv
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import recorded

SHAPES = {
    "small": {"block_size": 64, "batch_size": 12, "n_layer": 4, "n_head": 4, "n_embd": 128, "dropout": 0.0},
    "shakespeare": {"block_size": 256, "batch_size": 64, "n_layer": 6, "n_head": 6, "n_embd": 384, "dropout": 0.2},
}


def run_quietly(command):
    """Runs a program whose output is of interest only where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr.strip()}")


def found(program):
    """Where a program lies, so that it is found from any folder; a name alone is looked for in PATH."""
    path = shutil.which(program)
    if path is None:
        raise SystemExit(f"there is no program {program}")
    return os.path.abspath(path)  # links stay: the folder of a virtual environment's link says which it is


def prepare(nanogpt, python, text):
    """nanoGPT reads its own numbers of the text."""
    folder = os.path.join(nanogpt, "data", "shakespeare_char")
    with open(text, "rb") as source, open(os.path.join(folder, "input.txt"), "wb") as target:
        target.write(source.read())
    subprocess.run([python, "prepare.py"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def time_nanogpt(nanogpt, python, shape, steps, threads, skip):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    flags = [f"--{name}={value}" for name, value in SHAPES[shape].items()]
    run = subprocess.run(
        [python, "train.py", "config/train_shakespeare_char.py", "--device=cpu", "--compile=False", "--eval_iters=1",
         "--eval_interval=100000", "--log_interval=1", f"--max_iters={steps}", "--lr_decay_iters=2000",
         "--dtype=float32", *flags],
        cwd=nanogpt, env=environment, capture_output=True, text=True, check=True)
    times = [float(found) for found in re.findall(r"time ([0-9.]+)ms", run.stdout)]
    return statistics.median(statistics.mean(times[i : i + 10]) for i in range(skip, len(times) - 9, 10))


def time_ours(program, shape, text, steps, threads, skip):
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        run_quietly(
            [program, "train", "--preset", shape, "--data", text, "--out", run, "--steps", str(steps), "--eval-every",
             "1000000", "--eval-batches", "1", "--precision", "fp32", "--device", "cpu", "--threads", str(threads)])
        with open(os.path.join(run, "metrics.csv"), newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["tokens_per_second"] and int(row["step"]) > skip]
    tokens = SHAPES[shape]["batch_size"] * SHAPES[shape]["block_size"]
    return 1000 * statistics.median(tokens / float(row["tokens_per_second"]) for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours")
    parser.add_argument("nanogpt")
    parser.add_argument("python")
    parser.add_argument("text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--preset", choices=sorted(SHAPES), default="small")
    parser.add_argument("--record", help="writes the rounds for the book")
    options = parser.parse_args()

    ours, python, text = found(options.ours), found(options.python), os.path.abspath(options.text)
    prepare(options.nanogpt, python, text)
    skip = min(30, options.steps // 30 * 10)  # whole lines of metrics.csv
    if options.steps < skip + 10:
        parser.error(f"--steps {options.steps} is too few: 10 or more")
    rows = []
    for number in range(1, options.rounds + 1):
        theirs = time_nanogpt(options.nanogpt, python, options.preset, options.steps, options.threads, skip)
        mine = time_ours(ours, options.preset, text, options.steps, options.threads, skip)
        rows.append([number, theirs, mine, mine / theirs])
        print(f"round {number}: nanoGPT {theirs:.1f} ms a step, ours {mine:.1f} ms: {mine / theirs:.3f}", flush=True)
    ratios = [row[3] for row in rows]
    print(f"ours takes {statistics.median(ratios):.3f} of nanoGPT's time (median of {len(ratios)} rounds; {min(ratios):.3f} to {max(ratios):.3f})")
    if options.record:
        middles = {name: (statistics.median(row[i] for row in rows), "ms") for i, name in ((1, "nanogpt_ms"), (2, "ours_ms"))}
        shares = {"share": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
        recorded.write(options.record, options.threads, [1], middles | {name: (value, "times") for name, value in shares.items()},
                       {"rounds": (["round", "nanogpt_ms", "ours_ms", "speed"], rows)})


if __name__ == "__main__":
    sys.exit(main())
