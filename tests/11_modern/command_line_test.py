#!/usr/bin/env python3
"""Runs chapter 11's program as a user would, mistakes included.

usage: command_line_test.py PROGRAM [unittest arguments]
"""
import json
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

    def test_a_scaling_law_is_read_from_trainings_that_were_kept(self):
        # Losses as a law has them that is known here; nothing is left to be trained.
        sizes = {16: 14_496, 32: 53_568, 64: 205_440, 128: 804_096}
        law = (lambda parameters, tokens: 0.6 + 30 / parameters**0.45 + 300 / tokens**0.6)
        lines = ["width,steps,seed,rate,parameters,loss,second_half"]
        for width, parameters in sizes.items():
            lines += [f"{width},2,101,{rate},{parameters},{2 + abs(rate - 0.025)},2" for rate in (0.0125, 0.025, 0.05)]
            for steps in (1, 2, 4, 8):
                for seed in (1, 2, 3):
                    loss = law(parameters, steps * 768) * (1 + 0.001 * (seed - 2))
                    lines.append(f"{width},{steps},{seed},0.025,{parameters},{loss},{loss}")
        table = os.path.join(self.folder.name, "kept.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        record = os.path.join(self.folder.name, "record.json")
        done = run("--scaling-law", "--steps", 8, "--kept", table, "--record", record)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(table, encoding="utf-8") as file:
            self.assertEqual(file.read(), "\n".join(lines) + "\n")
        with open(record, encoding="utf-8") as file:
            found = {name: each["value"] for name, each in json.load(file)["scalars"].items()}
        self.assertEqual(found["rate_64"], 0.025)
        self.assertAlmostEqual(found["floor_found"], 0.6, delta=0.1)
        self.assertAlmostEqual(found["size_exponent_found"], 0.45, delta=0.05)
        self.assertAlmostEqual(found["tokens_exponent_found"], 0.6, delta=0.05)
        self.assertEqual(found["floor_none"], 0)
        self.assertLess(found["size_exponent_none"], found["size_exponent_known"])
        self.assertAlmostEqual(found["above_128_6144"] + found["floor"], law(804_096, 6144), places=6)
        self.assertAlmostEqual(found["foretold_found"], found["corner"], delta=0.02)
        self.assertLess(found["share_low"], found["share"])
        self.assertLess(found["share"], found["share_high"])

    def test_what_cannot_work_is_refused_in_a_line(self):
        table = os.path.join(self.folder.name, "table.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write("some,other,table\n")
        for arguments in (["--scaling", "--data", self.text], ["--plot", "x.svg"], ["--kept", "x.csv"], ["--steps", 0],
                          ["--scaling", "--kept", "x.csv"], ["--scaling-law", "--steps", 7], ["--scaling-law", "--kept", table],
                          ["--scaling-law", "--data", self.text], ["--scaling", "--scaling-law"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
