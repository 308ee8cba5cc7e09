#!/usr/bin/env python3
"""Everything about this course that only a machine with an NVIDIA GPU can tell, in under eight minutes; without one, what a processor can.

usage: run.py --programs DIR [--libtorch DIR] [--nanogpt DIR] [--python PY] [--text FILE] [--out DIR] [--only NAME,...]

  --programs DIR   where gpt, test_solution_NN, libverse_cuda.so and records/ lie: build/, or the kit's programs/
  --libtorch DIR   a LibTorch to run with, such as the folder torch/ of a Python wheel; without it, the one that was built with
  --nanogpt DIR    a clone of nanoGPT to be timed beside ours, by ...
  --python PY      ... a Python that has PyTorch for this GPU (default: python3)
  --text FILE      what to learn from (default: the kit's tiny Shakespeare where it is there, else the generated play)
  --out DIR        where report.md and report.json go (default: gpu-report)
  --only NAME,...  these sections alone; see SECTIONS below

Checks come first, several at a time; then what is timed, one after the other. Exit status: 0 where every check passed, else 1.
"""
import argparse
import concurrent.futures
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time

from machine import Clocks, Machine, Report, last_line, losses, number, unlike
from speedrun import GOAL, time_goal
from team import check_team

HERE = os.path.dirname(os.path.abspath(__file__))
CHAPTERS = ("02", "03", "04", "05", "07", "11", "12")
BUDGET = 480  # seconds for everything

# Tests of code that works on a processor's memory alone, and so has no form for a GPU; of what a processor's threads
# do; and of a run's state, which holds the generator of the device that chance came from: in these tests that is the
# processor's. (Resuming on a GPU has its own check below.)
PROCESSOR_ONLY = ("FastDropout.*", "AttendDropping.*", "FastGelu.*", "RowProduct*", "ProjectRows*", "ShareOut*",
                  "FastBatchLoss.IsTheSameEveryTimeOnSeveralThreads", "TrainingState.*", "Exercise_12_4.*", "Exercise_12_5.*",
                  # Several ranks as threads, which the tests' device does not follow into; and the kernels as a processor
                  # imitates them. The real kernels are held against LibTorch's operations by speed_check (section kernels).
                  "SeveralRanks.*", "Exercise_12_8.*", "OfNumbers/Kernels.*", "AttentionKernels.*", "NormKernels.*", "DropFactors.*", "CardWriter.*",
                  # Small weights as a processor reads them, where they lie.
                  "MultiplyRows.*", "LlamaReader.*", "LlamaGPT.InSmallNumbersComputesWithWhatTheyStandFor")


# --- The machine -------------------------------------------------------------------------------------------------------------------

def describe_machine(machine, report):
    """@return whether there is a GPU that the program takes"""
    status, text, _, _ = machine.run("nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap,clocks.max.sm,power.limit,mig.mode.current",
                                     "--format=csv,noheader")
    report.note("machine", card=text.strip() if status == 0 else "nvidia-smi does not answer")
    with open("/proc/cpuinfo") as file:
        name = re.search(r"model name\s*: (.*)", file.read())
    report.note("machine", processor=name.group(1) if name else "?", cores=os.cpu_count(), system=platform.platform())
    if machine.options.libtorch:
        try:
            with open(os.path.join(machine.options.libtorch, "version.py")) as file:
                found = re.search(r"__version__ = '(.*)'", file.read())
                report.note("machine", libtorch=found.group(1) if found else "?")
        except OSError:
            report.note("machine", libtorch="?")
    status, _, errors, seconds = machine.gpt("bench", "--preset", "small", "--rounds", "1")
    line = errors.strip().splitlines()[0] if errors.strip() else "it said nothing"
    report.check("the program starts", status == 0, f"{line} ({seconds:.1f} s)")
    report.note("machine", program_says=line)
    if line.startswith("CUDA"):
        report.check("the plugin is there", "because" not in line, line)
        return True
    print(f"There is no GPU here that the program could use: {line}", flush=True)
    report.note("machine", gpu="none; only what a processor can show was run")
    return False


# --- Checks ------------------------------------------------------------------------------------------------------------------------

def run_tests(machine, report, chapter, device):
    """The reference's tests of a chapter, a program that crashes being started again without the test in which it did."""
    program = os.path.join(machine.programs, f"test_solution_{chapter}")
    if not os.path.exists(program):
        return report.check(f"tests of chapter {chapter}", None, "the program is not there")
    left_out = ["Mistakes_*", *(PROCESSOR_ONLY if device else ())]
    outcome, messages, crashed, seconds = {}, [], [], 0
    for _ in range(8):
        status, text, errors, took = machine.run(program, f"--gtest_filter=-{':'.join(left_out)}",
                                                 f"--recorded={machine.programs}/records/chapter_{chapter}.record", timeout=150,
                                                 extra={"VERSE_DEVICE": "cuda"} if device else {"OMP_NUM_THREADS": "1"})
        seconds += took
        running, said = None, []
        for line in text.splitlines():
            begun = re.match(r"\[ RUN      \] (\S+)", line)
            ended = re.match(r"\[(       OK |  FAILED  |  SKIPPED )\] (\S+?)(?:,.*)? \(\d+ ms\)", line)
            if begun:
                running, said = begun.group(1), []
            elif ended and running:
                outcome[running] = ended.group(1).strip()
                if outcome[running] == "FAILED":
                    messages.append(f"{running}\n" + "\n".join(said[:12]))
                running = None
            elif running:
                said.append(line)
        if running is None:
            break
        crashed.append(running)
        messages.append(f"{running}\n  ended the program (status {status}): {last_line(errors)}")
        left_out.append(running)
    counts = {word: sum(1 for value in outcome.values() if value == word) for word in ("OK", "FAILED", "SKIPPED")}
    passed = counts["OK"] > 0 and counts["FAILED"] == 0 and not crashed and status == 0
    report.check(f"tests of chapter {chapter} on {'the GPU' if device else 'the processor'}", passed,
                 f"{counts['OK']} passed, {counts['FAILED']} failed, {counts['SKIPPED']} skipped, {len(crashed)} crashed, {seconds:.0f} s"
                 + ("" if outcome else f"; {last_line(errors)}"))
    if messages:
        report.output(f"tests of chapter {chapter}", "\n\n".join(messages))


def check_kernels(machine, report):
    """Our own kernels against LibTorch's operations on the card; a step by hand against autograd's; what the card writes."""
    program = os.path.join(machine.programs, "speed_check")
    for part in ("kernels", "step", "writing"):
        if not os.path.exists(program):
            report.check(f"own kernels: {part}", None, "speed_check is not there")
            continue
        status, text, errors, took = machine.run(program, part, timeout=90)
        good = sum(1 for line in text.splitlines() if line.startswith("ok "))
        wrong = [line for line in text.splitlines() if line.startswith("WRONG")]
        report.check(f"own kernels: {part}", status == 0 and good > 0,
                     f"{good} right, {len(wrong)} wrong, {took:.0f} s" + (f"; {last_line(errors)}" if status not in (0, 1) else ""))
        report.output(f"own kernels: {part}", text)


SHORT = ("--preset", "shakespeare", "--steps", "60", "--eval-every", "20", "--eval-batches", "1")


def check_recorded(machine, report):
    """A recorded step is the step: bit for bit where that is asked for, and nearly so otherwise."""
    runs = {"recorded": (), "eager": ("--recorded", "no"), "exact-recorded": ("--deterministic",),
            "exact-eager": ("--deterministic", "--recorded", "no"), "exact-again": ("--deterministic",)}
    for name, flags in runs.items():
        status, _, errors, _ = machine.train(name, *SHORT, *flags)
        if status != 0:
            return report.check(f"short training, {name}", False, last_line(errors))
        if "eager" not in name:
            report.check(f"the steps are recorded, {name}", "the steps are one recording" in errors, "" if "recording" in errors else last_line(errors))
    gap = max(abs(a - b) for a, b in zip(losses(machine.place("recorded")), losses(machine.place("eager"))))
    report.check("recorded steps have the losses of others", gap < 0.01, f"they differ by {gap:.2g} at most in 60 steps")
    for one, other, what in (("exact-recorded", "exact-eager", "a recorded run is the eager one, bit for bit"),
                             ("exact-recorded", "exact-again", "with --deterministic a run comes out again, bit for bit")):
        differ = unlike(machine.place(one), machine.place(other))
        report.check(what, not differ, f"{len(differ)} tensors differ: {', '.join(differ[:4])}" if differ else "")


def check_resume(machine, report, device):
    """A run that was interrupted ends as one that was not."""
    if device:
        flags, steps = ["--preset", "shakespeare", "--eval-every", "20", "--eval-batches", "1", "--deterministic"], 120
    else:
        flags, steps = ["--preset", "small", "--eval-every", "20", "--eval-batches", "1", "--threads", "1", "--device", "cpu"], 60
    flags += ["--steps", str(steps)]
    status, _, errors, _ = machine.train("whole", *flags)
    if status != 0:
        return report.check("resume", False, last_line(errors))
    command = [os.path.join(machine.programs, "gpt"), "train", "--out", machine.place("cut"), *flags]
    command += ["--data", machine.options.text] if machine.options.text else []
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=machine.environment)
    for line in program.stdout:
        if re.match(r"step +20 ", line):
            program.send_signal(signal.SIGINT)
            break
    _, said = program.communicate(timeout=120)
    report.check("an interrupted run is saved", program.returncode == 130, last_line(said))
    status, _, errors, _ = machine.gpt("train", "--out", machine.place("cut"), "--resume")
    if status != 0:
        return report.check("resume", False, last_line(errors))
    differ = unlike(machine.place("whole"), machine.place("cut"))
    gap = abs(losses(machine.place("whole"))[-1] - losses(machine.place("cut"))[-1])
    report.check("a resumed run is the whole one, bit for bit", not differ,
                 f"{len(differ)} tensors differ: {', '.join(differ[:4])}; the last losses by {gap:.2g}" if differ else "")


def check_out_of_memory(machine, report):
    status, text, errors, _ = machine.train("too-large", "--preset", "shakespeare", "--batch-size", "60000", "--steps", "5",
                                            "--eval-batches", "1", "--eval-every", "5")
    line = last_line(errors)
    report.check("too large a batch ends in one line", status in (1, 2) and "memory" in line and len(line) < 400, f"status {status}: {line}")
    # What is foreseen is what is certainly needed. So the first advice can be too bold; the one after it was measured.
    parts = []
    while advice := re.search(r"--accumulate (\d+)", line):
        if advice.group(1) in parts or len(parts) == 3:
            break
        parts.append(advice.group(1))
        status, _, errors, _ = machine.train(f"in-{parts[-1]}-parts", "--preset", "shakespeare", "--batch-size", "60000", "--steps", "5", "--eval-batches", "1",
                                             "--eval-every", "5", "--accumulate", parts[-1], timeout=150)
        line = "" if status == 0 else last_line(errors)
    report.check("what would fit, by that line, fits", bool(parts) and status == 0 and len(parts) <= 2, f"--accumulate {', then '.join(parts)}; {last_line(errors)}")


# --- Timings -----------------------------------------------------------------------------------------------------------------------

def time_training(machine, report):
    with Clocks(machine) as clocks:
        status, text, errors, seconds = machine.train("shakespeare", "--preset", "shakespeare", timeout=300)
    report.output("train --preset shakespeare", last_part(text, 40))
    if status != 0:
        return report.check("train --preset shakespeare", False, last_line(errors))
    best = number(r"the best model: validation loss ([0-9.]+)", text)
    took, each = number(r"steps took ([0-9.]+) s", text), number(r": ([0-9.]+) ms a step", text)
    real = machine.options.text and "shakespeare" in os.path.basename(machine.options.text)
    report.check("train --preset shakespeare ends well", best is not None and (not real or best <= 1.48), f"validation {best}")
    report.note("training, 5,000 steps of the talk's model", wall_seconds=seconds, seconds_by_the_run=took, ms_a_step=each, best_validation=best,
                text=os.path.basename(machine.options.text) if machine.options.text else "the play",
                share_of_the_card=last_line("\n".join(re.findall(r"that is .*", text))),
                memory=last_line("\n".join(re.findall(r"at most .* of memory.*", text))),
                clock_temperature_power=clocks.median())


def time_speedrun(machine, report):
    status, text, errors, seconds = machine.train("speedrun", "--preset", "speedrun", "--steps", "400", timeout=100)
    report.check("train --preset speedrun, 400 steps", status == 0, last_line(errors) if status else "")
    report.note("speedrun, 400 steps", wall_seconds=seconds, best_validation=number(r"validation loss ([0-9.]+)", text),
                ms_a_step=number(r": ([0-9.]+) ms a step", text))


def last_part(text, lines):
    return "\n".join(text.splitlines()[-lines:])


def time_ladder(machine, report):
    status, text, errors, _ = machine.gpt("bench", "--preset", "shakespeare", "--ladder", "--rounds", "50", timeout=150)
    report.output("the ladder", text)
    report.check("the ladder", status == 0, last_line(errors) if status else "")
    for name, each in re.findall(r"^(\S.*?\S) {2,}([0-9.]+) +\d+ +[0-9.]+ %", text, re.MULTILINE):
        report.note("ladder, ms a step", **{name: float(each)})


def time_steps(machine, report):
    for name, flags in (("as it is", ()), ("float32", ("--precision", "fp32")), ("not recorded", ("--recorded", "no")),
                        ("deterministic", ("--deterministic",))):
        status, text, errors, _ = machine.gpt("bench", "--preset", "shakespeare", "--rounds", "100", *flags)
        found = re.search(r"a step of shakespeare +([0-9.]+) +(\d+) +([0-9.]+) %", text)
        if not found:
            report.check(f"a step, {name}", False, last_line(errors))
            continue
        report.note("a step of shakespeare, ms", **{name: float(found.group(1))})
        product = number(r"a product of .*: ([0-9.]+) GFLOP/s", text)
        if not flags:
            report.note("machine", product_tflops=1e-3 * product if product else None)


def time_generation(machine, report):
    run = machine.place("shakespeare")
    if not os.path.exists(run):
        machine.train("shakespeare", *SHORT)
    for name, flags in (("on the GPU", ("--device", "cuda")), ("on the GPU, bfloat16", ("--device", "cuda", "--precision", "bf16")),
                        ("on the GPU, 64 texts", ("--device", "cuda", "--samples", "64")), ("on the processor", ("--device", "cpu"))):
        seconds = []
        for _ in range(3):
            status, _, errors, _ = machine.gpt("generate", "--run", run, "--max-new-tokens", "500", "--seed", "7", "--timing", *flags)
            seconds.append(number(r"in ([0-9.]+) s", errors))
            if status != 0 or seconds[-1] is None:
                report.check(f"500 characters, {name}", False, last_line(errors))
                break
        else:
            report.note("500 characters, seconds", **{name: min(seconds)})
    texts = [machine.gpt("generate", "--run", run, "--max-new-tokens", "200", "--seed", "7", "--device", "cuda")[1] for _ in range(2)]
    report.check("one seed writes one text on the GPU", len(texts[0]) > 150 and texts[0] == texts[1])


def time_nanogpt(machine, report):
    if not machine.options.nanogpt:
        return report.check("nanoGPT beside ours", None, "no --nanogpt DIR was given")
    text = machine.options.text
    if not text:
        return report.check("nanoGPT beside ours", None, "there is no text file for it")
    environment = {"LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}  # a Python finds its own libraries
    status, text, errors, _ = machine.run(machine.options.python, os.path.join(HERE, "nanogpt_step.py"), machine.options.nanogpt, text,
                                          timeout=200, extra=environment)
    if status != 0:
        report.check("nanoGPT beside ours", False, last_line(errors))
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        found = json.loads(line)
        if "ms_a_step" in found:
            report.note("nanoGPT, ms a step", **{found["form"]: found["ms_a_step"], found["form"] + ", rounds": found["rounds"]})
        else:
            report.note("nanoGPT, 500 characters, seconds", best=found["seconds"], rounds=found["rounds"])


def compare(report):
    """How many times nanoGPT's speed ours is."""
    theirs = report.numbers.get("nanoGPT, ms a step", {})
    ours = report.numbers.get("training, 5,000 steps of the talk's model", {}).get("ms_a_step") or \
        report.numbers.get("a step of shakespeare, ms", {}).get("as it is")
    for form in [name for name in theirs if not name.endswith("rounds")]:
        if ours:
            report.note("times nanoGPT's speed", **{f"training, {form}": theirs[form] / ours})
    text = report.numbers.get("500 characters, seconds", {})
    their_text = report.numbers.get("nanoGPT, 500 characters, seconds", {}).get("best")
    if text and their_text:
        report.note("times nanoGPT's speed", generation=their_text / min(text[name] for name in text if "64" not in name))


# --- Without a GPU -----------------------------------------------------------------------------------------------------------------

def check_processor(machine, report):
    for command in ("train", "bench"):
        status, _, errors, _ = machine.gpt(command, "--device", "cuda", "--out" if command == "train" else "--plot", machine.place("none"))
        line = last_line(errors)
        report.check(f"{command} --device cuda refuses in one line", status == 2 and "--device cuda: " in line, line)
    status, text, errors, _ = machine.train("little", "--preset", "small", "--steps", "60", "--eval-every", "20", "--eval-batches", "1", timeout=300)
    report.check("a short training", status == 0 and losses(machine.place("little"))[-1] < 3.2 if status == 0 else False,
                 last_line(errors) if status else f"training loss {losses(machine.place('little'))[-1]:.3f}")
    texts = [machine.gpt("generate", "--run", machine.place("little"), "--max-new-tokens", "80", "--seed", "7")[1] for _ in range(2)]
    report.check("one seed writes one text", len(texts[0]) > 60 and texts[0] == texts[1])


SECTIONS = {"tests": "the reference's tests with their tensors on the GPU", "kernels": "own kernels", "recorded": "a recorded step is the step", "resume": "resume",
            "team": "several processes", "memory": "out of memory", "train": "train --preset shakespeare", "speedrun": "train --preset speedrun", "ladder": "the ladder",
            "steps": "a step in four forms", "generate": "generation", "nanogpt": "nanoGPT", "goal": f"to a validation loss of {GOAL} in the least time"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--libtorch")
    parser.add_argument("--nanogpt")
    parser.add_argument("--python", default="python3")
    parser.add_argument("--text")
    parser.add_argument("--out", default="gpu-report")
    parser.add_argument("--only", default=",".join(SECTIONS))
    options = parser.parse_args()
    wanted = options.only.split(",")
    for name in wanted:
        if name not in SECTIONS:
            parser.error(f"there is no section {name}; there are {', '.join(SECTIONS)}")
    if not options.text:
        for place in (os.path.join(HERE, "..", "..", "data", "tinyshakespeare.txt"), os.path.join(HERE, "texts", "tinyshakespeare.txt"),
                      os.path.join(HERE, "texts", "play.txt")):
            if os.path.exists(place):
                options.text = os.path.abspath(place)
                break

    begin = time.time()
    machine, report = Machine(options), Report()
    title = "The course on a GPU"
    try:
        gpu = describe_machine(machine, report)
        checks, timings = [], []
        if gpu:
            if "tests" in wanted:
                checks += [lambda chapter=chapter: run_tests(machine, report, chapter, True) for chapter in CHAPTERS]
            if "kernels" in wanted:
                checks.append(lambda: check_kernels(machine, report))
            if "recorded" in wanted:
                checks.append(lambda: check_recorded(machine, report))
            if "resume" in wanted:
                checks.append(lambda: check_resume(machine, report, True))
            if "team" in wanted:
                checks.append(lambda: check_team(machine, report, True))
            # What is timed comes one by one, in the order of its worth, each with the seconds that it may need.
            timings = [("train", time_training, 90), ("ladder", time_ladder, 70), ("generate", time_generation, 40), ("nanogpt", time_nanogpt, 120),
                       ("steps", time_steps, 50), ("speedrun", time_speedrun, 15), ("memory", check_out_of_memory, 60),
                       ("goal", lambda machine, report: time_goal(machine, report, BUDGET - 40 - (time.time() - begin)), 80)]
        else:
            title = "The course without a GPU"
            checks = [lambda chapter=chapter: run_tests(machine, report, chapter, False) for chapter in CHAPTERS if "tests" in wanted]
            if "resume" in wanted:
                checks.append(lambda: check_resume(machine, report, False))
            if "team" in wanted:
                checks.append(lambda: check_team(machine, report, False))
            checks.append(lambda: check_processor(machine, report))
        with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, min(4, (os.cpu_count() or 1) // 2))) as pool:
            for check in [pool.submit(check) for check in checks]:
                try:
                    check.result()
                except Exception as error:  # one section's trouble is not the others'
                    report.check("a section", False, f"{type(error).__name__}: {error}")
        for name, section, needs in timings:
            if name not in wanted:
                continue
            if time.time() - begin + needs > BUDGET:
                report.check(SECTIONS[name], None, f"no time was left of {BUDGET} s")
                continue
            try:
                section(machine, report)
            except Exception as error:
                report.check(SECTIONS[name], False, f"{type(error).__name__}: {error}")
        compare(report)
    finally:
        report.write(options.out, title, time.time() - begin)
        shutil.rmtree(machine.scratch, ignore_errors=True)
    failed = sum(1 for check in report.checks if check["passed"] is False)
    passed = sum(1 for check in report.checks if check["passed"])
    print(f"The report is {os.path.join(options.out, 'report.md')}; it took {time.time() - begin:.0f} s.")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
