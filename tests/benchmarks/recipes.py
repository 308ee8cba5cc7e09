#!/usr/bin/env python3
"""How many steps, and how much time, three recipes need to a validation loss, each with its learning rate and its length searched for.

usage: tests/benchmarks/recipes.py build/gpt TEXT --out FILE.json [--loss 1.88] [--seeds 5] [--at-once N] [--record FILE]

The loss, if none is given, is the one that nanoGPT's README gives for its recipe. The recipes have one shape (4 layers, 4 heads, width 128, context 64, batches of 12 windows, float32):
  nanoGPT's          preset small, by AdamW
  all parts, AdamW   preset speedrun, whose matrices AdamW moves as it does everything else (--without muon)
  all parts, Muon    preset speedrun
The search is the same for each, with a seed that counts nowhere else: lengths from the shortest on, and with each the learning rate that
is better than twice and half of it, sought from the one that was best at the length before, and at first from the recipe's own (of the
parts' groups all change together). The first length whose best rate ends at the loss or below is the recipe's. A second search then halves
the distance to the length before. Then each recipe is trained
with its length and its rate once for each seed, in turns, on one thread. Its seconds are those of its steps, from its metrics.csv. The
search does not mind other work on the machine; the seconds of the second part do: it is begun again from FILE.json, where the search
is kept. The loss is that of the whole validation part, which the search has seen: the table compares recipes, and is no test.
"""
import argparse
import concurrent.futures
import csv
import json
import os
import statistics
import tempfile

import recorded
import training_compare

SEARCH_SEED = 11
RECIPES = {  # what makes it, its own rate, the lengths to try
    "nanoGPT's": (["--preset", "small"], 1e-3, [300, 400, 500, 600, 800, 1000, 1400, 2000]),
    "all parts, AdamW": (["--preset", "speedrun", "--without", "muon"], 0.025, [160, 200, 240, 280, 320, 400, 500, 700]),
    "all parts, Muon": (["--preset", "speedrun"], 0.025, [120, 160, 200, 240, 280, 320]),
}


def train(program, text, recipe, rate, steps, seed):
    """The validation loss at the end (of all of that part), and the seconds that the steps took."""
    flags = RECIPES[recipe][0]
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        command = [program, "train", *flags, "--data", text, "--seed", str(seed), "--out", run, "--threads", "1", "--device", "cpu",
                   "--steps", str(steps), "--learning-rate", f"{rate:g}", "--eval-every", str(steps), "--eval-batches", "0"]
        if recipe == "nanoGPT's":
            command += ["--min-learning-rate", f"{rate / 10:g}", "--warmup", str(min(100, steps // 5))]
        training_compare.run_quietly(command)
        with open(os.path.join(run, "metrics.csv"), newline="", encoding="utf-8") as file:
            last = [row for row in csv.DictReader(file) if row["val_loss"]][-1]
    return float(last["val_loss"]), float(last["seconds"])


def search(options, recipe, tried):
    """The shortest length that was found to reach the loss, and its rate; tried keeps what has been run."""
    own, lengths = RECIPES[recipe][1:]

    def one(steps, factor):
        key = f"{recipe}|{steps}|{factor:g}"
        if key not in tried:
            tried[key] = train(options.program, options.text, recipe, own * factor, steps, SEARCH_SEED)[0]
        return tried[key]

    def best(steps, factor):
        """The loss that this length comes to, and the factor of the rate that brought it there."""
        with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
            while True:
                near = [factor, 2 * factor, factor / 2]
                losses = list(pool.map(lambda one_of: one(steps, one_of), near))
                keep(options, tried)
                if losses[0] == min(losses):
                    break
                factor = near[losses.index(min(losses))]
        print(f"{recipe}: {steps} steps: {losses[0]:.4f} at best, with a learning rate of {own * factor:g}", flush=True)
        return losses[0], factor

    factor = 1
    short = 0
    for steps in lengths:
        loss, factor = best(steps, factor)
        if loss <= options.loss:
            break
        short = steps
    else:
        raise SystemExit(f"{recipe}: {lengths[-1]} steps end above {options.loss}")
    middle = (short + steps) // 2 // 10 * 10
    if short and short < middle < steps and (between := best(middle, factor))[0] <= options.loss:
        return middle, own * between[1]
    return steps, own * factor


def keep(options, tried):
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump({"loss": options.loss, "seed": SEARCH_SEED, "tried": tried}, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("text", type=os.path.abspath)
    parser.add_argument("--out", required=True, help="keeps the search; what stands there is not run again")
    parser.add_argument("--loss", type=float, default=1.88)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=os.cpu_count(), help="runs of the search side by side")
    parser.add_argument("--search-only", action="store_true")
    parser.add_argument("--record", help="writes the table for the book")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error(f"--seeds {options.seeds}: two or more make an interval")
    tried = {}
    if os.path.exists(options.out):
        with open(options.out, encoding="utf-8") as file:
            earlier = json.load(file)
        if earlier["loss"] != options.loss:
            parser.error(f"{options.out} searched for {earlier['loss']}, not for {options.loss}")
        tried = earlier["tried"]
    chosen = {recipe: search(options, recipe, tried) for recipe in RECIPES}
    if options.search_only:
        return
    runs = {recipe: [] for recipe in RECIPES}
    for seed in range(1, options.seeds + 1):
        for recipe, (steps, rate) in chosen.items():
            runs[recipe].append(train(options.program, options.text, recipe, rate, steps, seed))
    rows, first = [], statistics.median(seconds for _, seconds in runs["nanoGPT's"])
    print(f"\nto a validation loss of {options.loss}: {options.seeds} seeds, one thread; loss with its 95 % interval over seeds; median seconds")
    for recipe, (steps, rate) in chosen.items():
        losses = [loss for loss, _ in runs[recipe]]
        mean, half = recorded.mean_and_half(losses)
        seconds = statistics.median(seconds for _, seconds in runs[recipe])
        reached = sum(loss <= options.loss for loss in losses)
        searched = sum(key.startswith(recipe + "|") for key in tried)
        rows.append([recipe, steps, rate, mean, half, reached, seconds, seconds / first, searched])
        print(f"{recipe:<18}{steps:6} steps, rate {rate:<7g}{mean:8.4f} +- {half:.4f}  {reached} of {options.seeds} reach it  "
              f"{seconds:6.1f} s  {seconds / first:5.2f} of nanoGPT's  ({searched} runs of search)", flush=True)
    if options.record:
        columns = ["recipe", "steps", "rate", "loss", "half", "reached", "seconds", "share", "searched"]
        recorded.write(options.record, 1, list(range(1, options.seeds + 1)), {"loss": (options.loss, "nats")}, {"recipes": (columns, rows)})


if __name__ == "__main__":
    main()
