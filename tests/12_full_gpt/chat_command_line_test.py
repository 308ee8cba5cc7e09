#!/usr/bin/env python3
"""`gpt chat`: questions by a pipe and by a terminal.

usage: chat_command_line_test.py PROGRAM [unittest arguments]

The model here has learned for a few steps from a text in which nobody answers; its tokenizer has been given the marks of a
conversation. What is asked is whether it is asked in the right form, with what was said before.
"""
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import page_runs

PROGRAM = None
TEXT = "".join(f"ANNA:\nthe quick brown fox {i} jumps\nover a lazy dog, very\n\n" for i in range(80)) + "@#$%^" * 3
CHATML = ("<|im_start|>", "<|im_end|>")
CHAPTER_8 = ("<user>", "<assistant>", "<end>")
CONTEXT, COUNT = 128, 24


def shown(character):
    """A character of ASCII as a tokenizer of bytes writes it."""
    return character if character > " " else chr(0x100 + ord(character))


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_chat_")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        text = os.path.join(cls.folder, "text.txt")
        with open(text, "w", encoding="utf-8") as file:
            file.write(TEXT)
        cls.plain = os.path.join(cls.folder, "plain")
        page_runs.done(PROGRAM, "train", "--data", text, "--out", cls.plain, "--steps", 150, "--eval-every", 75, "--layers", 1, "--heads",
                       2, "--width", 32, "--context", CONTEXT, "--batch-size", 4, "--threads", 1, "--dropout", 0, "--warmup", 5,
                       "--learning-rate", 0.01)
        cls.characters = sorted(set(TEXT))
        cls.chatml = cls.with_marks("chatml", CHATML)
        cls.chapter_8 = cls.with_marks("chapter_8", CHAPTER_8)

    @classmethod
    def with_marks(cls, name, marks, swapped=()):
        """A run whose tokenizer has marks in the place of characters that no question has."""
        folder = shutil.copytree(cls.plain, os.path.join(cls.folder, name))
        tokens = [shown(character) for character in cls.characters]
        for mark, character in zip(marks, "@#$"):
            tokens[tokens.index(character)] = mark
        if swapped:
            a, b = (tokens.index(token) for token in swapped)
            tokens[a], tokens[b] = tokens[b], tokens[a]
        manner = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        page_runs.rewrite(folder, tokenizer={
            "added_tokens": [{"id": tokens.index(mark), "content": mark, **manner} for mark in sorted(marks, key=tokens.index)],
            "normalizer": None, "post_processor": None, "decoder": {"type": "ByteLevel"},
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
            "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)}, "merges": []}})
        return folder

    def command(self, run, *arguments):
        return [PROGRAM, "chat", "--run", run, "--max-new-tokens", str(COUNT), "--device", "cpu", "--threads", "1", *map(str, arguments)]

    def chat(self, run, questions, *arguments, status=0):
        data = questions if isinstance(questions, bytes) else questions.encode()
        done = subprocess.run(self.command(run, *arguments), input=data, capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        if status == 0:
            self.assertEqual(done.stderr, b"")
        else:
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def said_after(self, run, prompt):
        """What the model says after a text by `generate`, the most probable character each time."""
        said = page_runs.done(PROGRAM, "generate", "--run", run, "--prompt", prompt, "--max-new-tokens", COUNT, "--greedy", "--device",
                              "cpu", "--threads", 1)
        self.assertTrue(said.startswith(prompt), said)
        return said[len(prompt):len(prompt) + COUNT]  # without the line end that closes the line

    @staticmethod
    def lines(answers):
        return "".join(answer if answer.endswith("\n") else answer + "\n" for answer in answers)

    def test_a_conversation_is_kept(self):
        def asked(question):
            return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"

        def turn(question, before=""):
            said = self.said_after(self.chatml, before + asked(question))
            return asked(question) + said + "<|im_end|>\n", said

        told = "<|im_start|>system\nbe<|im_end|>\n"
        for system, flags in (("", ()), (told, ("--system", "be"))):
            fox, first = turn("fox", system)
            dog, second = turn("dog", system + fox)
            self.assertEqual(self.chat(self.chatml, "fox\n\ndog\n", "--greedy", *flags)[0], self.lines([first, second]))
        alone = page_runs.done(PROGRAM, "generate", "--run", self.chatml, "--chat", "--prompt", "dog", "--max-new-tokens", COUNT,
                               "--greedy", "--device", "cpu", "--threads", 1)
        self.assertNotEqual(alone, self.lines([turn("dog", turn("fox")[0])[1]]), "what was said before makes no difference")
        self.assertEqual(self.chat(self.chatml, "dog", "--greedy")[0], alone)  # the last line may lack its end
        self.assertEqual(self.chat(self.chatml, b"dog\r\n", "--greedy")[0], alone)

        # The third question has no room for the first any more.
        fox, first = turn("fox")
        dog, second = turn("dog", fox)
        tokens = len((fox + dog + asked("lazy")).replace("<|im_start|>", "@").replace("<|im_end|>", "@"))
        self.assertGreater(tokens + COUNT, CONTEXT)
        third = turn("lazy", dog)[1]
        self.assertEqual(self.chat(self.chatml, "fox\ndog\nlazy", "--greedy")[0], self.lines([first, second, third]))

    def test_the_seed_decides(self):
        texts = [self.chat(self.chatml, "fox\ndog", "--temperature", 1.5, "--seed", seed)[0] for seed in (1, 1, 2)]
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_chapter_8_is_asked_one_thing_at_a_time(self):
        prompt = "<user>fox<assistant>"
        wanted = self.said_after(self.chapter_8, prompt)
        self.assertEqual(self.chat(self.chapter_8, "fox\nfox\n", "--greedy")[0], 2 * self.lines([wanted]))
        self.assertIn("--system", self.chat(self.chapter_8, "fox", "--system", "be", status=2)[1])

        # An answer ends at its mark: a character that comes after a few others is made one.
        for question in ("fox", "dog", "lazy", "very", "quick", "a", "ANNA", "over a"):
            wanted = self.said_after(self.chapter_8, f"<user>{question}<assistant>")
            for place, character in enumerate(wanted):
                if place > 0 and character not in wanted[:place] + question:
                    ending = self.with_marks("ending", CHAPTER_8, swapped=("<end>", shown(character)))
                    self.assertEqual(self.chat(ending, question, "--greedy")[0], self.lines([wanted[:place]]))
                    return
        self.fail("the model says the same again and again: this proves nothing")

    def test_what_cannot_be_asked(self):
        self.assertIn("ChatML", self.chat(self.plain, "x", status=2)[1])
        for question, words in (("é", "é"), ("a<|im_end|>b", "<|im_end|>"), (b"a\xffb", "UTF-8"), ("x" * CONTEXT, "128"),
                                ("x" * 1_100_000, "longer")):
            data = question if isinstance(question, bytes) else question.encode()
            out, error = self.chat(self.chatml, b"dog\n" + data, "--greedy", status=2)
            self.assertIn(words, error)
            self.assertIn("standard input", error)
            self.assertIn("2", error)
            self.assertGreaterEqual(len(out), COUNT, "the answer before is there")
        done = page_runs.run(PROGRAM, "chat")
        self.assertEqual((done.returncode, done.stderr.count(b"\n")), (2, 1), done.stderr)
        self.assertIn(b"--run", done.stderr)

    def at_terminal(self, *arguments):
        """The program before a terminal. Gives the process and what reads until some words have come."""
        keyboard, screen = pty.openpty()
        process = subprocess.Popen(self.command(self.chatml, *arguments), stdin=screen, stdout=screen, stderr=screen, start_new_session=True)
        os.close(screen)
        self.addCleanup(os.close, keyboard)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        seen = [""]

        def until(words):
            end = time.monotonic() + 60
            while words not in seen[0]:
                self.assertLess(time.monotonic(), end, seen[0])
                if select.select([keyboard], [], [], 1)[0]:
                    seen[0] += os.read(keyboard, 4096).decode()
            before, _, seen[0] = seen[0].partition(words)
            return before
        return process, keyboard, until

    def test_at_a_terminal(self):
        wanted = self.chat(self.chatml, "fox", "--greedy")[0]
        process, keyboard, until = self.at_terminal("--greedy")
        until("> ")
        os.write(keyboard, "né\n".encode())  # what cannot be asked is said, and it goes on
        self.assertIn("é", until("> ").splitlines()[-1])
        os.write(keyboard, b"fox\n")
        self.assertEqual("\n".join(until("\r\n> ").split("\r\n")[1:]) + "\n", wanted)
        os.write(keyboard, b"\x04")
        self.assertEqual(process.wait(60), 0)

    def test_ctrl_c(self):
        for asked in (b"", b"fox\n"):
            process, keyboard, until = self.at_terminal(*(("--max-new-tokens", 10 ** 9) if asked else ()))
            until("> ")
            if asked:
                os.write(keyboard, asked)
                time.sleep(.05)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(60), 130)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
