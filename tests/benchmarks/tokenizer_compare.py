#!/usr/bin/env python3
"""Training and encoding of byte pairs beside Hugging Face's tokenizers and OpenAI's tiktoken, in one run.

usage: tests/benchmarks/tokenizer_compare.py build/gpt build/interop/venv/bin/python TEXT [--vocabulary 8192] [--threads 1 2]
           [--megabytes 10] [--rounds 3]

The Python needs tokenizers and tiktoken (`make test-interop` sets one up). A text of 100 MB made of plays:
  build/write_play 1115394 90 > build/plays.txt

Training is compared on as many threads each; tokenizers learns from the file, which it reads line by line. From a text in one piece it
learns the same merges as ours, but takes a hundred times the text's size of memory; that is compared on the first --megabytes. Time is that of learning, without starting the program; memory is the most that the process
had at once (its peak resident set), and what of it came after its start. Encoding is compared on the first --megabytes of the text, with
the tokenizer that was trained here, on one thread. Each figure is the best of --rounds, taken in turns; a ratio below 1 means that ours
takes less.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

THEIRS_TRAIN = r"""
import resource, sys, time
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
way, path, vocabulary, out = sys.argv[1:]
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(vocab_size=int(vocabulary), show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
if way == "file":
    tokenizer.train([path], trainer)
else:
    tokenizer.train_from_iterator([open(path, encoding="utf-8", newline="").read()], trainer)
seconds = time.perf_counter() - start
tokenizer.save(out)
print(seconds, before)
"""

THEIRS_ENCODE = r"""
import json, sys, time
path, tokenizer_file = sys.argv[1:]
text = open(path, encoding="utf-8", newline="").read()
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(tokenizer_file)
start = time.perf_counter()
ids = tokenizer.encode(text).ids
print(time.perf_counter() - start, len(ids))
import tiktoken
from tokenizers import pre_tokenizers
content = json.load(open(tokenizer_file, encoding="utf-8"))
visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
letters = {chr(byte): byte for byte in visible}
letters.update({chr(0x100 + i): byte for i, byte in enumerate(byte for byte in range(256) if byte not in visible)})
ranks = {bytes(letters[letter] for letter in token): number for token, number in content["model"]["vocab"].items()}
encoding = tiktoken.Encoding("here", pat_str=r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
                             mergeable_ranks=ranks, special_tokens={})
start = time.perf_counter()
numbers = encoding.encode_ordinary(text)
print(time.perf_counter() - start, len(numbers))
print(numbers == ids)
"""


def measured(command, **environment):
    """What a command prints, and the most memory that it had, in MB."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, env=dict(os.environ, **environment))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        printed, said = out.read(), errors.read()
    if process.returncode:
        sys.exit(f"{command[:3]}: {said}")
    return printed, said, usage.ru_maxrss / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("python")
    parser.add_argument("text")
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    size = os.path.getsize(options.text)
    print(f"{options.text}: {size / 1e6:.1f} MB; {options.vocabulary} tokens; best of {options.rounds} rounds")

    with tempfile.TemporaryDirectory() as folder:
        mine = os.path.join(folder, "ours.json")
        _, _, start_memory = measured([options.program, "tokenize", "--help"])
        for threads in options.threads:
            best = {}
            for _ in range(options.rounds):
                if os.path.exists(mine):
                    os.remove(mine)
                printed, _, memory = measured([options.program, "tokenize", "--data", options.text, "--vocabulary", str(options.vocabulary),
                                               "--threads", str(threads), "--out", mine])
                rows = [("ours", float(re.search(r"in ([\d.]+) s", printed).group(1)), memory, start_memory)]
                printed, _, memory = measured(
                    [options.python, "-c", THEIRS_TRAIN, "file", options.text, str(options.vocabulary), os.path.join(folder, "theirs.json")],
                    RAYON_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="true" if threads > 1 else "false")
                seconds, before = map(float, printed.split())
                rows.append(("tokenizers", seconds, memory, before / 1000))
                for name, seconds, memory, before in rows:
                    if name not in best or seconds < best[name][0]:
                        best[name] = (seconds, memory, before)
            print(f"training on {threads} thread{'s' * (threads > 1)}")
            for name, (seconds, memory, before) in best.items():
                print(f"  {name:<22}{seconds:8.2f} s {memory:8.0f} MB, {memory - before:.0f} of them after the start;"
                      f" ours takes {best['ours'][0] / seconds:.2f} of its time")

        part = os.path.join(folder, "part.txt")
        with open(options.text, encoding="utf-8", newline="") as file, open(part, "w", encoding="utf-8", newline="") as out:
            out.write(file.read(int(options.megabytes * 1e6)))
        megabytes = os.path.getsize(part) / 1e6
        of_part, theirs_of_part = os.path.join(folder, "part.json"), os.path.join(folder, "their_part.json")
        measured([options.program, "tokenize", "--data", part, "--vocabulary", str(options.vocabulary), "--out", of_part])
        measured([options.python, "-c", THEIRS_TRAIN, "text", part, str(options.vocabulary), theirs_of_part])
        with open(of_part, encoding="utf-8") as ours, open(theirs_of_part, encoding="utf-8") as theirs:
            equal = json.load(ours)["model"] == json.load(theirs)["model"]
        print(f"the same merges from {megabytes:.1f} MB in one piece: {'yes' if equal else 'NO'}")
        best = {}
        for _ in range(options.rounds):
            printed, said, _ = measured([options.program, "tokenize", "--tokenizer", mine, "--data", part, "--count", "--threads", "1"])
            tokens = int(re.search(r"([\d,]+) tokens:", printed).group(1).replace(",", ""))
            lines = measured([options.python, "-c", THEIRS_ENCODE, part, mine], RAYON_NUM_THREADS="1",
                             TOKENIZERS_PARALLELISM="false")[0].split("\n")
            rows = {"ours": (float(re.search(r"encoded in ([\d.]+) s", said).group(1)), tokens)}
            for name, line in (("tokenizers", lines[0]), ("tiktoken", lines[1])):
                rows[name] = (float(line.split()[0]), int(line.split()[1]))
            for name, (seconds, count) in rows.items():
                best[name] = (min(seconds, best.get(name, (seconds,))[0]), count)
        print(f"encoding {megabytes:.1f} MB on one thread")
        for name, (seconds, count) in best.items():
            print(f"  {name:<22}{seconds:8.2f} s, {megabytes / seconds:7.1f} MB/s, {count:,} tokens; ours takes"
                  f" {best['ours'][0] / seconds:.2f} of its time")


if __name__ == "__main__":
    main()
