#!/usr/bin/env python3
"""Command lines, texts and folders that are wrong in some way, drawn at random: each has to end with exit status 2 (1
where it is no mistake in use), at most three lines that say so, and soon.

usage: hostile_test.py PROGRAM [unittest arguments]

VERSE_LINES=N draws that many instead of a share that takes seconds; VERSE_SEED=N other ones.
"""
import json
import os
import random
import re
import shutil
import string
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
LINES = int(os.environ.get("VERSE_LINES", "40"))
SEED = int(os.environ.get("VERSE_SEED", "1"))
TEXT = "".join(f"Line {i} of a text, and {i * i} more.\n" for i in range(120))
TINY = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "8", "--batch-size", "4", "--threads", "1",
        "--steps", "4", "--eval-every", "2"]

NUMBERS = ["0x10", "x", "", "1e3", "9" * 30, "1.5.2", "\x1b[2J", "nan", "--", "1 2", "\u0665", "+-1", "-" + "9" * 25]
WHOLE = ["steps", "batch-size", "accumulate", "context", "layers", "heads", "width", "warmup", "eval-every",
         "eval-batches", "seed", "threads"]
REAL = ["dropout", "learning-rate", "min-learning-rate", "weight-decay", "grad-clip", "stop-at-loss"]
WORDS = {"preset": ["large", "", "DEMO", "\x1b]0;x\x07"], "device": ["tpu", "cuda:x", ""], "precision": ["fp8", ""],
         "recorded": ["yes"], "with": ["squared-relu", "x"], "without": ["nothing"]}
SAMPLING = {"temperature": ["0", "-1", "hot"], "top-k": ["0", "many"], "top-p": ["0", "1.5"],
            "max-new-tokens": ["0", "-3", "1e2"], "samples": ["0", "5000"], "precision": ["fp4"]}


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_hostile_")
        cls.random = random.Random(SEED)
        cls.text = cls.place("text.txt", TEXT.encode())
        cls.trained = os.path.join(cls.folder, "trained")
        done = subprocess.run([PROGRAM, "train", "--data", cls.text, "--out", cls.trained, *TINY], capture_output=True)
        assert done.returncode == 0, done.stderr
        cls.texts = [os.path.join(cls.folder, "missing"), cls.folder, cls.place("empty", b""),
                     cls.place("latin1", b"caf\xe9 au lait\n" * 100), "/dev/zero", "/dev/null", cls.place("one", b"a"),
                     cls.place("two", b"ab"), cls.place("ten", b"abcdefghij"), cls.place("mark", b"\xef\xbb\xbf"),
                     cls.place("nul", bytes(3)), cls.place("\x1b[2J\n.txt", b"\xff"), "x" * 5000, "", "\n"]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def place(cls, name, content):
        path = os.path.join(cls.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def any_word(self):
        draw = self.random
        letters = string.ascii_letters + "-=\u00e9\x1b\x07'\"$"
        return "".join(draw.choice(letters) for _ in range(draw.choice([1, 3, 10, 3000])))

    def wrong_option(self, options):
        """An option with a value that it does not take."""
        name, values = self.random.choice(list(options.items()))
        value = self.random.choice(values)
        return [f"--{name}={value}"] if self.random.random() < 0.5 else [f"--{name}", value]

    def wrong_run(self):
        """A run's folder, damaged; nobody has told the digests."""
        draw = self.random
        if draw.random() < 0.2:
            return draw.choice(["", os.path.join(self.folder, "missing"), self.text, "/", "/dev", "x" * 300, "\x1b"])
        folder = os.path.join(self.folder, "damaged")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.trained, folder)
        name = os.path.join(folder, draw.choice(["model.safetensors", "config.json", "tokenizer.json"]))
        with open(name, "rb") as file:
            data = bytearray(file.read())
        kind = draw.randrange(8)
        if kind == 0:
            os.remove(name)
            return folder
        if kind == 1:
            os.remove(name)
            os.mkdir(name)
            return folder
        if kind == 2:
            os.remove(name)
            os.mkfifo(name)
            return folder
        if kind == 3:
            data = data[:draw.randrange(len(data))]
        elif kind == 4:
            at = draw.randrange(len(data))
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 5:
            at = draw.randrange(len(data))
            data[at:at] = bytes(draw.randrange(256) for _ in range(draw.choice([1, 8, 1000])))
        elif kind == 6:
            data = bytearray(draw.choice([b"", b"{}", b"[]", b"null", b"[" * 100_000, b"\xef\xbb\xbf", bytes(100),
                                          b"\xff" * 16, b"version https://git-lfs.github.com/spec/v1\n"]))
        elif name.endswith(".json"):
            data = bytearray(self.other_json(json.loads(data)).encode())
        else:
            data[:8] = bytes(draw.randrange(256) for _ in range(8))
        with open(name, "wb") as file:
            file.write(data)
        return folder

    def other_json(self, value):
        """The same JSON with one entry of another kind, somewhere."""
        draw = self.random
        at = value
        while True:
            name = draw.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[name], (dict, list)) or not at[name] or draw.random() < 0.3:
                break
            at = at[name]
        kinds = [None, True, -1, 1.5, 10**30, "", "\x1b[2J", [], {}, ["x"] * 1000]
        at[name] = draw.choice([kind for kind in kinds if kind != at[name]])
        return json.dumps(value)

    def line(self):
        """A command line with at least one mistake."""
        draw = self.random
        out = os.path.join(self.folder, f"out{draw.randrange(10**9)}")
        training = {**{name: NUMBERS + ["-1"] for name in WHOLE}, **{name: [n for n in NUMBERS if n != "1e3"] + ["-1"] for name in REAL}, **WORDS}
        kind = draw.randrange(12)
        if kind == 0:
            return [self.any_word() if draw.random() < 0.7 else draw.choice(["", "--", "-", "\n"])]
        if kind == 1:
            return ["train", "--data", self.text, "--out", out, *TINY, *self.wrong_option(training)]
        if kind == 2:
            return ["train", "--data", draw.choice(self.texts), "--out", out, *TINY]
        if kind == 3:
            wrong = draw.choice([[self.any_word()], ["--" + self.any_word()], ["--steps"], ["--resume=3"], ["--from"]])
            return ["train", "--data", self.text, "--out", out, *TINY, *wrong]
        if kind == 4:
            return ["train", "--data", self.text, "--out", draw.choice([self.text, self.text + "/x", self.folder,
                                                                        self.trained, "/proc/x", "x" * 300]), *TINY]
        if kind == 5:
            return ["train", "--out", self.wrong_run(), "--resume"]
        if kind == 6:
            return ["train", "--from", self.wrong_run(), "--data", self.text, "--out", out]
        if kind == 7:
            return ["generate", "--run", self.wrong_run()]
        if kind == 8:
            return ["generate", "--run", self.trained, *self.wrong_option(SAMPLING)]
        if kind == 9:
            wrong = draw.choice([["--prompt", ""], ["--prompt", "\u00df\x1b"], ["--prompts", draw.choice(self.texts)],
                                 ["--prompt", b"\xff".decode("utf-8", "surrogateescape")], ["--prompt"],
                                 ["--prompt", "L", "--prompts", self.text]])
            return ["generate", "--run", self.trained, *wrong]
        if kind == 10:
            return ["import-gpt2", draw.choice([self.wrong_run(), self.trained + "x", self.text]), "--out",
                    draw.choice([self.trained, self.folder, self.text])]
        return [draw.choice(["tokens", "logits"]), "--run", draw.choice([self.trained, self.wrong_run()]),
                *draw.choice([[], ["--prompt", "\u00df"], ["--data", draw.choice(self.texts)],
                              ["--prompt", "L", "--data", self.text]])]

    def right(self, line):
        """Whether a line has come out right after all: the damage lay where it does no harm."""
        run = line[line.index("--run") + 1] if "--run" in line else ""
        tokens = line[0] == "tokens" and run.endswith(("damaged", "trained"))
        return tokens or "--eval-batches" in line or line[0] == "" or "/dev/null" in line

    def test_lines(self):
        before = {name: os.path.getmtime(os.path.join(self.trained, name)) for name in os.listdir(self.trained)}
        for number in range(LINES):
            line = self.line()
            if any("\0" in word for word in line):
                continue
            with self.subTest(number=number, line=[word[:200] for word in line]):
                done = subprocess.run([PROGRAM, *line], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
                error = done.stderr.decode()
                if done.returncode == 0 and self.right(line):
                    continue
                self.assertIn(done.returncode, (1, 2), error[:500])
                lines = error.splitlines()
                self.assertTrue(1 <= len(lines) <= 3, error[:500])
                self.assertLess(len(error), 5000)
                self.assertIsNone(re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", error), repr(error[:500]))
                for word in ("exception", "basic_string", "std::", "c10", "nlohmann", "enforce fail", "terminate"):
                    self.assertNotIn(word, error)
        self.assertEqual(before, {name: os.path.getmtime(os.path.join(self.trained, name)) for name in before})


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
