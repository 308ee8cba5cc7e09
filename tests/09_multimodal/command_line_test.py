#!/usr/bin/env python3
"""Runs chapter 9's program as a user would, mistakes included.

usage: command_line_test.py PROGRAM [unittest arguments]
"""
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import wave
from pathlib import Path

import own_files

PROGRAM = None
GIVEN = Path(__file__).resolve().parents[2] / "chapters/09_multimodal/given"


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def wav(self, name, seconds=0.5, rate=8000, bytes_a_sample=2):
        count = int(seconds * rate)
        with wave.open(self.path(name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(bytes_a_sample)
            file.setframerate(rate)
            if bytes_a_sample == 2:
                samples = [int(9000 * math.sin(0.5 * i)) for i in range(count)]
                file.writeframes(struct.pack(f"<{count}h", *samples))
            else:
                file.writeframes(bytes(count * bytes_a_sample))
        return self.path(name)

    def refused(self, *arguments):
        """One line, status 2, and nothing on standard output. Returns the line."""
        done = run(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_unknown_parts_and_flags(self):
        self.assertIn("images, contrast, clips, sound, frames, bins or distillation", self.refused("--part", "smells"))
        self.refused("--no-such-flag")
        self.assertIn("65", self.refused("--characters", 64))

    def test_files_that_are_no_sounds(self):
        with open(self.path("text.wav"), "w") as file:
            file.write("RIFF and then nothing of the kind, at some length")
        with open(self.wav("whole.wav"), "rb") as file:
            whole = file.read()
        with open(self.path("cut.wav"), "wb") as file:
            file.write(whole[:1000])
        for flag in ("--log-mel", "--wav"):
            self.assertIn("no WAV file", self.refused(flag, self.path("text.wav")))
            self.assertIn("cut short", self.refused(flag, self.path("cut.wav")))
            self.assertIn("16-bit", self.refused(flag, self.wav("bytes.wav", bytes_a_sample=1)))
            self.refused(flag, self.path("missing.wav"))
            self.refused(flag, self.folder.name)

    def test_sounds_that_this_ear_does_not_hear(self):
        self.assertIn("8000", self.refused("--wav", self.wav("fast.wav", rate=16000)))
        self.assertIn("seconds", self.refused("--wav", self.wav("long.wav", seconds=6)))

    def test_files_that_are_no_pictures(self):
        with open(self.path("picture.png"), "w") as file:
            file.write("no picture")
        self.assertIn("picture.png: is no PNG file", self.refused("--picture", self.path("picture.png")))
        self.refused("--picture", self.path("missing.png"))

    def test_a_picture_of_ones_own_is_captioned(self):
        own_files.png(self.path("red.png"), [[(255, 0, 0)] * 50 for _ in range(40)])
        for picture in (self.path("red.png"), GIVEN / "drawn.png"):
            with self.subTest(picture=picture):
                done = run("--quick", "--threads", 1, "--picture", picture)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"{picture}, as 32 x 32 pixels\n  written: ", done.stdout)

    def test_a_whistled_message_of_ones_own_is_read(self):
        own_files.whistle(self.path("whistled.wav"), text="an", drift=0.05, noise=15)
        done = run("--quick", "--threads", 1, "--wav", self.path("whistled.wav"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"whistled\.wav is read as: [a-z ]*\n")

    def test_log_mel_is_printed_a_frame_a_line(self):
        done = run("--log-mel", self.wav("tone.wav", seconds=0.5))
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 4000 // 128 + 1)
        self.assertEqual({len(line.split()) for line in lines}, {32})

    def test_every_part_runs(self):
        for part in ("images", "contrast", "clips", "sound", "frames", "bins", "distillation"):
            with self.subTest(part=part):
                done = run("--quick", "--part", part, "--threads", 1, "--plots", self.folder.name)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertGreater(len(done.stdout.splitlines()), 3)

    def test_without_a_part_all_run_quickly_and_the_longest_is_left_out_otherwise(self):
        done = run("--quick", "--threads", 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("letters wrong", done.stdout)
        self.assertIn("all of them but sound", " ".join(run("--help").stdout.split()))

    def test_a_teacher_that_is_not_there(self):
        self.assertIn("nowhere", self.refused("--part", "distillation", "--run", self.path("nowhere")))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
