#!/usr/bin/env python3
"""How long a learner waits: from saving a file of a chapter to the verdict on its exercises.

In a copy of chapters/ and solutions/, so that nobody's work is touched: every chapter as its reader has it who is at work there (all
exercises solved but the last one), then each round writes one file anew and runs what `make test-chapter-N` runs: the build, and the
check. The first round builds what was never built and is not counted. Prints a table, in Markdown; build and check stand for
themselves, and the longest round, since it is that one that is felt. Exit status 1 where a chapter takes longer than --limit.

usage: tests/course/save_to_verdict.py BUILD_FOLDER [--rounds 3] [--chapters 0 3 12] [--limit SECONDS]
"""
import argparse
import os
import pathlib
import statistics
import sys
import time
import tomllib

from learner_copy import LearnerCopy, run


def seconds_of(*command):
    began = time.monotonic()
    done = run(*command, env={**os.environ, "NO_COLOR": "1"})
    return time.monotonic() - began, done


class Desk(LearnerCopy):
    """A learner's copy, without being a test."""

    def runTest(self):
        pass

    def solve(self, manifest):
        """All exercises but the last one."""
        for exercise in manifest["exercise"][:-1]:
            done = self.verse("solve", exercise["id"])
            assert done.returncode == 0, done.stdout + done.stderr

    def save(self, manifest, number):
        """A change that a compiler has to look at: another comment at the end of the file that the last exercise is in."""
        path = self.copy / "chapters" / manifest["folder"] / manifest["exercise"][-1]["file"]
        text = path.read_text().rstrip("\n").split("\n// save ")[0].rstrip("\n")
        path.write_text(f"{text}\n// save {number} {time.time_ns()}\n")

    def round(self, manifest, number):
        self.save(manifest, number)
        chapter = manifest["chapter"]
        build, built = seconds_of(
            "cmake/build", "--build-dir", self.build_folder, "--log", self.build_folder / "save_to_verdict.log", f"test_chapter_{chapter:02}"
        )
        assert built.returncode == 0, built.stdout + built.stderr
        check, checked = seconds_of(
            self.build_folder / "verse", "--root", self.copy, "check", chapter, "--build-dir", self.build_folder
        )
        # The last exercise is a stub still: that is a verdict, and no failure of this script.
        assert checked.returncode in (0, 1) and checked.stdout, checked.stdout + checked.stderr
        return build, check


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build_folder", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chapters", type=int, nargs="*")
    parser.add_argument("--limit", type=float)
    wanted = parser.parse_args()
    if wanted.rounds < 1:
        parser.error("--rounds must be at least 1")

    os.environ["CCACHE_DISABLE"] = "1"  # a change of a comment would find the object of before in its cache
    Desk.build_folder = wanted.build_folder.resolve()
    Desk.setUpClass()
    slow = []
    try:
        desk = Desk()
        print("| chapter | build, s | check, s | save to verdict, s | longest, s |")
        print("| --- | --- | --- | --- | --- |")
        for path in sorted((desk.copy / "chapters").glob("*/exercises.toml")):
            manifest = tomllib.loads(path.read_text())
            chapter = manifest["chapter"]
            if wanted.chapters and chapter not in wanted.chapters:
                continue
            desk.solve(manifest)
            desk.round(manifest, 0)
            rounds = [desk.round(manifest, number) for number in range(1, wanted.rounds + 1)]
            build, check = (statistics.median(column) for column in zip(*rounds))
            both = [sum(one) for one in rounds]
            print(f"| {chapter} | {build:.1f} | {check:.1f} | {statistics.median(both):.1f} | {max(both):.1f} |", flush=True)
            if wanted.limit and statistics.median(both) > wanted.limit:
                slow.append(chapter)
    finally:
        Desk.doClassCleanups()
        Desk.tearDownClass()
    print(f"{wanted.rounds} rounds a chapter; medians, and the longest round; load average at the end: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    if slow:
        print(f"longer than {wanted.limit:g} s: {', '.join(f'chapter {one}' for one in slow)}", file=sys.stderr)
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
