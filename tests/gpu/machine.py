"""What tests/gpu/run.py works with: how programs are run, what a run's folder says, and the report."""
import glob
import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time


class Machine:
    """How programs are run here."""

    def __init__(self, options):
        self.options = options
        self.programs = os.path.abspath(options.programs)
        self.environment = dict(os.environ)
        places = []
        if options.libtorch:
            libtorch = os.path.abspath(options.libtorch)
            if not os.path.exists(os.path.join(libtorch, "lib", "libtorch_cpu.so")):
                sys.exit(f"run.py: --libtorch {options.libtorch} has no lib/libtorch_cpu.so")
            places = [os.path.join(libtorch, "lib"), *sorted(glob.glob(os.path.join(libtorch, "..", "nvidia", "*", "lib")))]
        if places:
            before = self.environment.get("LD_LIBRARY_PATH")
            self.environment["LD_LIBRARY_PATH"] = ":".join(places + ([before] if before else []))
        self.scratch = tempfile.mkdtemp(prefix="verse-gpu-")

    def place(self, name):
        return os.path.join(self.scratch, name)

    def run(self, *command, timeout=120, extra=None):
        """Runs a command. @return status (124 for one that took too long), standard output, standard error, seconds"""
        begin = time.time()
        try:
            done = subprocess.run([str(word) for word in command], capture_output=True, timeout=timeout, text=True, errors="replace",
                                  env=dict(self.environment, **(extra or {})))
            return done.returncode, done.stdout, done.stderr, time.time() - begin
        except subprocess.TimeoutExpired as error:
            text = [(part or b"").decode(errors="replace") for part in (error.stdout, error.stderr)]
            return 124, *text, time.time() - begin
        except OSError as error:
            return 127, "", str(error), time.time() - begin

    def gpt(self, *arguments, **options):
        return self.run(os.path.join(self.programs, "gpt"), *arguments, **options)

    def train(self, name, *arguments, text=True, **options):
        """Trains into a new folder of that name."""
        data = ["--data", self.options.text] if text and self.options.text else []
        return self.gpt("train", "--out", self.place(name), *data, *arguments, **options)


class Report:
    """What was found, as it is found."""

    def __init__(self):
        self.checks = []   # name, passed (None: not run), what was seen
        self.numbers = {}  # section -> name -> number or text
        self.outputs = {}
        self.lock = threading.Lock()

    def check(self, name, passed, seen=""):
        with self.lock:
            self.checks.append({"name": name, "passed": passed, "seen": str(seen)})
            word = {True: "passed", False: "FAILED", None: "not run"}[passed]
            print(f"{word:8} {name}{': ' + str(seen) if seen else ''}", flush=True)

    def note(self, section, **numbers):
        with self.lock:
            self.numbers.setdefault(section, {}).update(numbers)
            for name, value in numbers.items():
                print(f"         {section}, {name.replace('_', ' ')}: {show(value)}", flush=True)

    def output(self, name, text):
        with self.lock:
            self.outputs[name] = text

    def write(self, folder, title, seconds):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "report.json"), "w") as file:
            json.dump({"title": title, "seconds": seconds, "checks": self.checks, "numbers": self.numbers, "outputs": self.outputs}, file,
                      indent=1)
        lines = [f"# {title}", "", f"All of it took {seconds:.0f} s.", "", "| check | | seen |", "| --- | --- | --- |"]
        for check in self.checks:
            word = {True: "passed", False: "**failed**", None: "not run"}[check["passed"]]
            lines.append(f"| {check['name']} | {word} | {one_cell(check['seen'])} |")
        for section, numbers in self.numbers.items():
            lines += ["", f"## {section[0].upper()}{section[1:]}", "", "| | |", "| --- | --- |"]
            lines += [f"| {name.replace('_', ' ')} | {one_cell(show(value))} |" for name, value in numbers.items()]
        for name, text in self.outputs.items():
            lines += ["", f"## Output: {name}", "", "```", text.strip()[-6000:], "```"]
        with open(os.path.join(folder, "report.md"), "w") as file:
            file.write("\n".join(lines) + "\n")


def show(value):
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(show(item) for item in value)
    return str(value)


def one_cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def number(pattern, text, cast=float):
    """The first number that a pattern finds; None where it finds none."""
    found = re.search(pattern, text)
    return cast(found.group(1).replace(",", "")) if found else None


def rows(run):
    """The lines of a run's metrics.csv."""
    try:
        with open(os.path.join(run, "metrics.csv")) as file:
            names, *lines = file.read().splitlines()
    except OSError:
        return []
    return [dict(zip(names.split(","), line.split(","))) for line in lines]


def losses(run):
    return [float(row["train_loss"]) for row in rows(run) if row.get("train_loss")]


def tensors(path):
    """A safetensors file: the bytes of each tensor by its name."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    return {name: body[slice(*entry["data_offsets"])] for name, entry in header.items() if name != "__metadata__"}


def unlike(one, other):
    """Which tensors of two runs' states differ in any bit."""
    mine, its = (tensors(os.path.join(run, "state.safetensors")) for run in (one, other))
    return sorted(name for name in mine.keys() | its.keys() if mine.get(name) != its.get(name))


def last_line(text):
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    return lines[-1].strip() if lines else ""


class Clocks:
    """The GPU's clock while something runs, once a second."""

    def __init__(self, machine):
        self.machine, self.seen, self.over = machine, [], threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.over.wait(1):
            _, text, _, _ = self.machine.run("nvidia-smi", "--query-gpu=clocks.sm,temperature.gpu,power.draw", "--format=csv,noheader,nounits")
            found = re.findall(r"[0-9.]+", text.splitlines()[0]) if text.strip() else []
            if len(found) >= 3:
                self.seen.append([float(value) for value in found[:3]])

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def median(self):
        return [statistics.median(column) for column in zip(*self.seen)] if self.seen else []
