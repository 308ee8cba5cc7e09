#!/usr/bin/env python3
"""Trains on several hosts without having them: each is a network namespace of this machine, and the cables between them
carry what a real one does, 1 Gbit/s unless told otherwise. Then one host's process is killed, and the run goes on.

usage: hosts_demo.py BUILD_FOLDER [--hosts N] [--rate 1gbit] [--steps N; 0 measures nothing] [--record FILE]      (root, with `ip` and `tc`)

Everything that it makes is taken away again, also after Ctrl-C. What it measures is this machine's: its hosts share
the cores.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SUBNET = "10.77.0"
PORT = 29517
# The talk's model with short texts: 43 MB of gradients beside a step of a second or so.
MODEL = ["--preset", "shakespeare", "--context", "64", "--eval-every", "100000", "--eval-batches", "1", "--dropout", "0",
         "--threads", "1"]


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

    def start(self, program, arguments, hosts):
        """One process on each of the first hosts."""
        processes = []
        for rank in range(hosts):
            variables = dict(os.environ, WORLD_SIZE=str(hosts), RANK=str(rank), LOCAL_RANK="0", OMP_NUM_THREADS="1",
                             MASTER_ADDR=f"{SUBNET}.1", MASTER_PORT=str(PORT))
            processes.append(subprocess.Popen(["ip", "netns", "exec", self.names[rank], program, "train", *arguments],
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


def train(hosts, program, folder, count, rows, steps, more):
    """@return tokens a second"""
    out = os.path.join(folder, "run")
    shutil.rmtree(out, ignore_errors=True)
    arguments = ["--out", out, "--steps", str(steps), "--batch-size", str(rows), *MODEL, *more]
    ended = end(hosts.start(program, arguments, count))
    for output, error, status in ended:
        if status != 0:
            fail(f"a training ended with status {status}: {error.strip().splitlines()[-1:]}")
    return float(re.search(r"ms a step, (\d+)", ended[0][0]).group(1))


def measure(hosts, program, folder, count, steps):
    """@return one process's characters a second, and (hosts, how, characters a second) of each way"""
    rows, rates = 4, []
    alone = train(hosts, program, folder, 1, rows, steps, [])
    print(f"one process, {rows} windows of 64 a step: {alone:.0f} characters/s\n")
    print(f"{'hosts':>5}  {'gradients':<34}{'characters/s':>12}{'of so many times one':>22}")
    for size in sorted({2, count}):
        for name, more, parts in (("averaged after backward", ["--sync", "after"], 1), ("overlapped with it", [], 1),
                                  ("overlapped, in bfloat16", ["--sums", "bf16"], 1),
                                  ("overlapped, once in 4 passes", ["--accumulate", "4"], 4)):
            rate = train(hosts, program, folder, size, rows * size * parts, max(2, steps // parts), more)
            rates.append((size, name, rate))
            print(f"{size:>5}  {name:<34}{rate:>12.0f}{100 * rate / (size * alone):>20.0f} %", flush=True)
    return alone, rates


def record(file, given, alone, rates):
    """Writes what was measured as the programs of the course do with --record."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        processor = re.search(r"model name\s*: (.*)", info.read())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    found = {
        "name": os.path.splitext(os.path.basename(file))[0],
        "command": f"tests/benchmarks/hosts_demo.py build --hosts {given.hosts} --rate {given.rate} --steps {given.steps}",
        "commit": commit, "date": time.strftime("%Y-%m-%d"),
        "machine": f"{processor.group(1) if processor else 'a processor'}, {os.cpu_count()} cores, its hosts network namespaces",
        "threads": 1, "seeds": [1],
        "scalars": {"one_process": {"value": alone, "unit": "characters a second"}},
        "tables": {"hosts": {"columns": ["hosts", "gradients", "rate", "share"],
                             "rows": [[size, name, rate, rate / (size * alone)] for size, name, rate in rates]}},
    }
    with open(file + ".partial", "w", encoding="utf-8") as out:
        json.dump(found, out, indent=2)
        out.write("\n")
    os.replace(file + ".partial", file)



def kill_and_resume(hosts, program, folder, count):
    out = os.path.join(folder, "killed")
    arguments = ["--out", out, "--preset", "small", "--layers", "2", "--width", "64", "--steps", "1500", "--eval-every",
                 "50", "--eval-batches", "4", "--threads", "1",
                 "--patience", "10"]
    processes = hosts.start(program, arguments, count)
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
    ended = end(hosts.start(program, ["--out", out, "--resume", "--threads", "1"], count))
    for rank, (_, error, status) in enumerate(ended):
        if status != 0:
            fail(f"host {rank} ended with status {status}: {error.strip().splitlines()[-1:]}")
    print("  " + re.search(r"the best model.*", ended[0][0]).group(0))


def main():
    parser = argparse.ArgumentParser(usage="hosts_demo.py BUILD_FOLDER [--hosts N] [--rate 1gbit] [--steps N; 0 measures nothing] [--record FILE]")
    parser.add_argument("build")
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--rate", default="1gbit")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--record")
    given = parser.parse_args()
    if not 2 <= given.hosts <= 200:
        fail(f"--hosts must be between 2 and 200, not {given.hosts}")
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
                if given.record:
                    record(given.record, given, *found)
            kill_and_resume(hosts, program, folder, given.hosts)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
