#!/usr/bin/env python3
"""The most memory that `gpt train` has of each preset on a processor, beside what the program foresees before its first step.

usage: tests/benchmarks/preset_memory.py build/gpt TEXT [--steps 3] [--threads N] [--record FILE]

Each preset trains for a few steps in a process of its own, with its evaluations and the sample at the end; the system says how much
that process had at most. What is foreseen counts tensors alone. What the program has beside them is measured by a model that has next
to none: LibTorch, the text, the threads.
"""
import argparse
import json
import os
import sys
import tempfile

import recorded

NEXT_TO_NONE = ["--layers", "1", "--heads", "1", "--width", "2", "--context", "2", "--batch-size", "1"]


def train(program, text, preset, steps, threads, more=()):
    """(most memory that the process had, what it foresaw), in MB."""
    with tempfile.TemporaryDirectory() as folder:
        record, errors = os.path.join(folder, "record.json"), os.path.join(folder, "errors")
        command = [program, "train", "--preset", preset, "--data", text, "--steps", str(steps), "--device", "cpu",
                   "--threads", str(threads), "--out", os.path.join(folder, "run"), "--record", record, *more]
        out, to = os.open(os.devnull, os.O_WRONLY), os.open(errors, os.O_WRONLY | os.O_CREAT)
        process = os.posix_spawn(program, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, to, 2)])
        _, status, used = os.wait4(process, 0)
        os.close(out)
        os.close(to)
        if status != 0:
            with open(errors, encoding="utf-8") as file:
                raise SystemExit(f"{' '.join(command)}\n{file.read().strip()}")
        with open(record, encoding="utf-8") as file:
            foreseen = json.load(file)["scalars"]["foreseen_memory"]["value"]
    return used.ru_maxrss * 1024e-6, foreseen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("text", type=os.path.abspath)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--record", help="writes the table for the book")
    options = parser.parse_args()

    program, _ = train(options.program, options.text, "small", options.steps, options.threads, NEXT_TO_NONE)
    print(f"the program with a model of next to nothing: {program:,.0f} MB")
    rows = []
    for preset in ("speedrun", "demo", "small", "shakespeare"):
        peak, foreseen = train(options.program, options.text, preset, options.steps, options.threads)
        rows.append([preset, peak, foreseen, peak - program, (peak - program) / foreseen])
        print(f"{preset:12} at most {peak:6,.0f} MB; foreseen for its tensors {foreseen:6,.0f} MB, and beside the program "
              f"{peak - program:6,.0f} MB were taken: {rows[-1][-1]:.2f} times as much", flush=True)
    if options.record:
        recorded.write(options.record, options.threads, [1], {"program": (program, "MB")},
                       {"presets": (["preset", "peak_mb", "foreseen_mb", "beside_program_mb", "times"], rows)})


if __name__ == "__main__":
    sys.exit(main())
