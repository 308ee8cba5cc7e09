#!/usr/bin/env python3
"""What a learner does wrong with files and commands, and what `make` answers: a line or two that say what to do.

In a copy of chapters/ and solutions/, through the Makefile, as a learner meets it. About two minutes on two cores.

usage: tests/course/learner_faults.py BUILD_FOLDER [unittest's arguments]
"""
import os
import re
import signal
import subprocess
import time

import learner_copy
from learner_copy import ROOT, run

FILE = "chapters/03_attention/attention.cpp"
HEADER = "chapters/03_attention/attention.h"
MASK = "torch::Tensor causal_mask(std::int64_t time, std::int64_t keys, torch::Device device) {\n"
MARK = "  //! [3.2]\n"
# What no learner is to see: the build's own words, and claims that do not hold.
NOT_SAID = ["ninja", "FAILED", "-Xclang", "-- Configuring", "-- Generating", "Re-running CMake", "no compiler says why"]
# What stands beside an answer: make's own line, whose chapters these are, and on a slow machine the counting of a build.
BESIDE = re.compile(r"make: \*\*\* \[|Later chapters are built on|Building \d+ files|\d+ of \d+ files")


class Faults(learner_copy.LearnerCopy):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        git = ["git", "-C", cls.copy, "-c", "user.name=learner", "-c", "user.email=learner@example.org"]
        for command in (["init", "-q"], ["add", "chapters"], ["commit", "-q", "-m", "as it was given"]):
            done = run(*git, *command)
            assert done.returncode == 0, done.stderr
        cls.header = (cls.copy / HEADER).read_text()
        # Everything that the learner's file does not change is built before.
        done = run("ninja", "-C", cls.build_folder, "verse", "test_chapter_03")
        assert done.returncode == 0, done.stdout[-3000:]

    def setUp(self):
        super().setUp()
        (self.copy / HEADER).write_text(self.header)
        self.file = self.copy / FILE

    def command(self, target):
        return ["make", "-C", str(ROOT), "--no-print-directory", target, f"BUILD={self.build_folder}", f"VERSE_LEARNER_ROOT={self.copy}"]

    def make(self, target):
        """The exit status, and what was said in answer."""
        done = run(*self.command(target), env={**os.environ, "NO_COLOR": "1"})
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and not BESIDE.match(line)]
        for part in NOT_SAID:
            self.assertNotIn(part, "\n".join(said))
        return done.returncode, said

    def write(self, text):
        self.assertNotEqual(text, self.file.read_text(), "the fault does not fit the file any more")
        self.file.write_text(text)

    def broken(self, *parts):
        """What test-chapter-3 answers to a file that cannot be built: few lines, with all these parts."""
        status, said = self.make("test-chapter-3")
        self.assertNotEqual(status, 0)
        text = "\n".join(said)
        for part in parts:
            self.assertIn(part, text)
        self.assertLessEqual(len(said), 6, text)

    def test_1_what_is_no_chapter_or_exercise_is_one_line(self):
        chapters = ["watch-99", "solution-3.7", "chapter-3.7", "test-chapter-3.7", "test-solution-x", "chapter-99", "test-chapter--1"]
        exercises = ["hint-99.1", "solve-x", "reset-3", "restore-3.7.1", "predict-P99.1", "hint-.2"]
        for target in chapters + exercises:
            with self.subTest(target=target):
                began = time.monotonic()
                status, said = self.make(target)
                self.assertEqual(status, 2)
                self.assertEqual(len(said), 1, said)
                kind = "chapter" if target in chapters else "exercise"
                stem = target.split("-", 2 if target.startswith("test-") else 1)[-1]
                self.assertIn(f"there is no {kind} '{stem}'", said[0])
                self.assertLess(time.monotonic() - began, 5, "nothing is to be built for it")

    def test_1_an_exercise_that_a_chapter_does_not_have_is_one_line(self):
        status, said = self.make("hint-3.99")
        self.assertEqual(status, 2)
        self.assertEqual(len(said), 1, said)
        self.assertIn("chapter 3 has no exercise 3.99", said[0])

    def test_2_a_missing_semicolon(self):
        self.assertEqual(self.verse("solve", "3.1").returncode, 0)
        body = self.file.read_text().split("  //! [3.1]\n")[1]
        last = body.rstrip().splitlines()[-1]
        self.assertTrue(last.endswith(";"))
        self.write(self.file.read_text().replace(last, last[:-1], 1))
        line = self.file.read_text().splitlines().index(last[:-1]) + 1
        self.broken("expected ';'", f"{FILE}:{line} lies in exercise 3.1", "make hint-3.1")

    def test_3_a_changed_signature(self):
        self.write(self.file.read_text().replace(MASK, MASK.replace(", torch::Device device", "")))
        # The stub does not use what was taken away, so it compiles; the linker is who misses it.
        self.broken("Exercise 3.2", "another signature", f"{FILE}:", "make restore-3.2")
        status, said = self.make("restore-3.2")
        self.assertEqual(status, 0, said)
        self.assertEqual(self.file.read_bytes(), self.stubs[self.file])

    def test_3_a_changed_signature_of_a_member(self):
        self.write(self.file.read_text().replace("::forward(const torch::Tensor& x, const AttentionExtras& extras) {",
                                                 "::forward(const torch::Tensor& x) {"))
        self.broken("exercise 3.7", "make restore-3.7")
        self.assertEqual(self.make("restore-3.7")[0], 0)
        self.assertEqual(self.file.read_bytes(), self.stubs[self.file])

    def test_4_a_changed_header(self):
        # In a copy only the learner's own file sees the copy's header.
        (self.copy / HEADER).write_text(self.header.replace("forward(const torch::Tensor& x, const AttentionExtras& extras = {})",
                                                            "forward(const torch::Tensor& x)"))
        self.assertNotEqual((self.copy / HEADER).read_text(), self.header)
        self.broken(f"{HEADER} was changed", f"git checkout {HEADER}")

    def test_5_a_deleted_function(self):
        text = self.file.read_text()
        begin, end = text.index(MASK), text.index("torch::Tensor attention_weights(")
        self.write(text[:begin] + text[end:])
        self.broken("Exercise 3.2", "its function causal_mask is missing", "make restore-3.2")
        self.assertEqual(self.make("restore-3.2")[0], 0)
        self.assertEqual(self.file.read_bytes(), self.stubs[self.file])

    def test_5_a_deleted_file(self):
        self.file.unlink()
        self.broken(f"{FILE} is not there", "make stubs")
        self.assertEqual(self.make("stubs")[0], 0)
        self.assertEqual(self.file.read_bytes(), self.stubs[self.file])
        self.make("test-chapter-3")
        self.assertEqual(self.make("test-chapter-3")[0], 2)  # its exercises are not started; it is built and judged

    def test_6_a_deleted_mark(self):
        mine = self.file.read_text().replace('  throw NotImplemented("3.2");\n', "  return torch::ones({time, keys}, device);  // mine\n")
        for places in ([0], [1], [0, 1]):
            with self.subTest(deleted=places):
                pieces = mine.split(MARK)
                broken = pieces[0] + ("" if 0 in places else MARK) + pieces[1] + ("" if 1 in places else MARK) + pieces[2]
                self.write(broken)
                status, said = self.make("test-chapter-3")
                self.assertNotEqual(status, 0)
                self.assertTrue(any("make restore-3.2 puts back what is missing, your code stays" in line for line in said), said)
                for target in ("solve-3.2", "reset-3.2"):
                    status, said = self.make(target)
                    self.assertEqual(status, 2)
                    self.assertEqual(len(said), 1, said)
                    self.assertIn("make restore-3.2", said[0])
                self.assertEqual(self.file.read_text(), broken)
                self.assertEqual(self.make("restore-3.2")[0], 0)
                self.assertEqual(self.file.read_text(), mine)
                self.file.write_bytes(self.stubs[self.file])

    def test_6_every_exercise_can_be_put_right(self):
        for solution in sorted((self.copy / "solutions").glob("*/*.cpp")):
            path = self.copy / "chapters" / solution.parent.name / solution.name
            whole = self.stubs[path].decode()
            for exercise in dict.fromkeys(re.findall(r"^ *//! \[(\d+\.\d+)\]$", whole, re.MULTILINE)):
                lines = whole.splitlines(keepends=True)
                first, second = (number for number, line in enumerate(lines) if line.strip() == f"//! [{exercise}]")
                begin = max(n for n in range(first) if re.match("[A-Za-z]", lines[n]))
                end = min(n for n in range(second, len(lines)) if lines[n].startswith("}")) + 1
                faults = {"first mark": lines[:first] + lines[first + 1:],
                          "second mark": lines[:second] + lines[second + 1:],
                          "both marks": lines[:first] + lines[first + 1:second] + lines[second + 1:],
                          "signature": lines[:begin] + ["void changed() {\n"] + lines[begin + 1:],
                          "end": lines[:second + 1] + lines[end:],
                          "function": lines[:begin] + lines[end + (end < len(lines) and not lines[end].strip()):]}
                for fault, left in faults.items():
                    with self.subTest(exercise=exercise, without=fault):
                        path.write_text("".join(left))
                        done = self.verse("restore", exercise)
                        self.assertEqual(done.returncode, 0, done.stderr)
                        self.assertEqual(path.read_text(), whole)
            path.write_bytes(self.stubs[path])

    def test_7_an_interrupt_while_it_builds(self):
        self.write(self.file.read_text().replace("namespace verse {", "namespace verse {\n// touched\n", 1))
        with subprocess.Popen(self.command("test-chapter-3"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              start_new_session=True, env={**os.environ, "CCACHE_DISABLE": "1"},
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as make:  # as on a terminal
            # Ctrl-C reaches everything that the terminal runs, while a compiler is at work.
            deadline = time.monotonic() + 60
            while not run("pgrep", "--session", make.pid, "clang|cc1plus").stdout and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertIsNone(make.poll())
            pressed = time.monotonic()
            os.killpg(make.pid, signal.SIGINT)
            said = make.communicate(timeout=30)[0]
            self.assertLess(time.monotonic() - pressed, 5)
        self.assertIn(make.returncode, (130, -signal.SIGINT))  # a shell calls either 130
        said = [line for line in said.splitlines() if line.strip() and not BESIDE.match(line)]
        self.assertEqual(said, [])

    def test_8_cmake_keeps_to_itself(self):
        state = self.copy / ".verse/learner_chapters.cmake"
        later = time.time() + 2
        os.utime(state, (later, later))
        before = (self.build_folder / "build.ninja").stat().st_mtime_ns
        self.make("test-chapter-3")
        self.assertNotEqual((self.build_folder / "build.ninja").stat().st_mtime_ns, before, "CMake was to run for this")


if __name__ == "__main__":
    learner_copy.main()
