#!/usr/bin/env python3
"""Products in bfloat16 on a processor: training steps beside those in float32, in turn, and what both have learned after some steps.

usage: tests/benchmarks/half_products.py build/gpt TEXT [--rounds 3] [--steps 500] [--record FILE]

Each round times the steps of two presets with either kind of product, each in a process of its own, on one thread, by the processor's
time; of shakespeare's batch, a quarter. The median of the rounds' ratios counts. Then preset small trains with either, for as many
steps as said, from the same seed.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import recorded

KINDS = ("fp32", "bf16")
PRESETS = (("small", ["--rounds", "20"]), ("shakespeare", ["--batch-size", "16", "--rounds", "2"]))


def found(command):
    """What a command of the program records, by name."""
    with tempfile.TemporaryDirectory() as folder:
        record = os.path.join(folder, "record.json")
        out = ["--out", os.path.join(folder, "run")] if command[1] == "train" else []
        done = subprocess.run([*command, *out, "--record", record], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr.strip()}")
        with open(record, encoding="utf-8") as file:
            return {name: entry["value"] for name, entry in json.load(file)["scalars"].items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("text", type=os.path.abspath)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--record", help="writes the rounds for the book")
    options = parser.parse_args()

    alone = ["--threads", "1", "--device", "cpu"]
    rows, scalars = [], {}
    for preset, more in PRESETS:
        times = []
        for _ in range(options.rounds):
            times.append([found([options.program, "bench", "--preset", preset, "--precision", kind, *more, *alone])["ms_1"] for kind in KINDS])
        exact, half = (statistics.median(column) for column in zip(*times))
        ratios = [one / other for one, other in times]
        rows.append([preset, exact, half, statistics.median(ratios), min(ratios), max(ratios)])
        print(f"a step of {preset}: {exact:,.1f} ms in float32, {half:,.1f} ms with products in bfloat16: {statistics.median(ratios):.2f} times as "
              f"fast ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)
    if options.steps > 0:
        for kind in KINDS:
            loss = found([options.program, "train", "--preset", "small", "--data", options.text, "--steps", str(options.steps),
                          "--precision", kind, *alone])["best_loss"]
            print(f"{options.steps:,} steps of small, {kind}: best validation loss {loss:.4f}", flush=True)
            scalars[f"loss_{kind}"] = (loss, "nats")
        scalars["steps"] = (options.steps, "steps")
    if options.record:
        recorded.write(options.record, 1, [1], scalars, {"steps": (["preset", "fp32_ms", "bf16_ms", "speed", "least", "most"], rows)})


if __name__ == "__main__":
    sys.exit(main())
