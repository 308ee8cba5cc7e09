"""What the tests against Hugging Face's libraries have in common: the program, their folders, what is compared and what is refused."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

import safetensors.torch
import torch
import transformers
from transformers import PreTrainedTokenizerFast

PROGRAM = None  # set by main

# float32 through a few small layers, sums in another order; logits here are between 1 and 100.
TOLERANCE = 1e-4

PLAY = "".join(f"{name}:\nLine {i} of the café, naïve — and  {i * i} more, isn't it?\n\n" for i in range(60) for name in ("ANNA", "OTTO"))


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=300, **options)


def output(*arguments, **options):
    done = run(*arguments, **options)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: {done.stderr.decode()}")
    return done.stdout.decode()


def shifted(model):
    """The model with every parameter moved at random, gains and biases too, so that a mix-up would show."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.15)
    return model


def losses_of(run_folder):
    """The losses on held-out text that a run has written, in order."""
    with open(os.path.join(run_folder, "metrics.csv"), encoding="utf-8") as file:
        return [float(line.split(",")[5]) for line in file.readlines()[1:] if line.split(",")[5]]


def held_out_loss(model, tokenizer):
    """Their loss on the play's last tenth, in pieces of 32 tokens."""
    numbers = torch.tensor(tokenizer.encode(PLAY[int(len(PLAY) * 0.9):]).ids)
    pieces = []
    with torch.no_grad():
        for start in range(0, len(numbers) - 1, 32):
            piece = numbers[start:start + 33]
            logits = model(piece[None, :-1]).logits[0]
            pieces.append(torch.nn.functional.cross_entropy(logits, piece[1:], reduction="none"))
    return torch.cat(pieces).mean().item()


class InteropTest(unittest.TestCase):
    """A folder with the play in it. Tests add `tokenizer`, `model` and `theirs`, the folder of both."""
    importing = "import"  # the command that reads their folders

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_interop_")
        cls.text = os.path.join(cls.folder, "play.txt")
        with open(cls.text, "w", encoding="utf-8", newline="") as file:
            file.write(PLAY)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def save(cls, model, name, tokenizer=None, **options):
        """A folder as Hugging Face writes it."""
        place = os.path.join(cls.folder, name)
        model.save_pretrained(place, **options)
        PreTrainedTokenizerFast(tokenizer_object=tokenizer or cls.tokenizer).save_pretrained(place)
        return place

    def place(self, name):
        return os.path.join(self.folder, self.id().split(".")[-1] + "_" + name)

    def write(self, name, text):
        path = self.place(name)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path

    def altered(self, name, change):
        """A copy of their folder with other weights."""
        folder = shutil.copytree(self.theirs, self.place(name))
        path = os.path.join(folder, "model.safetensors")
        tensors = safetensors.torch.load_file(path)
        change(tensors)
        safetensors.torch.save_file(tensors, path)
        return folder

    def expect_close(self, ours, theirs, tolerance=TOLERANCE):
        """Logits that differ by rounding alone."""
        self.assertEqual(ours.shape, theirs.shape)
        self.assertGreater(theirs.abs().max().item(), 0.5, "too flat to show a difference")
        self.assertLessEqual((ours - theirs).abs().max().item(), tolerance)  # fails on NaN

    def expect_equal_files(self, folder, other_folder, names):
        for name in names:
            with open(os.path.join(folder, name), "rb") as one, open(os.path.join(other_folder, name), "rb") as other:
                self.assertEqual(one.read(), other.read(), name)

    def refused(self, arguments, *words):
        done = run(*arguments)
        error = done.stderr.decode()
        self.assertEqual(done.returncode, 2, error)
        self.assertEqual(error.count("\n"), 1, error)
        for word in words:
            self.assertIn(word, error)

    def refused_import(self, folder, *words):
        out = self.place("never")
        self.refused([self.importing, folder, "--out", out], *words)
        self.assertFalse(os.path.exists(out), "a folder was left")


def main(usage):
    """Runs the started script's tests with the program that its first argument names. @return the exit status"""
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(usage)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}", file=sys.stderr)
    result = unittest.main(verbosity=1, exit=False).result
    failed = len({str(test).split(" [")[0] for test, _ in result.failures + result.errors})  # a test's parts count as one
    print(f"{max(result.testsRun - failed - len(result.skipped), 0)} passed, {failed} failed")
    return 1 if failed or result.testsRun == 0 else 0
