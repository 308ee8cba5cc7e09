#!/usr/bin/env python3
"""What a vocabulary buys: `gpt train` with characters and with byte pairs of several vocabularies, compared in bits a byte.

usage: tests/benchmarks/tokenizer_trade.py build/gpt TEXT [--name NAME] [--out FILE.json] [--equal KIND ...] [--vocabularies N ...]
           [--part SHARE] [--seeds N] [--steps N] [--device cpu] [--at-once N] [--seconds N] [--record FILE] [--from FILE.json ...]
           [--step-times FILE.json] [--evaluations N]

TEXT is a file, or play for the play (by write_play, which lies beside gpt); --part takes a share of it from its beginning.
The model is preset small's, its learning rate 4e-3: 4 layers, 4 heads, context 64, batches of 12 windows. The
vocabularies are held equal in one of three ways:
  parameters  each model's width is chosen so that all have about as many parameters as that of 1,024 tokens and width 128; equal steps
  operations  width 128; each takes as many steps as cost the matrix products of --steps steps with characters
  time        width 128; each takes as many steps as take the time of --steps steps with characters, by a short run of each beforehand.
              A step's time depends on the model's shape and not on the text: --step-times takes it from an earlier comparison at equal
              time (its --record) of vocabularies with as many tokens, where this machine is too busy to time anything
Every run is evaluated --evaluations times (five) over the whole validation split, and its best loss counts: a run that overfits is not
punished for its last steps. A loss in nats a token becomes bits a byte. Printed is a table for each kind: the mean over the seeds with
its 95 % interval (Student's t). What is there so far is written to --out after each run, and --seconds ends the whole in time: the seeds
come one after the other, so that whatever is there is a table. Done again with the same --out, the whole goes on from there.
"""
import argparse
import concurrent.futures
import csv
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

LAYERS, CONTEXT, BATCH, WIDTH, REFERENCE = 4, 64, 12, 128, 1024
CHARACTERS = "characters"
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def parameters(tokens, width):
    """Of a GPT with a tied head: tables, blocks of 12 matrices' worth with their biases and gains, the last norm."""
    return (tokens + CONTEXT) * width + LAYERS * (12 * width * width + 13 * width) + 2 * width


def operations(tokens, width):
    """Of a training step a token: as chapter 12 counts."""
    return 6 * (LAYERS * 12 * width * width + tokens * width) + 12 * LAYERS * CONTEXT * width


class Trade:
    def __init__(self, options):
        self.options = options
        self.deadline = time.monotonic() + options.seconds if options.seconds else math.inf
        self.folder = tempfile.mkdtemp(prefix="verse_trade_")
        if options.text == "play":
            written = subprocess.run([os.path.join(os.path.dirname(options.program), "write_play")], stdout=subprocess.PIPE, check=True)
            text = written.stdout.decode()
        else:
            with open(options.text, encoding="utf-8", newline="") as file:
                text = file.read()
        text = text[:math.ceil(options.part * len(text))]
        self.text = os.path.join(self.folder, "text.txt")
        with open(self.text, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        split = len(text) * 9 // 10
        self.train = os.path.join(self.folder, "train.txt")
        with open(self.train, "w", encoding="utf-8", newline="") as file:
            file.write(text[:split])
        self.train_characters = split
        self.train_bytes = len(text[:split].encode())
        self.characters = len(set(text))
        self.validation_bytes = len(text[split:].encode())
        self.result = {"text": options.name, "device": options.device, "steps": options.steps, "evaluations": options.evaluations,
                       "vocabularies": [], "runs": []}

    def gpt(self, *arguments):
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        done = subprocess.run([self.options.program, *map(str, arguments)], capture_output=True, text=True, env=environment,
                              timeout=max(1, min(1e6, self.deadline - time.monotonic())))
        if done.returncode != 0:
            raise RuntimeError(f"{arguments}: {done.stderr}")
        return done.stdout

    def prepare(self):
        """The tokenizers, learned from the training split, and what they make of it."""
        for vocabulary in self.options.vocabularies:
            if vocabulary == CHARACTERS:
                row = {"vocabulary": vocabulary, "tokens": self.characters, "train_tokens": self.train_characters, "unseen": 0, "once": 0}
            else:
                place = os.path.join(self.folder, f"{vocabulary}.json")
                try:
                    self.gpt("tokenize", "--data", self.train, "--vocabulary", vocabulary, "--out", place)
                except RuntimeError as error:
                    print(f"{vocabulary}: left out, {error}", file=sys.stderr)
                    continue
                counted = [int(number.replace(",", "")) for number in
                           re.findall(r"[\d,]*\d(?= (?:tokens|are|once))", self.gpt("tokenize", "--tokenizer", place, "--data", self.train,
                                                                                    "--count"))]
                row = {"vocabulary": vocabulary, "tokens": int(vocabulary), "train_tokens": counted[0], "unseen": counted[2],
                       "once": counted[3]}
            row["characters_a_token"] = self.train_characters / row["train_tokens"]
            row["tokens_a_pair"] = row["train_tokens"] / row["tokens"] ** 2
            row["table_share"] = row["tokens"] * WIDTH / parameters(row["tokens"], WIDTH)
            self.result["vocabularies"].append(row)

    def tokenizer(self, row):
        return "characters" if row["vocabulary"] == CHARACTERS else os.path.join(self.folder, f"{row['vocabulary']}.json")

    def plan(self, kind, row, step_seconds):
        """A run's width and steps."""
        first = self.result["vocabularies"][0]["tokens"]
        width, steps = WIDTH, self.options.steps
        if kind == "parameters":
            goal = parameters(REFERENCE, WIDTH)
            width = min(range(8, 1024, 8), key=lambda each: abs(parameters(row["tokens"], each) - goal))
        elif kind == "operations":
            steps = round(steps * operations(first, WIDTH) / operations(row["tokens"], WIDTH))
        else:
            steps = round(steps * step_seconds[CHARACTERS] / step_seconds[row["vocabulary"]])
        return width, max(steps, 20)

    def run(self, kind, row, seed, width, steps):
        out = tempfile.mkdtemp(dir=self.folder)
        try:
            printed = self.gpt("train", "--preset", "small", "--learning-rate", "4e-3", "--min-learning-rate", "2e-4",
                               "--data", self.text, "--tokenizer", self.tokenizer(row), "--seed", seed,
                               "--width", width, "--steps", steps, "--eval-every", max(1, -(-steps // self.options.evaluations)),
                               "--warmup", min(100, steps // 4),
                               "--threads", 1, "--device", self.options.device, "--out", os.path.join(out, "run"))
            with open(os.path.join(out, "run", "metrics.csv"), newline="", encoding="utf-8") as file:
                losses = [(float(line["val_loss"]), int(line["step"])) for line in csv.DictReader(file) if line["val_loss"]]
        finally:
            shutil.rmtree(out, ignore_errors=True)
        loss, best = min(losses)
        validation_tokens = int(re.search(r"([\d,]+) validate", printed).group(1).replace(",", ""))
        return {"equal": kind, "vocabulary": row["vocabulary"], "seed": seed, "width": width, "steps": steps,
                "parameters": parameters(row["tokens"], width), "loss": loss, "best_step": best,
                "seconds": float(re.search(r"steps took ([\d.]+) s", printed).group(1)),
                "bits_per_byte": loss * (validation_tokens - 1) / math.log(2) / self.validation_bytes}

    def step_seconds(self):
        """Of one step with each vocabulary, by short runs one after the other, or in an earlier comparison's unit of time."""
        found = {}
        if self.options.step_times:
            earlier = steps_at_equal_time(self.options.step_times)
            for row in self.result["vocabularies"]:
                tokens, steps = earlier.get(row["vocabulary"], (None, None))
                if tokens != row["tokens"]:
                    sys.exit(f"{self.options.step_times} has no step's time for {row['vocabulary']} of {row['tokens']} tokens"
                             + (f", but of {tokens}" if tokens else ""))
                found[row["vocabulary"]] = 1 / steps
            return found
        known = self.result.get("step_seconds", {})  # where an earlier comparison goes on
        for row in self.result["vocabularies"]:
            if str(row["vocabulary"]) in known:
                found[row["vocabulary"]] = known[str(row["vocabulary"])]
                continue
            done = self.run("time", row, 1, WIDTH, self.options.timed_steps)
            found[row["vocabulary"]] = done["seconds"] / self.options.timed_steps
        self.result["step_seconds"] = {str(key): value for key, value in found.items()}
        return found

    def go_on(self):
        """Takes the runs that --out holds already. Ends the program where they are of another comparison."""
        if not self.options.out or not os.path.exists(self.options.out):
            return
        with open(self.options.out, encoding="utf-8") as file:
            earlier = json.load(file)
        for name in ("text", "device", "steps", "evaluations", "vocabularies"):
            if earlier.get(name, self.result[name]) != self.result[name]:
                print(f"{self.options.out} holds another comparison: its {name} differ; --out names another file", file=sys.stderr)
                sys.exit(2)
        self.result.update(earlier)

    def save(self):
        if not self.options.out:
            return
        with open(self.options.out + ".part", "w", encoding="utf-8") as file:
            json.dump(self.result, file, indent=1)
        os.replace(self.options.out + ".part", self.options.out)

    def measure(self):
        self.prepare()
        self.go_on()
        self.save()
        step_seconds = self.step_seconds() if "time" in self.options.equal else {}
        there = {(run["equal"], run["vocabulary"], run["seed"]) for run in self.result["runs"]}
        with concurrent.futures.ThreadPoolExecutor(self.options.at_once) as pool:
            waiting = [pool.submit(self.run, kind, row, seed, *self.plan(kind, row, step_seconds))
                       for seed in range(1, self.options.seeds + 1) for kind in self.options.equal for row in self.result["vocabularies"]
                       if (kind, row["vocabulary"], seed) not in there]
            for done in concurrent.futures.as_completed(waiting):
                try:
                    self.result["runs"].append(done.result())
                except (subprocess.TimeoutExpired, RuntimeError, ValueError, AttributeError) as error:
                    print(f"a run is left out: {error}", file=sys.stderr)
                self.save()
        shutil.rmtree(self.folder)


def mean_and_half(values):
    """A mean with half the width of its 95 % interval; none for one value."""
    if len(values) < 2:
        return statistics.mean(values), math.nan
    return statistics.mean(values), STUDENT[len(values)] * statistics.stdev(values) / len(values) ** 0.5


def show(result):
    print(f"{result['text']}, trained on {result['device']}")
    print(f"{'vocabulary':>12}{'characters a token':>20}{'unseen':>8}{'once':>8}{'tokens a pair':>15}{'table':>8}")
    for row in result["vocabularies"]:
        print(f"{row['vocabulary']:>12}{row['characters_a_token']:20.2f}{row['unseen']:8}{row['once']:8}{row['tokens_a_pair']:15.3g}"
              f"{row['table_share']:8.0%}")
    for kind in dict.fromkeys(run["equal"] for run in result["runs"]):
        print(f"at equal {kind}")
        print(f"{'vocabulary':>12}{'parameters':>12}{'width':>7}{'steps':>7}{'seconds':>9}{'bits a byte':>13}")
        for row in result["vocabularies"]:
            runs = [run for run in result["runs"] if run["equal"] == kind and run["vocabulary"] == row["vocabulary"]]
            if not runs:
                continue
            mean, half = mean_and_half([run["bits_per_byte"] for run in runs])
            print(f"{row['vocabulary']:>12}{runs[0]['parameters']:12,}{runs[0]['width']:7}{runs[0]['steps']:7}"
                  f"{statistics.mean(run['seconds'] for run in runs):9.1f}{mean:13.4f} +- {half:.4f} ({len(runs)} seeds)")


def steps_at_equal_time(path):
    """{vocabulary: (its tokens, steps)} of a recorded comparison at equal time."""
    with open(path, encoding="utf-8") as file:
        tables = json.load(file)["tables"]
    texts = [name.removesuffix("_time") for name in tables if name.endswith("_time")]
    if len(texts) != 1:
        sys.exit(f"{path} holds {len(texts)} comparisons at equal time; --step-times needs a record of one")

    def column(table, name):
        place = table["columns"].index(name)
        return {row[0]: row[place] for row in table["rows"]}
    tokens, steps = column(tables[texts[0]], "tokens"), column(tables[texts[0] + "_time"], "steps")
    return {vocabulary: (tokens[vocabulary], steps[vocabulary]) for vocabulary in steps}


def record(results, path):
    """The tables as the book's record has them: one a text for its vocabularies, one for each kind of comparison."""
    tables, scalars = {}, {}
    for result in results:
        text = re.sub(r"\W+", "_", result["text"]).strip("_").lower()
        columns = ["vocabulary", "tokens", "characters_a_token", "unseen", "once", "tokens_a_pair", "table_share"]
        tables[text] = {"columns": columns, "rows": [[str(row[column]) if column == "vocabulary" else row[column] for column in columns]
                                                     for row in result["vocabularies"]]}
        for kind in dict.fromkeys(run["equal"] for run in result["runs"]):
            rows = []
            for row in result["vocabularies"]:
                runs = [run for run in result["runs"] if run["equal"] == kind and run["vocabulary"] == row["vocabulary"]]
                if not runs:
                    continue
                mean, half = mean_and_half([run["bits_per_byte"] for run in runs])
                rows.append([str(row["vocabulary"]), runs[0]["parameters"], runs[0]["width"], runs[0]["steps"],
                             statistics.mean(run["seconds"] for run in runs), mean, "nan" if math.isnan(half) else half, len(runs)])
                scalars[f"{text}_{kind}_{row['vocabulary']}"] = {"value": mean, "unit": "bits"}
            tables[f"{text}_{kind}"] = {"columns": ["vocabulary", "parameters", "width", "steps", "seconds", "bits", "half", "seeds"],
                                        "rows": rows}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"date": time.strftime("%Y-%m-%d"), "machine": " and ".join(dict.fromkeys(result["device"] for result in results)),
                   "threads": 1, "seeds": sorted({run["seed"] for result in results for run in result["runs"]}),
                   "scalars": scalars, "tables": tables}, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("text")
    parser.add_argument("--name", help="of the text, for titles")
    parser.add_argument("--part", type=float, default=1, help="the share of the text that is used")
    parser.add_argument("--out")
    parser.add_argument("--equal", nargs="+", choices=["parameters", "operations", "time"], default=["parameters", "operations", "time"])
    parser.add_argument("--vocabularies", nargs="+", default=[CHARACTERS, "256", "512", "1024", "2048", "4096", "8192"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--evaluations", type=int, default=5)
    parser.add_argument("--timed-steps", type=int, default=60)
    parser.add_argument("--step-times", help="an earlier --record at equal time, whose steps' times hold here too")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--at-once", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, help="end after so many, with what is there")
    parser.add_argument("--record", help="write the tables for the book")
    parser.add_argument("--from", nargs="+", dest="earlier", help="--out of earlier runs")
    options = parser.parse_args()
    options.name = options.name or os.path.basename(options.text)
    if options.earlier:
        results = []
        for place in options.earlier:
            with open(place, encoding="utf-8") as file:
                results.append(json.load(file))
    else:
        trade = Trade(options)
        trade.measure()
        results = [trade.result]
    for result in results:
        show(result)
    if options.record:
        record(results, options.record)


if __name__ == "__main__":
    main()
