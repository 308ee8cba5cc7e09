#!/usr/bin/env python3
"""How fast 200 characters are written by the talk's model: ours, Hugging Face's cached generate, and nanoGPT, side by side.

usage: build/interop/venv/bin/python tests/benchmarks/generation_compare.py BUILD_FOLDER [--nanogpt CLONE] [--rounds N] [--characters N] [--record FILE]

The Python is the one that `make test-interop` sets up; nanoGPT is a clone of github.com/karpathy/nanoGPT, left out where none is given.
All have 6 layers, 6 heads, width 384, context 256, 65 tokens, float32 on the CPU, random weights, and begin with one character. What is
timed is writing alone: no program's start, no loading of weights. The contenders take turns, round by round, so that whatever else the
machine does meets all of them; of Hugging Face and nanoGPT the better of one thread and all of them counts, ours chooses by its own probe.
"""
import argparse
import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

import recorded
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel

CHARACTERS = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHAPE = {"n_layer": 6, "n_head": 6, "n_embd": 384}
CONTEXT = 256


def their_folder(model, place):
    """A GPT-2 in Hugging Face's layout whose tokens are characters."""
    model.save_pretrained(place)
    tokenizer = Tokenizer(models.WordLevel({character: i for i, character in enumerate(CHARACTERS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(os.path.join(place, "tokenizer.json"))


class Ours:
    def __init__(self, build, model, folder):
        self.program = os.path.join(build, "gpt")
        self.run = os.path.join(folder, "run")
        their_folder(model, os.path.join(folder, "theirs"))
        subprocess.run([self.program, "import-gpt2", os.path.join(folder, "theirs"), "--out", self.run], check=True,
                       stdout=subprocess.DEVNULL)

    def seconds(self, characters):
        done = subprocess.run([self.program, "generate", "--run", self.run, "--max-new-tokens", str(characters), "--timing"],
                              check=True, capture_output=True, text=True)
        return float(re.search(r"in ([0-9.]+) s", done.stderr).group(1))


class HuggingFace:
    def __init__(self, model, threads):
        self.model, self.threads = model, threads

    def seconds(self, characters):
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        self.model.generate(torch.tensor([[0]]), max_new_tokens=characters, min_new_tokens=characters, do_sample=True,
                            temperature=0.7, top_k=0, use_cache=True, pad_token_id=0)
        return time.perf_counter() - start


class NanoGPT:
    def __init__(self, clone, threads):
        spec = importlib.util.spec_from_file_location("nanogpt_model", os.path.join(clone, "model.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        torch.manual_seed(1)
        self.model = module.GPT(module.GPTConfig(block_size=CONTEXT, vocab_size=len(CHARACTERS), dropout=0.0, bias=True,
                                                 **SHAPE)).eval()
        self.threads = threads

    def seconds(self, characters):
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        with torch.no_grad():
            self.model.generate(torch.tensor([[0]]), characters, temperature=0.7)
        return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--nanogpt", metavar="CLONE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--characters", type=int, default=200)
    parser.add_argument("--record", metavar="FILE", help="writes the figures for the book")
    options = parser.parse_args()

    torch.manual_seed(1)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(CHARACTERS), n_positions=CONTEXT, bos_token_id=None, eos_token_id=None,
                                       **SHAPE)).eval()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        contenders = {"ours": [Ours(options.build, model, folder)]}
        contenders["Hugging Face, cached"] = [HuggingFace(model, threads) for threads in sorted({1, cores})]
        if options.nanogpt:
            contenders["nanoGPT"] = [NanoGPT(options.nanogpt, threads) for threads in sorted({1, cores})]

        seconds = {name: [[] for _ in each] for name, each in contenders.items()}
        for each in contenders.values():
            for contender in each:
                contender.seconds(10)  # warms up
        for _ in range(options.rounds):
            for name, each in contenders.items():
                for times, contender in zip(seconds[name], each):
                    times.append(contender.seconds(options.characters))

    rows = []
    print(f"{options.characters} characters, {SHAPE['n_layer']} layers, {SHAPE['n_embd']} wide, float32, CPU with {cores} threads; "
          f"median and range of {options.rounds} rounds")
    ours = statistics.median(seconds["ours"][0])
    for name, each in seconds.items():
        times = min(each, key=statistics.median)
        median = statistics.median(times)
        threads = getattr(contenders[name][each.index(times)], "threads", None)
        rows.append([name, median, min(times), max(times), median / ours])
        note = "" if threads is None else f"   {median / ours:4.1f} times ours; threads: {threads}"
        print(f"  {name:<22} {median:6.2f} s ({min(times):.2f} to {max(times):.2f})   {options.characters / median:6.1f} a second{note}")
    if options.record:
        scalars = {f"{row[0].split(',')[0].replace(' ', '_').lower()}_share": (row[4], "times as fast") for row in rows[1:]}
        recorded.write(options.record, cores, [1], scalars, {"contenders": (["who", "seconds", "least_seconds", "most_seconds", "speed"], rows)})


if __name__ == "__main__":
    main()
