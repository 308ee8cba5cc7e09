#!/usr/bin/env python3
"""Runs chapter 8's program as a user would, small and quick, mistakes included.

usage: command_line_test.py PROGRAM [unittest arguments]

The models here are tiny and know nothing; that post-training teaches anything is another test's business.
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=300, check=False)


class CommandLine(unittest.TestCase):
    def test_the_table_has_a_line_for_each_model(self):
        done = run("--quick", "--threads", 1)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        text = done.stdout.decode()
        self.assertIn("65 characters; 20 tokens are added", text)
        for name in ("base", "answer alone", "chain of thought", "chain of thought, GRPO"):
            self.assertRegex(text, r"(?m)^  " + re.escape(name) + r" +[\d.]+ % \([\d.]+ to [\d.]+\) ")
        # Each mark stands below a token of the response, and nowhere else.
        question = re.search(r"(?m)^  <user>\d+\+\d+<assistant>", text).group()
        marks = text[text.index(question):].splitlines()[1]
        self.assertEqual(len(marks) - len(marks.lstrip()), len(question))

    def test_experiments_run_and_draw(self):
        with tempfile.TemporaryDirectory(prefix="verse_command_line_") as folder:
            base = os.path.join(folder, "base")
            done = run("--quick", "--threads", 1, "--experiment", "quality", "--plots", folder, "--save", base)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertIn("50 % bad", done.stdout.decode())
            self.assertTrue(os.path.getsize(os.path.join(folder, "ch08-quality.svg")) > 0)

            # The base that was kept is taken, and none is trained.
            done = run("--quick", "--threads", 1, "--experiment", "lora", "--run", base)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertNotIn("training a base", done.stderr.decode())
            self.assertIn("rank 8, rate", done.stdout.decode())

    def test_every_experiment_runs(self):
        with tempfile.TemporaryDirectory(prefix="verse_command_line_") as folder:
            done = run("--quick", "--threads", 1, "--experiment", "all", "--plots", folder)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            for title in ("At equal tokens said", "Direct preference optimization", "LoRA", "Longer numbers"):
                self.assertIn(title, done.stdout.decode())

    def test_mistakes_end_with_one_clear_line(self):
        for arguments, words in (
            (["--experiment", "wishes"], ["wishes", "quality"]),
            (["--steps", "0"], ["--steps"]),
            (["--problems", "none"], ["--problems"]),
            (["--problems", "100000"], ["--problems", "100000"]),
            (["--run", "/nonexistent/run"], ["/nonexistent/run"]),
            (["--no-such-flag"], ["no-such-flag"]),
        ):
            done = run(*arguments)
            error = done.stderr.decode()
            self.assertEqual(done.returncode, 2, f"{arguments}: {error}")
            self.assertEqual(error.count("\n"), 1, error)
            for word in words:
                self.assertIn(word, error)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
