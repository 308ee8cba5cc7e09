#!/usr/bin/env python3
"""Packs that are graded, one of them hostile: the others' grades stand, and nothing outside its sandbox is touched.

Where no sandbox can be had, its tests are skipped and say why. Chapter 0's test program is built first.

usage: tests/course/grade_test.py BUILD_FOLDER [unittest's arguments]
"""
import csv
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import types
import unittest
from unittest import mock

import grade
import sandbox

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = "chapters/00_tensors/tensors.cpp"
SOLUTION = (ROOT / "solutions/00_tensors/tensors.cpp").read_text()
EXERCISES = re.findall(r"^  //! \[(0\.\d+)\]$", SOLUTION, re.MULTILINE)[::2]
SECRET = "the-teacher-s-secret-4711"

# Tries to get out: reads a file, by the compiler and by the program; connects; deletes. What it finds, it puts into its answer.
PROBES = """#if __has_include("OUTSIDE/secret.h")
#include "OUTSIDE/secret.h"
#endif
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>
namespace {
[[maybe_unused]] void probe() {
  std::string found;
  std::ifstream("OUTSIDE/secret.txt") >> found;
  if (!found.empty()) std::ofstream("OUTSIDE/was-read") << found;
  const int one = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(PORT);
  inet_pton(AF_INET, "127.0.0.1", &where.sin_addr);
  if (connect(one, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0 && write(one, "here", 4) < 0) {}
  close(one);
  std::error_code ignored;
  std::filesystem::remove_all("OUTSIDE/kept", ignored);
  std::ofstream("/usr/was-here") << "x";
  if (!found.empty()) throw std::runtime_error(found);
}
}  // namespace
"""


def with_bodies(bodies, before=""):
    """The solution with other bodies."""
    text = SOLUTION
    for exercise, body in bodies.items():
        mark = f"  //! [{exercise}]\n"
        start, _, end = text.split(mark)
        text = start + mark + body + mark + end
    return before + text


class Grading(unittest.TestCase):
    build = None  # set by main

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="verse-class-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # What lies outside: anybody may read and delete it, so that only the sandbox is in the way.
        os.chmod(self.folder, 0o755)
        self.outside = self.folder / "outside"
        (self.outside / "kept").mkdir(parents=True)
        (self.outside / "secret.h").write_text(f'#define FOUND "{SECRET}"\n#error {SECRET}\n')
        (self.outside / "secret.txt").write_text(SECRET)
        (self.outside / "kept" / "file").write_text("kept")
        os.chmod(self.outside, 0o777)
        os.chmod(self.outside / "kept", 0o777)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.addCleanup(self.listener.close)
        self.packs = self.folder / "packs"
        self.packs.mkdir()

    def probes(self):
        return PROBES.replace("OUTSIDE", str(self.outside)).replace("PORT", str(self.listener.getsockname()[1]))

    def pack(self, name, text, learner=None):
        (self.packs / f"{name}.pack.json").write_text(json.dumps({"pack": 1, "learner": learner or name, "files": {FILE: text}}))

    def grade(self, *arguments, places=None):
        out = self.folder / "grades.csv"
        done = subprocess.run([self.build / "verse", "grade", *(places or [self.packs]), "--build-dir", self.build, "--chapters", "0",
                               "--out", out, *arguments], capture_output=True, text=True, timeout=1500)
        rows = list(csv.DictReader(out.read_text().splitlines())) if out.exists() else []
        return done, {row["pack"]: row for row in rows}

    def need_sandbox(self, kind=None):
        box = sandbox.choose(kind, False)
        if isinstance(box, str):
            self.skipTest(box)

    def connected(self):
        try:
            self.listener.accept()[0].close()
            return True
        except BlockingIOError:
            return False

    def expect_nothing_touched(self, output):
        self.assertEqual((self.outside / "kept" / "file").read_text(), "kept")
        self.assertFalse((self.outside / "was-read").exists())
        self.assertFalse(pathlib.Path("/usr/was-here").exists())
        self.assertFalse(self.connected())
        self.assertNotIn(SECRET, output)
        time.sleep(0.5)
        left = []
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if b"/verse-room/pack/" in entry.read_bytes():
                    left.append(entry.parent.name)
            except OSError:
                pass
        self.assertEqual(left, [])

    def hostile(self):
        return with_bodies({"0.1": "  probe();\n  return {};\n", "0.2": "  while (true) {\n  }\n",
                            "0.3": "  while (true) {\n    fork();\n  }\n"}, self.probes())

    def test_three_packs_one_of_them_hostile(self):
        self.need_sandbox()
        self.pack("Ada", SOLUTION)
        self.pack("Mallory", self.hostile(), learner="Ada\x1b[2J")  # a name is what the pack says; the file's is the teacher's
        self.pack("Zoe", with_bodies({"0.1": "  return {};\n"}))
        done, rows = self.grade()
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((rows["Ada"]["core"], rows["Ada"]["further"]), (rows["Ada"]["core_of"], rows["Ada"]["further_of"]), rows)
        self.assertEqual(rows["Ada"]["as_reference"], str(len(EXERCISES)))
        self.assertEqual(int(rows["Zoe"]["core"]), int(rows["Zoe"]["core_of"]) - 1, rows)
        self.assertTrue(rows["Zoe"]["not_passed"].startswith("0.1 "), rows)
        self.assertLess(int(rows["Mallory"]["core"]), int(rows["Mallory"]["core_of"]))
        self.assertEqual((rows["Mallory"]["learner"], rows["Ada"]["learner"]), ("Ada [2J", "Ada"))
        self.assertRegex(done.stdout, r"(?m)^Mallory \(says Ada \[2J\) +chapter  0 ")
        self.assertRegex(done.stdout, r"(?m)^Ada +chapter  0 ")
        self.expect_nothing_touched(done.stdout + done.stderr + str(rows))

    def test_namespaces_hold_the_hostile_one_too(self):
        self.need_sandbox("unshare")
        self.pack("Mallory", self.hostile())
        done, rows = self.grade("--with", "unshare")
        print(done.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("namespaces", done.stderr)
        self.assertTrue("0.2" in rows["Mallory"]["not_passed"] or "stopped" in rows["Mallory"]["note"], rows)
        self.expect_nothing_touched(done.stdout + done.stderr + str(rows))

    def test_without_a_sandbox_the_probes_find_what_they_look_for(self):
        # What the tests above do not see, they would see: the compiler reads the file, the program connects and deletes.
        self.pack("Reader", with_bodies({}, self.probes()))
        done, rows = self.grade("--without-sandbox")
        self.assertIn(SECRET, rows["Reader"]["note"], done.stderr)
        probes = self.probes().split("#endif\n", 1)[1].replace('  std::ofstream("/usr/was-here") << "x";\n', "")
        self.pack("Reader", with_bodies({"0.1": "  probe();\n  return {};\n"}, probes))
        self.grade("--without-sandbox")
        self.assertTrue(self.connected())
        self.assertTrue((self.outside / "was-read").exists())
        self.assertFalse((self.outside / "kept").exists())

    def test_time_is_limited(self):
        self.need_sandbox()
        self.pack("Slow", with_bodies({}, "template <int N> struct Deep { static const int is = Deep<N - 1>::is + Deep<N - 2>::is; };\n"))
        began = time.monotonic()
        done, rows = self.grade("--seconds", "0.5")
        self.assertIn("longer than 0.5 s", rows["Slow"]["note"], done.stderr)
        self.assertLess(time.monotonic() - began, 60)
        self.expect_nothing_touched("")

    def test_memory_in_files_without_a_name_is_limited(self):
        box = sandbox.choose(None, False)
        if isinstance(box, str):
            self.skipTest(box)
        box.memory = 1 << 28
        hoard = "import os, time\nfile = os.memfd_create('x')\nfor i in range(400): os.write(file, bytes(1 << 20))\ntime.sleep(60)\n"
        course = types.SimpleNamespace(build=self.build, visible=lambda chapter: [])
        with sandbox.room() as stage, mock.patch.object(grade, "INSIDE", f"exec python3 -c {shlex.quote(hoard)}"):
            _, printed, stopped = grade.run_inside(box, course, stage, 0, 50)
        self.assertIn("its files took more than", stopped or printed or "nothing")

    def test_what_does_not_compile_and_what_is_no_pack(self):
        self.need_sandbox()
        self.pack("Bo", with_bodies({"0.1": "  return thyme;\n"}))
        (self.packs / "deep.pack.json").write_text("[" * 100000)
        (self.packs / "link.pack.json").symlink_to("/etc/passwd")
        (self.packs / "odd.pack.json").write_text(json.dumps({"pack": 1, "learner": "=cmd()", "files": {
            "chapters/00_tensors/main.cpp": "x", "../../etc/x": "y", FILE: 5}}))
        copy = self.packs / "clone" / "chapters" / "00_tensors"
        copy.mkdir(parents=True)
        (copy / "tensors.cpp").symlink_to("/etc/passwd")
        done, rows = self.grade()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(rows["Bo"]["note"], r"does not compile: chapters/00_tensors/tensors.cpp:\d+ .*thyme")
        for name in ("deep.pack.json", "link.pack.json", "odd.pack.json", "clone"):
            self.assertIn("cannot be graded", rows[name]["note"], name)
        self.assertNotIn("root:", str(rows))

    def test_names_cannot_be_formulas_or_control_a_terminal(self):
        self.assertEqual(grade.printable("=1+1"), "'=1+1")
        self.assertEqual(grade.printable("a\x1b[2J\nb"), "a [2J b")

    def test_bodies_stand_between_their_marks(self):
        text = "x\n  //! [0.1]\n  a;\r\n\n  //! [0.2]\n    b;\n  //! [0.1]\n//! [0.2]\r\n//! [0.2]\nc\n//! [0.3]\nopen\n"
        self.assertEqual(grade.bodies(text), {"0.1": ["a;", "//! [0.2]", "b;"], "0.2": []})
        self.assertEqual(list(grade.bodies(SOLUTION)), EXERCISES)

    def test_texts_made_to_take_long_to_read_do_not(self):
        began = time.monotonic()
        self.assertEqual(grade.bodies("".join(f"//! [0.{i}]\n" for i in range(80000))), {})
        self.assertIsNone(grade.first_error("warning: " + "chapters/a:1:" * 600000))
        self.assertIsNone(grade.first_error(("chapters/" + "a:1:" * 300 + "\n") * 1000))
        self.assertEqual(grade.first_error("chapters/a.cpp:1: note\nchapters/b.cpp:2:3: fatal error: no x\n"), ("chapters/b.cpp:2", "no x"))
        self.assertEqual(grade.first_error("ld: error: no symbol"), ("", "no symbol"))
        self.assertLess(time.monotonic() - began, 20)  # not the square or the cube of their length

    def test_misuse_is_one_line(self):
        for arguments, says in ((["--chapters", "99"], "there is no chapter '99'"), (["--with", "hope"], "wants bwrap or unshare"),
                                (["--seconds", "0"], "above 0")):
            self.pack("Ada", SOLUTION)
            done, _ = self.grade(*arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn(says, done.stderr)
        with mock.patch.object(sandbox.shutil, "which", lambda name: None):  # neither bubblewrap nor unshare
            self.assertEqual(sandbox.choose(None, False), "no sandbox can be had here (bwrap is not installed; unshare is not installed)")
        done, _ = self.grade(places=["/nowhere"])
        self.assertEqual((done.returncode, done.stderr), (2, "verse: /nowhere is not there\n"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print(f"usage: {sys.argv[0]} BUILD_FOLDER [unittest's arguments]", file=sys.stderr)
        sys.exit(2)
    Grading.build = pathlib.Path(sys.argv.pop(1)).resolve()
    subprocess.run(["ninja", "-C", Grading.build, "--quiet", "verse", "test_chapter_00"], check=True)
    ran = unittest.main(exit=False, verbosity=2).result
    failed = len({test.id() for test, _ in ran.failures + ran.errors})
    print(f"{ran.testsRun - failed - len(ran.skipped)} passed, {failed} failed")
    sys.exit(1 if failed else 0)
