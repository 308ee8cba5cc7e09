#!/usr/bin/env python3
"""Runs chapter 12's program as a user would, mistakes included.

usage: command_line_test.py PROGRAM [unittest arguments]

Every mistake in use has to end with exit status 2, one line on standard error that says what is wrong, and nothing
changed on disk. The models here are tiny and know nothing; that training learns is another test's business.
"""
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = None
PATIENCE = 10 if "VERSE_EMULATED" in os.environ else 1  # an emulator takes its time

# A text with enough characters for a split and a few characters outside ASCII.
TEXT = "".join(f"{name}:\nLine {i} of the café, naïve — and {i * i} more.\n\n" for i in range(60)
               for name in ("ANNA", "OTTO"))

TINY = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "8", "--batch-size", "4", "--threads", "1",
        "--dropout", "0.1"]


def run(*arguments, **options):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=120 * PATIENCE, **options)
    if "VERSE_EMULATED" in os.environ:
        # LibTorch for aarch64 asks Linux which processor this is, and complains where an emulator has no answer.
        done.stderr = re.sub(rb"^/pytorch/.*MIDR_EL1.*\n", b"", done.stderr, flags=re.M)
    return done


def multiplies_bfloat16():
    """Whether training on this processor may have --precision bf16."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return "avx512_bf16" in file.read() and "VERSE_EMULATED" not in os.environ


def tensors(path):
    """The tensors of a safetensors file as bytes, by name."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    body = data[8 + length:]
    return {name: (entry["dtype"], tuple(entry["shape"]), body[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def snapshot(folder):
    """Every file of a folder with its content; lock files aside."""
    found = {}
    for root, _, files in os.walk(folder):
        for name in files:
            if name != ".lock":
                with open(os.path.join(root, name), "rb") as file:
                    found[os.path.relpath(os.path.join(root, name), folder)] = file.read()
    return found


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_command_line_")
        cls.text = os.path.join(cls.folder, "text.txt")
        with open(cls.text, "w", encoding="utf-8") as file:
            file.write(TEXT)
        # One trained run for everybody, never written to.
        cls.trained = os.path.join(cls.folder, "trained")
        done = run("train", "--data", cls.text, "--out", cls.trained, "--steps", 20, "--eval-every", 10, *TINY)
        assert done.returncode == 0, done.stderr.decode()
        cls.training_output = done.stdout.decode()
        # And one that stopped at once, and can go on.
        cls.stopped = os.path.join(cls.folder, "stopped")
        done = run("train", "--data", cls.text, "--out", cls.stopped, "--steps", 40, "--eval-every", 10, *TINY,
                   "--stop-at-loss", 100)
        assert done.returncode == 0, done.stderr.decode()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def place(self, name):
        return os.path.join(self.folder, self.id().split(".")[-1] + "_" + name)

    def copy(self, folder, name="copy"):
        return shutil.copytree(folder, self.place(name))

    def write(self, name, content):
        path = self.place(name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def refused(self, arguments, *words, status=2, **options):
        """Runs the program, which must refuse with one line that has all the words."""
        done = run(*arguments, **options)
        error = done.stderr.decode()
        self.assertEqual(done.returncode, status, error)
        self.assertEqual(error.count("\n"), 1, error)
        for word in words:
            self.assertIn(word, error)
        return done

    def refused_training(self, arguments, *words, data=None):
        """The same for a new run, which must leave no folder."""
        out = self.place("new")
        done = self.refused(["train", "--data", data or self.text, "--out", out, *TINY, *arguments], *words)
        self.assertEqual(done.stdout, b"")
        self.assertFalse(os.path.exists(out), "a folder was left")

    # --- What works ---------------------------------------------------------------------------------------------------

    def test_help(self):
        for arguments in ([], ["--help"], ["train", "--help"], ["generate", "--help"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stderr, b"")
            self.assertIn(b"train" if len(arguments) < 2 else b"--seed", done.stdout)

    # To begin anew, the program is started once more; under an emulator, the kernel does not know how.
    @unittest.skipIf("VERSE_EMULATED" in os.environ, "no second start under an emulator")
    def test_idle_threads_sleep_soon(self):
        def spins(**more):
            set_by_others = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")
            plain = {key: value for key, value in os.environ.items() if key not in set_by_others}
            done = subprocess.run([PROGRAM, "--help"], env={**plain, "OMP_DISPLAY_ENV": "verbose", **more}, capture_output=True, text=True)
            return re.findall(r"GOMP_SPINCOUNT = '(.*)'", done.stderr)  # once for each start
        self.assertEqual(spins(), ["300000", "10000"] if os.cpu_count() > 1 else ["300000"])
        self.assertEqual(spins(GOMP_SPINCOUNT="77"), ["77"])
        self.assertEqual(spins(OMP_WAIT_POLICY="passive"), ["0"])
        self.assertEqual(len(spins(OMP_NUM_THREADS="1")), 1)

    def test_what_it_was_called_with_outlives_a_second_start(self):
        plain = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")}
        done = subprocess.run([PROGRAM, "a  b\n\"", ""], env=plain, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn('there is no command "a  b', done.stderr)

    def test_a_run_folder_is_whole(self):
        files = snapshot(self.trained)
        self.assertEqual(set(files), {"model.safetensors", "config.json", "tokenizer.json", "state.safetensors",
                                      "metrics.csv", "loss.svg", "sample.txt"})
        lines = files["metrics.csv"].decode().splitlines()
        self.assertEqual(lines[0], "step,tokens,seconds,learning_rate,train_loss,val_loss,grad_norm,tokens_per_second")
        self.assertEqual([line.split(",")[0] for line in lines[1:]], ["0", "10", "20"])
        self.assertIn(b"</svg>", files["loss.svg"])
        self.assertIn("validation", self.training_output)
        # After the sample, training says how many of its words it had read.
        self.assertRegex(self.training_output.split(files["sample.txt"].decode())[-1], r"\A\n\d+ % of its words are words of .*\n\Z")

    def test_generation_is_text_alone_and_the_same_by_seed(self):
        arguments = ["generate", "--run", self.trained, "--prompt", "ANNA:", "--max-new-tokens", "60"]
        first, again, other = (run(*arguments, "--seed", seed) for seed in (7, 7, 8))
        self.assertEqual(first.returncode, 0)
        self.assertEqual(first.stderr, b"")
        self.assertEqual(first.stdout, again.stdout)
        self.assertNotEqual(first.stdout, other.stdout)
        text = first.stdout.decode()
        self.assertTrue(text.startswith("ANNA:"))
        self.assertIn(len(text), (65, 66))  # a line end is added where there is none
        for flags in (["--greedy"], ["--top-k", "1"], ["--top-p", "0.000001"], ["--temperature", "0.0001"]):
            done = run(*arguments, *flags)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout, run(*arguments, "--greedy").stdout, flags)

    def test_several_texts_are_those_that_each_would_be_alone(self):
        arguments = ["generate", "--run", self.trained, "--max-new-tokens", "40"]
        alone = [run(*arguments, "--prompt", "ANNA", "--seed", seed).stdout for seed in (7, 8, 9)]
        together = run(*arguments, "--prompt", "ANNA", "--seed", 7, "--samples", 3)
        self.assertEqual(together.returncode, 0, together.stderr)
        self.assertEqual(together.stdout, b"--------\n".join(alone))
        self.assertEqual(run(*arguments, "--prompt", "ANNA", "--seed", 7, "--no-cache").stdout, alone[0])
        self.assertEqual(run(*arguments, "--prompt", "ANNA", "--seed", 7, "--threads", 2).stdout, alone[0])
        halved = run(*arguments, "--prompt", "ANNA", "--seed", 7, "--precision", "bf16")
        self.assertEqual(halved.returncode, 0, halved.stderr)
        self.assertTrue(halved.stdout.startswith(b"ANNA"))
        self.refused([*arguments, "--precision", "fp8"], "--precision", "bf16", "fp8")
        prompts = self.write("prompts", "ANNA\n\nOTTO: café\nLine\n".encode())
        alone = [run(*arguments, "--prompt", prompt, "--seed", 7 + i).stdout
                 for i, prompt in enumerate(("ANNA", "OTTO: café", "Line"))]
        together = run(*arguments, "--prompts", prompts, "--seed", 7)
        self.assertEqual(together.stdout, b"--------\n".join(alone))
        self.refused([*arguments, "--prompts", prompts, "--prompt", "x"], "--prompts")
        self.refused([*arguments, "--prompts", self.write("none", b"\n\n")], "no line")
        self.refused([*arguments, "--samples", "0"], "--samples")
        timed = run(*arguments, "--timing")
        self.assertRegex(timed.stderr.decode(), r"^40 characters in [0-9.]+ s: [0-9.]+ a second; threads: \d+\n$")

    def test_a_prompt_may_have_any_character_of_the_text(self):
        done = run("generate", "--run", self.trained, "--prompt", "é — ï", "--max-new-tokens", "5")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.decode().startswith("é — ï"))

    # --- Mistakes in use ----------------------------------------------------------------------------------------------

    def test_commands(self):
        self.refused(["learn"], "learn")
        self.refused(["train", "--stepz", "3"], "--stepz")
        self.refused(["train", "file.txt"], "file.txt")
        self.refused(["generate"], "--run")

    def test_texts(self):
        self.refused_training([], "there is no file", data=self.place("missing"))
        self.refused_training([], "is a folder", data=self.folder)
        self.refused_training([], "is empty", data=self.write("empty", b""))
        self.refused_training([], "too short", "context of 8", data=self.write("short", b"To be"))
        self.refused_training([], "byte 4 of 13", data=self.write("latin1", b"caf\xe9 au lait\n"))

    def test_numbers(self):
        for flags in (["--heads", "3"], ["--width", "17"]):
            self.refused_training(flags, "--heads must divide --width")
        for flag, value in (("--steps", "0"), ("--steps", "x"), ("--batch-size", "-1"), ("--context", "0"),
                            ("--layers", "0"), ("--heads", "0"), ("--dropout", "1"), ("--learning-rate", "-1"),
                            ("--learning-rate", "nan"), ("--grad-clip", "-1"), ("--eval-every", "0"),
                            ("--precision", "fp8"), ("--preset", "large"), ("--device", "tpu"), ("--seed", "-1"),
                            ("--threads", "two"), ("--stop-at-loss", "-1")):
            self.refused_training([flag, value], flag, value)
        self.refused_training(["--learning-rate", "0.1", "--min-learning-rate", "0.2"], "--min-learning-rate")
        generate = ["generate", "--run", self.trained]
        for flag, value in (("--temperature", "0"), ("--temperature", "hot"), ("--top-k", "0"), ("--top-p", "0"),
                            ("--top-p", "1.5"), ("--max-new-tokens", "0")):
            self.refused([*generate, flag, value], flag, value)

    def test_what_does_not_go_together_for_several_processes(self):
        self.refused_training(["--sync", "ring", "--sums", "bf16"], "--sync ring", "--sums bf16")
        self.refused_training(["--preset", "speedrun", "--shard-optimizer"], "--shard-optimizer", "speedrun")
        scale = ["scale", "--step-ms", "4", "--sum-ms", "0.01"]
        self.refused(scale, "--sum-ms 0.01", "among 2")
        self.refused([*scale, "--gigabits", "1"], "--sum-ms", "--gigabits")
        done = run("scale", "--step-ms", "4", "--sum-ms", "86.266528", "--most", "2")
        self.assertIn(b"; 4 Gbit/s", done.stdout, "a sum of two sends all bytes once, and waits for two messages of 50 us")

    def test_a_device_that_is_not_there(self):
        if os.path.exists("/dev/nvidiactl"):
            self.skipTest("this machine may have CUDA")
        self.refused_training(["--device", "cuda"], "--device cuda")

    def test_a_precision_that_a_processor_does_not_train_in(self):
        if os.path.exists("/dev/nvidiactl"):
            self.skipTest("this machine may have CUDA")
        self.refused_training(["--precision", "fp16"], "--precision fp16", "GPU")
        self.refused_training(["--precision", "bf16", "--preset", "demo"], "--precision bf16", "chapter 4")
        if not multiplies_bfloat16():
            self.refused_training(["--precision", "bf16"], "--precision bf16", "no instructions")

    def test_products_in_bfloat16_go_on_as_they_began(self):
        if not multiplies_bfloat16():
            self.skipTest("this processor does not multiply bfloat16")
        whole, cut, exact = self.place("whole"), self.place("cut"), self.place("exact")
        base = ["train", "--data", self.text, "--steps", 8, "--eval-every", 4, *TINY, "--device", "cpu"]
        half = [*base, "--precision", "bf16"]
        for arguments in ([*half, "--out", whole], [*base, "--out", exact],
                          [*half, "--out", cut, "--stop-at-loss", 100]):  # reached at the first look
            done = run(*arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("products in bfloat16" in done.stdout.decode(), "bf16" in arguments)
        model = "model.safetensors"
        self.assertNotEqual(tensors(os.path.join(exact, model)), tensors(os.path.join(whole, model)))
        self.assertNotEqual(tensors(os.path.join(cut, model)), tensors(os.path.join(whole, model)))
        done = run("train", "--out", cut, "--resume", "--stop-at-loss", 0.001)
        self.assertEqual(done.returncode, 0, done.stderr)
        for file in (model, "state.safetensors"):
            self.assertEqual(tensors(os.path.join(cut, file)), tensors(os.path.join(whole, file)))

    def test_a_text_whose_name_is_not_utf8(self):
        text = os.path.join(os.fsencode(self.folder), b"caf\xe9.txt")
        with open(text, "wb") as file:
            file.write(TEXT.encode())
        out = self.place("latin1")
        arguments = ["--steps", "4", "--eval-every", "2", *TINY]
        done = run("train", "--data", os.fsdecode(text), "--out", out, *arguments, "--stop-at-loss", 100)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("train", "--out", out, "--resume", "--stop-at-loss", 0)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_prompts(self):
        generate = ["generate", "--run", self.trained, "--prompt"]
        done = self.refused([*generate, "ANNA: β§"], "β", "§")
        self.assertEqual(done.stdout, b"")
        self.refused([*generate, b"\xff".decode("utf-8", "surrogateescape")], "UTF-8")
        self.refused([*generate, ""], "--prompt")

    def test_runs_that_are_missing_or_damaged(self):
        self.refused(["generate", "--run", self.place("missing")], "missing")
        self.refused(["train", "--out", self.place("missing"), "--resume"], "no run")
        for name in ("model.safetensors", "config.json", "tokenizer.json"):
            broken = self.copy(self.trained, "without_" + name)
            os.remove(os.path.join(broken, name))
            self.refused(["generate", "--run", broken], name)
            broken = self.copy(self.trained, "cut_" + name)
            with open(os.path.join(broken, name), "r+b") as file:
                file.truncate(os.path.getsize(file.name) // 2)
            self.refused(["generate", "--run", broken], name)
        self.altered("generate", "model.safetensors", -5)

    def altered(self, command, name, position):
        """Flips a bit of a file in a copy of a run, which must then be refused."""
        broken = self.copy(self.stopped, f"altered_{name}_{abs(position)}")
        path = os.path.join(broken, name)
        with open(path, "r+b") as file:
            file.seek(position, os.SEEK_END)
            byte = file.read(1)
            file.seek(position, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
        before = snapshot(broken)
        arguments = ["generate", "--run", broken] if command == "generate" else ["train", "--out", broken, "--resume"]
        self.refused(arguments, name)
        self.assertEqual(snapshot(broken), before)

    def test_states_that_are_damaged(self):
        self.altered("train", "state.safetensors", -9)
        self.altered("train", "metrics.csv", -9)
        self.altered("train", "model.safetensors", -9)
        for name in ("state.safetensors", "metrics.csv"):
            broken = self.copy(self.stopped, "cut_" + name)
            with open(os.path.join(broken, name), "r+b") as file:
                file.truncate(os.path.getsize(file.name) - 10)
            self.refused(["train", "--out", broken, "--resume"], name, "cut short")

    def test_another_shape_is_refused(self):
        # The configuration of another model beside this one's weights.
        foreign = self.copy(self.trained)
        path = os.path.join(foreign, "config.json")
        with open(path, encoding="utf-8") as file:
            config = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(r'"n_embd": 16', '"n_embd": 32', config))
        self.refused(["generate", "--run", foreign], foreign)

    def test_a_run_goes_on_only_as_it_began(self):
        run_folder = self.copy(self.stopped)
        before = snapshot(run_folder)
        resume = ["train", "--out", run_folder, "--resume"]
        for flag, value in (("--width", "32"), ("--steps", "39"), ("--learning-rate", "0.5"), ("--seed", "2"),
                            ("--preset", "demo")):
            self.refused([*resume, flag, value], flag)
        self.refused([*resume, "--data", self.write("other", TEXT.replace("OTTO", "OTTA").encode())], "not the text")
        os.rename(self.text, self.text + ".away")
        try:
            self.refused(resume, "not there any more", "--data")
        finally:
            os.rename(self.text + ".away", self.text)
        self.assertEqual(snapshot(run_folder), before)

    def test_a_finished_run_goes_on_where_more_steps_are_asked_for(self):
        base = ["train", "--data", self.text, *TINY, "--warmup", 2, "--learning-rate", 1e-3, "--min-learning-rate", 1e-4,
                "--eval-every", 4]
        longer, whole = self.place("longer"), self.place("longer-whole")
        self.assertEqual(run(*base, "--steps", 8, "--out", longer).returncode, 0)
        self.assertEqual(run(*base, "--steps", 16, "--out", whole).returncode, 0)
        done = run("train", "--out", longer, "--resume", "--steps", 16)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"planned for 8 steps until now", done.stderr)

        def rates(folder):
            with open(os.path.join(folder, "metrics.csv"), encoding="utf-8") as file:
                rows = [line.split(",") for line in file.read().splitlines()[1:]]
            return {int(row[0]): row[3] for row in rows}
        there, wanted = rates(longer), rates(whole)
        self.assertEqual(max(there), 16)
        self.assertEqual({step: rate for step, rate in there.items() if step > 8},
                         {step: rate for step, rate in wanted.items() if step > 8})
        self.assertNotEqual(there[8], wanted[8])  # it was at its end there
        done = run("train", "--out", longer, "--resume")  # and the new end is the run's own
        self.assertEqual(done.returncode, 0, done.stderr)
        self.refused(["train", "--out", longer, "--resume", "--steps", "8"], "--steps 16")

    def test_another_architecture_is_trained_cut_off_and_speaks(self):
        base = ["train", "--preset", "speedrun", *TINY[:-2], "--data", self.text, "--steps", 6, "--eval-every", 3]
        whole, cut = self.place("modern"), self.place("modern-cut")
        done = run(*base, "--out", whole)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run(*base, "--out", cut, "--stop-at-loss", 100)  # reached at the first look
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(tensors(os.path.join(cut, "state.safetensors")), tensors(os.path.join(whole, "state.safetensors")))
        done = run("train", "--out", cut, "--resume", "--stop-at-loss", 0.001)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(tensors(os.path.join(cut, "model.safetensors")), tensors(os.path.join(whole, "model.safetensors")))
        done = run("generate", "--run", whole, "--max-new-tokens", 20, "--seed", 7)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(len(done.stdout), 20)
        self.refused(["train", "--from", whole, "--data", self.text, "--out", self.place("on")], "chapter 11's ModernGPT")

    def test_accumulation_may_not_change_either(self):
        run_folder = self.copy(self.stopped)
        self.refused(["train", "--out", run_folder, "--resume", "--accumulate", "2"], "accumulate 1")

    def test_a_folder_that_exists_is_refused(self):
        run_folder = self.copy(self.stopped)
        before = snapshot(run_folder)
        self.refused(["train", "--data", self.text, "--out", run_folder, *TINY], "--resume")
        self.assertEqual(snapshot(run_folder), before)
        other = self.place("other")
        os.mkdir(other)
        with open(os.path.join(other, "letter.txt"), "w", encoding="utf-8") as file:
            file.write("mine")
        self.refused(["train", "--data", self.text, "--out", other, *TINY], "not empty")
        self.assertEqual(os.listdir(other), ["letter.txt"])

    def test_a_folder_in_use_is_refused(self):
        run_folder = self.copy(self.stopped)
        with open(os.path.join(run_folder, ".lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused(["train", "--out", run_folder, "--resume"], "in use")

    # --- Failures -----------------------------------------------------------------------------------------------------

    def test_a_full_disk_leaves_the_last_good_state(self):
        run_folder = self.copy(self.stopped)
        before = snapshot(run_folder)

        def limit_file_size():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

        done = run("train", "--out", run_folder, "--resume", "--stop-at-loss", "0", preexec_fn=limit_file_size)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr.decode().splitlines()[-1], r"cannot write .*: File too large")
        after = snapshot(run_folder)
        self.assertEqual(after["state.safetensors"], before["state.safetensors"])
        self.assertEqual(after["model.safetensors"], before["model.safetensors"])
        self.assertEqual(set(after), set(before), "something was left behind")
        done = run("train", "--out", run_folder, "--resume", "--stop-at-loss", "0")
        self.assertEqual(done.returncode, 0, done.stderr)

    # --- Runs that are cut off ----------------------------------------------------------------------------------------

    STEPS = 800

    def start(self, out):
        """Starts a training and waits until it has saved some steps."""
        process = subprocess.Popen([PROGRAM, "train", "--data", self.text, "--out", out, "--steps", str(self.STEPS),
                                    "--eval-every", "50", *TINY], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        metrics = os.path.join(out, "metrics.csv")
        end = time.monotonic() + 100
        while time.monotonic() < end:
            if os.path.exists(metrics):
                with open(metrics, encoding="utf-8") as file:
                    if re.search(r"^1[3-9]0,", file.read(), re.MULTILINE):
                        return process
            if process.poll() is not None:
                break
            time.sleep(0.002)
        process.kill()
        self.fail("the training never came that far: " + process.communicate()[1].decode())

    def test_a_run_cut_off_ends_as_one_that_was_not(self):
        whole = self.place("whole")
        done = run("train", "--data", self.text, "--out", whole, "--steps", self.STEPS, "--eval-every", 50, *TINY)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name, number, status in (("killed", signal.SIGKILL, -signal.SIGKILL), ("interrupted", signal.SIGINT, 130)):
            with self.subTest(name):
                out = self.place(name)
                process = self.start(out)
                process.send_signal(number)
                _, error = process.communicate(timeout=60 * PATIENCE)
                self.assertEqual(process.returncode, status, error)
                if number == signal.SIGINT:
                    self.assertRegex(error.decode().splitlines()[-1], r"stopped after step \d+ of .*--resume")
                    step = int(re.search(r"stopped after step (\d+)", error.decode()).group(1))
                    self.assertLess(step, self.STEPS)

                done = run("train", "--out", out, "--resume")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(tensors(os.path.join(out, "state.safetensors")),
                                 tensors(os.path.join(whole, "state.safetensors")))
                self.assertEqual(snapshot(out)["model.safetensors"], snapshot(whole)["model.safetensors"])
                self.assertEqual(snapshot(out)["sample.txt"], snapshot(whole)["sample.txt"])
                # The record has every step once, with the same losses; seconds differ.
                losses = [[line.split(",")[column] for column in (0, 1, 3, 4, 5, 6)]
                          for folder in (out, whole) for line in snapshot(folder)["metrics.csv"].decode().splitlines()]
                self.assertEqual(losses[:len(losses) // 2], losses[len(losses) // 2:])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what was started in a shell's background ignores it
    unittest.main(verbosity=1)
