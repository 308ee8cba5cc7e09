#!/usr/bin/env python3
"""Training and encoding of byte pairs beside Hugging Face's tokenizers and OpenAI's tiktoken, in one run.

usage: tests/benchmarks/tokenizer_compare.py build/tokenize build/interop/venv/bin/python TEXT [--vocabulary 8192] [--threads 1 2]
           [--megabytes 10] [--rounds 3] [--record FILE]

The Python needs tokenizers and tiktoken (`make test-interop` sets one up). TEXT is a file, or plays for 100 MB made of 90 plays:
write_play, which lies beside the program, writes them to plays.txt there, where they are not yet (`ninja -C build tokenize write_play`
builds both).

Training is compared on as many threads each; tokenizers learns from the file, which it reads line by line. From a text in one piece it
learns the same merges as ours, but takes a hundred times the text's size of memory; that is compared on the first --megabytes. Time is
that of learning, without starting the program. Processor time, which other work on the machine changes less, has the start with it.
Memory is the most that the process had at once (its peak resident set). Encoding is compared on the first --megabytes of the text, with
the tokenizer that was trained here, on one thread; in its processor time, ours has its start, reading and counting, and theirs the
encoding alone. Each figure is the best of --rounds, taken in turns; a ratio below 1 means that ours takes less.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

THEIRS_TRAIN = r"""
import sys, time
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
way, path, vocabulary, out = sys.argv[1:]
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(vocab_size=int(vocabulary), show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
start = time.perf_counter()
if way == "file":
    tokenizer.train([path], trainer)
else:
    tokenizer.train_from_iterator([open(path, encoding="utf-8", newline="").read()], trainer)
seconds = time.perf_counter() - start
tokenizer.save(out)
print(seconds)
"""

THEIRS_ENCODE = r"""
import json, sys, time
path, tokenizer_file = sys.argv[1:]
text = open(path, encoding="utf-8", newline="").read()
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(tokenizer_file)
start, busy = time.perf_counter(), time.process_time()
ids = tokenizer.encode(text).ids
print(time.perf_counter() - start, time.process_time() - busy, len(ids))
import tiktoken
from tokenizers import pre_tokenizers
content = json.load(open(tokenizer_file, encoding="utf-8"))
visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
letters = {chr(byte): byte for byte in visible}
letters.update({chr(0x100 + i): byte for i, byte in enumerate(byte for byte in range(256) if byte not in visible)})
ranks = {bytes(letters[letter] for letter in token): number for token, number in content["model"]["vocab"].items()}
encoding = tiktoken.Encoding("here", pat_str=r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
                             mergeable_ranks=ranks, special_tokens={})
start, busy = time.perf_counter(), time.process_time()
numbers = encoding.encode_ordinary(text)
print(time.perf_counter() - start, time.process_time() - busy, len(numbers))
print(numbers == ids)
"""


def peak_resident(pid):
    """The most memory that a running process has had so far, in MB; 0 where it has ended. (What the system says of an ended one begins
    with the memory of the process that started it: this Python has more than `tokenize`.)"""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            return next((int(line.split()[1]) * 1024e-6 for line in file if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


class Measured:
    """A command that has run: what it printed, the most memory that it had, in MB, by looking each millisecond, and the processor time
    that it took from its start to its end, in seconds."""

    def __init__(self, command, **environment):
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=out, stderr=errors, env=dict(os.environ, **environment))
            self.memory, ended = 0, 0
            while not ended:
                self.memory = max(self.memory, peak_resident(process.pid))
                time.sleep(1e-3)
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.processor = usage.ru_utime + usage.ru_stime
            out.seek(0)
            errors.seek(0)
            self.printed, self.said = out.read(), errors.read()
        if process.returncode:
            sys.exit(f"{command[:3]}: {self.said}")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown processor")


def compare(options):
    tables = {"training": {"columns": ["threads", "name", "seconds", "processor_time", "memory_mb"], "rows": []},
              "encoding": {"columns": ["name", "seconds", "processor_time", "speed", "tokens"], "rows": []}}
    size = os.path.getsize(options.text)
    print(f"{options.name}: {size / 1e6:.1f} MB; {options.vocabulary} tokens; best of {options.rounds} rounds")

    with tempfile.TemporaryDirectory() as folder:
        mine = os.path.join(folder, "ours.json")
        for threads in options.threads:
            best = {}
            for _ in range(options.rounds):
                if os.path.exists(mine):
                    os.remove(mine)
                done = Measured([options.program, "--data", options.text, "--vocabulary", str(options.vocabulary),
                                 "--threads", str(threads), "--out", mine])
                rows = [("ours", float(re.search(r"in ([\d.]+) s", done.printed).group(1)), done.processor, done.memory)]
                done = Measured(
                    [options.python, "-c", THEIRS_TRAIN, "file", options.text, str(options.vocabulary),
                     os.path.join(folder, "theirs.json")],
                    RAYON_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="true" if threads > 1 else "false")
                rows.append(("tokenizers", float(done.printed), done.processor, done.memory))
                for name, seconds, processor_time, memory in rows:
                    if name not in best or seconds < best[name][0]:
                        best[name] = (seconds, processor_time, memory)
            print(f"training on {threads} thread{'s' * (threads > 1)}")
            for name, (seconds, processor_time, memory) in best.items():
                print(f"  {name:<22}{seconds:8.2f} s ({processor_time:.2f} s of processor time) {memory:8.0f} MB;"
                      f" ours takes {best['ours'][0] / seconds:.2f} of its time")
                tables["training"]["rows"].append([threads, name, seconds, processor_time, memory])

        part = os.path.join(folder, "part.txt")
        with open(options.text, encoding="utf-8", newline="") as file, open(part, "w", encoding="utf-8", newline="") as out:
            out.write(file.read(int(options.megabytes * 1e6)))
        megabytes = os.path.getsize(part) / 1e6
        of_part, theirs_of_part = os.path.join(folder, "part.json"), os.path.join(folder, "their_part.json")
        Measured([options.program, "--data", part, "--vocabulary", str(options.vocabulary), "--out", of_part])
        Measured([options.python, "-c", THEIRS_TRAIN, "text", part, str(options.vocabulary), theirs_of_part])
        with open(of_part, encoding="utf-8") as ours, open(theirs_of_part, encoding="utf-8") as theirs:
            equal = json.load(ours)["model"] == json.load(theirs)["model"]
        print(f"the same merges from {megabytes:.1f} MB in one piece: {'yes' if equal else 'NO'}")
        best = {}
        for _ in range(options.rounds):
            done = Measured([options.program, "--tokenizer", mine, "--data", part, "--count", "--threads", "1"])
            tokens = int(re.search(r"([\d,]+) tokens:", done.printed).group(1).replace(",", ""))
            theirs = Measured([options.python, "-c", THEIRS_ENCODE, part, mine], RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
            lines = theirs.printed.split("\n")
            rows = {"ours": (float(re.search(r"encoded in ([\d.]+) s", done.said).group(1)), done.processor, tokens)}
            for name, line in (("tokenizers", lines[0]), ("tiktoken", lines[1])):
                rows[name] = (*map(float, line.split()[:2]), int(line.split()[2]))
            for name, row in rows.items():
                best[name] = min(row, best.get(name, row))
        print(f"encoding {megabytes:.1f} MB on one thread")
        for name, (seconds, processor_time, count) in best.items():
            print(f"  {name:<22}{seconds:8.2f} s ({processor_time:.2f} s of processor time), {megabytes / seconds:7.1f} MB/s,"
                  f" {count:,} tokens; ours takes {best['ours'][0] / seconds:.2f} of its time")
            tables["encoding"]["rows"].append([name, seconds, processor_time, megabytes / seconds, count])
    if options.record:
        with open(options.record, "w", encoding="utf-8") as file:
            json.dump({"date": time.strftime("%Y-%m-%d"), "machine": f"{processor()} ({os.cpu_count()} logical processors)",
                       "threads": max(options.threads), "seeds": [],
                       "scalars": {"text": {"value": size / 1e6, "unit": "megabytes"}, "part": {"value": megabytes, "unit": "megabytes"},
                                   "merges_equal": {"value": int(equal), "unit": ""}},
                       "tables": tables}, file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("python")
    parser.add_argument("text")
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", help="write the figures for the book")
    options = parser.parse_args()
    options.name = options.text
    if options.text == "plays":
        beside = os.path.dirname(options.program)
        options.text = os.path.join(beside, "plays.txt")
        if not os.path.exists(options.text):
            with open(options.text + ".part", "wb") as file:
                subprocess.run([os.path.join(beside, "write_play"), "1115394", "90"], stdout=file, check=True)
            os.replace(file.name, options.text)
    compare(options)


if __name__ == "__main__":
    main()
