#!/usr/bin/env python3
"""Runs chapter 7's program as a user would, mistakes included.

usage: command_line_test.py PROGRAM [unittest arguments]

The model here has learned for one step and knows nothing.
"""
import os
import pty
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
QUICK = ["--steps", "1", "--threads", "1"]


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)


class CommandLine(unittest.TestCase):
    def test_a_prompt_may_be_longer_than_the_context(self):
        done = run(*QUICK, "--count", 3, "--prompt", "To be or not to be. " * 20)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the same text", done.stdout)

    def test_an_interrupt_ends_it_while_it_writes(self):
        process = subprocess.Popen([PROGRAM, *QUICK, "--count", "1000000"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line.startswith("  temperature 1.0, top-p"):
                break
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, error)
        self.assertTrue(error.endswith("stopped\n"), error)

    def test_a_terminal_has_nothing_to_obey(self):
        # What every program writes goes through one place; this one writes what an untrained model says of such a text.
        with tempfile.TemporaryDirectory() as folder:
            text = os.path.join(folder, "text.txt")
            with open(text, "w", encoding="utf-8") as file:
                file.write("\x1b]0;owned\x07 \x9b2J \u202e caf\u00e9 \u4e2d\u6587 \x1b[2J and more\n" * 100)
            arguments = [PROGRAM, *QUICK, "--count", "60", "--data", text]
            piped = subprocess.run(arguments, capture_output=True, timeout=300).stdout
            self.assertIn(b"\x1b", piped)
            main, other = pty.openpty()
            with subprocess.Popen(arguments, stdout=other, stderr=subprocess.DEVNULL) as process:
                os.close(other)
                shown = b""
                try:
                    while piece := os.read(main, 65536):
                        shown += piece
                except OSError:
                    pass
                self.assertEqual(process.wait(300), 0)
            os.close(main)
        shown = shown.decode("utf-8").replace("\r\n", "\n")
        self.assertEqual([c for c in shown if ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 or c == "\u202e"], [])
        self.assertIn("\\x1b", shown)
        # Nothing else is different, up to where times are told.
        end = "characters with a cache"
        whole = piped.decode("utf-8").split(end)[0]
        for character in whole:
            if ord(character) < 32 and character != "\n":
                whole = whole.replace(character, f"\\x{ord(character):02x}")
            elif 127 <= ord(character) < 160 or character == "\u202e":
                whole = whole.replace(character, f"\\u{ord(character):04x}")
        self.assertEqual(shown.split(end)[0], whole)

    def test_mistakes_end_with_one_clear_line(self):
        for arguments, words in (
            (["--prompt", ""], ["--prompt"]),
            (["--count", "0"], ["--count", "0"]),
            (["--seed", "99999999999999999999"], ["between 0 and 9223372036854775807"]),
            (["--run", "/nonexistent/run"], ["/nonexistent/run"]),
        ):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, f"{arguments}: {done.stderr}")
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)

    def test_help_names_the_program_that_was_called(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn(os.path.basename(PROGRAM) + " [OPTION...]", done.stdout)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
