#!/usr/bin/env python3
"""What each part of the speedrun recipe is worth: all parts together, and with one left out, some seeds each.

usage: tests/benchmarks/ablation.py build/gpt TEXT [--seeds 3] [--steps N] [--at-once N]

A validation loss does not depend on how busy a machine is, so several runs may go at once, each on one thread. Printed are the
losses at the end, over the whole validation part, their mean, and how far the mean lies above that of all parts, with the 95 %
interval of the differences by seed (Student's t).
"""
import argparse
import concurrent.futures
import csv
import os
import statistics
import tempfile

import training_compare

PARTS = ["token-shift", "rotary", "qk-norm", "squared-relu", "zero-outputs", "own-head", "muon"]
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}


def final_loss(program, text, steps, without, seed):
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        command = [program, "train", "--preset", "speedrun", "--data", text, "--seed", str(seed), "--out", run, "--threads", "1",
                   "--device", "cpu"]
        if steps:
            command += ["--steps", str(steps)]
        command += ["--with", "squared-relu"]  # which the recipe does without, by what this table says
        if without:
            command += ["--without", without]
        training_compare.run_quietly(command)
        with open(os.path.join(run, "metrics.csv"), newline="", encoding="utf-8") as file:
            return float([row["val_loss"] for row in csv.DictReader(file) if row["val_loss"]][-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("text")
    parser.add_argument("--seeds", type=int, default=3, choices=sorted(STUDENT))
    parser.add_argument("--steps", type=int, help="of another length than the recipe's")
    parser.add_argument("--at-once", type=int, default=os.cpu_count())
    options = parser.parse_args()

    rows = [None] + PARTS
    seeds = range(1, options.seeds + 1)
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        losses = {row: [pool.submit(final_loss, options.program, options.text, options.steps, row, seed) for seed in seeds]
                  for row in rows}
        whole = [future.result() for future in losses[None]]
        print(f"{'':<22}" + "".join(f"{'seed ' + str(seed):>9}" for seed in seeds) + f"{'mean':>9}   worse by")
        for row in rows:
            values = [future.result() for future in losses[row]]
            line = f"{'without ' + row if row else 'all parts':<22}" + "".join(f"{value:9.3f}" for value in values)
            line += f"{statistics.mean(values):9.3f}"
            if row:
                worse = [value - base for value, base in zip(values, whole)]
                half = STUDENT[len(worse)] * statistics.stdev(worse) / len(worse) ** 0.5
                line += f"   {statistics.mean(worse):.3f} +- {half:.3f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
