"""Tiny runs for the tests of `gpt page`, and what `gpt generate` writes with them."""
import json
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from digest import text_digest  # noqa: E402

SEEDS = 5
COUNT = 60  # more than the context, so that it is filled again and again
PROMPTS = ("ANNA:", "ANNA:", "\nOTTO:\nThe café, the Line, the naïve", "A")
FIRST_SEEDS = (1, 1, 2 ** 63 - 6, 7)
SAMPLINGS = ({"greedy": True}, {"temperature": 1.1}, {"temperature": 0.9, "topK": 5}, {"temperature": 1, "topP": 0.8})

TEXT = "".join(f"{name}:\nLine {i} of the café, naïve — and {i * i} more.\n\n" for i in range(60)
               for name in ("ANNA", "OTTO"))
SHAPE = ["--layers", "2", "--heads", "2", "--width", "32", "--context", "24", "--batch-size", "8", "--threads", "1",
         "--dropout", "0"]


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=120)


def done(program, *arguments):
    result = run(program, *arguments)
    if result.returncode != 0:
        raise AssertionError(f"{arguments}: {result.stderr.decode()}")
    return result.stdout.decode()


def read_file(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


def floats(numbers):
    """Numbers as float32 holds them, the nearest each."""
    return struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers))


def halved(name, numbers, sizes):
    """Numbers as float16 holds them."""
    return struct.unpack(f"<{len(numbers)}e", struct.pack(f"<{len(numbers)}e", *numbers))


def in_bytes(name, numbers, sizes):
    """The rows of a matrix as int8 holds them: each the nearest whole number of 127ths of its row's largest, in float32."""
    if len(sizes) < 2:
        return numbers
    columns = sizes[-1]
    rows = [numbers[at:at + columns] for at in range(0, len(numbers), columns)]
    if ".c_" in name:  # GPT-2's files hold the matrices of the projections the other way
        rows = list(zip(*rows))
    made = []
    for row in rows:
        (scale,) = floats([max(map(abs, row)) / 127])
        made.append(floats([round(x) * scale for x in floats([x / (scale or 1) for x in row])]))
    if ".c_" in name:
        made = zip(*made)
    return [x for row in made for x in row]


def rewrite(folder, tokenizer=None, rounding=None, last=None):
    """Gives a run another tokenizer, or weights that a page's precision holds, in the way of the program that wrote it.

    rounding: a function of a tensor's name, numbers and sizes; last: the number that takes the place of the last weight
    """
    if tokenizer is not None:
        with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as file:
            json.dump(tokenizer, file, ensure_ascii=False)
    data = read_file(folder, "model.safetensors")
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + length]), bytearray(data[8 + length:])
    for name, entry in header.items() if rounding else ():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            count = (end - begin) // 4
            struct.pack_into(f"<{count}f", body, begin, *rounding(name, struct.unpack(f"<{count}f", body[begin:end]), entry["shape"]))
    if last is not None:
        body[-4:] = struct.pack("<f", last)
    header["__metadata__"].pop("verse.digest", None)  # files without one are taken as they are
    header["__metadata__"]["verse.companions"] = text_digest(read_file(folder, "config.json") + read_file(folder, "tokenizer.json"))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


ROUNDINGS = {"fp16": halved, "int8": in_bytes}  # by --precision


def byte_pairs(most):
    """A tokenizer of at most so many tokens: the bytes of the text, then pairs that are joined."""
    def shown(byte):
        visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        return chr(byte) if byte in visible else chr(0x100 + [b for b in range(256) if b not in visible].index(byte))
    symbols = [shown(byte) for byte in sorted(set(TEXT.encode()))]
    merges = [["t", "h"], ["th", "e"], ["Ġ", "the"], ["i", "n"], ["L", "in"], ["Lin", "e"], ["Ã", "©"]]
    vocabulary = {symbol: i for i, symbol in enumerate([*symbols, *(a + b for a, b in merges)][:most - 1])}
    merges = [pair for pair in merges if "".join(pair) in vocabulary]
    end = len(vocabulary)
    return {
        "added_tokens": [{"id": end, "content": "<|end|>", "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True}],
        "normalizer": None, "post_processor": None, "decoder": {"type": "ByteLevel"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges},
    }


def make_runs(program, folder):
    """Two shapes times two tokenizers, trained for a few steps. @return {name: folder}"""
    runs, text = {}, os.path.join(folder, "a <b>text &amp; more.txt")  # a name that must not become HTML
    # The characters of the byte pairs' symbols too, so that the models have rows for all of their tokens.
    with open(text, "w", encoding="utf-8") as file:
        file.write(TEXT + "<|>!?;+*/=%&$#@QWERTZUIPSDFGHJKYXCVBMqwjkx" * 3 + TEXT)
    for kind, preset in (("gpt2", "small"), ("modern", "speedrun")):
        runs[kind] = os.path.join(folder, kind)
        done(program, "train", "--preset", preset, "--data", text, "--out", runs[kind], "--steps", 60, "--eval-every", 20, *SHAPE)
        rows = len(json.loads(read_file(runs[kind], "tokenizer.json"))["model"]["vocab"])
        name = runs[kind + ", byte pairs"] = runs[kind] + "_pairs"
        subprocess.run(["cp", "-r", runs[kind], name], check=True)
        rewrite(name, tokenizer=byte_pairs(rows))
    return runs


def flags_of(options):
    flags = ["--greedy"] if options.get("greedy") else ["--temperature", options["temperature"]]
    for name in ("topK", "topP"):
        if name in options:
            flags += ["--top-" + name[-1].lower(), options[name]]
    return flags


def expected_texts(program, run_folder):
    """What is to be written, {prompt, count, options, seed}, each with what `gpt generate` writes: five seeds at a time."""
    for first_seed, prompt, options in zip(FIRST_SEEDS, PROMPTS, SAMPLINGS):
        out = done(program, "generate", "--run", run_folder, "--prompt", prompt, "--max-new-tokens", COUNT, "--samples", SEEDS,
                   "--seed", first_seed, "--threads", 1, "--device", "cpu", *flags_of(options))
        texts = out.split("--------\n")
        assert len(texts) == SEEDS, out
        for i, text in enumerate(texts):
            job = {"prompt": prompt, "count": COUNT, "options": options, "seed": str(first_seed + i)}
            yield job, text[len(prompt):]


def is_text(expected, text):
    """Whether a text is the expected one, to which `generate` adds a line end where it has none."""
    return expected == (text if text.endswith("\n") else text + "\n")
