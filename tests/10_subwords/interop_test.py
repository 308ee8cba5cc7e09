#!/usr/bin/env python3
"""Tokenizers trained here against Hugging Face's tokenizers: the same merges, numbers and texts, in both directions.

usage: interop_test.py PROGRAM [unittest arguments]

Run by `make test-interop`, which has a Python with that package. PROGRAM is chapter 10's; the command line is that of `gpt`, which lies
beside it, or of a learner's chapter 12 where PROGRAM is a learner's. Closes with one line: N passed, N failed.
"""
import concurrent.futures
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PROGRAM = None
HERE = os.path.dirname(os.path.abspath(__file__))
SHAKESPEARE = os.path.join(HERE, "..", "..", "data", "tinyshakespeare.txt")
ODD_TEXTS = 200

GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

WORLD = """Größenwahn, ça va? Ελλάδα και η γλώσσα. Привет, как дела? 你好，世界！今天是２０２４年。こんにちは。안녕하세요 여러분.
مرحبا ١٢٣ שָׁלוֹם हिन्दी में १२३ ภาษาไทย ๑๒๓ Ⅷ ½ x² ₃ İstanbul ǅ ﬁne 🙂👍🏽👩‍👩‍👧‍👦 e\u0301 \u200bx\u00ad \u202e \ufeff \U00010348
tabs\t\tand\r\nline\rends\x0b\x0c\x85\u2028\u2029 \u00a0\u3000\u2003wide  spaces   end   \n\n\n   begin \r\n\r\n  \n x
I'll WE'VE they're it'S 'tis don't I'D CAN'T ''s 's' 1's ’s it'ſ rock'n'roll'd   's  'll\n're\t've
C++20; f(x)=3.14e-10!!! ###---### "quoted" <html/> 1234567890 12345 a1b22c333d4444 $5.00 100% a_b_c __init__ \x00\x7f\x1c
"""


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=300, **options)


def theirs(texts, vocabulary, pattern, special):
    """A tokenizer that Hugging Face's package trains."""
    tokenizer = Tokenizer(models.BPE())
    if pattern == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(GPT4), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=special, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def odd_text(source):
    """Runs of one letter, words that come again, pieces of all scripts, any characters: what makes ties and overlaps."""
    pieces, words = [], ["".join(source.choice("ab") for _ in range(source.randrange(1, 9))) for _ in range(5)]
    for _ in range(source.randrange(1, 120)):
        kind = source.randrange(6)
        if kind == 0:
            pieces.append(source.choice("abé🙂 1") * source.randrange(1, 20))
        elif kind < 3:
            pieces.append(source.choice(["", " ", " ", "\n", "'"]) + source.choice(words))
        elif kind == 3:
            start = source.randrange(len(WORLD))
            pieces.append(WORLD[start:start + source.randrange(1, 25)])
        elif kind == 4:
            pieces.append(source.choice(["  ", " \n ", "\r\n", "'s", "'LL", "\u00a0", "12345", "-", "   ", "...\n\n"]))
        else:
            code = source.randrange(0x20, source.choice([0x80, 0x800, 0x3000, 0x10000, 0x110000]))
            if not 0xD800 <= code < 0xE000:
                pieces.append(chr(code) * source.randrange(1, 4))
    return "".join(pieces) or "a"


class Interop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_interop_")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def place(self, name):
        return os.path.join(self.folder, f"{self.id().split('.')[-1]}_{name}")

    def write(self, name, text):
        path = self.place(name)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path

    def ours(self, name, files, vocabulary, pattern, special=()):
        """A tokenizer.json that is trained here; or the number of tokens that the text allows, where they are fewer."""
        out = self.place(name + ".json")
        more = ["--more", ",".join(files[1:])] if files[1:] else []
        done = run("tokenize", "--data", files[0], *more, "--vocabulary", vocabulary, "--pattern", pattern, "--out", out,
                   *(["--special", ",".join(special)] if special else []), "--threads", 1)
        if done.returncode == 2:
            allowed = re.search(r"and with them ([0-9,]+) tokens", done.stderr.decode())
            self.assertTrue(allowed, done.stderr.decode())
            self.assertFalse(os.path.exists(out))
            return int(allowed.group(1).replace(",", ""))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return out

    def tokens(self, tokenizer, path):
        done = run("tokenize", "--tokenizer", tokenizer, "--data", path, "--threads", 1)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [int(number) for number in done.stdout.split()]

    def decoded(self, tokenizer, numbers):
        done = run("tokenize", "--tokenizer", tokenizer, "--decode", input=" ".join(map(str, numbers)).encode())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode("utf-8")

    def expect_equal(self, mine, other):
        """Our file is theirs, entry by entry."""
        with open(mine, encoding="utf-8") as file:
            written = json.load(file)
        expected = json.loads(other.to_str())
        self.assertEqual(written["model"].pop("merges"), expected["model"].pop("merges"))
        self.assertEqual(written, expected)

    # --- Training -----------------------------------------------------------------------------------------------------

    @unittest.skipUnless(os.path.exists(SHAKESPEARE), "make data fetches tiny Shakespeare")
    def test_tiny_shakespeare(self):
        with open(SHAKESPEARE, encoding="utf-8", newline="") as file:
            text = file.read()
        for vocabulary, pattern, special in ((512, "gpt2", []), (4096, "gpt2", ["<|endoftext|>"]), (4096, "gpt4", []),
                                             (16384, "gpt2", []), (16384, "gpt4", ["<|end|>", "<pad>"])):
            with self.subTest(vocabulary=vocabulary, pattern=pattern):
                other = theirs([text], vocabulary, pattern, special)
                mine = self.ours(f"{vocabulary}{pattern}", [SHAKESPEARE], vocabulary, pattern, special)
                self.expect_equal(mine, other)
                numbers = self.tokens(mine, SHAKESPEARE)
                self.assertEqual(numbers, other.encode(text).ids)
                self.assertEqual(self.decoded(mine, numbers), text)
                # Read there, what was written here is theirs.
                self.assertEqual(Tokenizer.from_file(mine).encode(WORLD).ids, other.encode(WORLD).ids)

    def test_odd_texts(self):
        def one(number):
            source = random.Random(number)
            texts = [odd_text(source) for _ in range(source.choice([1, 1, 1, 3]))]
            pattern, special = source.choice(["gpt2", "gpt4"]), source.choice([[], ["<|end|>"], ["ab", "<s>"]])
            vocabulary = 256 + len(special) + source.randrange(1, 150)
            other = theirs(texts, vocabulary, pattern, special)
            files = [self.write(f"{number}_{i}", text) for i, text in enumerate(texts)]
            mine = self.ours(str(number), files, vocabulary, pattern, special)
            if isinstance(mine, int):
                self.assertEqual(mine, other.get_vocab_size())
                mine = self.ours(str(number), files, mine, pattern, special)
            self.expect_equal(mine, other)
            sample = "".join(texts) + source.choice(["", "<|end|>", "<s>ab<s>"]) + odd_text(source)
            numbers = self.tokens(mine, self.write(f"{number}_sample", sample))
            self.assertEqual(numbers, other.encode(sample).ids)
            if number % 4 == 0:
                mixed = source.sample(numbers, len(numbers))  # characters in pieces
                for each in (numbers, mixed):
                    self.assertEqual(self.decoded(mine, each), other.decode(each, skip_special_tokens=False))

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for number, done in enumerate([pool.submit(one, number) for number in range(ODD_TEXTS)]):
                with self.subTest(number):
                    done.result()

    # --- Reading ------------------------------------------------------------------------------------------------------

    def test_every_character_is_cut_as_there(self):
        # Each character of Unicode between letters, digits and others; a vocabulary of bytes shows cuts by joining nothing, so the words
        # are shown by merges of everything: two-byte words that were learned.
        text = "".join(f"a{chr(code)}b 1{chr(code)}2 !{chr(code)}? {chr(code)}{chr(code)}\n" for code in range(0x20, 0x3400))
        path = self.write("text", text)
        for pattern in ("gpt2", "gpt4"):
            with self.subTest(pattern):
                self.expect_equal(self.ours(pattern, [path], 2000, pattern), theirs([text], 2000, pattern, []))

    def test_a_long_word(self):
        text = "a" * 1_000_000
        mine = self.ours("long", [self.write("text", "aaaa aaaaaaa aaaaaaaaaaaaa")], 262, "gpt2")
        self.assertEqual(self.tokens(mine, self.write("letters", text)), Tokenizer.from_file(mine).encode(text).ids)

    def changed(self, name, tokenizer, change):
        content = json.loads(tokenizer.to_str())
        change(content)
        return self.write(name + ".json", json.dumps(content))

    def test_steps_are_judged_by_their_effect(self):
        base = theirs([WORLD], 400, "gpt2", ["<|end|>"])

        def process(processor):
            base.post_processor = processor
            return json.loads(base.to_str())["post_processor"]

        same = {
            "template": ("post_processor", process(processors.TemplateProcessing(single="$A", pair="$A:0 $B:1", special_tokens=[]))),
            "bytes": ("post_processor", process(processors.ByteLevel(trim_offsets=False))),
            "row": ("post_processor", process(processors.Sequence([processors.ByteLevel(), processors.ByteLevel()]))),
            "no normalizer": ("normalizer", json.loads(normalizers.Sequence([]).__getstate__())),
            "one cutter": ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [json.loads(base.to_str())["pre_tokenizer"]]}),
        }
        expected = base.encode(WORLD).ids
        path = self.write("world", WORLD)
        for name, (entry, value) in same.items():
            with self.subTest(name):
                place = self.changed(name, base, lambda content: content.update({entry: value}))
                self.assertEqual(Tokenizer.from_file(place).encode(WORLD).ids, expected)
                self.assertEqual(self.tokens(place, path), expected)
        other = {
            "adds": ("post_processor", process(processors.TemplateProcessing(single="$A <|end|>", special_tokens=[("<|end|>", 0)]))),
            "nfkc": ("normalizer", {"type": "NFKC"}),
            "digits": ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": False}, json.loads(base.to_str())["pre_tokenizer"]]}),
            "pattern": ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": r"\w+"}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}),
        }
        for name, (entry, value) in other.items():
            with self.subTest(name):
                place = self.changed(name, base, lambda content: content.update({entry: value}))
                done = run("tokenize", "--tokenizer", place, "--data", path)
                self.assertEqual((done.returncode, done.stderr.count(b"\n")), (2, 1), done.stderr.decode())

    def test_added_tokens_are_numbered_as_there(self):
        base = theirs([WORLD], 400, "gpt2", ["<|end|>"])

        def with_token(name, number):
            return self.changed(name, base, lambda content: content["added_tokens"].append(
                {"id": number, "content": "<gap>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                 "special": True}))

        path = self.write("text", "a<gap>b")
        place = with_token("next", 400)
        self.assertEqual(self.tokens(place, path), Tokenizer.from_file(place).encode("a<gap>b").ids)
        place = with_token("behind", 405)
        self.assertNotIn(405, Tokenizer.from_file(place).encode("a<gap>b").ids)
        done = run("tokenize", "--tokenizer", place, "--data", path)
        self.assertEqual((done.returncode, done.stderr.count(b"\n")), (2, 1), done.stderr.decode())
        self.assertIn(b"400 is the next", done.stderr)


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, name = os.path.split(os.path.abspath(sys.argv.pop(1)))
    PROGRAM = os.path.join(folder, "chapter_12" if name.startswith("chapter") else "gpt")  # a learner's, or the reference's
    result = unittest.main(verbosity=1, exit=False).result
    failed = len({str(test).split(" [")[0] for test, _ in result.failures + result.errors})  # a test's parts count as one
    print(f"{max(result.testsRun - failed - len(result.skipped), 0)} passed, {failed} failed")
    return 1 if failed or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
