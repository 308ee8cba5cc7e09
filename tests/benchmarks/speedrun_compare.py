#!/usr/bin/env python3
"""The speedrun recipe beside nanoGPT's 2,000 steps, in the same minutes: seconds of steps to a validation loss.

usage: speedrun_compare.py build/gpt NANOGPT_FOLDER PYTHON TEXT [--seeds 3] [--loss 1.886] [--steps N] [--threads N]

nanoGPT trains by its own recipe for a processor (config/train_shakespeare_char.py with the flags of its README), eager, in float32; what
counts of it are the times of its steps, without its start and its evaluations: the median of the logged ones, for all of them. Ours is
`train --preset speedrun --stop-at-loss LOSS`, and what counts are the seconds of its metrics.csv, which hold its steps alone. PYTHON can
import torch, numpy and requests.
"""
import argparse
import csv
import os
import statistics
import tempfile

import training_compare


def ours(program, text, loss, seed, steps, threads):
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        command = [program, "train", "--preset", "speedrun", "--data", text, "--seed", str(seed), "--stop-at-loss", str(loss), "--out",
                   run, "--device", "cpu", "--threads", str(threads)]
        if steps:
            command += ["--steps", str(steps)]
        training_compare.run_quietly(command)
        with open(os.path.join(run, "metrics.csv"), newline="", encoding="utf-8") as file:
            last = [row for row in csv.DictReader(file) if row["val_loss"]][-1]
    return int(last["step"]), float(last["seconds"]), float(last["val_loss"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ours", "nanogpt", "python", "text"):
        parser.add_argument(name)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--loss", type=float, default=1.886)
    parser.add_argument("--steps", type=int, help="of our recipe, another number than its own")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()

    program, text = os.path.abspath(options.ours), os.path.abspath(options.text)
    training_compare.prepare(options.nanogpt, options.python, text)
    shares = []
    for seed in range(1, options.seeds + 1):
        # A stretch of theirs before each of ours: what the machine does meets both.
        step = training_compare.time_nanogpt(options.nanogpt, options.python, "small", 400, options.threads, 30)
        steps, seconds, loss = ours(program, text, options.loss, seed, options.steps, options.threads)
        if loss > options.loss:
            raise SystemExit(f"seed {seed} ends at {loss:.4f}, above {options.loss}")
        shares.append(seconds / (2 * step))
        print(f"seed {seed}: nanoGPT {step:.1f} ms a step, {2 * step:.1f} s for 2,000; ours {loss:.3f} after {steps} steps in "
              f"{seconds:.1f} s: {shares[-1]:.3f}", flush=True)
    print(f"ours takes {statistics.median(shares):.3f} of the time (from {min(shares):.3f} to {max(shares):.3f})")


if __name__ == "__main__":
    main()
