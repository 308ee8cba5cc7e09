#!/usr/bin/env python3
"""Chapter 12's run folders against Hugging Face's transformers and tokenizers, in both directions.

usage: interop_test.py PROGRAM [unittest arguments]

Run by `make test-interop`, which has a Python with these packages. Nothing is fetched: their model is initialised at random, and their
byte-pair tokenizer is trained here. Closes with one line: N passed, N failed.
"""
import copy
import json
import os
import random
import shutil
import sys

import interop_common  # before transformers, which it tells to fetch nothing
from interop_common import PLAY, output, run

import safetensors.torch
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
SHAKESPEARE = os.path.join(HERE, "..", "..", "data", "tinyshakespeare.txt")

# Scripts with and without cases, digits of several kinds, joined and decorated characters, all kinds of white space, line ends.
WORLD = """Größenwahn, ça va? Ελλάδα και η γλώσσα. Привет, как дела? 你好，世界！今天是２０２４年。こんにちは、元気ですか。안녕하세요 여러분.
مرحبا بالعالم ١٢٣ שָׁלוֹם עולם हिन्दी में १२३ नमस्ते ภาษาไทย ๑๒๓ Ⅷ ½ x² ₃ ꜱᴍᴀʟʟ ŀl İstanbul ǅ ﬁne ﷽
🙂👍🏽👩‍👩‍👧‍👦🇫🇷 e\u0301 a\u0308 Z\u0351\u036b\u0343 zero\u200bwidth soft\u00adhyphen \u202eRTL\u202c \ufeffBOM \U00010348 \U0001d4d0 \U000e0041
tabs\t\tand\r\nline\rends\x0b\x0c\x85\u2028\u2029 \u00a0\u3000\u2003wide  spaces   end   \n\n\n   begin
I'll we've they're it's 'tis don't I'D CAN'T ''s 's' 1's ’s rock'n'roll'd   's  'll\n're\t've
C++20; f(x)=3.14e-10!!! ###---### "quoted" <html/> ~/path\\to\\file $5.00 100% @user #tag a_b_c __init__ \x00\x01\x7f\x1c\x1f
"""


def byte_pair_tokenizer(texts, **options):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    settings = {"vocab_size": 700, "special_tokens": ["<|endoftext|>"], "show_progress": False,
                "initial_alphabet": pre_tokenizers.ByteLevel.alphabet(), **options}
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(**settings))
    return tokenizer


def random_model(vocabulary, **options):
    torch.manual_seed(7)
    settings = {"vocab_size": vocabulary, "n_positions": 32, "n_embd": 48, "n_layer": 3, "n_head": 4, **options}
    model = GPT2LMHeadModel(GPT2Config(**settings, bos_token_id=0, eos_token_id=0)).eval()
    return interop_common.shifted(model)


def random_text(source, characters):
    """A text of all kinds of characters: runs from the texts above, any code points, spaces, apostrophes."""
    pieces = []
    while sum(map(len, pieces)) < characters:
        kind = source.randrange(6)
        if kind < 3:
            start = source.randrange(len(WORLD))
            pieces.append(WORLD[start:start + source.randrange(1, 12)])
        elif kind == 3:
            pieces.append(source.choice([" ", "  ", "\n", " \n ", "\t", "'", "'s", "'LL", "\u00a0", "1", "a", "é", "-", "   "]))
        else:
            code = source.randrange(0x20, source.choice([0x80, 0x800, 0x3000, 0x10000, 0x110000]))
            if not 0xD800 <= code < 0xE000:
                pieces.append(chr(code) * source.randrange(1, 4))
    return "".join(pieces)


class Interop(interop_common.InteropTest):
    importing = "import-gpt2"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ours = os.path.join(cls.folder, "ours")
        output("train", "--data", cls.text, "--out", cls.ours, "--steps", 20, "--eval-every", 10, "--layers", 2, "--heads", 2,
               "--width", 32, "--context", 64, "--batch-size", 8, "--threads", 1, "--learning-rate", 0.02, "--warmup", 2)

        shakespeare = ""
        if os.path.exists(SHAKESPEARE):
            with open(SHAKESPEARE, encoding="utf-8") as file:
                shakespeare = file.read()[:200_000]
        cls.tokenizer = byte_pair_tokenizer([PLAY, shakespeare, WORLD])
        cls.model = random_model(cls.tokenizer.get_vocab_size())
        cls.theirs = cls.save(cls.model, "theirs")
        cls.imported = os.path.join(cls.folder, "imported")
        output("import-gpt2", cls.theirs, "--out", cls.imported)

    def tokens(self, text, run_folder=None):
        """Our tokens of a text."""
        printed = output("tokens", "--run", run_folder or self.imported, "--data", self.write("text", text))
        return [int(number) for number in printed.split()]

    def decoded(self, numbers, run_folder=None):
        done = run("tokens", "--run", run_folder or self.imported, "--decode", input=" ".join(map(str, numbers)).encode())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode("utf-8")

    def expect_equal_logits(self, model, run_folder, text, numbers):
        """Ours and theirs answer alike to a text of these tokens."""
        ours = torch.tensor([[float(number) for number in line.split()]
                             for line in output("logits", "--run", run_folder, "--prompt", text).splitlines()])
        with torch.no_grad():
            theirs = model(torch.tensor([numbers])).logits[0]
        self.expect_close(ours, theirs)

    # --- Ours, read there ---------------------------------------------------------------------------------------------

    def test_our_run_is_their_model(self):
        model, info = GPT2LMHeadModel.from_pretrained(self.ours, output_loading_info=True)
        self.assertEqual([list(info[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys")], [[], [], []])
        self.assertEqual(model.dtype, torch.float32)
        text = "ANNA:\nLine 7 of the café,  naïve — and 49 more"
        numbers = Tokenizer.from_file(os.path.join(self.ours, "tokenizer.json")).encode(text).ids
        self.expect_equal_logits(model.eval(), self.ours, text, numbers)

    def test_our_tokenizer_is_theirs(self):
        every_character = "".join(sorted(set(PLAY)))
        readers = [AutoTokenizer.from_pretrained(self.ours), PreTrainedTokenizerFast.from_pretrained(self.ours),
                   PreTrainedTokenizerFast(tokenizer_file=os.path.join(self.ours, "tokenizer.json"))]
        for text in (every_character, PLAY[:300], "\n\n  a , it ' is ?\n", " ", "\n"):
            numbers = self.tokens(text, self.ours)
            self.assertEqual(len(numbers), len(text))
            self.assertEqual(self.decoded(numbers, self.ours), text)
            for reader in readers:
                self.assertEqual(reader(text)["input_ids"], numbers)
                self.assertEqual(reader.decode(numbers), text)
        self.assertEqual(self.tokens(every_character, self.ours), list(range(len(every_character))))

    def test_their_generate_continues_as_ours(self):
        model = GPT2LMHeadModel.from_pretrained(self.ours).eval()
        reader = PreTrainedTokenizerFast.from_pretrained(self.ours)
        made = model.generate(torch.tensor([reader("OTTO:")["input_ids"]]), max_new_tokens=50, do_sample=False, pad_token_id=0)
        text = reader.decode(made[0])
        self.assertEqual(output("generate", "--run", self.ours, "--prompt", "OTTO:", "--max-new-tokens", 50, "--greedy"),
                         text if text.endswith("\n") else text + "\n")

    def test_our_byte_pairs_are_theirs(self):
        for pattern in ("gpt2", "gpt4"):
            with self.subTest(pattern):
                out = self.place(pattern)
                output("train", "--preset", "small", "--data", self.text, "--out", out, "--tokenizer", "bpe", "--vocabulary", 380,
                       "--pattern", pattern, "--steps", 10, "--eval-every", 5, "--layers", 2, "--heads", 2, "--width", 32, "--context", 64, "--batch-size", 8, "--threads", 1,
                       "--learning-rate", 0.02, "--warmup", 2)
                tokenizer = Tokenizer.from_file(os.path.join(out, "tokenizer.json"))
                self.assertEqual(self.tokens(WORLD, out), tokenizer.encode(WORLD).ids)
                self.assertEqual(PreTrainedTokenizerFast.from_pretrained(out)(WORLD)["input_ids"], tokenizer.encode(WORLD).ids)
                model = GPT2LMHeadModel.from_pretrained(out).eval()
                text = "ANNA:\nLine 7 of the café,  naïve — and 49 more 🙂"
                numbers = tokenizer.encode(text).ids
                self.assertLess(len(numbers), len(text))
                self.expect_equal_logits(model, out, text, numbers)
                # And what went there comes back.
                model.save_pretrained(os.path.join(out, "there"))
                PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(os.path.join(out, "there"))
                output("import-gpt2", os.path.join(out, "there"), "--out", os.path.join(out, "back"))
                self.expect_equal_logits(model, os.path.join(out, "back"), text, numbers)

    # --- Theirs, read here --------------------------------------------------------------------------------------------

    PROMPT = "ROMEO:\nWhat say'st thou, 你好 🙂?"

    def expect_imported(self, folder, model, name="run"):
        out = self.place(name)
        printed = output("import-gpt2", folder, "--out", out)
        self.assertEqual(printed.count("\n"), 1)
        numbers = self.tokenizer.encode(self.PROMPT).ids
        self.assertLessEqual(len(numbers), 32)
        self.expect_equal_logits(model, out, self.PROMPT, numbers)
        with open(os.path.join(folder, "tokenizer.json"), "rb") as theirs, open(os.path.join(out, "tokenizer.json"), "rb") as ours:
            self.assertEqual(theirs.read(), ours.read())
        return out

    def test_their_model_is_our_run(self):
        out = self.expect_imported(self.theirs, self.model)
        # And back: what was imported is theirs again, bit for bit.
        again = GPT2LMHeadModel.from_pretrained(out)
        for (name, ours), (_, theirs) in zip(again.named_parameters(), self.model.named_parameters()):
            self.assertTrue(torch.equal(ours, theirs), name)

    def test_a_tokenizer_of_two_files(self):
        folder = shutil.copytree(self.theirs, self.place("two files"))
        for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            if os.path.exists(os.path.join(folder, name)):
                os.remove(os.path.join(folder, name))
        self.tokenizer.model.save(folder)
        self.assertTrue(os.path.exists(os.path.join(folder, "merges.txt")))
        out = self.place("run")
        output("import-gpt2", folder, "--out", out)
        text = WORLD + "<|endoftext|>" + PLAY[:500]
        self.assertEqual(self.tokens(text, out), self.tokenizer.encode(text).ids)
        with open(os.path.join(folder, "added_tokens.json"), "w", encoding="utf-8") as file:
            json.dump({"<more>": 5000}, file)
        self.refused_import(folder, "added_tokens.json")

    def test_files_beside_the_tokenizer(self):
        folder = shutil.copytree(self.theirs, self.place("space"))
        path = os.path.join(folder, "tokenizer_config.json")
        with open(path, encoding="utf-8") as file:
            settings = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**settings, "add_prefix_space": True}, file)
        self.refused_import(folder, "add_prefix_space")

    def test_numbers_of_sixteen_bits(self):
        for kind in (torch.float16, torch.bfloat16):
            with self.subTest(kind):
                rounded = copy.deepcopy(self.model).to(kind)
                folder = self.save(rounded, f"theirs_{kind}")
                with safetensors.safe_open(os.path.join(folder, "model.safetensors"), "pt") as file:
                    self.assertEqual(file.get_tensor(next(iter(file.keys()))).dtype, kind)
                self.expect_imported(folder, rounded.float(), f"run_{kind}")

    def test_shards(self):
        folder = self.save(self.model, "sharded", max_shard_size="100KB")
        files = os.listdir(folder)
        self.assertIn("model.safetensors.index.json", files)
        self.assertNotIn("model.safetensors", files)
        self.assertGreater(sum(name.endswith(".safetensors") for name in files), 2)
        self.expect_imported(folder, self.model)

    def test_names_with_and_without_the_prefix_and_what_else_older_files_hold(self):
        tensors = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.assertTrue(any(name.startswith("transformer.") for name in tensors))
        bare = {name.removeprefix("transformer."): value for name, value in tensors.items() if name != "lm_head.weight"}
        masks = {f"h.{layer}.attn.{name}": value for layer in range(3) for name, value in
                 (("bias", torch.ones(1, 1, 32, 32, dtype=torch.uint8).tril()), ("masked_bias", torch.tensor(-1e4)))}
        prefixed_masks = {"transformer." + name: value.bool() for name, value in masks.items()}
        for name, content in (("with the head", tensors), ("bare", bare), ("bare with masks", {**bare, **masks}),
                              ("with masks and head", {**tensors, **prefixed_masks}),
                              ("table under the head's name only",
                               {key: value for key, value in tensors.items() if key != "transformer.wte.weight"})):
            with self.subTest(name):
                folder = shutil.copytree(self.theirs, self.place(name))
                safetensors.torch.save_file(content, os.path.join(folder, "model.safetensors"))
                self.expect_imported(folder, self.model, "run of " + name)

    def test_other_options(self):
        exact = random_model(self.tokenizer.get_vocab_size(), activation_function="gelu")
        self.expect_imported(self.save(exact, "exact"), exact, "exact")
        padded = random_model(self.tokenizer.get_vocab_size() + 37, n_layer=1, n_head=1)
        out = self.expect_imported(self.save(padded, "padded"), padded, "padded")
        output("generate", "--run", out, "--temperature", 50, "--max-new-tokens", 60)  # numbers without a token too
        # A configuration that says no more than it has to.
        folder = shutil.copytree(self.theirs, self.place("brief folder"))
        brief = {"vocab_size": self.model.config.vocab_size, "n_positions": 32, "n_embd": 48, "n_layer": 3, "n_head": 4}
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
            json.dump(brief, file)
        self.expect_imported(folder, self.model, "brief")

    def test_our_run_comes_back_from_them(self):
        model = GPT2LMHeadModel.from_pretrained(self.ours)
        folder = self.place("saved there")
        model.save_pretrained(folder)
        PreTrainedTokenizerFast.from_pretrained(self.ours).save_pretrained(folder)
        out = self.place("run")
        output("import-gpt2", "--out", out, folder)
        arguments = ["--prompt", "ANNA:", "--seed", 3, "--max-new-tokens", 80]
        self.assertEqual(output("generate", "--run", out, *arguments), output("generate", "--run", self.ours, *arguments))

    # --- Tokens -------------------------------------------------------------------------------------------------------

    def expect_equal_tokens(self, tokenizer, texts, run_folder=None):
        """Tokens of many texts at once: the special token between them is cut out first."""
        joined = "<|endoftext|>".join(texts)
        theirs = tokenizer.encode(joined).ids
        ours = self.tokens(joined, run_folder)
        if ours != theirs:
            for text in texts:  # which one was it?
                self.assertEqual(self.tokens(text, run_folder), tokenizer.encode(text).ids, repr(text))
        self.assertEqual(ours, theirs)
        self.assertEqual(self.decoded(ours, run_folder), tokenizer.decode(ours, skip_special_tokens=False))
        return ours

    def test_tokens_of_any_text(self):
        source = random.Random(1)
        texts = [PLAY[:2000], WORLD, "", " ", "'", "a" * 5000, "ab" * 3000, " " * 300, "\n" * 77 + "x"]
        texts += WORLD.splitlines(keepends=True) + [WORLD[i:i + 7] for i in range(0, len(WORLD), 3)]
        texts += [random_text(source, source.choice([3, 10, 40, 200])) for _ in range(3000)]
        ours = self.expect_equal_tokens(self.tokenizer, texts)
        self.assertEqual(self.decoded(ours), "<|endoftext|>".join(texts))

    def test_tokens_of_every_character(self):
        codes = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
        # Beside a letter and beside a number every class of characters is cut otherwise.
        text = "".join(f"x{each}7{each}" for each in codes)
        self.assertEqual(self.tokens(text), self.tokenizer.encode(text).ids)

    def test_text_of_any_tokens(self):
        source = random.Random(2)
        for length in (1, 2, 5, 2000):
            numbers = [source.randrange(self.tokenizer.get_vocab_size()) for _ in range(length)]
            self.assertEqual(self.decoded(numbers), self.tokenizer.decode(numbers, skip_special_tokens=False))
        # Pieces of characters in every order, most of them no character: bytes are tokens of their own.
        of_bytes = [self.tokenizer.token_to_id(character) for character in pre_tokenizers.ByteLevel.alphabet()]
        numbers = [source.choice(of_bytes) for _ in range(5000)]
        self.assertEqual(self.decoded(numbers), self.tokenizer.decode(numbers, skip_special_tokens=False))

    def test_other_tokenizers_of_the_kind(self):
        added = copy.deepcopy(self.tokenizer)
        added.add_tokens([AddedToken("<é x>", normalized=False), AddedToken("thou", normalized=True), AddedToken("thou art")])
        added.add_special_tokens(["<|end|>", "<|endoftext|>more", "<|pad|>"])
        space_before = copy.deepcopy(self.tokenizer)
        space_before.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        uncut = copy.deepcopy(self.tokenizer)
        uncut.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        holes = byte_pair_tokenizer([PLAY], initial_alphabet=[], vocab_size=200)  # no token for most bytes
        whole = copy.deepcopy(self.tokenizer)
        whole.model.ignore_merges = True
        source = random.Random(3)
        texts = [WORLD, PLAY[:1000], "thou artful <é x><é  x> <|end|> <|endoftext|>more<|endoftext|> <|pad|>thou art"]
        texts += [random_text(source, 50) for _ in range(200)]
        for name, tokenizer in (("added", added), ("space before", space_before), ("uncut", uncut), ("holes", holes),
                                ("whole", whole)):
            with self.subTest(name):
                run_folder = shutil.copytree(self.imported, self.place(name))
                tokenizer.save(os.path.join(run_folder, "tokenizer.json"))
                self.expect_equal_tokens(tokenizer, texts, run_folder)
        # Merges as older files write them: as one text each.
        run_folder = shutil.copytree(self.imported, self.place("older"))
        path = os.path.join(run_folder, "tokenizer.json")
        content = json.loads(self.tokenizer.to_str())
        content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
        del content["model"]["type"]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
        self.expect_equal_tokens(self.tokenizer, texts, run_folder)

    # --- Speaking, and going on ---------------------------------------------------------------------------------------

    def test_an_imported_model_speaks(self):
        arguments = ["generate", "--run", self.imported, "--prompt", "Κ'αι 🙂", "--max-new-tokens"]
        first, again, other = (output(*arguments, 100, "--temperature", 3, "--seed", seed) for seed in (5, 5, 6))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        numbers = self.tokenizer.encode("Κ'αι 🙂").ids
        made = self.model.generate(torch.tensor([numbers]), max_new_tokens=32 - len(numbers), do_sample=False, eos_token_id=None,
                                   pad_token_id=0)
        text = self.tokenizer.decode(made[0].tolist(), skip_special_tokens=False)
        self.assertEqual(output(*arguments, 32 - len(numbers), "--greedy"), text if text.endswith("\n") else text + "\n")

    def test_training_goes_on_from_an_imported_model(self):
        out = self.place("run")
        training = ["--data", self.text, "--batch-size", 8, "--threads", 1, "--eval-every", 10]
        printed = output("train", "--from", self.imported, "--out", out, "--steps", 30, "--learning-rate", 0.003, "--warmup", 3,
                         *training)
        self.assertIn("tokens train", printed)
        losses = interop_common.losses_of(out)
        self.assertLess(losses[-1], 0.8 * losses[0])
        # It began where the imported model stands: the loss before the first step is theirs.
        self.assertAlmostEqual(losses[0], interop_common.held_out_loss(self.model, self.tokenizer), delta=1e-3)

        # What came out is theirs too, and goes on as a run does.
        model = GPT2LMHeadModel.from_pretrained(out).eval()
        self.expect_equal_logits(model, out, self.PROMPT, self.tokenizer.encode(self.PROMPT).ids)
        stopped = self.place("stopped")
        output("train", "--from", out, "--out", stopped, "--steps", 20, "--stop-at-loss", 100, *training)
        output("train", "--out", stopped, "--resume", "--stop-at-loss", 0)
        whole = self.place("whole")
        output("train", "--from", out, "--out", whole, "--steps", 20, *training)
        self.expect_equal_files(stopped, whole, ("model.safetensors", "sample.txt", "tokenizer.json"))

    def test_training_goes_on_from_a_run_of_characters(self):
        out = self.place("run")
        output("train", "--from", self.ours, "--data", self.text, "--out", out, "--steps", 2, "--eval-every", 2)
        with open(os.path.join(out, "tokenizer.json"), "rb") as one, open(os.path.join(self.ours, "tokenizer.json"), "rb") as other:
            self.assertEqual(one.read(), other.read())

    # --- Mistakes -----------------------------------------------------------------------------------------------------

    def broken(self, name, file, change):
        """A copy of their folder in which a JSON file was changed."""
        folder = shutil.copytree(self.theirs, self.place(name))
        path = os.path.join(folder, file)
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
        change(content)
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(content, stream)
        return folder

    def test_bad_commands(self):
        self.refused(["import-gpt2"], "import-gpt2 DIR --out RUN")
        self.refused(["import-gpt2", self.theirs], "--out")
        self.refused(["import-gpt2", self.theirs, "--out", self.ours], "--out names another")
        self.refused_import(self.place("missing"), "there is no folder")
        self.refused(["tokens", "--run", self.imported], "--prompt", "--data")
        self.refused(["tokens", "--prompt", "x"], "--run")
        self.refused(["logits", "--run", self.imported, "--prompt", ""], "at least one")
        self.refused(["logits", "--run", self.imported, "--prompt", "word " * 60], "context of 32")
        with open(self.place("latin1"), "wb") as file:
            file.write(b"caf\xe9 au lait\n")
        self.refused(["tokens", "--run", self.imported, "--data", self.place("latin1")], "byte 4 of 13")
        for words in ("12 x", "-1", "100000"):
            done = run("tokens", "--run", self.imported, "--decode", input=words.encode())
            self.assertEqual(done.returncode, 2)
            self.assertEqual(done.stderr.count(b"\n"), 1)

    def test_bad_configurations(self):
        for entry, value, word in (("activation_function", "relu", "relu"), ("layer_norm_epsilon", 1e-6, "layer_norm_epsilon"),
                                   ("n_inner", 100, "n_inner"), ("model_type", "llama", "llama"), ("n_head", 5, "5 heads"),
                                   ("scale_attn_weights", False, "scale_attn_weights"), ("n_head", "four", "config.json"),
                                   ("scale_attn_by_inverse_layer_idx", True, "inverse_layer_idx"), ("n_layer", 0, "n_layer should be"),
                                   ("add_cross_attention", True, "cross_attention"), ("n_layer", 4, "h.3."),
                                   ("n_layer", 2, "h.2."), ("n_layer", 10**9, "layers"), ("n_embd", 64, "config.json asks for"),
                                   ("n_positions", 64, "wpe.weight"), ("vocab_size", 10**12, "wte.weight"),
                                   ("vocab_size", 100, "tokenizer.json")):
            with self.subTest(entry=entry, value=value):
                self.refused_import(self.broken(f"{entry} {value}", "config.json", lambda json: json.update({entry: value})), word)

    def test_bad_tokenizers(self):
        def step(name, content):
            return lambda json: json.update({name: content})

        def model(name, content):
            return lambda json: json["model"].update({name: content})

        for name, change, word in (
                ("normalizer", step("normalizer", {"type": "NFKC"}), "normalizer"), ("cut", step("pre_tokenizer", None), "pre_tokenizer"),
                ("words", step("pre_tokenizer", {"type": "Whitespace"}), "Whitespace"), ("decoder", step("decoder", None), "decoder"),
                ("template", step("post_processor", {"type": "TemplateProcessing"}), "TemplateProcessing"),
                ("dropout", model("dropout", 0.1), "dropout"), ("prefix", model("continuing_subword_prefix", "##"), "continuing"),
                ("fallback", model("byte_fallback", True), "byte_fallback"), ("kind", model("type", "Unigram"), "Unigram"),
                ("merge", model("merges", [["qqq", "zzz"]]), "merge 1"), ("merges", model("merges", 5), "tokenizer.json"),
                ("number", lambda json: json["model"]["vocab"].update({"a": 10**15}), "should be a whole number"),
                ("below", lambda json: json["model"]["vocab"].update({"a": -1}), "should be a whole number"),
                ("empty", lambda json: json.clear(), "tokenizer.json"),
                ("added", lambda json: json["added_tokens"][0].update({"id": 7}), "two numbers"),
                ("strip", lambda json: json["added_tokens"][0].update({"lstrip": True}), "lstrip")):
            with self.subTest(name):
                self.refused_import(self.broken(name, "tokenizer.json", change), "tokenizer.json", word)

    def test_bad_weights(self):
        for name, change, word in (
                ("missing", lambda t: t.pop("transformer.h.1.mlp.c_fc.bias"), "h.1.mlp.c_fc.bias"),
                ("superfluous", lambda t: t.update({"transformer.h.0.extra": torch.ones(2)}), "h.0.extra"),
                ("shape", lambda t: t.update({"transformer.ln_f.bias": torch.ones(3)}), "ln_f.bias"),
                ("type", lambda t: t.update({"transformer.ln_f.bias": torch.ones(48, dtype=torch.int8)}), "ln_f.bias"),
                ("twice", lambda t: t.update({"ln_f.bias": torch.ones(48)}), "twice"),
                ("head", lambda t: t.update({"lm_head.weight": t["transformer.wte.weight"] + 1}), "lm_head.weight")):
            with self.subTest(name):
                self.refused_import(self.altered(name, change), word)

        cut = shutil.copytree(self.theirs, self.place("cut"))
        with open(os.path.join(cut, "model.safetensors"), "r+b") as file:
            file.truncate(5000)
        self.refused_import(cut, "model.safetensors", "cut short")
        for name in ("model.safetensors", "config.json", "tokenizer.json"):
            folder = shutil.copytree(self.theirs, self.place("without " + name))
            os.remove(os.path.join(folder, name))
            self.refused_import(folder, name)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(b"\x00\xff not this")
            self.refused_import(folder, name)

    def test_bad_shards(self):
        sharded = self.save(self.model, "sharded too", max_shard_size="100KB")
        index = "model.safetensors.index.json"

        def with_index(name, change):
            folder = shutil.copytree(sharded, self.place(name))
            path = os.path.join(folder, index)
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            change(content)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(content, file)
            return folder

        self.refused_import(with_index("gone", lambda json: json["weight_map"].update({"x": "model-9.safetensors"})), "model-9")
        self.refused_import(with_index("away", lambda json: json["weight_map"].update({"x": "../theirs/model.safetensors"})), "../theirs")
        self.refused_import(with_index("none", lambda json: json.pop("weight_map")), index)
        self.refused_import(with_index("lacks", lambda json: json["weight_map"].update({"x": sorted(json["weight_map"].values())[0]})),
                            "has no such tensor")
        folder = with_index("lost", lambda json: None)
        os.remove(os.path.join(folder, sorted(name for name in os.listdir(folder) if name.endswith(".safetensors"))[0]))
        self.refused_import(folder, "there is no file")

    def test_bad_beginnings(self):
        out = self.place("never")
        begin = ["train", "--data", self.text, "--out", out, "--from"]
        self.refused([*begin, self.place("missing")], "missing")
        self.refused([*begin, self.imported, "--layers", 5], "--layers 5")
        self.refused([*begin, self.imported, "--context", 16], "--context 16")
        self.refused([*begin, self.ours, "--data", self.write("other", PLAY + "ж")], "ж")
        self.refused(["train", "--out", self.ours, "--resume", "--from", self.imported], "--from")
        self.assertFalse(os.path.exists(out))


if __name__ == "__main__":
    sys.exit(interop_common.main(__doc__))
