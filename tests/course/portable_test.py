#!/usr/bin/env python3
"""What a learner runs has to run on macOS too: its bash is 3.2 and its tools are BSD's. Scripts are read for what they lack.

This finds only what is listed here; it is no run on such a machine.

usage: portable_test.py SOURCE_DIR [unittest arguments]
"""
import pathlib
import re
import sys
import unittest

ROOT = None

SCRIPTS = ("setup", "Makefile", "data/fetch", "cmake/completion.bash", "book/build")

# A pattern, and what does the same everywhere.
LACKING = {
    r"\b(mapfile|readarray)\b": "while read -r",
    r"\b(declare|local|typeset) -[a-zA-Z]*A": "no associative arrays: case",
    r"\$\{\w+(\[[^]]*\])?(,,?|\^\^?)\}": "tr for upper and lower case",
    r"&>>|\|&": ">>file 2>&1",
    r"\bsed (-\w+ )*-i": "sed to another file, and mv",
    r"\bsed (-\w+ )*-r": "sed -E",
    r"\bgrep (-\w+ )*-\w*P": "grep -E, or sed",
    r"\bstat (-\w+ )*(-c|--format)": "wc -c, ls, test",
    r"\breadlink -[fe]|\brealpath\b": "cd and pwd -P",
    r"\bdate (-d|--date)": "python3",
    r"\bxargs (-\w+ )*-\w*r": "a test before it",
    r"\bcp -\w*[al]": "cp -R",
    r"\bhead -c -|\btac\b|\bnproc\b|\btimeout \d|\bsort -V|\bfind [^|]*-printf|\bln -\w*r": "python3",
}


def lacking(text):
    """What a script uses that is not everywhere: line number, what was found, what to take. Comments count for nothing."""
    return [(number, match.group(0), instead)
            for number, line in enumerate(text.splitlines(), 1)
            for pattern, instead in LACKING.items()
            for match in re.finditer(pattern, "" if line.lstrip().startswith("#") else line)]


class Portable(unittest.TestCase):
    def test_scripts(self):
        for name in SCRIPTS:
            with self.subTest(name):
                self.assertEqual(lacking((ROOT / name).read_text(encoding="utf-8")), [])

    def test_what_is_lacking_is_found(self):
        for line in ("mapfile -t lines", "local -A known", "echo ${name,,}", "sed -i s/a/b/ file", "grep -oP x file", "stat -c %s file",
                     "here=$(readlink -f \"$0\")", "date -d yesterday", "ls | xargs -r rm", "cp -al a b", "make -j $(nproc)", "timeout 5 true"):
            self.assertEqual(len(lacking(line)), 1, line)
        self.assertEqual(lacking("# sed -i is GNU's\nsed -n p file; cp -- a b; local -a list"), [])


if __name__ == "__main__":
    ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
