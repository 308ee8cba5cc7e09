#!/usr/bin/env python3
"""Gives chapter 12's program what strangers give: their folders, their files, their names and their mistakes.

usage: strangers_test.py PROGRAM [unittest arguments]

Each has to end with one line that says what was expected and what came, exit status 2 (1 where it is no mistake in
use), in a short time, and with nothing changed that was not asked for.
"""
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = None
TEXT = "".join(f"{name}:\nLine {i} of the cafe, naive and {i * i} more.\n\n" for i in range(60)
               for name in ("ANNA", "OTTO"))
TINY = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "8", "--batch-size", "4", "--threads", "1"]


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, **{"timeout": 100, **options})


def read_tensors(path):
    """A safetensors file's metadata, and its tensors as [dtype, shape, bytes] by name."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    metadata = header.pop("__metadata__", {})
    return metadata, {name: [entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])]]
                      for name, entry in header.items()}


def write_tensors(path, metadata, tensors):
    """Writes one, without the digest that a file of the course's own has."""
    header = {"__metadata__": {name: value for name, value in metadata.items() if name != "verse.digest"}}
    place = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [place, place + len(data)]}
        place += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


class Strangers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_strangers_")
        cls.text = os.path.join(cls.folder, "text.txt")
        with open(cls.text, "w", encoding="utf-8") as file:
            file.write(TEXT)
        cls.trained = os.path.join(cls.folder, "trained")
        done = run("train", "--data", cls.text, "--out", cls.trained, "--steps", 40, "--eval-every", 10, *TINY,
                   "--stop-at-loss", 100)
        assert done.returncode == 0, done.stderr.decode()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def place(self, name):
        return os.path.join(self.folder, self.id().split(".")[-1] + "_" + name)

    def copy(self, name="copy"):
        place = self.place(name)
        shutil.rmtree(place, ignore_errors=True)
        return shutil.copytree(self.trained, place)

    def write(self, path, content):
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def refused(self, arguments, *words, status=2, **options):
        """Runs the program, which must refuse with one line that has all the words."""
        start = time.monotonic()
        done = run(*arguments, **options)
        error = done.stderr.decode()
        self.assertEqual(done.returncode, status, error)
        self.assertEqual(error.count("\n"), 1, error)
        self.assertLess(len(error), 2000)
        self.assertFalse([c for c in error[:-1] if ord(c) < 32 or 127 <= ord(c) < 160], repr(error))
        for word in words:
            self.assertIn(word, error)
        self.assertLess(time.monotonic() - start, 60)
        return error

    def hugging_face(self, name, config=None):
        """A GPT-2's folder as Hugging Face keeps it: names with a prefix, and nothing of ours."""
        place = self.copy(name)
        for file in ("state.safetensors", "metrics.csv", "loss.svg", "sample.txt", ".lock"):
            os.remove(os.path.join(place, file))
        weights = os.path.join(place, "model.safetensors")
        _, tensors = read_tensors(weights)
        write_tensors(weights, {"format": "pt"}, {"transformer." + key: value for key, value in tensors.items()})
        if config:
            self.change_json(os.path.join(place, "config.json"), config)
        return place

    def change_json(self, path, change):
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        change(value)
        self.write(path, json.dumps(value))

    def change_state(self, run_folder, change):
        place = os.path.join(run_folder, "state.safetensors")
        metadata, tensors = read_tensors(place)
        described = json.loads(metadata["run"])
        change(described)
        metadata["run"] = json.dumps(described)
        write_tensors(place, metadata, tensors)

    # --- Values that are no numbers -----------------------------------------------------------------------------------

    def test_weights_that_are_no_numbers(self):
        for value in (float("nan"), float("inf"), float("-inf")):
            place = self.copy()
            weights = os.path.join(place, "model.safetensors")
            metadata, tensors = read_tensors(weights)
            data = bytearray(tensors["h.0.mlp.c_fc.weight"][2])
            data[40:44] = struct.pack("<f", value)
            tensors["h.0.mlp.c_fc.weight"][2] = bytes(data)
            write_tensors(weights, metadata, tensors)
            for arguments in (["generate", "--run", place], ["logits", "--run", place, "--prompt", "A"],
                              ["train", "--from", place, "--data", self.text, "--out", self.place("new")],
                              ["import-gpt2", place, "--out", self.place("new")]):
                self.refused(arguments, "h.0.mlp.c_fc.weight", "1 of 1024 values", "no finite numbers")
            self.assertFalse(os.path.exists(self.place("new")))

    def test_an_answer_that_is_no_number(self):
        # Finite weights whose products are not.
        place = self.copy()
        weights = os.path.join(place, "model.safetensors")
        metadata, tensors = read_tensors(weights)
        for name in ("ln_f.weight", "wte.weight"):
            size = len(tensors[name][2]) // 4
            tensors[name][2] = struct.pack(f"<{size}f", *([3e38, -3e38] * size)[:size])
        write_tensors(weights, metadata, tensors)
        for more in ([], ["--greedy"], ["--samples", "3"], ["--no-cache"]):
            self.refused(["generate", "--run", place, *more], "no number", status=1)
        error = self.refused_last(["train", "--from", place, "--data", self.text, "--out", self.place("new"), "--steps",
                                   "5", "--batch-size", "2", "--threads", "1"], "validation loss is no number at step 0")
        self.assertNotIn("learning-rate", error)

    def refused_last(self, arguments, *words, status=1):
        """As refused(), where notes may stand before the line."""
        done = run(*arguments)
        error = done.stderr.decode().splitlines()[-1]
        self.assertEqual(done.returncode, status, error)
        for word in words:
            self.assertIn(word, error)
        return error

    # --- Texts that come by a pipe, and names -------------------------------------------------------------------------

    def test_a_text_by_a_pipe_is_to_be_named_again(self):
        out = self.place("run")
        arguments = ["train", "--data", "/dev/stdin", "--out", out, "--steps", 20, "--eval-every", 10, *TINY,
                     "--stop-at-loss", 100]
        done = run(*arguments, input=TEXT.encode())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.refused(["train", "--out", out, "--resume"], "came by a pipe", "--data", input=b"")
        done = run("train", "--out", out, "--resume", "--data", self.text, "--stop-at-loss", 0)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_text_that_is_gone(self):
        text = self.write(self.place("text"), TEXT)
        out = self.place("run")
        done = run("train", "--data", text, "--out", out, "--steps", 20, "--eval-every", 10, *TINY, "--stop-at-loss", 9)
        self.assertEqual(done.returncode, 0, done.stderr)
        os.remove(text)
        self.refused(["train", "--out", out, "--resume"], "not there any more", "--data")
        os.mkfifo(text)
        self.refused(["train", "--out", out, "--resume"], "no file", "--data")
        os.remove(text)
        os.symlink("/dev/zero", text)
        self.refused(["train", "--out", out, "--resume"], "no file", "--data")

    def test_what_has_no_end_is_not_read(self):
        self.refused(["train", "--data", "/dev/zero", "--out", self.place("run")], "/dev/zero", "a device")
        for name in ("tokenizer.json", "config.json", "model.safetensors"):
            for make in (os.mkfifo, lambda path: os.symlink("/dev/zero", path)):
                place = self.copy()
                os.remove(os.path.join(place, name))
                make(os.path.join(place, name))
                self.refused(["generate", "--run", place], name, "no regular file")
        for name in ("state.safetensors", "metrics.csv"):
            place = self.copy()
            os.remove(os.path.join(place, name))
            os.mkfifo(os.path.join(place, name))
            self.refused(["train", "--out", place, "--resume"], name, "no regular file")

    def test_advice_can_be_pasted(self):
        out = self.place("it's my run; $HOME")
        training = subprocess.Popen([PROGRAM, "train", "--data", self.text, "--out", out, "--steps", "1000000",
                                     "--eval-every", "100", *TINY], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not os.path.exists(os.path.join(out, "state.safetensors")):
            time.sleep(0.05)
        training.send_signal(signal.SIGTERM)
        _, error = training.communicate(timeout=60)
        self.assertEqual(training.returncode, 130, error)
        command = error.decode().rstrip("\n").split("go on with: ")[1]
        again = subprocess.run(["bash", "-c", command + " --stop-at-loss 100"], capture_output=True, timeout=60)
        self.assertEqual(again.returncode, 0, again.stderr)

    def test_what_a_name_would_do_to_a_terminal_is_shown(self):
        name = self.place("\x1b[2J\n\x9b")
        self.refused(["generate", "--run", name], "\\x1b[2J")
        self.refused(["generate", "--run", self.trained, "--prompts", name], "\\x1b[2J")
        self.refused(["generate", "--run", "x" * 100_000], "File name too long")
        # In a file of a stranger's folder; three million characters of it.
        for config in (lambda c: c.update(model_type="\x1b[31m"), lambda c: c.update(model_type="x" * 3_000_000)):
            place = self.copy()
            self.change_json(os.path.join(place, "config.json"), config)
            self.refused(["generate", "--run", place], "model_type")
        place = self.copy()
        weights = os.path.join(place, "model.safetensors")
        metadata, tensors = read_tensors(weights)
        write_tensors(weights, metadata, {"\x1b]0;owned\x07" * 1000: ["F32", [1], b"1234"], **tensors})
        self.refused(["generate", "--run", place], "superfluous")

    def test_tokens_do_nothing_to_a_terminal(self):
        place = self.copy()
        text = self.write(self.place("text"), TEXT.replace("e", "\x1b"))
        shutil.rmtree(place)
        done = run("train", "--data", text, "--out", place, "--steps", 10, "--eval-every", 10, *TINY)
        self.assertEqual(done.returncode, 0, done.stderr)
        arguments = [PROGRAM, "generate", "--run", place, "--max-new-tokens", "200", "--seed", "3"]
        piped = subprocess.run(arguments, capture_output=True, timeout=60).stdout
        self.assertIn(b"\x1b", piped)
        main, other = pty.openpty()
        subprocess.run(arguments, stdout=other, stderr=subprocess.DEVNULL, timeout=60)
        os.close(other)
        shown = b""
        try:
            while piece := os.read(main, 65536):
                shown += piece
        except OSError:
            pass
        os.close(main)
        self.assertNotIn(b"\x1b", shown)
        self.assertIn(b"\\x1b", shown)

    # --- Prompts and texts from elsewhere -----------------------------------------------------------------------------

    def test_a_text_without_line_ends(self):
        text = self.write(self.place("text"), "abcdefghij" * 100)
        out = self.place("run")
        done = run("train", "--data", text, "--out", out, "--steps", 10, "--eval-every", 10, *TINY)
        self.assertEqual(done.returncode, 0, done.stderr)
        for more in ([], ["--samples", "2"]):
            done = run("generate", "--run", out, "--max-new-tokens", 5, *more)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_prompts_that_windows_has_saved(self):
        plain, windows = self.write(self.place("plain"), "ANNA\nOTTO:\n"), self.place("windows")
        self.write(windows, b"\xef\xbb\xbfANNA\r\nOTTO:\r\n")
        answers = [run("generate", "--run", self.trained, "--prompts", file, "--max-new-tokens", 20)
                   for file in (plain, windows)]
        self.assertEqual(answers[0].returncode, 0, answers[0].stderr)
        self.assertEqual(answers[0].stdout, answers[1].stdout)
        self.write(windows, "ANNA\r\n\r\nOTTO \u00df\r\n")
        self.refused(["generate", "--run", self.trained, "--prompts", windows], windows + ":3:", "\u00df")

    def test_texts_that_are_not_utf8_are_named(self):
        bad = self.write(self.place("bad"), b"caf\xe9 au lait")
        for command in ("tokens", "logits"):
            self.refused([command, "--run", self.trained, "--data", bad], bad, "not UTF-8")

    # --- Folders of another kind --------------------------------------------------------------------------------------

    def test_a_hugging_face_folder_is_told_from_a_run(self):
        place = self.hugging_face("gpt2")
        for arguments in (["generate", "--run", place], ["train", "--from", place, "--out", self.place("new")],
                          ["train", "--out", place, "--resume"]):
            self.refused(arguments, f"import {place} --out RUN")
        done = run("import-gpt2", "--threads", "1", place, "--out", self.place("imported"))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("import-gpt2", f"--out={self.place('again')}", place)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_other_kinds_of_files(self):
        kinds = {b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n": "git lfs pull",
                 b"GGUF\x03\0\0\0": "GGUF", b"PK\x03\x04....": "pickled", b"\x80\x02}q\0.": "pickled"}
        for content, word in kinds.items():
            place = self.hugging_face("gpt2")
            self.write(os.path.join(place, "model.safetensors"), content)
            self.refused(["import-gpt2", place, "--out", self.place("new")], "model.safetensors", word)
        place = self.copy()
        self.write(os.path.join(place, "tokenizer.json"), b"version https://git-lfs.github.com/spec/v1\noid\n")
        self.refused(["generate", "--run", place], "tokenizer.json", "git lfs pull")

    def test_a_folder_too_high_and_a_file_in_it(self):
        high = self.place("high")
        os.mkdir(high)
        inner = shutil.copytree(self.trained, os.path.join(high, "inner"))
        self.refused(["generate", "--run", high], "there is one in it", inner)
        self.refused(["generate", "--run", os.path.join(inner, "config.json")], "the folder around it", inner)
        self.refused(["import-gpt2", self.text, "--out", self.place("new")], "is a file")
        self.refused(["import-gpt2", self.place("none"), "--out", self.place("new")], "there is no folder")
        link = self.place("link")
        os.symlink("nowhere", link)
        self.refused(["train", "--data", self.text, "--out", link, *TINY], link, "is a link to nowhere")

    def test_every_name_that_hugging_face_reads(self):
        names = {"n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads",
                 "n_positions": "max_position_embeddings"}

        def rename(config):
            for ours, theirs in names.items():
                config[theirs] = config.pop(ours)

        place = self.hugging_face("gpt2", rename)
        done = run("import-gpt2", place, "--out", self.place("imported"))
        self.assertEqual(done.returncode, 0, done.stderr)
        place = self.hugging_face("gpt2", lambda config: config.update(hidden_size=32))
        self.refused(["import-gpt2", place, "--out", self.place("new")], "hidden_size should be 16, as n_embd has it")
        place = self.hugging_face("gpt2", lambda config: config.pop("n_embd"))
        self.refused(["import-gpt2", place, "--out", self.place("new")], "it does not say n_embd 768")

    # --- Folders that mean harm ---------------------------------------------------------------------------------------

    def test_nothing_is_written_through_a_link(self):
        victim = self.write(self.place("victim"), "mine")
        place = self.copy()
        for name in ("metrics.csv", "loss.svg", "sample.txt", "config.json", "tokenizer.json", "model.safetensors",
                     "state.safetensors"):
            real = os.path.join(place, name)
            aside = self.place(name)
            os.rename(real, aside)
            os.symlink(aside, real)
        before = {name: self.read(self.place(name)) for name in os.listdir(place) if name != ".lock"}
        for number in range(40):
            for name in before:
                os.symlink(victim, os.path.join(place, f"{name}.partial-{os.getpid() + 1}-{number}"))
        done = run("train", "--out", place, "--resume", "--stop-at-loss", 0)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name, content in before.items():
            self.assertEqual(self.read(self.place(name)), content, name)
        self.assertEqual(self.read(victim), b"mine")
        os.remove(os.path.join(place, ".lock"))
        os.symlink(self.place("made"), os.path.join(place, ".lock"))
        self.refused(["train", "--out", place, "--resume"], ".lock is a link")
        self.assertFalse(os.path.exists(self.place("made")))

    def test_only_its_own_unfinished_files_are_cleared_away(self):
        place = self.copy()
        mine, old = os.path.join(place, "notes.partial-1.txt"), os.path.join(place, "metrics.csv.partial-7-0")
        self.write(mine, "mine")
        self.write(old, "half")
        done = run("train", "--out", place, "--resume", "--stop-at-loss", 100)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(os.path.exists(mine))
        self.assertFalse(os.path.exists(old))

    def test_a_state_is_believed_nothing(self):
        wrong = {"heads": [0, -1, 3, 10**6], "eval-every": [0, -5], "layers": [0, 10**6, 999], "width": [0, 10**9],
                 "batch-size": [0, 10**9], "context": [0, 10**9], "steps": [0], "dropout": [1, -1, 2],
                 "learning-rate": [-1, 1e9], "precision": ["fp8"], "accumulate": [0, 10**7], "beta1": [2],
                 "vocabulary": [-1]}
        place = self.copy()
        state = os.path.join(place, "state.safetensors")
        with open(state, "rb") as file:
            whole = file.read()
        for name, values in wrong.items():
            for value in values + [{"heads": "x", "layers": 1e30, "width": None}.get(name, [])]:
                self.write(state, whole)
                self.change_state(place, lambda described: described["recipe"].update({name: value}))
                self.refused(["train", "--out", place, "--resume"])
        for name, values in {"threads": [-1, 10**6, 1.5], "device": ["tpu", 3], "step": [-1, 1e30],
                             "best_step": [-1], "format": [2]}.items():
            for value in values:
                self.write(state, whole)
                self.change_state(place, lambda described: described.update({name: value}))
                self.refused(["train", "--out", place, "--resume"], name if name != "format" else "another version")

    def test_a_model_of_another_step_or_run(self):
        other = self.place("other")
        done = run("train", "--data", self.text, "--out", other, "--steps", 40, "--eval-every", 10, *TINY, "--seed", 2,
                   "--stop-at-loss", 100)
        self.assertEqual(done.returncode, 0, done.stderr)
        place = self.copy()
        done = run("train", "--out", place, "--resume", "--stop-at-loss", 0)
        self.assertEqual(done.returncode, 0, done.stderr)
        shutil.copy(os.path.join(self.trained, "model.safetensors"), place)
        self.refused(["train", "--out", place, "--resume"], "model of step 0", "the best one of this run is of step")
        shutil.copy(os.path.join(other, "model.safetensors"), place)
        self.refused(["train", "--out", place, "--resume"], "model of another run")

    def test_a_small_file_asks_for_no_memory(self):
        def limit():
            import resource
            if "VERSE_SANITIZED" not in os.environ:  # a sanitizer's own map of memory takes terabytes of addresses
                resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))

        place = self.copy()
        weights = os.path.join(place, "model.safetensors")
        metadata, tensors = read_tensors(weights)
        layers, width = 1000, 8000
        small = {"wte.weight": ["F32", [1, width], bytes(4 * width)], "wpe.weight": ["F32", [1, width], bytes(4 * width)]}
        for layer in range(layers):
            for part in ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"):
                for kind in ("weight", "bias"):
                    small[f"h.{layer}.{part}.{kind}"] = ["F32", [1], bytes(4)]
        small["ln_f.weight"] = small["ln_f.bias"] = ["F32", [width], bytes(4 * width)]
        metadata.pop("verse.companions")
        write_tensors(weights, metadata, small)
        self.change_json(os.path.join(place, "config.json"),
                         lambda config: config.update(n_layer=layers, n_embd=width, n_head=8, vocab_size=1, n_positions=1))
        self.refused(["import-gpt2", place, "--out", self.place("new")], "tokens", preexec_fn=limit)
        self.change_json(os.path.join(place, "tokenizer.json"), lambda t: t["model"].update(vocab={"a": 0}))
        self.refused(["generate", "--run", place], "h.0.", "config.json asks for", preexec_fn=limit)

        modern = self.place("modern")
        done = run("train", "--preset", "speedrun", "--data", self.text, "--out", modern, "--steps", 10, "--eval-every",
                   10, "--layers", 1, "--heads", 2, "--width", 16, "--context", 8, "--threads", 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.change_json(os.path.join(modern, "config.json"), lambda config: config.update(n_embd=10_000))
        self.refused(["generate", "--run", modern], "not the one it was written with", preexec_fn=limit)

    def test_a_shard_lies_in_its_folder(self):
        for name in ("../trained/model.safetensors", "/etc/passwd", "", "..", "a/b"):
            place = self.hugging_face("gpt2")
            os.remove(os.path.join(place, "model.safetensors"))
            self.write(os.path.join(place, "model.safetensors.index.json"),
                       json.dumps({"weight_map": {"wte.weight": name}}))
            self.refused(["import-gpt2", place, "--out", self.place("new")], "index.json")

    # --- Memory -------------------------------------------------------------------------------------------------------

    def test_what_cannot_fit_is_said_before_it_is_tried(self):
        out = self.place("new")
        for more, words in ((["--batch-size", "1000000", "--context", "1000"], ["--accumulate"]),
                            (["--layers", "1000", "--width", "100000", "--heads", "10"], ["fewer layers"])):
            self.refused(["train", "--data", self.text, "--out", out, *TINY, *more], "needs at least", "this machine has",
                         *words)
            self.assertFalse(os.path.exists(out))

    def test_what_is_foreseen_is_most_of_what_a_batch_takes(self):
        if "VERSE_SANITIZED" in os.environ:
            self.skipTest("a sanitizer takes memory of its own")

        def memory(windows, name, more):
            record = self.place(f"record_{name}_{windows}")
            done = run("train", "--preset", "small", "--data", self.text, "--out", self.place(f"run_{name}_{windows}"), "--steps",
                       2, "--eval-batches", 1, "--batch-size", windows, "--threads", 1, "--record", record, *more, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(record, encoding="utf-8") as file:
                scalars = json.load(file)["scalars"]
            return scalars["memory"]["value"], scalars["foreseen_memory"]["value"]

        # What the program has for itself is the same for both. Foreseen is what a step certainly takes: never more than it did take,
        # and not less than half of it. Many layers, so that what is in use for a moment counts for little; and dropout, since then
        # attention keeps least.
        kinds = [("fp32", 212, [])]
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            if "avx512_bf16" in file.read() and "VERSE_EMULATED" not in os.environ:
                kinds.append(("bf16", 112, ["--precision", "bf16", "--layers", 24, "--dropout", 0.1]))
        for name, windows, more in kinds:
            with self.subTest(name):
                (few, few_foreseen), (many, many_foreseen) = memory(12, name, more), memory(windows, name, more)
                taken, foreseen = many - few, many_foreseen - few_foreseen
                self.assertGreater(foreseen, 300)
                self.assertLessEqual(foreseen, taken)
                self.assertLessEqual(taken, 2 * foreseen)

    def test_a_large_text_takes_a_few_times_its_bytes(self):
        megabytes = int(os.environ.get("VERSE_LARGE", "70"))
        text = self.place("large")
        piece = (TEXT * (1_000_000 // len(TEXT) + 1))[:1_000_000].encode()
        with open(text, "wb") as file:
            for _ in range(megabytes):
                file.write(piece)
        with subprocess.Popen([PROGRAM, "train", "--data", text, "--out", self.place("run"), "--eval-batches", "1", *TINY,
                               "--steps", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as training:
            _, status, used = os.wait4(training.pid, 0)
            self.assertEqual(status, 0, training.stderr.read())
            training.returncode = 0
        os.remove(text)
        # Twice where it is read and split, once as tokens; LibTorch itself and what is measured of a part take the rest.
        # A sanitizer keeps 256 MiB of what was freed.
        more = 2**28 if "VERSE_SANITIZED" in os.environ else 0
        self.assertLess(used.ru_maxrss * 1024, 4 * megabytes * 1e6 + 0.5e9 + more, f"{used.ru_maxrss} kB")

    def test_many_prompts(self):
        prompts = int(os.environ.get("VERSE_PROMPTS", "4000"))
        file = self.write(self.place("prompts"), "ANNA\nOTTO\n" * (prompts // 2))
        done = run("generate", "--run", self.trained, "--prompts", file, "--max-new-tokens", 2, "--threads", 1, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.decode().count("--------\n"), prompts // 2 * 2 - 1)
        self.refused(["generate", "--run", self.trained, "--prompts", file, "--samples", "4096"], "1,000,000 texts")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
