#!/usr/bin/env python3
"""Trains with several processes, and does to them what happens to processes.

usage: several_processes_test.py PROGRAM [unittest arguments]

VERSE_KILLS=N kills a rank N times at a random moment instead of 3; mpirun is tried where there is one.
"""
import array
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = None
PATIENCE = 60  # seconds, the default: a busy machine may let a process wait for long
SHORT = 7  # where somebody is silent on purpose; on a busy machine, a connection alone can take seconds
# What a process may take beyond that on a busy machine: starting, saying why, ending.
GRACE = 60

TEXT = "".join(f"{name}:\nLine {i} of the play, and {i * i} more.\n\n" for i in range(60) for name in ("ANNA", "OTTO"))
# Seven rows come out even neither among two nor among three.
RECIPE = ["--layers", "2", "--heads", "2", "--width", "32", "--context", "16", "--batch-size", "7", "--dropout", "0.1",
          "--eval-every", "20", "--threads", "1"]

# Weights after 40 steps of float32: each rank's sums are rounded in another order, and AdamW divides small numbers by
# small ones. Seen: 2e-6 to 7e-6, of weights of at most 1.04.
NEAR = 1e-4


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**variables):
    names = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "VERSE_JOB")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    return {**clean, "OMP_NUM_THREADS": "1", **{name: str(value) for name, value in variables.items()}}


def start(size, arguments, port=None, rank_arguments=None):
    """Starts the ranks, as a shell's loop would."""
    port = port or free_port()
    return [subprocess.Popen([PROGRAM, "train", *map(str, arguments), *(rank_arguments or {}).get(rank, [])],
                             env=environment(WORLD_SIZE=size, RANK=rank, LOCAL_RANK=rank, MASTER_PORT=port),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for rank in range(size)]


def end(processes, limit=600):
    """Waits for all. @return (status, standard output, standard error) of each"""
    ended = []
    for process in processes:
        try:
            out, error = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            for each in processes:
                each.kill()
            raise
        ended.append((process.returncode, out.decode(), error.decode()))
    return ended


def alone(*arguments):
    done = subprocess.run([PROGRAM, "train", *map(str, arguments)], env=environment(), capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()


def tensors(folder, prefix):
    """What a run's state has under names that begin so, as bytes."""
    with open(os.path.join(folder, "state.safetensors"), "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    body = data[8 + length:]
    return {name: body[slice(*entry["data_offsets"])] for name, entry in json.loads(data[8:8 + length]).items()
            if name.startswith(prefix)}


def weights(folder):
    return {name: array.array("f", data) for name, data in tensors(folder, "model.").items()}


def distance(one, other):
    """The largest difference between two runs' weights."""
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys() and a
    return max(abs(x - y) for name in a for x, y in zip(a[name], b[name]))


def complaints(error):
    """Standard error without the lines that tell how training goes."""
    own = os.path.basename(PROGRAM) + ": "
    return [line for line in error.splitlines() if line.startswith(own) or "rror" in line or "[W" in line]


class SeveralProcesses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_team_")
        cls.text = os.path.join(cls.folder, "text.txt")
        with open(cls.text, "w", encoding="utf-8") as file:
            file.write(TEXT)
        cls.single = os.path.join(cls.folder, "single")
        alone("--data", cls.text, "--out", cls.single, "--steps", 40, *RECIPE)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def place(self, name="run"):
        return os.path.join(self.folder, self.id().split(".")[-1] + "_" + name)

    def arguments(self, out, steps=40, patience=PATIENCE):
        return ["--data", self.text, "--out", out, "--steps", steps, "--patience", patience, *RECIPE]

    def good(self, processes):
        for status, _, error in end(processes):
            self.assertEqual(status, 0, error)
            self.assertEqual(complaints(error), [])

    # --- The same as one ----------------------------------------------------------------------------------------------

    def test_as_one_process_with_the_same_batch(self):
        for size, more in ((2, []), (3, ["--sync", "reducer"]), (3, ["--sync", "after"]), (3, ["--sync", "ring"])):
            out = self.place(f"{size}{''.join(more)}")
            self.good(start(size, self.arguments(out) + more))
            apart = distance(self.single, out)
            print(f"{size} processes {' '.join(more)}: largest difference {apart:.2g}", file=sys.stderr)
            self.assertLess(apart, NEAR)

    def test_parts_of_a_batch(self):
        more = ["--accumulate", "2", "--batch-size", "8"]
        one = self.place("one")
        alone(*self.arguments(one), *more)
        for sync in ("overlapped", "reducer"):
            two = self.place(sync)
            self.good(start(2, self.arguments(two) + more + ["--sync", sync]))
            self.assertLess(distance(one, two), NEAR)

    def test_sums_in_bfloat16_are_near(self):
        exact = self.place("exact")
        self.good(start(2, self.arguments(exact)))
        for sync in ("overlapped", "reducer"):
            out = self.place(sync)
            self.good(start(2, self.arguments(out) + ["--sums", "bf16", "--sync", sync]))
            apart = distance(exact, out)
            self.assertGreater(apart, 0)
            self.assertLess(apart, 0.02)

    def test_a_shared_out_optimizer(self):
        """Bit for bit the same weights and moments, and the state is as good for any number of processes."""
        whole, shared = self.place("whole"), self.place("shared")
        more = ["--shard-optimizer"]
        self.good(start(2, self.arguments(whole)))
        self.good(start(2, self.arguments(shared) + more))
        for prefix in ("model.", "optimizer."):
            self.assertEqual(tensors(whole, prefix), tensors(shared, prefix))
        going_on = ["--resume", "--threads", "1", "--steps", "60"]
        self.good(start(3, ["--out", whole] + going_on))
        self.good(start(3, ["--out", shared] + going_on + more))
        for prefix in ("model.", "optimizer."):
            self.assertEqual(tensors(whole, prefix), tensors(shared, prefix))
        alone("--out", shared, "--resume", "--steps", 70)

    def test_a_shared_out_optimizer_is_saved_when_interrupted(self):
        whole, stopped, more, steps = self.place("whole"), self.place("stopped"), ["--shard-optimizer"], 400
        processes = start(2, self.arguments(stopped, steps) + more)
        self.wait_for_steps(stopped, processes)
        processes[1].send_signal(signal.SIGINT)
        self.assertEqual([status for status, _, _ in end(processes)], [130, 130])
        self.good(start(2, ["--out", stopped, "--resume", "--threads", "1"] + more))
        self.good(start(2, self.arguments(whole, steps)))
        for prefix in ("model.", "optimizer."):
            self.assertEqual(tensors(whole, prefix), tensors(stopped, prefix))

    def test_rank_0_alone_speaks(self):
        ended = end(start(2, self.arguments(self.place())))
        self.assertIn("2 processes", ended[0][1])
        self.assertEqual(ended[1][1:], ("", ""))

    def test_mpirun(self):
        program = shutil.which("mpirun")
        if program is None:
            self.skipTest("there is no mpirun")
        out = self.place()
        # Open MPI wants to be told twice before it serves root, and once that two processes may share a core.
        allowed = dict(OMPI_ALLOW_RUN_AS_ROOT=1, OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1, OMPI_MCA_rmaps_base_oversubscribe=1)
        done = subprocess.run([program, "-n", "2", PROGRAM, "train", *map(str, self.arguments(out))],
                              env=environment(MASTER_PORT=free_port(), **allowed), capture_output=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertLess(distance(self.single, out), NEAR)

    # --- Faults -------------------------------------------------------------------------------------------------------

    def wait_for_steps(self, out, processes, least=1):
        """Returns when a run has got somewhere."""
        until = time.monotonic() + 600
        while time.monotonic() < until:
            try:
                with open(os.path.join(out, "metrics.csv"), encoding="utf-8") as file:
                    if len(file.readlines()) > 1 + least:
                        return
            except FileNotFoundError:
                pass
            if any(process.poll() is not None for process in processes):
                self.fail(f"a process ended early: {end(processes)}")
            time.sleep(0.02)
        self.fail("nothing was trained in ten minutes")

    def test_killed_at_random(self):
        """Whoever is killed, and when: the others end in time and say who, and the run comes to the same end."""
        steps = 400
        whole = self.place("whole")
        self.good(start(3, self.arguments(whole, steps)))
        chance = random.Random(7)
        slowest, hit = 0.0, 0
        kills = int(os.environ.get("VERSE_KILLS", "3"))
        for number in range(kills):
            out, victim = self.place(f"killed{number}"), number % 3
            processes = start(3, self.arguments(out, steps))
            self.wait_for_steps(out, processes)
            time.sleep(chance.uniform(0, 0.5))
            if processes[victim].poll() is None:
                processes[victim].kill()
            began = time.monotonic()
            ended = end(processes, GRACE)  # a connection that breaks is noticed at once
            slowest = max(slowest, time.monotonic() - began)
            if ended[victim][0] == -signal.SIGKILL and any(status == 1 for status, _, _ in ended):
                hit += 1
                for rank, (status, _, error) in enumerate(ended):
                    if rank == victim or status == 0:
                        continue
                    self.assertEqual(status, 1, error)
                    said = complaints(error)
                    self.assertEqual(len(said), 1, error)
                    self.assertIn(f"rank {victim}", said[0].split(": ", 2)[2])
                    self.assertIn("--resume", said[0])
            # As many as before come to the same end, bit for bit; others to one within rounding, which grows with steps.
            size = 3 - number % 2
            self.good(start(size, ["--out", out, "--resume", "--threads", "1"]))
            self.assertLessEqual(distance(whole, out), 0 if size == 3 else 0.02)
        print(f"{hit} of {kills} killed while the others trained; these ended within {slowest:.1f} s", file=sys.stderr)
        self.assertGreater(hit, kills // 2, "a test that kills nobody in time tests nothing")

    def test_killed_while_the_reducer_averages(self):
        """There it is c10d that waits, in the midst of a backward pass."""
        out = self.place()
        processes = start(3, self.arguments(out, 100_000) + ["--sync", "reducer"])
        self.wait_for_steps(out, processes)
        processes[1].kill()
        ended = end(processes, GRACE)
        for rank in (0, 2):
            status, _, error = ended[rank]
            self.assertEqual(status, 1, error)
            said = complaints(error)
            self.assertEqual(len(said), 1, error)
            self.assertIn("rank 1", said[0].split(": ", 2)[2])
            self.assertIn("--resume", said[0])

    def test_silent_ranks_are_waited_for_no_longer_than_said(self):
        for victim in (0, 1):
            out = self.place(f"silent{victim}")
            processes = start(2, self.arguments(out, 100_000, SHORT))
            self.wait_for_steps(out, processes)
            processes[victim].send_signal(signal.SIGSTOP)
            began = time.monotonic()
            ((status, _, error),) = end([processes[1 - victim]], SHORT + GRACE)
            took = time.monotonic() - began
            processes[victim].kill()
            end([processes[victim]])
            self.assertEqual(status, 1, error)
            self.assertGreater(took, SHORT - 1)
            self.assertIn(f"rank {victim}", complaints(error)[0].split(": ", 2)[2])

    def test_a_lost_connection_is_read_as_an_error_not_killed_by(self):
        """Who writes to a rank that has gone gets SIGPIPE from the system, which would end it without a word."""
        out = self.place()
        processes = start(2, self.arguments(out, 100_000))
        self.wait_for_steps(out, processes)
        for process in processes:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                ignored = next(int(line.split()[1], 16) for line in file if line.startswith("SigIgn:"))
            self.assertTrue(ignored >> (signal.SIGPIPE - 1) & 1)
            process.kill()
        end(processes)

    def test_interrupted_together(self):
        """Ctrl-C for one of them: all stop after one step; alone, the run goes on to the same end."""
        steps = 3000
        out = self.place()
        processes = start(3, self.arguments(out, steps))
        self.wait_for_steps(out, processes)
        processes[1].send_signal(signal.SIGINT)
        ended = end(processes)
        self.assertEqual([status for status, _, _ in ended], [130] * 3, ended)
        self.assertIn("--resume", complaints(ended[0][2])[0])
        self.assertEqual([complaints(error) for _, _, error in ended[1:]], [[], []])

    def test_a_rank_that_does_not_come(self):
        port, out = free_port(), self.place()
        processes = [subprocess.Popen([PROGRAM, "train", *map(str, self.arguments(out, patience=SHORT))],
                                      env=environment(WORLD_SIZE=3, RANK=rank, MASTER_PORT=port),
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE) for rank in (0, 2)]
        for status, _, error in end(processes, SHORT + GRACE):
            self.assertEqual(status, 1)
            self.assertIn("rank 1 of 3 did not come", error)
            self.assertEqual(len(error.splitlines()), 1, error)
        self.assertFalse(os.path.exists(out))

    # --- Refusals -----------------------------------------------------------------------------------------------------

    def refused(self, processes, *words, leaves_no=None):
        for status, out, error in end(processes):
            self.assertEqual(status, 2, error)
            self.assertEqual(out, "")
            self.assertEqual(len(error.splitlines()), 1, error)
            for word in words:
                self.assertIn(word, error)
        if leaves_no:
            self.assertFalse(os.path.exists(leaves_no))

    def test_unequal_settings(self):
        out = self.place()
        self.refused(start(2, self.arguments(out), rank_arguments={1: ["--learning-rate", "0.1"]}),
                     "rank 1 has --learning-rate 0.1", leaves_no=out)

    def test_unequal_texts(self):
        out, other = self.place(), self.place("other.txt")
        with open(other, "w", encoding="utf-8") as file:
            file.write(TEXT[:-9])
        self.refused(start(2, self.arguments(out), rank_arguments={1: ["--data", other]}), "rank 1", "text",
                     leaves_no=out)

    def test_fewer_rows_than_processes(self):
        out = self.place()
        self.refused(start(2, self.arguments(out) + ["--batch-size", "1"]), "--batch-size 1", leaves_no=out)
        self.refused(start(2, self.arguments(out) + ["--accumulate", "7"]), "--accumulate 7", leaves_no=out)

    def test_a_taken_port(self):
        out = self.place()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            (first, second) = end(start(2, self.arguments(out, patience=SHORT), port=taken.getsockname()[1]), SHORT + GRACE)
        self.assertEqual(first[0], 2)
        self.assertIn("is taken", first[2])
        self.assertEqual(second[0], 1)
        self.assertEqual(len(second[2].splitlines()), 1, second[2])

    def test_two_jobs_at_one_port(self):
        """The second cannot have the port; the first does not notice it."""
        port, out = free_port(), self.place("first")
        first = start(2, self.arguments(out, 100_000), port)
        self.wait_for_steps(out, first)
        for job, status, words in (("another", 1, "rank 0 of 2 did not come"), (None, 2, "two jobs share that address")):
            variables = {"VERSE_JOB": job} if job else {}
            second = [subprocess.Popen([PROGRAM, "train", *map(str, self.arguments(self.place("second"), patience=SHORT))],
                                       env=environment(WORLD_SIZE=2, RANK=rank, MASTER_PORT=port, **variables),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE) for rank in range(2)]
            zero, one = end(second, SHORT + GRACE)
            self.assertEqual(zero[0], 2)
            self.assertIn("is taken", zero[2])
            self.assertEqual(one[0], status, one[2])
            self.assertIn(words, one[2])
            self.assertEqual(len(one[2].splitlines()), 1, one[2])
        self.assertFalse(os.path.exists(self.place("second")))
        self.assertEqual([process.poll() for process in first], [None, None])
        first[0].send_signal(signal.SIGINT)
        ended = end(first)
        self.assertEqual([status for status, _, _ in ended], [130, 130])
        self.assertEqual(len(complaints(ended[0][2])), 1, ended[0][2])

    def test_a_lost_cable(self):
        """Two hosts, as namespaces, and the cable between them is pulled out."""
        names = [f"versecable{os.getpid()}{side}" for side in "ab"]

        def ip(*words):
            return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0

        if os.geteuid() != 0 or not shutil.which("ip") or not ip("netns", "add", names[0]):
            self.skipTest("namespaces take root, and the program ip")
        processes = []
        try:
            self.assertTrue(ip("netns", "add", names[1]))
            self.assertTrue(ip("-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", names[1]))
            for number, name in enumerate(names, 1):
                ip("-n", name, "addr", "add", f"10.78.0.{number}/24", "dev", "eth0")
                for device in ("lo", "eth0"):
                    self.assertTrue(ip("-n", name, "link", "set", device, "up"))
            out, port = self.place(), free_port()
            for rank, name in enumerate(names):
                variables = environment(WORLD_SIZE=2, RANK=rank, LOCAL_RANK=0, MASTER_ADDR="10.78.0.1", MASTER_PORT=port)
                processes.append(subprocess.Popen(
                    ["ip", "netns", "exec", name, PROGRAM, "train", *map(str, self.arguments(out, 100_000, SHORT))],
                    env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
            self.wait_for_steps(out, processes)
            ip("-n", names[1], "link", "set", "eth0", "down")
            for rank, (status, _, error) in enumerate(end(processes, SHORT + GRACE)):
                self.assertEqual(status, 1, error)
                said = complaints(error)
                self.assertEqual(len(said), 1, error)
                self.assertIn(f"rank {1 - rank}", said[0].split(": ", 2)[2])
                self.assertIn("--resume", said[0])
        finally:
            for process in processes:
                process.kill()
            for name in names:
                ip("netns", "del", name)

    def test_a_folder_that_is_there(self):
        first, second = end(start(2, ["--data", self.text, "--out", self.single, *RECIPE, "--patience", PATIENCE]))
        self.assertEqual(first[0], 2)
        self.assertIn("holds a run already", first[2])
        self.assertEqual(second[0], 1)
        self.assertIn("rank 0 ended", second[2])

    def test_bad_words(self):
        for variables, word in (({"WORLD_SIZE": 2, "RANK": "x"}, "RANK"), ({"WORLD_SIZE": 2}, "RANK"),
                                ({"WORLD_SIZE": 2, "RANK": 2}, "RANK"), ({"WORLD_SIZE": "many", "RANK": 0}, "WORLD_SIZE")):
            done = subprocess.run([PROGRAM, "train", *map(str, self.arguments(self.place()))],
                                  env=environment(**variables), capture_output=True, timeout=600)
            self.assertEqual(done.returncode, 2)
            self.assertIn(word.encode(), done.stderr)
        for flags in (["--sync", "never"], ["--sums", "fp8"], ["--patience", "0"]):
            done = subprocess.run([PROGRAM, "train", *map(str, self.arguments(self.place())), *flags],
                                  env=environment(), capture_output=True, timeout=600)
            self.assertEqual(done.returncode, 2)
            self.assertIn(flags[0].encode(), done.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
