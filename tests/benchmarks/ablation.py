#!/usr/bin/env python3
"""What each part of the speedrun recipe is worth: all parts together, with one left out, and with all of them left out, some seeds each.

usage: tests/benchmarks/ablation.py build/gpt TEXT [--seeds 5] [--steps N] [--at-once N] [--record FILE]

A validation loss does not depend on how busy a machine is, so several runs may go at once, each on one thread. Printed are the
losses at the end, over the whole validation part, their mean, and how far the mean lies above that of all parts, with an interval of
the differences by seed (Student's t). There is a comparison for each row, so each interval is widened until all of them hold together
with a probability of 95 % (Bonferroni: 1 - 0.05 / rows for each). No rate is searched anew for a recipe with a part less: recipes.py does
that for the optimizer.
"""
import argparse
import concurrent.futures
import csv
import os
import statistics
import tempfile

import recorded
import training_compare

PARTS = ["token-shift", "rotary", "qk-norm", "squared-relu", "zero-outputs", "own-head", "muon"]


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
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of another length than the recipe's")
    parser.add_argument("--at-once", type=int, default=os.cpu_count())
    parser.add_argument("--record", help="writes the table for the book")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error(f"--seeds {options.seeds}: two or more make an interval")

    rows = {"all parts": None, **{f"without {part}": part for part in PARTS}, "without all of these": ",".join(PARTS)}
    seeds = range(1, options.seeds + 1)
    share = 1 - 0.05 / (len(rows) - 1)
    table = []
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        losses = {row: [pool.submit(final_loss, options.program, options.text, options.steps, without, seed) for seed in seeds]
                  for row, without in rows.items()}
        whole = [future.result() for future in losses["all parts"]]
        print(f"{'':<22}" + "".join(f"{'seed ' + str(seed):>9}" for seed in seeds) + f"{'mean':>9}   worse by")
        for row, without in rows.items():
            values = [future.result() for future in losses[row]]
            line = f"{row:<22}" + "".join(f"{value:9.3f}" for value in values) + f"{statistics.mean(values):9.3f}"
            worse, half = 0.0, 0.0
            if without:
                worse, half = recorded.mean_and_half([value - base for value, base in zip(values, whole)], share)
                line += f"   {worse:.3f} +- {half:.3f}"
            table.append([row, statistics.mean(values), worse, half, *values])
            print(line, flush=True)
    if options.record:
        columns = ["recipe", "mean", "worse", "half"] + [f"seed_{seed}" for seed in seeds]
        scalars = {f"{name}_{row[0].replace(' ', '_').replace('-', '_')}": (row[at], "nats")
                   for name, at in (("worse", 2), ("half", 3)) for row in table[1:]}
        recorded.write(options.record, 1, list(seeds), scalars, {"ablation": (columns, table)})


if __name__ == "__main__":
    main()
