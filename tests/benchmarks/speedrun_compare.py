#!/usr/bin/env python3
"""The speedrun recipe beside nanoGPT's 2,000 steps, in the same minutes: seconds of steps to a validation loss.

usage: speedrun_compare.py build/gpt NANOGPT_FOLDER PYTHON TEXT [--seeds 3] [--loss X] [--steps N] [--threads N] [--record FILE]

nanoGPT trains by its own recipe for a processor (config/train_shakespeare_char.py with the flags of its README), eager, in float32; what
counts of it are the times of its steps, without its start and its evaluations: the median of the logged ones, for all of them. Ours is
`train --preset speedrun --stop-at-loss LOSS`, and what counts are the seconds of its metrics.csv, which hold its steps alone. Without --loss
nanoGPT is trained whole first, and the loss is what it ends at, over 200 batches of the validation split. Its recipe is taken as it is
published: recipes.py says how many steps remain when its learning rate and its length are searched for. PYTHON can import torch, numpy
and requests.
"""
import argparse
import csv
import os
import re
import statistics
import subprocess
import tempfile

import recorded
import training_compare


def theirs_whole(nanogpt, python, threads):
    """nanoGPT's validation loss after its 2,000 steps, by its own evaluation."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    flags = [f"--{name}={value}" for name, value in training_compare.SHAPES["small"].items()]
    run = subprocess.run([python, "train.py", "config/train_shakespeare_char.py", "--device=cpu", "--compile=False", "--eval_iters=200",
                          "--eval_interval=2000", "--max_iters=2000", "--lr_decay_iters=2000", "--dtype=float32", *flags],
                         cwd=nanogpt, env=environment, capture_output=True, text=True, check=True)
    return float(re.findall(r"step 2000: train loss [0-9.]+, val loss ([0-9.]+)", run.stdout)[-1])


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
    parser.add_argument("--loss", type=float, help="to be reached; where nanoGPT ends, if it is not given")
    parser.add_argument("--record", help="writes what was found for the book")
    parser.add_argument("--steps", type=int, help="of our recipe, another number than its own")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()

    program, python, text = training_compare.found(options.ours), training_compare.found(options.python), os.path.abspath(options.text)
    training_compare.prepare(options.nanogpt, python, text)
    if options.loss is None:
        options.loss = theirs_whole(options.nanogpt, python, options.threads)
        print(f"nanoGPT ends at {options.loss:.3f} after 2,000 steps", flush=True)
    rows = []
    for seed in range(1, options.seeds + 1):
        # A stretch of theirs before each of ours: what the machine does meets both.
        step = training_compare.time_nanogpt(options.nanogpt, python, "small", 400, options.threads, 30)
        steps, seconds, loss = ours(program, text, options.loss, seed, options.steps, options.threads)
        if loss > options.loss:
            raise SystemExit(f"seed {seed} ends at {loss:.4f}, above {options.loss}")
        rows.append([seed, step, 2 * step, loss, steps, seconds, seconds / (2 * step)])
        print(f"seed {seed}: nanoGPT {step:.1f} ms a step, {2 * step:.1f} s for 2,000; ours {loss:.3f} after {steps} steps in "
              f"{seconds:.1f} s: {rows[-1][-1]:.3f}", flush=True)
    shares = [row[-1] for row in rows]
    print(f"ours takes {statistics.median(shares):.3f} of the time (from {min(shares):.3f} to {max(shares):.3f})")
    if options.record:
        scalars = {"loss": (options.loss, "nats"), "share": (statistics.median(shares), "times"), "least": (min(shares), "times"),
                   "most": (max(shares), "times")}
        recorded.write(options.record, options.threads, [row[0] for row in rows], scalars,
                       {"seeds": (["seed", "nanogpt_ms", "nanogpt_seconds", "loss", "steps", "seconds", "speed"], rows)})


if __name__ == "__main__":
    main()
