#!/usr/bin/env python3
"""What chapter 7 steers a text by, as flags of `generate`.

usage: steering_command_line_test.py PROGRAM [unittest arguments]

The model here has learned for 20 steps, which is enough: what is asked is never whether a text is good.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
TINY = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "32", "--batch-size", "4", "--threads", "1",
        "--warmup", "5", "--eval-every", "10"]
TEXT = 'ANNA: what did you say?\nOTTO: {"a": [1, 20, 345], "b": "no"}\n' * 60


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=120, text=True, check=False)


class Steering(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_steering_")
        cls.trained = os.path.join(cls.folder, "trained")
        cls.text = cls.write("text.txt", TEXT)
        done = run("train", "--data", cls.text, "--out", cls.trained, "--steps", 20, *TINY)
        assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def write(cls, name, text):
        place = os.path.join(cls.folder, name)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)
        return place

    def written(self, *arguments):
        done = run("generate", "--run", self.trained, "--threads", 1, "--seed", 3, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, *arguments):
        done = run("generate", "--run", self.trained, *arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_a_stop_string_ends_the_text_and_is_never_shown(self):
        whole = self.written("--max-new-tokens", 200, "--temperature", 1)
        for length in (1, 2, 5):
            stop = whole[40:40 + length]
            text = self.written("--max-new-tokens", 200, "--temperature", 1, "--stop", stop)
            self.assertEqual(text.rstrip("\n"), whole[:whole.index(stop)].rstrip("\n"))
        stops = self.write("stops.txt", whole[60:63].replace("\n", " ") + "\nnever that\n")
        self.assertTrue(whole.startswith(self.written("--max-new-tokens", 200, "--temperature", 1, "--stops", stops)[:-1]))
        self.assertEqual(self.written("--max-new-tokens", 200, "--temperature", 1, "--stop", "never that"), whole)
        self.assertIn("--stop", self.refused("--stop", ""))

    def test_a_token_ends_the_text(self):
        whole = self.written("--max-new-tokens", 200, "--temperature", 1)
        self.assertEqual(self.written("--max-new-tokens", 200, "--temperature", 1, "--end-token", whole[30]).rstrip("\n"),
                         whole[:whole.index(whole[30])].rstrip("\n"))
        self.assertIn("should be one token of the model, and is 2", self.refused("--end-token", "AN"))

    def test_a_grammar_is_kept(self):
        grammar = self.write("json.txt", 'root ::= "{\\"a\\": [" number (", " number)* "]}"\nnumber ::= [1-9] [0-9]?\n')
        for length in (10, 11, 15, 40):
            text = self.written("--max-new-tokens", length, "--temperature", 2, "--grammar", grammar)
            self.assertIn("a", json.loads(text), text)
            self.assertLessEqual(len(text.strip("\n")), length)
        self.assertIn("the shortest text of the grammar has 10", self.refused("--grammar", grammar, "--max-new-tokens", 9))
        self.assertIn("bad.txt:1: ", self.refused("--grammar", self.write("bad.txt", "root :: x")))
        self.assertIn("model's characters", self.refused("--grammar", self.write("greek.txt", 'root ::= "\u03b2"')))
        texts = self.written("--max-new-tokens", 12, "--temperature", 2, "--grammar", grammar, "--samples", 3)
        for text in texts.split("--------\n"):
            json.loads(text)

    def test_logits_are_changed(self):
        whole = self.written("--max-new-tokens", 100, "--temperature", 1)
        biased = self.written("--max-new-tokens", 100, "--temperature", 1, "--logit-bias", '{"a": -1000, "\\n": -1000}')
        self.assertNotIn("a", biased)
        self.assertEqual(biased.count("\n"), 1)
        self.assertNotEqual(self.written("--max-new-tokens", 100, "--temperature", 1, "--presence-penalty", 50), whole)
        self.assertNotEqual(self.written("--max-new-tokens", 100, "--temperature", 1, "--repetition-penalty", 5), whole)
        self.assertEqual(self.written("--max-new-tokens", 100, "--temperature", 1, "--repetition-penalty", 1), whole)
        self.assertEqual(self.written("--max-new-tokens", 100, "--min-p", 1), self.written("--max-new-tokens", 100, "--greedy"))
        self.assertIn("--logit-bias", self.refused("--logit-bias", "a=1"))
        self.assertIn("--logit-bias", self.refused("--logit-bias", '{"ab": 1}'))
        self.assertIn("--min-p", self.refused("--min-p", "2"))
        self.assertIn("--repetition-penalty", self.refused("--repetition-penalty", "0"))

    def test_a_prompt_from_a_file(self):
        prompt = self.write("prompt.txt", "ANNA: what\nOTTO")
        self.assertEqual(self.written("--prompt-file", prompt, "--max-new-tokens", 30),
                         self.written("--prompt", "ANNA: what\nOTTO", "--max-new-tokens", 30))
        self.assertIn("exclude", self.refused("--prompt-file", prompt, "--prompt", "x"))
        self.assertIn("empty", self.refused("--prompt-file", self.write("empty.txt", "")))
        self.assertIn("--timing", self.refused("--timing", "--stop", "x"))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
