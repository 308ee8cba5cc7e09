#!/usr/bin/env python3
"""A training beside other work: its time alone, and with one busy process a processor, by how idle threads wait.

usage: tests/benchmarks/busy_machine.py build/gpt TEXT [--steps 60] [--rounds 5] [--threads N] [--record FILE]

Each round runs every way once, in turns: idle threads wait as libgomp has it by default (GOMP_SPINCOUNT=300000), as our programs
choose (10,000), or not at all (OMP_WAIT_POLICY=passive); and one thread, which waits for none. Printed are medians of the time that the steps took,
and how much longer it is beside the busy processes. The machine has to be quiet otherwise.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

import recorded

WAYS = {"by libgomp's default": {"GOMP_SPINCOUNT": "300000"}, "as ours choose": {"GOMP_SPINCOUNT": "10000"}, "not at all": {"OMP_WAIT_POLICY": "passive"}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("text", type=os.path.abspath)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--record", help="writes the medians for the book")
    options = parser.parse_args()
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}

    def seconds(settings, threads):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([options.program, "train", "--preset", "small", "--data", options.text, "--steps", str(options.steps),
                                   "--eval-every", str(options.steps), "--threads", str(threads), "--out", os.path.join(folder, "run")],
                                  env={**plain, **settings}, capture_output=True, text=True, check=True)
        return float(re.search(r"steps took ([\d.]+) s", done.stdout).group(1))

    ways = [(f"{options.threads} threads wait {name}", settings, options.threads) for name, settings in WAYS.items()]
    ways.append(("1 thread", WAYS["as ours choose"], 1))
    times = {(name, busy): [] for name, _, _ in ways for busy in (False, True)}
    for _ in range(options.rounds):
        for busy in (False, True):
            others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() if busy else 0)]
            try:
                for name, settings, threads in ways:
                    times[name, busy].append(seconds(settings, threads))
            finally:
                for other in others:
                    other.kill()
                    other.wait()
    print(f"{options.steps} steps of preset small; medians and ranges of {options.rounds} rounds; busy: {os.cpu_count()} processes beside it")
    rows = []
    for name, _, _ in ways:
        alone, busy = (statistics.median(times[name, state]) for state in (False, True))
        shown = [f"{statistics.median(one):6.2f} s ({min(one):.2f} to {max(one):.2f})" for one in (times[name, False], times[name, True])]
        print(f"  {name:42} alone {shown[0]}   busy {shown[1]}   {busy / alone:.1f} times")
        rows.append([name, alone, busy, busy / alone])
    if options.record:
        recorded.write(options.record, options.threads, [1], {}, {"ways": (["way", "alone_seconds", "busy_seconds", "speed"], rows)})


if __name__ == "__main__":
    main()
