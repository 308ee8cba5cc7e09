#!/usr/bin/env python3
"""Which LibTorch ./setup chooses, before stand-ins for nvidia-smi, and on which machines it works, before stand-ins for uname.

usage: setup_test.py SETUP [unittest arguments]
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SETUP = None


def choice(driver=None, capabilities=(), *arguments):
    """What ./setup --which says, and what it notes, where nvidia-smi answers so; it fails without a driver."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "nvidia-smi")
        with open(program, "w") as file:
            file.write("#!/bin/sh\n")
            if driver is None:
                file.write("exit 9\n")
            else:
                lines = "\\n".join(capabilities)
                file.write(f'case "$1" in *driver_version*) echo {driver} ;; *compute_cap*) printf "{lines}\\n" ;; esac\n')
        os.chmod(program, 0o755)
        environment = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}")
        done = subprocess.run([SETUP, "--which", *arguments], capture_output=True, text=True, timeout=60, env=environment)
        return done.stdout.split()[-1], done.stderr


class Setup(unittest.TestCase):
    def test_without_a_driver(self):
        self.assertEqual(choice(), ("cpu", ""))

    def test_a_card_that_is_young_enough(self):
        for capability in ("7.5", "8.6", "9.0", "10.0", "12.0"):
            self.assertEqual(choice("580.159.04", [capability]), ("cuda", ""), capability)

    def test_a_card_that_is_too_old(self):
        for capability in ("6.0", "7.0", "7.2"):
            chosen, note = choice("580.159.04", [capability])
            self.assertEqual(chosen, "cpu", capability)
            self.assertIn(f"compute capability is {capability}", note)
            self.assertEqual(note.count("\n"), 1)

    def test_one_of_two_will_do(self):
        self.assertEqual(choice("580.159.04", ["6.1", "9.0"])[0], "cuda")

    def test_a_driver_that_does_not_tell(self):
        self.assertEqual(choice("580.159.04", ["[N/A]"]), ("cuda", ""))

    def test_an_old_driver(self):
        chosen, note = choice("550.54.15", ["9.0"])
        self.assertEqual(chosen, "cpu")
        self.assertIn("driver is 550.54.15", note)

    def test_what_is_asked_for_counts(self):
        self.assertEqual(choice("580.159.04", ["9.0"], "--cpu")[0], "cpu")
        self.assertEqual(choice(None, (), "--cuda")[0], "cuda")


def program(folder, name, text):
    """Makes a stand-in for a program."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


class Machines(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="verse_setup_")
        self.programs = os.path.join(self.folder, "programs")
        self.log = os.path.join(self.folder, "log")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def on(self, system, machine, *arguments, setup=None):
        program(self.programs, "uname", f'case "$1" in -s) echo {system} ;; -m) echo {machine} ;; esac\n')
        program(self.programs, "nvidia-smi", "exit 9\n")
        environment = dict(os.environ, PATH=f"{self.programs}:{os.environ['PATH']}")
        environment.pop("LIBTORCH", None)
        return subprocess.run([setup or SETUP, *arguments], capture_output=True, text=True, timeout=60, env=environment)

    def test_where_it_works(self):
        for system, machine in (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")):
            done = self.on(system, machine, "--which")
            self.assertEqual((done.returncode, done.stderr, done.stdout.split()[-1]), (0, "", "cpu"), (system, machine))

    def test_where_it_does_not(self):
        for system, machine in (("Darwin", "x86_64"), ("Linux", "riscv64"), ("FreeBSD", "amd64")):
            done = self.on(system, machine, "--which")
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1))
            self.assertIn(f"this is {system} on {machine}", done.stderr)
        done = self.on("Darwin", "arm64", "--cuda")
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
        self.assertIn("--device mps", done.stderr)

    def on_a_mac(self, installed):
        """./setup in a folder of its own, on what looks like a Mac whose Homebrew has these formulas."""
        shutil.copy(SETUP, os.path.join(self.folder, "setup"))
        program(self.folder, "data/fetch", "exit 0\n")
        program(self.programs, "xcode-select", "echo /Library/Developer/CommandLineTools\n")
        names = "\\n".join(installed)
        program(self.programs, "brew", f"""case "$1" in
  list) printf '{names}\\n' ;;
  --prefix) echo '{self.folder}/brew' ;;
  *) echo "brew $*" >>'{self.log}' ;;
esac
""")
        program(self.folder, "brew/bin/python3.13", f"""mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "python $*" >>{self.log}\\n' >"$3/bin/python"
chmod +x "$3/bin/python"
""")
        done = self.on("Darwin", "arm64", setup=os.path.join(self.folder, "setup"))
        with open(self.log, encoding="utf-8") as file:
            return done, file.read().splitlines()

    def test_a_mac(self):
        done, log = self.on_a_mac(["cmake", "ninja", "fmt"])
        self.assertEqual(done.returncode, 0, done.stderr)
        brewed, installed = log
        self.assertRegex(brewed, r"^brew install ccache .*python@3\.13$")
        self.assertNotIn("ninja", brewed)
        self.assertRegex(installed, r"^python -m pip install .*--no-deps torch==\S+$")
        self.assertNotIn("nvidia", installed)
        self.assertIn("everything is there", done.stderr)
        again = self.on("Darwin", "arm64", "--quick", setup=os.path.join(self.folder, "setup"))
        self.assertIn("installing", again.stderr)  # this stand-in for Homebrew never gets what was asked for
        with open(self.log, encoding="utf-8") as file:
            self.assertEqual(file.read().count("python -m pip"), 1, "LibTorch was there")


if __name__ == "__main__":
    SETUP = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
