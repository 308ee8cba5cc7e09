#!/usr/bin/env python3
"""Weights in fewer bits at the command line: `generate --weights` and `evaluate`.

usage: weights_command_line_test.py PROGRAM [unittest arguments]

The model here has learned for 60 steps, enough for weights that are no noise any more.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
TINY = ["--layers", "2", "--heads", "2", "--width", "32", "--context", "32", "--batch-size", "8", "--threads", "1",
        "--warmup", "5", "--eval-every", "60"]
TEXT = "ANNA: what did you say?\nOTTO: nothing, my dear, nothing at all.\n" * 60


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=120, text=True, check=False)


class Weights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_weights_")
        cls.trained = os.path.join(cls.folder, "trained")
        cls.modern = os.path.join(cls.folder, "modern")
        cls.text = os.path.join(cls.folder, "text.txt")
        with open(cls.text, "w", encoding="utf-8") as file:
            file.write(TEXT)
        for out, *more in ((cls.trained, "--steps", 60), (cls.modern, "--steps", 2, "--preset", "speedrun")):
            done = run("train", "--data", cls.text, "--out", out, *more, *TINY)
            assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def written(self, *arguments):
        done = run("generate", "--run", self.trained, "--threads", 1, "--seed", 3, "--max-new-tokens", 60, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, *arguments):
        done = run(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_each_kind_writes_and_writes_the_same_again(self):
        for kind in ("fp32", "bf16", "int8", "int4"):
            with self.subTest(kind):
                text = self.written("--weights", kind)
                self.assertGreater(len(text), 55)
                self.assertEqual(self.written("--weights", kind), text)
        self.assertEqual(self.written("--weights", "fp32"), self.written())
        several = self.written("--weights", "int8", "--samples", 3)
        self.assertEqual(several.count("--------\n"), 2)

    def test_what_a_text_costs(self):
        done = run("evaluate", "--run", self.trained, "--data", self.text, "--weights", "all", "--threads", 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if re.match(r"(fp32|bf16|int[48]) ", line)}
        self.assertEqual(list(rows), ["fp32", "bf16", "int8", "int4"])
        numbers = {kind: int(row[1].replace(",", "")) for kind, row in rows.items()}
        self.assertEqual(numbers["fp32"], 2 * numbers["bf16"])
        self.assertLess(numbers["int8"], 0.29 * numbers["fp32"])  # rows of 32 weights and a scale: 36 bytes for 128
        bits = {kind: float(row[3]) for kind, row in rows.items()}
        self.assertLess(abs(bits["bf16"] / bits["fp32"] - 1), 0.005)
        self.assertLess(abs(bits["int8"] / bits["fp32"] - 1), 0.005)
        self.assertLess(abs(bits["int4"] / bits["fp32"] - 1), 0.05)
        self.assertNotEqual(bits["int4"], bits["fp32"])
        alone = run("evaluate", "--run", self.trained, "--data", self.text, "--weights", "int8", "--threads", 1)
        self.assertIn(rows["int8"][3], alone.stdout)
        # A character is a byte here: nats a character and bits a byte say the same.
        self.assertAlmostEqual(float(rows["fp32"][2]) / 0.693147, bits["fp32"], places=3)

    def test_evaluation_is_that_of_the_training(self):
        done = run("evaluate", "--run", self.trained, "--data", self.text, "--threads", 1)
        with open(os.path.join(self.trained, "metrics.csv"), encoding="utf-8") as file:
            losses = [float(line.split(",")[5]) for line in file.readlines()[1:] if line.split(",")[5]]
        self.assertAlmostEqual(float(done.stdout.split()[-2]), min(losses), places=3)

    def test_mistakes_in_use(self):
        self.assertIn("int3", self.refused("generate", "--run", self.trained, "--weights", "int3"))
        self.assertIn("--precision", self.refused("generate", "--run", self.trained, "--weights", "int8", "--precision", "bf16"))
        self.assertIn("--weights", self.refused("generate", "--run", self.modern, "--weights", "int8"))
        self.assertIn("--run", self.refused("evaluate"))
        self.assertIn("no such folder", self.refused("evaluate", "--run", os.path.join(self.folder, "nothing")))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
