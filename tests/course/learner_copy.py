"""A learner's copy of chapters/ and solutions/, for the tests of the course: nobody's work is touched."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, timeout=900, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, **options)


class LearnerCopy(unittest.TestCase):
    """Every chapter as a learner finds it, built in a build tree that is lent for the time of the tests."""

    build_folder = None  # set by main

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="verse-proofs-")
        cls.copy = pathlib.Path(cls.folder.name)
        shutil.copytree(ROOT / "chapters", cls.copy / "chapters")
        shutil.copytree(ROOT / "solutions", cls.copy / "solutions")
        # Stubs, even where this tree is a learner's.
        for path in (cls.copy / "chapters").glob("*/*.cpp"):
            if (cls.copy / "solutions" / path.parent.name / path.name).exists():
                path.unlink()
        stubs = cls.verse("stubs")
        assert stubs.returncode == 0, stubs.stdout + stubs.stderr
        cls.addClassCleanup(cls.configure, ROOT)
        cls.configure(cls.copy)
        cls.stubs = {path: path.read_bytes() for path in cls.learner_files()}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def configure(cls, learner_root):
        done = run("cmake", f"-DVERSE_LEARNER_ROOT={learner_root}", "-B", cls.build_folder, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr

    @classmethod
    def verse(cls, *arguments):
        return run(cls.build_folder / "verse", "--root", cls.copy, *arguments, env={**os.environ, "NO_COLOR": "1"})

    @classmethod
    def learner_files(cls):
        for path in sorted((cls.copy / "solutions").glob("*/*.cpp")):
            yield cls.copy / "chapters" / path.parent.name / path.name

    def setUp(self):
        for path, text in self.stubs.items():
            if not path.exists() or path.read_bytes() != text:
                path.write_bytes(text)


def main():
    """Runs the tests of the script that calls this; its first argument is the build folder."""
    if len(sys.argv) < 2:
        print(f"usage: {sys.argv[0]} BUILD_FOLDER [unittest's arguments]", file=sys.stderr)
        sys.exit(2)
    LearnerCopy.build_folder = pathlib.Path(sys.argv.pop(1)).resolve()
    program = unittest.main(exit=False, verbosity=2)
    # Of a test with subtests each can fail; the test counts once.
    broken = {getattr(test, "test_case", test).id() for test, _ in program.result.failures + program.result.errors}
    failed = len(broken)
    print(f"{max(program.result.testsRun - failed, 0)} passed, {failed} failed")
    sys.exit(1 if failed else 0)
