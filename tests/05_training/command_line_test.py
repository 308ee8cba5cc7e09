#!/usr/bin/env python3
"""Runs chapter 5's program as a user would, Ctrl-C included.

usage: command_line_test.py PROGRAM [unittest arguments]
"""
import os
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
TINY = ["--layers", "1", "--heads", "1", "--width", "8", "--context", "8", "--eval-every", "5", "--threads", "1"]


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.run_folder = os.path.join(self.folder.name, "run")

    def test_a_stopped_run_is_saved(self):
        command = [PROGRAM, *TINY, "--steps", "1000000", "--out", self.run_folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            for line in program.stdout:
                if line.split()[:1] == ["10"]:  # the second estimate is there
                    break
            program.send_signal(signal.SIGINT)
            _, notes = program.communicate(timeout=60)
        self.assertEqual(program.returncode, 130, notes)
        self.assertIn("stopped; what was learned is saved", notes)
        self.assertTrue(os.path.exists(os.path.join(self.run_folder, "model.safetensors")))

    def test_both_losses_are_shown_now_and_then_and_at_the_end(self):
        done = subprocess.run([PROGRAM, *TINY, "--steps", "7", "--sample", "0"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        steps = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ") and len(line.split()) == 5]
        self.assertEqual(steps[-2:], ["5", "7"], done.stdout)
        self.assertIn("After 7 steps:", done.stdout)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
