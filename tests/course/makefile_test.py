#!/usr/bin/env python3
"""Every target of the Makefile, the ones that CI never runs too: its commands are a shell's, and name nothing that the Makefile has lost.

usage: makefile_test.py SOURCE_DIR [unittest arguments]
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = None
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
# What somebody may set, and nobody has to.
OPTIONAL = {"VERSE_LEARNER_ROOT"}


def make(*arguments, makefile=None):
    return subprocess.run(["make", "-f", str(makefile or "Makefile"), *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)


def targets():
    """Those that are commands. Printing make's own data base ends with an exit code that says nothing."""
    found = re.search(r"^\.PHONY:(.*)", make("-pRrq").stdout, re.M)
    return sorted(set(found.group(1).split()))


def faults(target, makefile=None):
    """What a shell, and make, have to say against a target."""
    dry = make("-n", "--warn-undefined-variables", target, makefile=makefile)
    if dry.returncode != 0:
        return [dry.stderr]
    parsed = subprocess.run(["bash", "-n"], input=dry.stdout, capture_output=True, text=True)
    undefined = set(re.findall(r"undefined variable '(\w+)'", dry.stderr)) - OPTIONAL
    return [line for line in parsed.stderr.splitlines() if line] + [f"{name} is not defined" for name in sorted(undefined)]


class Makefile(unittest.TestCase):
    def test_targets(self):
        names = targets()
        self.assertGreater(len(names), 30)
        self.assertIn("test-sanitized", names)
        for target in names:
            with self.subTest(target):
                self.assertEqual(faults(target), [])

    def test_faults_are_found(self):
        text = (ROOT / "Makefile").read_text(encoding="utf-8")
        for line, said in (("@for a in b; do { echo $$a; done", "syntax error"), ("@$(LOST) --all", "LOST is not defined")):
            with tempfile.TemporaryDirectory() as folder, self.subTest(line):
                wrong = pathlib.Path(folder) / "Makefile"
                wrong.write_text(f"{text}\n.PHONY: wrong-one\nwrong-one:\n\t{line}\n", encoding="utf-8")
                found = faults("wrong-one", wrong)
                self.assertTrue(found and any(said in one for one in found), found)


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
