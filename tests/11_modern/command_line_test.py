#!/usr/bin/env python3
"""Runs chapter 11's program as a user would, mistakes included.

usage: command_line_test.py PROGRAM [unittest arguments]
"""
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
PARTS = ["rotary", "qk-norm", "token-shift", "zero-outputs", "own-head", "muon", "squared-relu"]


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments), "--threads", "1"], capture_output=True, text=True, timeout=300)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.text = os.path.join(self.folder.name, "text.txt")
        with open(self.text, "w", encoding="utf-8") as file:
            file.write("the same line again, and again the same line\n" * 60)

    def test_each_part_has_a_row_and_the_best_model_speaks(self):
        done = run("--data", self.text, "--steps", 3, "--sample", 20)
        self.assertEqual(done.returncode, 0, done.stderr)
        table = done.stdout.partition("\nThe lowest loss")[0]
        rows = [line for line in table.splitlines() if line.startswith("  ")][1:]
        self.assertEqual(len(rows), 2 + len(PARTS), done.stdout)
        self.assertEqual([row.split()[1] for row in rows[2:]], PARTS)
        for row in rows:
            loss, milliseconds = map(float, row.split()[-2:])
            self.assertGreater(loss, 0)
            self.assertGreater(milliseconds, 0)
        self.assertIn("from the start of a line:\n\n", done.stdout)

    def test_what_cannot_work_is_refused_in_a_line(self):
        for arguments in (["--scaling", "--data", self.text], ["--plot", "x.svg"], ["--steps", 0]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
