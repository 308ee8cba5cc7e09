#!/usr/bin/env python3
"""Trains on several hosts without having them: each is a network namespace of this machine, and the cables between them
carry what a real one does, 1 Gbit/s unless told otherwise. Then one host's process is killed, and the run goes on.

usage: hosts_demo.py BUILD_FOLDER [--hosts N] [--rate 1gbit] [--steps N; 0 measures nothing] [--measure-only]
                     [--plot FILE.svg] [--record FILE]      (root, with `ip` and `tc`)

Everything that it makes is taken away again, also after Ctrl-C. What it measures is this machine's: its hosts share
the cores. So beside each number stands what as many hosts reach that sum nothing, each training for itself.
"""
import argparse
import json
import os
import re
import shutil
import signal
import string
import subprocess
import sys
import tempfile
import time

SUBNET = "10.77.0"
PORT = 29517
# The talk's model with short texts: 43 MB of gradients beside a step of a fraction of a second.
CONTEXT, ROWS = 64, 4
MODEL = ["--preset", "shakespeare", "--context", str(CONTEXT), "--eval-every", "100000", "--eval-batches", "1",
         "--dropout", "0", "--threads", "1"]
# As many characters as tiny Shakespeare has, and so few in all that reading them at the end takes no time.
TEXT = "".join(f"{character} is followed by {string.ascii_letters}{string.digits} .\n" for character in string.ascii_letters)

ALONE, AFTER, OVERLAPPED, REDUCER, BFLOAT16, ACCUMULATED = (
    "none: each for itself", "after backward", "overlapped", "overlapped, c10d's", "overlapped, bfloat16", "once in 4 passes")
# What is measured: its name, its flags, passes a sum.
WAYS = ((ALONE, [], 1), (AFTER, ["--sync", "after"], 1), (OVERLAPPED, [], 1), (REDUCER, ["--sync", "reducer"], 1),
        (BFLOAT16, ["--sums", "bf16"], 1), (ACCUMULATED, ["--accumulate", "4"], 4))
HIDDEN = 2 / 3  # the share of a pass that goes backward, beside which sums can go on


def fail(message):
    print(f"hosts-demo: {message}", file=sys.stderr)
    sys.exit(2)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Hosts:
    """Namespaces on a bridge, gone when done with."""

    def __init__(self, count, rate):
        self.names = [f"verse{os.getpid()}h{i}" for i in range(count)]
        self.bridge = f"vb{os.getpid()}"
        self.rate = rate

    def __enter__(self):
        try:
            ip("link", "add", self.bridge, "type", "bridge")
            ip("link", "set", self.bridge, "up")
            for i, name in enumerate(self.names):
                ip("netns", "add", name)
                cable = f"vc{os.getpid()}x{i}"
                ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
                ip("link", "set", cable, "master", self.bridge, "up")
                ip("-n", name, "addr", "add", f"{SUBNET}.{i + 1}/24", "dev", "eth0")
                for device in ("eth0", "lo"):
                    ip("-n", name, "link", "set", device, "up")
                # Each host sends at the rate; the others' sending is what it receives.
                subprocess.run(["ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate",
                                self.rate, "burst", "256kb", "latency", "50ms"], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            self.__exit__()
            fail(f"{' '.join(error.cmd)}: {error.stderr.decode().strip()}")
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True, check=False)

    def start(self, program, arguments, hosts, together=True):
        """One process on each of the first hosts. @param arguments of each, by its number"""
        processes = []
        for rank in range(hosts):
            variables = dict(os.environ, OMP_NUM_THREADS="1")
            for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
                variables.pop(name, None)
            if together:
                variables.update(WORLD_SIZE=str(hosts), RANK=str(rank), LOCAL_RANK="0", MASTER_ADDR=f"{SUBNET}.1",
                                 MASTER_PORT=str(PORT))
            processes.append(subprocess.Popen(["ip", "netns", "exec", self.names[rank], program, "train", *arguments(rank)],
                                              env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return processes


def end(processes, limit=600):
    """@return (status, output, error) of each; all are ended, whatever happens"""
    try:
        return [(*(text.decode() for text in process.communicate(timeout=limit)), process.returncode)
                for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()


def pace(folder):
    """Seconds a step and characters a second by a run's metrics.csv, from its first line to its last: what comes before
    is the start."""
    with open(os.path.join(folder, "metrics.csv"), encoding="utf-8") as file:
        head, *rows = [line.strip().split(",") for line in file]
    rows = [row for row in rows if int(row[head.index("step")]) > 0]
    steps, tokens, seconds = (float(rows[-1][head.index(name)]) - float(rows[0][head.index(name)])
                              for name in ("step", "tokens", "seconds"))
    return seconds / steps, tokens / seconds


def train(hosts, program, folder, size, together, steps, passes, more):
    """Trains on so many hosts. @return seconds a step, and characters a second of all of them; parameters"""
    places = [os.path.join(folder, f"run{rank}") for rank in range(size)]
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
    rows = ROWS * passes * (size if together else 1)
    text = os.path.join(folder, "text.txt")
    with open(text, "w", encoding="utf-8") as file:
        file.write(TEXT)
    ended = end(hosts.start(program, lambda rank: ["--out", places[0 if together else rank], "--data", text, "--steps", str(steps),
                                                   "--batch-size", str(rows), *MODEL, *more], size, together))
    for _, error, status in ended:
        if status != 0:
            fail(f"a training ended with status {status}: {error.strip().splitlines()[-1:]}")
    parameters = int(re.search(r"([\d,]+) parameters", ended[0][0]).group(1).replace(",", ""))
    paces = [pace(place) for place in (places[:1] if together else places)]
    return max(seconds for seconds, _ in paces), sum(rate for _, rate in paces), parameters


def measure(hosts, program, folder, count, steps):
    """@return parameters, one process's characters a second, and (hosts, how, ms a step, characters a second)"""
    _, alone, parameters = train(hosts, program, folder, 1, False, steps, 1, [])
    print(f"{parameters:,} parameters; one process, {ROWS} windows of {CONTEXT} a step: {alone:.0f} characters/s\n")
    print(f"{'hosts':>5}  {'gradients summed':<24}{'ms a step':>10}{'characters/s':>14}{'of none':>9}{'of N times one':>16}")
    found, none = [], {}
    for size in sorted({2, count}):
        for name, more, passes in WAYS:
            seconds, rate, _ = train(hosts, program, folder, size, name != ALONE, steps, passes, more)
            none.setdefault(size, rate)
            found.append((size, name, 1e3 * seconds, rate))
            print(f"{size:>5}  {name:<24}{1e3 * seconds:>10.0f}{rate:>14.0f}{rate / none[size]:>9.0%}{rate / (size * alone):>16.0%}",
                  flush=True)
    return parameters, alone, found


def scale(program, folder, *flags):
    """What `gpt scale` computes. @return gigabits, {processes: ms a step}"""
    file = os.path.join(folder, "scale.json")
    subprocess.run([program, "scale", *map(str, flags), "--record", file], check=True, stdout=subprocess.DEVNULL)
    with open(file, encoding="utf-8") as written:
        told = json.load(written)
    columns, rows = told["tables"]["scale"]["columns"], told["tables"]["scale"]["rows"]
    return told["scalars"]["gigabits"]["value"], {row[0]: row[columns.index("step_ms")] for row in rows}


def compare(program, folder, parameters, found):
    """The formula of `gpt scale` against what was measured. The cable's rate is fitted to the sum of two after backward,
    and all else is foretold. @return gigabits, [(hosts, how, ms measured, ms foretold)]"""
    ms = {(size, name): time for size, name, time, _ in found}
    base = ["--parameters", parameters, "--latency-us", 50]
    gigabits, _ = scale(program, folder, *base, "--step-ms", ms[2, ALONE], "--sum-ms", max(ms[2, AFTER] - ms[2, ALONE], 1), "--sum-among", 2)
    print(f"\nthe sum of two after backward went at {gigabits:.2f} Gbit/s; by that and the formula of `gpt scale`, a step takes:\n")
    print(f"{'hosts':>5}  {'gradients summed':<24}{'measured, ms':>13}{'foretold, ms':>14}")
    rows = []
    for size, name, time_found, _ in found:
        if name == ALONE or size & (size - 1):
            continue
        passes = next(passes for way, _, passes in WAYS if way == name)
        # Of several passes, the last alone has a sum beside it.
        hidden = 0 if name == AFTER else HIDDEN / passes
        _, steps = scale(program, folder, *base, "--gigabits", gigabits, "--step-ms", passes * ms[size, ALONE], "--hidden", hidden, "--most", size,
                         "--bits", 16 if name == BFLOAT16 else 32)
        rows.append((size, name, time_found, steps[size]))
        print(f"{size:>5}  {name:<24}{time_found:>13.0f}{steps[size]:>14.0f}")
    return gigabits, rows


def record(file, given, parameters, alone, found, gigabits, foretold):
    """Writes what was measured as the programs of the course do with --record, with the picture of it."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        processor = re.search(r"model name\s*: (.*)", info.read())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    none = {size: rate for size, name, _, rate in found if name == ALONE}
    bars = [[f"{size} hosts, {name}", 100 * rate / none[size]] for size, name, _, rate in found if name != ALONE]
    written = {
        "name": os.path.splitext(os.path.basename(file))[0],
        "command": f"tests/benchmarks/hosts_demo.py {given.build} --hosts {given.hosts} --rate {given.rate} --steps {given.steps}",
        "commit": commit, "date": time.strftime("%Y-%m-%d"),
        "machine": f"{processor.group(1) if processor else 'a processor'}, {os.cpu_count()} cores, its hosts network namespaces",
        "threads": 1, "seeds": [1],
        "scalars": {"parameters": {"value": parameters, "unit": ""},
                    "one_process": {"value": alone, "unit": "characters a second"},
                    "fitted_gigabits": {"value": gigabits, "unit": "Gbit/s"}},
        "tables": {"hosts": {"columns": ["hosts", "gradients", "step_ms", "rate_per_second", "of_none", "of_one"],
                             "rows": [[str(size), name, ms, rate, rate / none[size], rate / (size * alone)]
                                      for size, name, ms, rate in found]},
                   "foretold": {"columns": ["hosts", "gradients", "measured_ms", "foretold_ms"],
                                "rows": [[str(size), *row] for size, *row in foretold]}},
        "pictures": {os.path.basename(given.plot or "hosts.svg"): {
            "kind": "bars", "title": f"cables of {re.sub('(?<=[0-9])([kmg])bit', lambda m: f' {m[1].upper()}bit/s', given.rate)}", "x": "% of what as many hosts do that sum nothing", "y": "",
            "bars": bars}},
    }
    with open(file + ".partial", "w", encoding="utf-8") as out:
        json.dump(written, out, indent=2)
        out.write("\n")
    os.replace(file + ".partial", file)


def kill_and_resume(hosts, program, folder, count):
    out = os.path.join(folder, "killed")
    arguments = ["--out", out, "--preset", "small", "--layers", "2", "--width", "64", "--steps", "1500", "--eval-every",
                 "50", "--eval-batches", "4", "--threads", "1",
                 "--patience", "10"]
    processes = hosts.start(program, lambda _: arguments, count)
    while not os.path.exists(os.path.join(out, "loss.svg")) and all(p.poll() is None for p in processes):
        with open(os.path.join(out, "metrics.csv"), encoding="utf-8") if os.path.exists(
                os.path.join(out, "metrics.csv")) else open(os.devnull, encoding="utf-8") as file:
            if len(file.readlines()) > 8:
                break
        time.sleep(0.05)
    print(f"\nthe process on host {count - 1} is killed:")
    processes[-1].kill()
    began = time.monotonic()
    for rank, (_, error, status) in enumerate(end(processes)):
        last = error.strip().splitlines()[-1:] or [""]
        if rank < count - 1:
            print(f"  host {rank}: status {status}: {last[0]}")
    print(f"all had ended after {time.monotonic() - began:.1f} s; the same run, resumed:")
    ended = end(hosts.start(program, lambda _: ["--out", out, "--resume", "--threads", "1"], count))
    for rank, (_, error, status) in enumerate(ended):
        if status != 0:
            fail(f"host {rank} ended with status {status}: {error.strip().splitlines()[-1:]}")
    print("  " + re.search(r"the best model.*", ended[0][0]).group(0))


def main():
    parser = argparse.ArgumentParser(usage=re.search(r"usage: (.*?)\n\n", __doc__, re.S).group(1))
    parser.add_argument("build")
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--rate", default="1gbit")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--measure-only", action="store_true")
    parser.add_argument("--plot")
    parser.add_argument("--record")
    given = parser.parse_args()
    if not 2 <= given.hosts <= 200:
        fail(f"--hosts must be between 2 and 200, not {given.hosts}")
    if given.steps < 0 or 0 < given.steps < 20:
        fail(f"--steps must be 0, or 20 and more, of which those after the tenth are timed, not {given.steps}")
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("tc"):
        fail("network namespaces take root, and the programs ip and tc (package iproute2)")
    program = os.path.abspath(os.path.join(given.build, "gpt"))
    if not os.path.exists(program):
        fail(f"there is no {program}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="verse_hosts_")
    try:
        with Hosts(given.hosts, given.rate) as hosts:
            print(f"{given.hosts} hosts on one machine, cables of {given.rate}\n")
            if given.steps > 0:
                found = measure(hosts, program, folder, given.hosts, given.steps)
                foretold = compare(program, folder, found[0], found[2])
                file = given.record or os.path.join(folder, "record.json")
                record(file, given, *found, *foretold)
                if given.plot:
                    subprocess.run([os.path.join(given.build, "draw_recorded"), "--out", os.path.dirname(os.path.abspath(given.plot)), file],
                                   check=True, stdout=subprocess.DEVNULL)
            if not given.measure_only:
                kill_and_resume(hosts, program, folder, given.hosts)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
