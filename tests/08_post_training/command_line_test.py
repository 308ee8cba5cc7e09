#!/usr/bin/env python3
"""Runs chapter 8's program as a user would, small and quick, mistakes included.

usage: command_line_test.py PROGRAM [unittest arguments]

The models here are tiny and know nothing; that post-training teaches anything is another test's business.
"""
import json
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
        with tempfile.TemporaryDirectory(prefix="verse_command_line_") as folder:
            record = os.path.join(folder, "record.json")
            done = run("--quick", "--threads", 1, "--record", record)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            with open(record, encoding="utf-8") as file:
                recorded = json.load(file)
        self.assertEqual(recorded["scalars"]["added_tokens"]["value"], 20)
        self.assertEqual([row[0] for row in recorded["tables"]["models"]["rows"]],
                         ["base", "answer alone", "chain of thought", "chain of thought, GRPO"])
        text = done.stdout.decode()
        self.assertIn("65 characters; 20 tokens are added", text)
        for name in ("base", "answer alone", "chain of thought", "chain of thought, GRPO"):
            self.assertRegex(text, r"(?m)^  " + re.escape(name) + r" +[\d.]+ % \([\d.]+ to [\d.]+\) ")
        # Each mark stands below a token of the response, and nowhere else.
        question = re.search(r"(?m)^  <user>\d+\+\d+<assistant>", text).group()
        marks = text[text.index(question):].splitlines()[1]
        self.assertEqual(len(marks) - len(marks.lstrip()), len(question))

    def test_the_last_model_can_be_kept(self):
        with tempfile.TemporaryDirectory(prefix="verse_command_line_") as folder:
            out = os.path.join(folder, "run")
            done = run("--quick", "--threads", 1, "--base-steps", 2, "--steps", 3, "--rewarded-steps", 1, "--problems", 2, "--out", out)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            with open(os.path.join(out, "config.json"), encoding="utf-8") as file:
                rows = json.load(file)["vocab_size"]
            with open(os.path.join(out, "tokenizer.json"), encoding="utf-8") as file:
                tokenizer = json.load(file)
            vocabulary, added = tokenizer["model"]["vocab"], {each["content"]: each["id"] for each in tokenizer["added_tokens"]}
            self.assertEqual(sorted([*vocabulary.values(), *added.values()]), list(range(rows)))
            self.assertEqual(list(added), ["<user>", "<assistant>", "<think>", "</think>", "<end>", "<filler>"])
            self.assertLess(vocabulary["\u010a"], vocabulary["\u0120"])  # line end and space, by their letters
            self.assertLess(vocabulary["z"], vocabulary["0"])  # the play's own characters stay before those that came

            # An alphabet that such a file cannot hold is told before anything is trained.
            text = os.path.join(folder, "text.txt")
            with open(text, "w", encoding="utf-8") as file:
                file.write("ANNA:\nthe caf\u00e9 is open\n\n" * 200)
            other = os.path.join(folder, "other")
            for arguments, word in ((["--data", text], "\u00e9"), (["--experiment", "quality"], "--experiment")):
                done = run("--quick", "--threads", 1, "--out", other, *arguments)
                error = done.stderr.decode()
                self.assertEqual((done.returncode, error.count("\n")), (2, 1), error)
                self.assertIn(word, error)

    def test_experiments_run_and_draw(self):
        with tempfile.TemporaryDirectory(prefix="verse_command_line_") as folder:
            base = os.path.join(folder, "base")
            done = run("--quick", "--threads", 1, "--experiment", "tasks", "--save", base)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            done = run("--quick", "--threads", 1, "--experiment", "quality", "--seeds", 1, "--plots", folder)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertIn("50 % bad", done.stdout.decode())
            self.assertTrue(os.path.getsize(os.path.join(folder, "ch08-quality.svg")) > 0)

            # The base that was kept is taken, and none is trained.
            done = run("--quick", "--threads", 1, "--experiment", "altered", "--run", base)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertNotIn("training a base", done.stderr.decode())
            self.assertIn("altered", done.stdout.decode())

    def test_what_is_kept_is_not_done_again(self):
        with tempfile.TemporaryDirectory(prefix="verse_command_line_") as folder:
            record = os.path.join(folder, "record.json")
            lora = ["--quick", "--threads", 1, "--experiment", "lora", "--seeds", 1, "--kept", folder]
            done = run(*lora, "--part", "rank 8, 3 steps, rate 0.01|rank 8, 3 steps, rate 0.003")
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertIn("training the base of seed 1", done.stderr.decode())
            self.assertRegex(done.stdout.decode(), r"rank 8, 3 steps, rate 0.01 +seed 1 .* old bits 100.0 %")
            kept = sorted(name for name in os.listdir(folder) if name.startswith("lora-"))
            self.assertEqual(kept, ["lora-rank_8__3_steps__rate_0_003-1.json", "lora-rank_8__3_steps__rate_0_01-1.json"])

            # A report trains nothing, and its table has the one row of rank 8, at the better of its two rates.
            done = run(*lora, "--only-report", "--record", record)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertNotIn("training", done.stderr.decode())
            with open(record, encoding="utf-8") as file:
                tables = json.load(file)["tables"]
            self.assertEqual([row[0] for row in tables["lora"]["rows"]], ["rank 8"])
            self.assertEqual(len(tables["lora_sweep"]["rows"]), 2)

    def test_every_experiment_runs(self):
        with tempfile.TemporaryDirectory(prefix="verse_command_line_") as folder:
            record = os.path.join(folder, "record.json")
            done = run("--quick", "--threads", 1, "--experiment", "all", "--plots", folder, "--record", record)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            for title in ("At equal tokens said", "Longer numbers", "What of the chain", "learns from pairs",
                          "GRPO from an early model", "learns to subtract", "by a reward model's score", "in the template of the training",
                          "with and without a calculator"):
                self.assertIn(title, done.stdout.decode())
            with open(record, encoding="utf-8") as file:
                tables = json.load(file)["tables"]
            self.assertLessEqual({"tokens", "said", "quality_trainings", "altered", "tasks", "lora_trainings", "reward_model_trainings",
                                  "chat_trainings", "tool_trainings"}, set(tables))
            # Whoever does not ask a calculator has no calls that could be right.
            alone, asking = tables["tool"]["rows"][:2]
            calls = tables["tool"]["columns"].index("calls_right")
            self.assertEqual((alone[0], alone[calls], asking[0]), ("answer alone", "nan", "asks a calculator"))
            self.assertNotEqual(asking[calls], "nan")
            self.assertEqual(tables["altered"]["columns"], ["answer", "share", "share_low", "share_high"])
            self.assertEqual([row[0] for row in tables["altered"]["rows"]], ["follows", "stays right"])
            # Every control is compared at equal answers.
            budgets = tables["controls_budgets"]
            self.assertEqual([row[0] for row in budgets["rows"]], [row[0] for row in tables["controls"]["rows"]][1:])
            self.assertEqual(len(budgets["rows"]), 6)
            self.assertNotIn("nan", [row[budgets["columns"].index("answers_1")] for row in budgets["rows"]])
            trained = [row[:3] for row in tables["lora_trainings"]["rows"]]
            self.assertIn(["rank 8", "3 steps, rate 0.01", 2], trained)

    def test_a_study_says_its_seeds_and_keeps_quick_and_whole_runs_apart(self):
        with tempfile.TemporaryDirectory(prefix="verse_command_line_") as folder:
            record, kept = os.path.join(folder, "record.json"), os.path.join(folder, "kept")
            done = run("--quick", "--threads", 1, "--experiment", "tool", "--seeds", 2, "--kept", kept, "--record", record)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            with open(record, encoding="utf-8") as file:
                self.assertEqual(json.load(file)["seeds"], [1, 2])
            names = ["tool-answer_alone-1.json", "base-1"]
            for name in names:  # first a finding that is kept, then a base
                done = run("--threads", 1, "--experiment", "tool", "--seeds", 1, "--kept", kept)
                self.assertEqual(done.returncode, 2, done.stderr.decode())
                self.assertEqual(done.stderr.decode().count("\n"), 1, done.stderr.decode())
                self.assertIn(name, done.stderr.decode())
                for file in os.listdir(kept):
                    if file.endswith(".json"):
                        os.remove(os.path.join(kept, file))

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
