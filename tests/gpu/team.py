"""The part of tests/gpu/run.py that trains with two processes, on two GPUs where there are as many."""
import os
import re
import socket
import subprocess

from machine import last_line, losses

SIZE = 2
NEAR = 1e-2  # of losses: sums of partial sums round elsewhere, in bfloat16 too


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cards(machine):
    """How many GPUs there are."""
    status, text, _, _ = machine.run("nvidia-smi", "-L")
    return len(re.findall(r"^GPU \d+", text, re.M)) if status == 0 else 0


def train_together(machine, name, flags, places):
    """Starts a process for each place, a number of a GPU. @return (status, standard error) of each"""
    command = [os.path.join(machine.programs, "gpt"), "train", "--out", machine.place(name), *flags]
    port = free_port()
    processes = []
    for rank, place in enumerate(places):
        variables = dict(WORLD_SIZE=str(len(places)), RANK=str(rank), LOCAL_RANK=str(place), MASTER_ADDR="127.0.0.1",
                         MASTER_PORT=str(port), OMP_NUM_THREADS="1")
        processes.append(subprocess.Popen(command, env=dict(machine.environment, **variables), stdout=subprocess.DEVNULL,
                                          stderr=subprocess.PIPE, text=True, errors="replace"))
    ended = []
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            ended.append((process.returncode, errors))
    except subprocess.TimeoutExpired:
        ended.append((124, "it took longer than 120 s"))
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
    return ended


def check_team(machine, report, device):
    """Two processes train as one does with the same batch. NCCL wants a GPU for each; where there is one GPU for both,
    the report has what NCCL says to that."""
    flags = ["--preset", "small", "--layers", "2", "--width", "64", "--steps", "20", "--eval-every", "20", "--eval-batches", "1", "--patience", "30",
             *([] if device else ["--device", "cpu", "--threads", "1"]), *(["--data", machine.options.text] if machine.options.text else [])]
    status, _, errors, _ = machine.gpt("train", "--out", machine.place("team-of-one"), *flags)
    if status != 0:
        return report.check("two processes train as one", False, last_line(errors))
    count = cards(machine) if device else 0
    where = "on the processor" if not device else "on two GPUs" if count >= SIZE else "on one GPU"
    name = f"two processes {where} train as one"
    ended = train_together(machine, "team-of-two", flags, [0, 1] if count != 1 else [0, 0])
    complaints = [last_line(errors) for status, errors in ended if status != 0]
    said = next((line for line in complaints if "NCCL" in line), complaints[0] if complaints else "")
    if "has no NCCL" in said:
        return report.check(name, None, said)
    if "NCCL" in said and count == 1:
        return report.check(name, None, f"NCCL does not let two processes share a GPU: {said}")
    if any(status != 0 for status, _ in ended):
        return report.check(name, False, said or "a process ended without a word")
    one, two = (losses(machine.place(folder)) for folder in ("team-of-one", "team-of-two"))
    gap = max(abs(a - b) for a, b in zip(one, two)) if one and len(one) == len(two) else float("inf")
    report.check(name, gap < NEAR, f"their losses differ by {gap:.2g} at most in 20 steps")
