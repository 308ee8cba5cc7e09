#!/usr/bin/env python3
"""`gpt tokenize`, the program `tokenize` that does the same without LibTorch, and training by byte pairs, as a user would: what is
written, what goes on, what is refused.

usage: tokenize_command_line_test.py PROGRAM    (tokenize lies beside it)
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
TEXT = "".join(f"{name}:\nLine {i} of the café, naïve — and {i * i} more, isn't it? 🙂\n\n" for i in range(60) for name in ("ANNA", "OTTO"))
SMALL = ["--preset", "small", "--layers", 1, "--heads", 2, "--width", 16, "--context", 16, "--batch-size", 4, "--eval-every", 4, "--warmup", 2, "--threads", 1]


class Base(unittest.TestCase):
    def program(self):
        return PROGRAM

    def call(self, *arguments, **options):
        return subprocess.run([self.program(), *map(str, arguments)], capture_output=True, timeout=120, **options)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="verse_tokenize_")
        self.text = self.write("text.txt", TEXT.encode())

    def tearDown(self):
        shutil.rmtree(self.folder)

    def place(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        with open(self.place(name), "wb") as file:
            file.write(content)
        return self.place(name)

    def output(self, *arguments, **options):
        done = self.call(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def refused(self, arguments, *words):
        done = self.call(*arguments)
        error = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout), (2, b""), error)
        self.assertEqual(error.count("\n"), 1, error)
        for word in words:
            self.assertIn(word, error)

    def bytes_of(self, *parts):
        with open(os.path.join(self.folder, *parts), "rb") as file:
            return file.read()


class Command(Base):
    """`gpt tokenize`."""
    command = ["tokenize"]

    def test_trains_encodes_decodes_and_counts(self):
        for pattern in ("gpt2", "gpt4"):
            with self.subTest(pattern):
                place = self.place(pattern + ".json")
                printed = self.output(*self.command, "--data", self.text, "--vocabulary", 300, "--pattern", pattern, "--special", "<|end|>",
                                      "--out", place)
                self.assertIn("300 tokens by 43 merges", printed)
                numbers = self.output(*self.command, "--tokenizer", place, "--prompt", "naïve 🙂 你<|end|>")
                self.assertEqual(numbers.split()[-1], "0")
                self.assertEqual(self.output(*self.command, "--tokenizer", place, "--decode", input=numbers.encode()), "naïve 🙂 你<|end|>")
                counted = self.output(*self.command, "--tokenizer", place, "--data", self.text, "--count")
                self.assertIn(f"{len(TEXT.encode()):,} bytes, {len(TEXT):,} characters", counted)

    def test_several_files_are_several_texts(self):
        one, two = self.write("one", b"ab ab"), self.write("two", b"cd")
        self.output(*self.command, "--data", one, "--more", two, "--vocabulary", 258, "--out", self.place("t.json"))
        with open(self.place("t.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["model"]["merges"], [["a", "b"], ["c", "d"]])

    def test_mistakes(self):
        new = ["--out", self.place("new.json")]
        train = [*self.command, "--data", self.text, *new]
        self.refused([*self.command], "--out")
        self.refused([*train, "--vocabulary", 255], "256", "255")
        self.refused([*train, "--vocabulary", 256, "--special", "<s>"], "257")
        self.refused([*train, "--vocabulary", 9999], "merges", "too large")
        self.refused([*train, "--pattern", "gpt3"], "gpt3")
        self.refused([*self.command, "--data", self.write("empty", b""), *new], "is empty")
        self.refused([*self.command, "--data", self.write("latin1", b"caf\xe9 au lait"), *new], "latin1", "byte 4 of 12")
        self.refused([*self.command, "--data", self.place("missing"), *new], "missing")
        self.refused([*self.command, "--data", self.text, "--more", self.place("missing"), *new], "missing")
        self.assertFalse(os.path.exists(self.place("new.json")))
        self.refused([*self.command, "--data", self.text, "--out", self.text], "is there already")
        self.assertEqual(self.bytes_of("text.txt"), TEXT.encode())
        self.output(*train, "--vocabulary", 260)
        use = [*self.command, "--tokenizer", self.place("new.json")]
        self.refused(use, "--prompt")
        self.refused([*use, "--prompt", "a", "--vocabulary", 300], "--vocabulary")
        self.refused([*use, "--data", self.place("latin1")], "latin1", "byte 4 of 12")
        self.refused([*self.command, "--tokenizer", self.text, "--prompt", "a"], "text.txt")

    def test_an_interrupt_leaves_nothing(self):
        text = self.write("large", b"".join(b"word%d " % (i * 7919 % 1000003) for i in range(600_000)))
        process = subprocess.Popen([self.program(), *self.command, "--data", text, "--vocabulary", "30000", "--threads", "1", "--out",
                                    self.place("never.json")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            process.wait(0.6)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        if process.returncode != 0:  # on a machine that was through by then there is nothing to see
            self.assertIn(process.returncode, (130, -signal.SIGINT), error)
            self.assertFalse(os.path.exists(self.place("never.json")))


class Alone(Command):
    """`tokenize`: everything above, and the same as `gpt tokenize`, byte for byte."""
    command = []

    def program(self):
        return os.path.join(os.path.dirname(PROGRAM), "tokenize")

    def test_it_goes_without_libtorch(self):
        linked = subprocess.run(["ldd", self.program()], capture_output=True, text=True, check=True).stdout
        self.assertIn("libc.so", linked)
        for library in ("torch", "c10", "gomp"):
            self.assertNotIn(library, linked)
        self.assertIn("torch", subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout)

    def both(self, *arguments, **options):
        """What both programs answer to the same, and that it is the same: times aside, and each with its own name."""
        answers = []
        for command in ([self.program()], [PROGRAM, "tokenize"]):
            done = subprocess.run([*command, *map(str, arguments)], capture_output=True, timeout=120, **options)
            written = self.place("out.json")
            answers.append((done.returncode, re.sub(rb"in [\d.]+ s", b"", done.stdout),
                            re.sub(rb"^(tokenize|gpt): |in [\d.]+ s: [\d.]+ MB/s", b"", done.stderr),
                            self.bytes_of("out.json") if os.path.exists(written) else None))
            if os.path.exists(written):
                os.remove(written)
        self.assertEqual(answers[0], answers[1], arguments)
        return answers[0]

    def test_it_does_what_gpt_tokenize_does(self):
        out = ["--out", self.place("out.json")]
        second = self.write("second.txt", "Und noch ein Text, für sich allein.".encode())
        for threads in (1, 2, 3):
            status, _, _, written = self.both("--data", self.text, "--more", second, "--vocabulary", 400, "--threads", threads, *out)
            self.assertEqual(status, 0)
            self.assertTrue(written)
        self.assertEqual(self.both("--vocabulary", 300, "--threads", 1, *out)[0], 0)  # the play
        self.both("--data", self.text, "--vocabulary", 300, "--pattern", "gpt4", "--special", "<|end|>,<|begin|>", "--threads", 1, *out)
        made = self.place("made.json")
        self.output("--data", self.text, "--vocabulary", 300, "--special", "<|end|>", "--out", made)
        numbers = self.both("--tokenizer", made, "--prompt", "naïve 🙂 你<|end|>")[1]
        self.assertEqual(self.both("--tokenizer", made, "--decode", input=numbers)[:2], (0, "naïve 🙂 你<|end|>".encode()))
        self.assertEqual(self.both("--tokenizer", made, "--data", self.text)[0], 0)
        self.assertEqual(self.both("--tokenizer", made, "--data", self.text, "--count")[0], 0)
        # Where both refuse.
        for arguments in ([], ["--data", self.text, "--vocabulary", 255, *out], ["--data", self.text, "--vocabulary", "many", *out],
                          ["--data", self.text, "--vocabulary", 9999, *out], ["--data", self.write("empty", b""), *out],
                          ["--data", self.write("latin1", b"caf\xe9"), *out], ["--data", self.place("missing"), *out],
                          ["--data", self.text, "--colour", "red", *out], ["--tokenizer", made], ["--tokenizer", self.text, "--prompt", "a"],
                          ["--tokenizer", made, "--decode", "--prompt"], ["--tokenizer", made, "--data", self.place("latin1")]):
            self.assertEqual(self.both(*arguments)[0], 2, arguments)
        self.assertEqual(self.both("--tokenizer", made, "--decode", input=b"1 2 300")[0], 2)

    def test_a_tokenizer_of_characters_is_for_gpt(self):
        subprocess.run([PROGRAM, *map(str, ["train", "--data", self.text, *SMALL, "--steps", 1, "--out", self.place("characters")])],
                       check=True, capture_output=True, timeout=120)
        subprocess.run([PROGRAM, "tokenize", "--tokenizer", self.place("characters"), "--prompt", "Line"], check=True, capture_output=True,
                       timeout=120)
        self.refused(["--tokenizer", self.place("characters"), "--prompt", "Line"], "tokenizer.json", "BPE", "gpt tokenize")


class Training(Base):
    def test_a_run_by_byte_pairs(self):
        train = ["train", "--data", self.text, *SMALL]
        pairs = ["--tokenizer", "bpe", "--vocabulary", 300, "--pattern", "gpt4"]
        printed = self.output(*train, *pairs, "--steps", 8, "--out", self.place("whole"))
        self.assertIn("300 different ones", printed)
        self.assertRegex(printed, r"validation loss [\d.]+ after \d+ steps: [\d.]+ bits a byte\n")

        # Only the training split was learned from.
        split = self.write("split.txt", TEXT[:len(TEXT) * 9 // 10].encode())
        self.output("tokenize", "--data", split, "--vocabulary", 300, "--pattern", "gpt4", "--out", self.place("made.json"))
        self.assertEqual(self.bytes_of("whole", "tokenizer.json"), self.bytes_of("made.json"))

        # A tokenizer that was made before makes the same run, and so does one that stops and goes on.
        self.output(*train, "--tokenizer", self.place("made.json"), "--steps", 8, "--out", self.place("made"))
        self.output(*train, *pairs, "--steps", 8, "--stop-at-loss", 100, "--out", self.place("stopped"))
        self.output("train", "--resume", "--out", self.place("stopped"), "--stop-at-loss", 0)
        for name in ("made", "stopped"):
            for file in ("model.safetensors", "tokenizer.json", "sample.txt"):
                self.assertEqual(self.bytes_of(name, file), self.bytes_of("whole", file), (name, file))

        arguments = ["generate", "--run", self.place("whole"), "--prompt", "naïve 🙂", "--max-new-tokens", 40, "--seed"]
        self.assertEqual(self.output(*arguments, 3), self.output(*arguments, 3))
        self.output(*train, "--from", self.place("whole"), "--steps", 2, "--out", self.place("further"))
        self.assertEqual(self.bytes_of("further", "tokenizer.json"), self.bytes_of("whole", "tokenizer.json"))

        # Mistakes.
        self.refused(["train", "--resume", "--out", self.place("whole"), "--tokenizer", "bpe"], "--tokenizer", "keeps its tokenizer")
        self.refused([*train, "--from", self.place("whole"), "--vocabulary", 400, "--out", self.place("no")], "--vocabulary", "--from")
        self.refused([*train, "--vocabulary", 400, "--out", self.place("no")], "--tokenizer bpe")
        self.refused([*train, "--tokenizer", "bpe", "--vocabulary", 9999, "--out", self.place("no")], "too large", "merges")
        self.refused([*train, "--tokenizer", self.place("none.json"), "--out", self.place("no")], "none.json")
        self.assertFalse(os.path.exists(self.place("no")))
        self.output("tokenize", "--data", self.text, "--vocabulary", 300, "--out", self.place("other.json"))
        shutil.copy(self.place("other.json"), os.path.join(self.place("whole"), "tokenizer.json"))
        self.refused(["generate", "--run", self.place("whole"), "--max-new-tokens", 5], "tokenizer.json")


def main():
    global PROGRAM
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()


if __name__ == "__main__":
    main()
