#!/usr/bin/env python3
"""Trains a tiny model for many steps: memory and open files stay level, metrics.csv is right line for line, and the last
steps are as fast as the first.

usage: long_run.py PROGRAM [unittest arguments]

VERSE_STEPS=N takes that many steps; `make test-long` takes 20,000. It measures speed and memory, so the machine should be quiet.
"""
import csv
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = None
STEPS = int(os.environ.get("VERSE_STEPS", "2000"))
EVERY = 10
TEXT = "".join(f"Line {i} of a text, and {i * i} more.\n" for i in range(120))
BATCH, CONTEXT = 4, 8
MOST_GROWTH = 4  # MB, from a tenth of the run to after its end, when a text was written and a curve drawn
MOST_LEAK = 1  # MB, from the median of the first quarter to that of the last


def resident(process):
    """What a process has in memory, in MB."""
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return None


class LongRun(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="verse_long_run_")
        self.addCleanup(shutil.rmtree, self.folder)

    def test_nothing_grows(self):
        text, out = os.path.join(self.folder, "text.txt"), os.path.join(self.folder, "run")
        with open(text, "w", encoding="utf-8") as file:
            file.write(TEXT)
        command = [PROGRAM, "train", "--data", text, "--out", out, "--steps", STEPS, "--eval-every", EVERY,
                   "--eval-batches", "1", "--layers", "1", "--heads", "2", "--width", "16", "--context", CONTEXT,
                   "--batch-size", BATCH, "--threads", "1", "--seed", "3"]
        seen = []  # (rows of metrics.csv, MB, open files)
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as training:
            metrics = os.path.join(out, "metrics.csv")
            while training.poll() is None:
                time.sleep(0.1)
                try:
                    with open(metrics, "rb") as file:
                        rows = file.read().count(b"\n") - 1
                    seen.append((rows, resident(training.pid), len(os.listdir(f"/proc/{training.pid}/fd"))))
                except (FileNotFoundError, ProcessLookupError, PermissionError):
                    continue
            self.assertEqual(training.returncode, 0, training.stderr.read())
        with open(metrics, encoding="utf-8") as file:
            table = list(csv.DictReader(file))

        self.assertEqual([int(row["step"]) for row in table], list(range(0, STEPS + 1, EVERY)))
        for row in table:
            self.assertEqual(int(row["tokens"]), int(row["step"]) * BATCH * CONTEXT)
            # Before the first step there is nothing but a validation loss.
            for name in ("seconds", "val_loss") + (("learning_rate", "train_loss") if row["step"] != "0" else ()):
                self.assertTrue(math.isfinite(float(row[name])), row)
        seconds = [float(row["seconds"]) for row in table]
        self.assertEqual(seconds, sorted(seconds))

        whole = [entry for entry in seen if entry[1] is not None and entry[0] >= len(table) // 10]
        self.assertGreater(len(whole), 5, "it was looked at too seldom")
        early, late = (statistics.median(entry[1] for entry in part) for part in (whole[:5], whole[-5:]))
        # One that is being written, and the pipes of a drawing program, are open for a moment.
        first_files, last_files = (statistics.median(entry[2] for entry in part) for part in
                                   (whole[:len(whole) // 2], whole[len(whole) // 2:]))
        quarters = [statistics.median(entry[1] for entry in whole[len(whole) * i // 4:len(whole) * (i + 1) // 4])
                    for i in range(4)]
        speeds = [1 / (after - before) for before, after in zip(seconds, seconds[1:]) if after > before]
        fifth = len(speeds) // 5
        first, last = statistics.median(speeds[fifth:2 * fifth]), statistics.median(speeds[-fifth:])
        print(f"{STEPS} steps: {early:.1f} MB at a tenth, {late:.1f} MB at the end (quarters: "
              f"{', '.join(f'{quarter:.1f}' for quarter in quarters)}); {first_files:.0f} open files, later "
              f"{last_files:.0f}; {first * EVERY:.0f} steps a second in the second fifth, {last * EVERY:.0f} in the last",
              file=sys.stderr)
        self.assertLess(quarters[-1] - quarters[0], MOST_LEAK)
        self.assertLess(late - early, MOST_GROWTH)
        self.assertLessEqual(last_files, first_files)
        self.assertGreater(last, first / 2)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
