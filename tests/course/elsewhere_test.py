#!/usr/bin/env python3
"""What runs on other machines and in editors (.github, .devcontainer, .vscode) calls make's targets, and these exist.

usage: elsewhere_test.py SOURCE_DIR [unittest arguments]
"""
import json
import pathlib
import re
import sys
import unittest

ROOT = None


def rules():
    """The names and patterns that the Makefile has rules for, as regular expressions."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    names = [name for line in re.findall(r"^([a-z][^\s:=#]*(?: [a-z][^\s:=#]*)*):(?!=)", text, re.MULTILINE) for name in line.split()]
    return [re.compile(re.escape(name).replace("%", ".+")) for name in names]


def targets(command):
    """What a command asks of make."""
    words = command.split("#")[0].split()
    return [word for word in words[words.index("make") + 1:] if "=" not in word] if "make" in words else []


def commands():
    """All commands, each with its file."""
    for file in sorted((ROOT / ".github/workflows").glob("*.yml")):
        for command in re.findall(r"^\s*(?:- )?run: (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE):
            yield file.name, command
    for command in json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())["postCreateCommand"].split("&&"):
        yield "devcontainer.json", command.strip()
    for task in json.loads((ROOT / ".vscode/tasks.json").read_text())["tasks"]:
        yield "tasks.json", task["command"]


class Elsewhere(unittest.TestCase):
    def test_targets_exist(self):
        known, asked = rules(), 0
        for file, command in commands():
            for target in targets(command):
                asked += 1
                self.assertTrue(any(rule.fullmatch(target) for rule in known), f"{file}: {command}: there is no target {target}")
        self.assertGreater(asked, 8)
        self.assertFalse(any(rule.fullmatch("no-such-target") for rule in known))

    def test_a_verdict_becomes_a_problem(self):
        task = json.loads((ROOT / ".vscode/tasks.json").read_text())["tasks"][0]
        first, second = task["problemMatcher"][0]["pattern"]
        place = re.search(first["regexp"], "  where  chapters/03_attention/attention.cpp:25")
        self.assertEqual((place[first["file"]], place[first["line"]]), ("chapters/03_attention/attention.cpp", "25"))
        self.assertEqual(re.search(second["regexp"], "  read   chapters/03_attention/README.md, \"Scores\"")[second["message"]],
                         "chapters/03_attention/README.md, \"Scores\"")
        # These two lines are the harness's, one behind the other.
        harness = (ROOT / "tests/harness/verdict_text.cpp").read_text(encoding="utf-8")
        self.assertRegex(harness, r'"\\n  where  \{\}\\n".*\n.*"  read   \{\}\\n"')


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
