#!/usr/bin/env python3
"""What bash completes for `gpt`, `tokenize` and `verse`.

usage: tests/course/completion_test.py BUILD_FOLDER [unittest's arguments]
"""
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Completion(unittest.TestCase):
    build = None  # set by main

    def complete(self, *words):
        """What is offered for the last of the words."""
        script = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _verse_complete; printf "%s\\n" ${COMPREPLY[@]+"${COMPREPLY[@]}"}')
        done = subprocess.run(["bash", "-c", script, ROOT / "cmake/completion.bash", self.build / words[0], *words[1:]],
                              capture_output=True, text=True, timeout=120, cwd=ROOT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_commands(self):
        self.assertEqual(self.complete("verse", "res"), ["reset", "restore"])
        commands = self.complete("verse", "")
        listed = subprocess.run([self.build / "verse", "--help"], capture_output=True, text=True).stdout
        self.assertGreater(len(commands), 10)
        for command in commands:
            self.assertIn(f"\n  {command} ", listed)

    def test_options_of_a_command(self):
        self.assertEqual(self.complete("verse", "check", "3", "--fa"), ["--failed-only"])
        self.assertEqual(self.complete("verse", "check", "--help-"), [])

    def test_exercises_and_chapters(self):
        self.assertIn("3.2", self.complete("verse", "hint", "3."))
        self.assertEqual(self.complete("verse", "check", "12"), ["12"])

    def test_files(self):
        self.assertIn("README.md", self.complete("verse", "stubs", "--into", "READ"))

    def test_gpt(self):
        if not (self.build / "gpt").exists():
            self.skipTest("build/gpt is not built")
        self.assertEqual(self.complete("gpt", "gen"), ["generate"])
        self.assertEqual(self.complete("gpt", "ch"), ["chat"])
        self.assertIn("--system", self.complete("gpt", "chat", "--sy"))
        self.assertIn("--resume", self.complete("gpt", "train", "--res"))
        self.assertIn("--top-k", self.complete("gpt", "generate", "--top"))
        self.assertEqual(self.complete("gpt", "train", "--preset", "sm"), ["small"])

    def test_tokenize(self):
        if not (self.build / "tokenize").exists():
            self.skipTest("build/tokenize is not built")
        self.assertEqual(self.complete("tokenize", "--vo"), ["--vocabulary"])
        self.assertEqual(self.complete("tokenize", "--data", "text.txt", "--pat"), ["--pattern"])
        self.assertIn("README.md", self.complete("tokenize", "--data", "READ"))


if __name__ == "__main__":
    Completion.build = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
