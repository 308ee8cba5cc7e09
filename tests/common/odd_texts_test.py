#!/usr/bin/env python3
"""Gives every program of the chapters texts that hold next to nothing: none, one, two, ten characters, eighty, one letter
again and again. Each is refused in one line that says what is missing, or its tables hold numbers alone.

usage: odd_texts_test.py BUILD_FOLDER [unittest arguments]
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import unittest

BUILD = None
TEXTS = {"none.txt": "", "one.txt": "a", "two.txt": "ab", "ten.txt": "abcdefghij", "ten-alike.txt": "a" * 10,
         "eighty.txt": "abcdefghij" * 8, "alike.txt": "a" * 3000}
TOO_SHORT = ("none.txt", "one.txt", "two.txt", "ten.txt", "ten-alike.txt")
TINY = ["--width", 16, "--heads", 2, "--context", 8, "--batch-size", 2]
# What makes a program's work small, by its chapter. (Chapter 0's program reads no text.)
PROGRAMS = [
    ("01", ["--characters", 20]),
    ("02", ["--steps", 2]),
    ("03", ["--steps", 2, *TINY]),
    ("04", ["--steps", 0]),
    ("05", ["--steps", 2, "--layers", 1, *TINY, "--sample", 5]),
    ("05", ["--steps", 2, "--layers", 1, *TINY, "--sample", 5, "--clear"]),
    ("06", []),
    ("07", ["--steps", 1, "--count", 5]),
    ("08", ["--quick", "--base-steps", 1]),
    ("09", ["--quick", "--part", "distillation"]),
    ("10", ["--vocabulary", 512]),
    ("11", ["--steps", 1, "--sample", 5]),
    ("12", ["train", "--steps", 2, "--layers", 1, *TINY, "--eval-every", 1, "--out"]),
]
NO_NUMBER = re.compile(r"(?<![\w.])-?(nan|inf|infinity)(?![\w.])", re.IGNORECASE)


class OddTexts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory(prefix="verse_odd_texts_")
        cls.addClassCleanup(cls.place.cleanup)
        for name, text in TEXTS.items():
            with open(os.path.join(cls.place.name, name), "w", encoding="utf-8") as file:
                file.write(text)
        lines = [(chapter, options, name) for chapter, options in PROGRAMS for name in TEXTS]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.done = list(zip(lines, pool.map(lambda line: cls.run_program(*line), lines)))

    @classmethod
    def run_program(cls, chapter, options, name):
        program = os.path.join(BUILD, f"solution_{chapter}")
        out = [tempfile.mkdtemp(dir=cls.place.name) + "/run"] if options[-1:] == ["--out"] else []
        command = [program, *map(str, options), *out, "--threads", "1", "--data", os.path.join(cls.place.name, name)]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600,
                              env={**os.environ, "OMP_NUM_THREADS": "1"})

    def test_refused_in_a_line_or_answered_in_numbers(self):
        refused = {name: 0 for name in TEXTS}
        for (chapter, options, name), done in self.done:
            with self.subTest(chapter=chapter, options=options, text=name):
                said = f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
                self.assertIn(done.returncode, (0, 2), said)
                for word in ("Warning", "terminate", "c10", "std::", "enforce fail", "Exception"):
                    self.assertNotIn(word, done.stderr)
                if done.returncode == 0:
                    self.assertIsNone(NO_NUMBER.search(done.stdout), said)
                    self.assertIsNone(NO_NUMBER.search(done.stderr), said)
                    continue
                refused[name] += 1
                line = done.stderr.splitlines()[-1]
                self.assertRegex(line, r"^(solution_\d\d|gpt): ")
                if name == "none.txt":
                    self.assertRegex(line, r"none\.txt is empty$")
                else:  # how much there is, or how much of it can be used, and for what it is too little
                    self.assertRegex(line, r"\d.*\d")
        for name in TOO_SHORT:
            self.assertGreater(refused[name], len(PROGRAMS) // 2, f"{name}: nobody asks whether there is enough of it")
        self.assertEqual(refused["none.txt"], len(PROGRAMS))
        self.assertLess(refused["alike.txt"], len(PROGRAMS) // 2)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BUILD = os.path.abspath(sys.argv.pop(1))
    unittest.main()
