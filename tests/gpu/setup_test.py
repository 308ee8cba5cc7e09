#!/usr/bin/env python3
"""Which LibTorch ./setup chooses, before stand-ins for nvidia-smi.

usage: setup_test.py SETUP [unittest arguments]
"""
import os
import subprocess
import sys
import tempfile
import unittest

SETUP = None


def choice(driver=None, capabilities=(), *arguments):
    """What ./setup --which says, and what it notes, where nvidia-smi answers so; it fails without a driver."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "nvidia-smi")
        with open(program, "w") as file:
            file.write("#!/bin/sh\n")
            if driver is None:
                file.write("exit 9\n")
            else:
                lines = "\\n".join(capabilities)
                file.write(f'case "$1" in *driver_version*) echo {driver} ;; *compute_cap*) printf "{lines}\\n" ;; esac\n')
        os.chmod(program, 0o755)
        environment = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}")
        done = subprocess.run([SETUP, "--which", *arguments], capture_output=True, text=True, timeout=60, env=environment)
        return done.stdout.split()[-1], done.stderr


class Setup(unittest.TestCase):
    def test_without_a_driver(self):
        self.assertEqual(choice(), ("cpu", ""))

    def test_a_card_that_is_young_enough(self):
        for capability in ("7.5", "8.6", "9.0", "10.0", "12.0"):
            self.assertEqual(choice("580.159.04", [capability]), ("cuda", ""), capability)

    def test_a_card_that_is_too_old(self):
        for capability in ("6.0", "7.0", "7.2"):
            chosen, note = choice("580.159.04", [capability])
            self.assertEqual(chosen, "cpu", capability)
            self.assertIn(f"compute capability is {capability}", note)
            self.assertEqual(note.count("\n"), 1)

    def test_one_of_two_will_do(self):
        self.assertEqual(choice("580.159.04", ["6.1", "9.0"])[0], "cuda")

    def test_a_driver_that_does_not_tell(self):
        self.assertEqual(choice("580.159.04", ["[N/A]"]), ("cuda", ""))

    def test_an_old_driver(self):
        chosen, note = choice("550.54.15", ["9.0"])
        self.assertEqual(chosen, "cpu")
        self.assertIn("driver is 550.54.15", note)

    def test_what_is_asked_for_counts(self):
        self.assertEqual(choice("580.159.04", ["9.0"], "--cpu")[0], "cpu")
        self.assertEqual(choice(None, (), "--cuda")[0], "cuda")


if __name__ == "__main__":
    SETUP = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
