#!/usr/bin/env python3
"""Runs chapter 6's program on run folders as a user would, mistakes included.

usage: command_line_test.py PROGRAM [unittest arguments]
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from digest import text_digest  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import record_runs  # noqa: E402

PROGRAM = None
RUNS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "chapters", "06_loss_stages", "given", "runs")


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)


class Recorded(unittest.TestCase):
    def test_the_script_names_every_run_that_was_recorded_by_it(self):
        for name in ("tuning", "held_out"):
            found = {run for run in os.listdir(os.path.join(RUNS, "..", name)) if not run.split("-")[-1].startswith("10")}
            self.assertEqual(found, {run for run, _, _ in record_runs.runs_of(name)})

    def test_ten_held_out_runs_have_each_fault_and_thirty_have_none(self):
        names = os.listdir(os.path.join(RUNS, "..", "held_out"))
        for kind in record_runs.FAULTS + record_runs.HIDDEN:
            self.assertGreaterEqual(sum(kind.name in name and "healthy" not in name for name in names), 10, kind.name)
        self.assertGreaterEqual(sum("healthy" in name for name in names), 30)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.page = os.path.join(self.folder.name, "page.html")

    def refused(self, *arguments):
        """One line, status 2, and nothing on standard output. Returns the line."""
        done = run(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def copy_of(self, name):
        place = os.path.join(self.folder.name, name)
        shutil.copytree(os.path.join(RUNS, name), place)
        return place

    def write_state(self, place, text):
        """A state as chapter 12's runs have it, with nothing in it but what the run says of its text."""
        if os.path.exists(text.get("file", "")):
            with open(text["file"], "rb") as file:
                text = dict(text, digest=text_digest(file.read()))
        header = json.dumps({"__metadata__": {"run": json.dumps({"text": text})}}).encode()
        with open(os.path.join(place, "state.safetensors"), "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)

    def test_recorded_runs_are_named(self):
        for name, verdict in (("play-healthy-1", "Healthy"), ("shakespeare-50000-overfitting", "Overfitting: validation was best")):
            done = run(os.path.join(RUNS, name), "--report", self.page)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.startswith(verdict), done.stdout[:200])
            with open(self.page, encoding="utf-8") as file:
                self.assertIn("<svg", file.read())

    def test_a_report_touches_no_other_file(self):
        beside = self.page + ".svg"
        with open(beside, "w", encoding="utf-8") as file:
            file.write("mine")
        done = run(os.path.join(RUNS, "play-healthy-1"), "--report", self.page)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["page.html", "page.html.svg"])
        with open(beside, encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine")

    def test_a_run_that_blew_up_is_told_so(self):
        place = os.path.join(self.folder.name, "blown")
        done = run("--fault", "none", "--learning-rate", 1000, "--steps", 60, "--layers", 2, "--width", 32, "--threads", 1,
                   "--out", place)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run(place, "--report", self.page)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("Did it blow up? Yes: a loss or a gradient is no number from step "), done.stdout)
        self.assertNotIn("nan", done.stdout)

    def test_findings_are_scored(self):
        done = run("--score", RUNS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("  all  ", done.stdout)
        self.assertIn("holds no folder", self.refused("--score", self.folder.name))

    def test_metrics_that_cannot_be_read(self):
        place = self.copy_of("play-healthy-1")
        metrics = os.path.join(place, "metrics.csv")
        with open(metrics, "w", encoding="utf-8") as file:
            file.write("a,b,c\n1,2,3\n")
        self.assertIn("metrics.csv", self.refused(place, "--report", self.page))
        self.assertFalse(os.path.exists(self.page))
        self.refused(os.path.join(self.folder.name, "no-such-run"))

    def test_a_run_is_read_on_the_text_that_it_has_learned_from(self):
        place = self.copy_of("play-healthy-1")
        text = os.path.join(self.folder.name, "rhyme.txt")
        with open(text, "w", encoding="utf-8") as file:
            file.write("It takes a text of some length to count what follows which.\n" * 400)
        self.write_state(place, {"name": "rhyme.txt", "file": text})
        os.remove(os.path.join(place, "evidence.json"))
        self.assertIn("on rhyme.txt", run(place, "--report", self.page).stdout)
        self.write_state(place, {"name": "the play"})
        self.assertIn("on the play", run(place, "--report", self.page).stdout)
        os.remove(text)
        self.write_state(place, {"name": "rhyme.txt", "file": text})
        refusal = self.refused(place, "--report", self.page)
        self.assertIn("rhyme.txt", refusal)
        self.assertIn("--data", refusal)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
