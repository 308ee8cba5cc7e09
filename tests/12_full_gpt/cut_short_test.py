#!/usr/bin/env python3
"""Ends a training at every moment at which it changes a file, and at random ones; each time it has to go on to the same
end as one that nobody disturbed.

usage: cut_short_test.py PROGRAM [unittest arguments]

VERSE_CUTS=N tries every N-th event instead of a share that takes seconds, from VERSE_FIRST on, or from a random one;
VERSE_KILLS=N that many random kills.
"""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = None
TEXT = "".join(f"Line {i} of a text, and {i * i} more.\n" for i in range(120))
CUTS = int(os.environ.get("VERSE_CUTS", "0"))
SHARE = 15  # events that are tried without it
KILLS = int(os.environ.get("VERSE_KILLS", "6"))

REFUSALS = {"full": "No space left on device", "read-only": "Read-only file system"}


def contents(folder):
    """What a run has come to, without the seconds that it took."""
    found = {}
    for name in ("model.safetensors", "state.safetensors"):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8:8 + length])
        metadata = header.pop("__metadata__")
        if "run" in metadata:
            described = json.loads(metadata["run"])
            for changing in ("seconds", "row_seconds", "metrics"):
                described.pop(changing)
            metadata["run"] = described
        metadata.pop("verse.digest")
        found[name] = (metadata, header, data[8 + length:])
    with open(os.path.join(folder, "metrics.csv"), encoding="utf-8") as file:
        found["metrics.csv"] = [[row.split(",")[column] for column in (0, 1, 3, 4, 5, 6)]
                                for row in file.read().splitlines()]
    for name in ("config.json", "tokenizer.json", "sample.txt"):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


class CutShort(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_cut_short_")
        cls.text = os.path.join(cls.folder, "text.txt")
        with open(cls.text, "w", encoding="utf-8") as file:
            file.write(TEXT)
        cls.library = os.path.join(os.path.dirname(PROGRAM), "fakes", "libcut_short.so")
        cls.whole = os.path.join(cls.folder, "whole")
        count = os.path.join(cls.folder, "count")
        done = cls.train(cls.whole, VERSE_CUT_COUNT=count)
        assert done.returncode == 0, done.stderr
        with open(count, encoding="utf-8") as file:
            cls.events = int(file.read())
        cls.every = CUTS or max(cls.events // SHARE, 1)
        cls.expected = contents(cls.whole)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def command(cls, out, steps=6, every=2):
        return [PROGRAM, "train", "--data", cls.text, "--out", out, "--steps", str(steps), "--eval-every", str(every),
                "--layers", "1", "--heads", "2", "--width", "16", "--context", "8", "--batch-size", "4", "--dropout",
                "0.1", "--threads", "1"]

    @classmethod
    def train(cls, out, **environment):
        more = {"LD_PRELOAD": cls.library, **environment} if environment else {}
        return subprocess.run(cls.command(out), capture_output=True, timeout=600, env={**os.environ, **more})

    def go_on(self, out, steps=6, every=2):
        """Goes on from whatever is there: with its state, or where none was written yet, from the beginning."""
        has_state = os.path.exists(os.path.join(out, "state.safetensors"))
        command = [PROGRAM, "train", "--out", out, "--resume"] if has_state else self.command(out, steps, every)
        done = subprocess.run(command, capture_output=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_event_is_seen(self):
        # 4 evaluations: state and metrics each time, the model in three files; more than a few dozen in all.
        self.assertGreater(self.events, 60)

    def test_cut_off_at_each_event(self):
        for manner in ("kill", "half", "full", "read-only"):
            first = int(os.environ.get("VERSE_FIRST", 1 + random.randrange(self.every)))
            tried = 0
            for event in range(first, self.events + 1, self.every):
                out = os.path.join(self.folder, f"{manner}-{event}")
                tried += 1
                with self.subTest(manner=manner, event=event, of=self.events):
                    done = self.train(out, VERSE_CUT=manner, VERSE_CUT_AT=str(event))
                    if manner in REFUSALS:
                        # A run without its picture is still a run; everything else says why it cannot write.
                        if done.returncode != 0:
                            self.assertEqual(done.returncode, 2, done.stderr)
                            self.assertIn(REFUSALS[manner], done.stderr.decode().splitlines()[-1])
                    elif not (manner == "half" and done.returncode == 0):
                        self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
                    self.go_on(out)
                    self.assertEqual(contents(out), self.expected)
                    self.assertFalse([name for name in os.listdir(out) if ".partial-" in name])
                shutil.rmtree(out, ignore_errors=True)
            print(f"{manner}: {tried} of {self.events} events, from {first} on by steps of {self.every}", file=sys.stderr)

    def order_of_changes(self, **environment):
        """Lines of metrics.csv and renamed states, in the order in which they came, on a slow disk."""
        out, trace = os.path.join(self.folder, "slow"), os.path.join(self.folder, "trace")
        done = self.train(out, VERSE_SYNC_MS="50", VERSE_TRACE=trace, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(contents(out), self.expected)
        shutil.rmtree(out)
        with open(trace, encoding="utf-8") as file:
            words = file.read().splitlines()
        os.remove(trace)
        return "".join({"append metrics.csv": "m", "rename state.safetensors": "s"}.get(word, "") for word in words)

    def test_steps_go_on_while_it_saves(self):
        # The state at the beginning, and then four evaluations.
        self.assertEqual(self.order_of_changes(), "s" + 4 * "ms")
        # A line of metrics.csv is there before the state of the evaluation before it is.
        self.assertEqual(self.order_of_changes(VERSE_SAVE_BESIDE="1"), "s" + "m" + 3 * "ms" + "s")

    def test_cut_off_while_it_saves_beside_its_steps(self):
        # As on a GPU, where the files are written while training goes on.
        out = os.path.join(self.folder, "beside")
        done = self.train(out, VERSE_SAVE_BESIDE="1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(contents(out), self.expected)
        shutil.rmtree(out)
        for manner in ("kill", "full"):
            for event in range(1 + random.randrange(2 * self.every), self.events + 1, 2 * self.every):
                with self.subTest(manner=manner, event=event, of=self.events):
                    done = self.train(out, VERSE_SAVE_BESIDE="1", VERSE_CUT=manner, VERSE_CUT_AT=str(event))
                    if manner == "kill":
                        self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
                    elif done.returncode != 0:
                        self.assertEqual(done.returncode, 2, done.stderr)
                        self.assertIn(REFUSALS[manner], done.stderr.decode().splitlines()[-1])
                    self.go_on(out)
                    self.assertEqual(contents(out), self.expected)
                    self.assertFalse([name for name in os.listdir(out) if ".partial-" in name])
                shutil.rmtree(out, ignore_errors=True)

    def test_a_clock_that_is_set_back(self):
        out = os.path.join(self.folder, "earlier")
        done = self.train(out, VERSE_CLOCK_BACK="1", VERSE_CUT="kill", VERSE_CUT_AT=str(self.events * 2 // 3))
        self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
        for name in os.listdir(out):  # as if written tomorrow, each file a day after the other
            os.utime(os.path.join(out, name), 2 * (time.time() + 86400 * (1 + len(name)),))
        done = subprocess.run([PROGRAM, "train", "--out", out, "--resume"], capture_output=True, timeout=600,
                              env={**os.environ, "LD_PRELOAD": self.library, "VERSE_CLOCK_BACK": "1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(contents(out), self.expected)
        with open(os.path.join(out, "metrics.csv"), encoding="utf-8") as file:
            seconds = [float(row.split(",")[2]) for row in file.read().splitlines()[1:]]
        self.assertEqual(seconds, sorted(seconds), "the seconds of a run only grow")

    def test_killed_at_random(self):
        whole = os.path.join(self.folder, "long")
        began = time.monotonic()
        done = subprocess.run(self.command(whole, 200, 3), capture_output=True, timeout=600)
        took = time.monotonic() - began  # what a busy machine makes longer
        self.assertEqual(done.returncode, 0, done.stderr)
        expected = contents(whole)
        out = os.path.join(self.folder, "killed")
        kills = 0
        while kills < KILLS:
            shutil.rmtree(out, ignore_errors=True)
            command = self.command(out, 200, 3)
            # The same run is killed again and again, until it has come to its end.
            while kills < KILLS:
                training = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(random.uniform(0.1, 1.2) * took)
                training.send_signal(random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
                if training.wait(600) == 0:
                    break
                kills += 1
                if os.path.exists(os.path.join(out, "state.safetensors")):
                    command = [PROGRAM, "train", "--out", out, "--resume"]
            self.go_on(out, 200, 3)
            self.assertEqual(contents(out), expected, f"after {kills} kills")
        print(f"{kills} random kills", file=sys.stderr)

    def test_a_folder_that_goes_away(self):
        out = os.path.join(self.folder, "gone")
        training = subprocess.Popen(self.command(out, 1000000, 50), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not os.path.exists(os.path.join(out, "state.safetensors")):
            time.sleep(0.05)
        os.rename(out, out + "-moved")
        _, error = training.communicate(timeout=600)
        self.assertEqual(training.returncode, 1, error)
        self.assertIn("cannot write", error.decode().splitlines()[-1])
        # What was moved is whole.
        training = subprocess.Popen([PROGRAM, "train", "--out", out + "-moved", "--resume"], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL)
        training.stdout.readline()
        time.sleep(0.5)
        training.send_signal(signal.SIGTERM)
        training.stdout.read()
        training.stdout.close()
        self.assertEqual(training.wait(600), 130)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what was started in a shell's background ignores it
    unittest.main()
