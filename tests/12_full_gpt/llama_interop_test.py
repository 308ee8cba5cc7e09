#!/usr/bin/env python3
"""Llama, Mistral, Qwen2 and Qwen3 as Hugging Face's transformers has them against chapter 11's LlamaGPT, in both directions.

usage: llama_interop_test.py PROGRAM [unittest arguments]

Run by `make test-interop`, which has a Python with these packages. Nothing is fetched: their models are initialised at random, and their
tokenizers are trained here. Closes with one line: N passed, N failed.
"""
import json
import os
import random
import shutil
import sys
import unicodedata

import interop_common  # before transformers, which it tells to fetch nothing
from interop_common import PLAY, TOLERANCE, output

import safetensors.torch
import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast,
                          Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

# They scale frequencies in float32 and we in float64; the last digit of one shows in the angles of some thousand radians.
SCALED_TOLERANCE = 3e-4

PROMPT = "ANNA:\nLine 7 of the café,  naïve — and 2049 more"
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)

BASE = {"hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 128, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
LLAMA3_SCALING = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                  "original_max_position_embeddings": 32}

# Every family in several shapes: heads that share keys and values or do not, one for all, heads of another width than hidden_size / heads,
# tied and untied, biases, scaled rotary positions, windows.
SHAPES = {
    "llama": (LlamaConfig, LlamaForCausalLM, {}),
    "llama of one head for all": (LlamaConfig, LlamaForCausalLM, {"num_key_value_heads": 1, "rms_norm_eps": 1e-5}),
    "llama without groups, tied": (LlamaConfig, LlamaForCausalLM, {"num_key_value_heads": 4, "tie_word_embeddings": True}),
    "llama with wide heads and biases": (LlamaConfig, LlamaForCausalLM, {"head_dim": 20, "attention_bias": True}),
    "llama scaled in a line": (LlamaConfig, LlamaForCausalLM, {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1000.0}}),
    "llama scaled as Llama 3": (LlamaConfig, LlamaForCausalLM, {"head_dim": 32, "rope_parameters": LLAMA3_SCALING}),
    "mistral": (MistralConfig, MistralForCausalLM, {"sliding_window": None}),
    "mistral with a window": (MistralConfig, MistralForCausalLM, {"sliding_window": 8, "head_dim": 24}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {"tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}),
    "qwen2 with windows": (Qwen2Config, Qwen2ForCausalLM, {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 16, "tie_word_embeddings": True}),
    "qwen3 with biases and a window": (Qwen3Config, Qwen3ForCausalLM, {
        "head_dim": 12, "attention_bias": True, "use_sliding_window": True, "sliding_window": 5,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}),
}


def split_by(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated", invert=False),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def byte_pair_tokenizer(cutter=None, special=("<|end|>",), before=None, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = cutter or pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([PLAY], trainers.BpeTrainer(vocab_size=400, special_tokens=list(special), show_progress=False,
                                                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if before:
        number = tokenizer.token_to_id(before)
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{before} $A", pair=f"{before} $A {before}:1 $B:1", special_tokens=[(before, number)])])
    return tokenizer


def random_model(config_class, model_class, vocabulary, **options):
    torch.manual_seed(7)
    model = model_class(config_class(**{"vocab_size": vocabulary, **BASE, **options})).eval()
    return interop_common.shifted(model)


def written_by(model, numbers, count, **options):
    """The tokens with which theirs goes on, the most probable ones."""
    whole = model.generate(torch.tensor([numbers]), attention_mask=torch.ones(1, len(numbers), dtype=torch.int64), max_new_tokens=count,
                           do_sample=False, pad_token_id=0, **options)
    return whole[0].tolist()[len(numbers):]


class LlamaInterop(interop_common.InteropTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tokenizer = byte_pair_tokenizer()
        cls.vocabulary = cls.tokenizer.get_vocab_size()
        cls.model = random_model(LlamaConfig, LlamaForCausalLM, cls.vocabulary)
        cls.theirs = cls.save(cls.model, "theirs")
        cls.imported = os.path.join(cls.folder, "imported")
        output("import", cls.theirs, "--out", cls.imported)

    def logits(self, run_folder, text):
        printed = output("logits", "--run", run_folder, "--data", self.write("text", text))
        return torch.tensor([[float(number) for number in line.split()] for line in printed.splitlines()])

    def expect_equal_logits(self, model, run_folder, text=PROMPT, tokenizer=None, tolerance=TOLERANCE):
        """Ours and theirs answer alike to a text. @return the tokens"""
        numbers = (tokenizer or self.tokenizer).encode(text).ids
        ours = self.logits(run_folder, text)
        with torch.no_grad():
            theirs = model(torch.tensor([numbers])).logits[0].float()
        self.expect_close(ours, theirs, tolerance)
        return numbers

    def expect_equal_text(self, model, run_folder, numbers, count, text=PROMPT, tokenizer=None):
        """Ours, cached, writes greedily what theirs does."""
        tokenizer = tokenizer or self.tokenizer
        made = written_by(model, numbers, count)
        expected = tokenizer.decode(made, skip_special_tokens=False)
        command = ["generate", "--run", run_folder, "--prompt", text, "--max-new-tokens", count, "--greedy"]
        cached = output(*command)
        self.assertEqual(cached, text + expected if expected.endswith("\n") else text + expected + "\n")
        self.assertEqual(output(*command, "--no-cache"), cached)

    # --- Theirs, read here --------------------------------------------------------------------------------------------

    def test_every_family_in_every_shape(self):
        for name, (config_class, model_class, options) in SHAPES.items():
            with self.subTest(name):
                model = random_model(config_class, model_class, self.vocabulary, **options)
                folder = self.save(model, "shape " + name)
                out = self.place(name)
                self.assertEqual(output("import", folder, "--out", out).count("\n"), 1)
                numbers = self.expect_equal_logits(model, out)
                self.assertGreater(len(numbers), 16)  # longer than any window above
                self.expect_equal_text(model, out, numbers, 40)
                # And back: what was imported is theirs again, bit for bit.
                again = AutoModelForCausalLM.from_pretrained(out)
                self.assertIs(type(again), model_class)
                for (parameter, ours), (_, theirs) in zip(again.named_parameters(), model.named_parameters(), strict=True):
                    self.assertTrue(torch.equal(ours, theirs), parameter)
                with torch.no_grad():
                    tokens = torch.tensor([numbers])
                    self.assertTrue(torch.equal(again.eval()(tokens).logits, model(tokens).logits), "computed in another way")

    def test_long_positions(self):
        text = PLAY * 4
        for name in ("llama", "llama scaled as Llama 3", "qwen2", "mistral with a window"):
            with self.subTest(name):
                config_class, model_class, options = SHAPES[name]
                model = random_model(config_class, model_class, self.vocabulary, **{**options, "max_position_embeddings": 4096})
                folder = self.save(model, "long " + name)
                out = self.place(name)
                output("import", folder, "--out", out)
                numbers = self.tokenizer.encode(text).ids[:3000]
                part = self.tokenizer.decode(numbers, skip_special_tokens=False)
                numbers = self.expect_equal_logits(model, out, part, tolerance=SCALED_TOLERANCE if "scaled" in name else TOLERANCE)
                self.assertGreater(len(numbers), 2900)
                self.expect_equal_text(model, out, numbers, 8, part)

    def test_numbers_of_sixteen_bits_and_shards(self):
        for kind in (torch.float16, torch.bfloat16):
            with self.subTest(kind):
                rounded = random_model(LlamaConfig, LlamaForCausalLM, self.vocabulary).to(kind)
                folder = self.save(rounded, f"rounded {kind}", max_shard_size="50KB")
                self.assertGreater(sum(name.endswith(".safetensors") for name in os.listdir(folder)), 2)
                out = self.place(str(kind))
                output("import", folder, "--out", out)
                self.expect_equal_logits(LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), out)

    def change(self, name, change):
        """A copy of their folder with another config.json."""
        folder = shutil.copytree(self.theirs, self.place(name))
        path = os.path.join(folder, "config.json")
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        change(content)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
        return folder

    def test_configurations_of_older_versions(self):
        config_class, model_class, options = SHAPES["llama scaled as Llama 3"]
        model = random_model(config_class, model_class, self.vocabulary, **options)
        newer = self.save(model, "newer")
        with open(os.path.join(newer, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.assertIn("rope_parameters", config)  # as transformers 5 writes it
        rotary = dict(config.pop("rope_parameters"))
        config["rope_theta"] = rotary.pop("rope_theta")
        rotary["type"] = rotary.pop("rope_type")
        for name, change in (("rope_scaling", {"rope_scaling": rotary}),
                             ("with what else they hold", {"rope_scaling": rotary, "rope_interleaved": False, "is_llama_config": True,
                                                           "pretraining_tp": 1, "_name_or_path": "x", "mlp_bias": False})):
            with self.subTest(name):
                folder = shutil.copytree(newer, self.place(name))
                with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
                    json.dump({**config, **change}, file)
                out = self.place("run of " + name)
                output("import", folder, "--out", out)
                self.expect_equal_logits(model, out)

    def test_a_configuration_that_says_little(self):
        # Everything that is left out is what transformers takes it for.
        for name, (config_class, model_class, options) in {"llama": SHAPES["llama"], "mistral": SHAPES["mistral with a window"],
                                                           "qwen2": SHAPES["qwen2 with windows"], "qwen3": SHAPES["qwen3"]}.items():
            with self.subTest(name):
                sizes = {"vocab_size": self.vocabulary, "hidden_size": 64, "intermediate_size": 40, "num_hidden_layers": 1,
                         "num_attention_heads": 32}
                torch.manual_seed(3)
                model = model_class(config_class(**sizes, bos_token_id=None, eos_token_id=None, pad_token_id=None)).eval()
                folder = self.save(model, "brief " + name)
                with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
                    json.dump({"model_type": name, **sizes}, file)
                out = self.place(name)
                output("import", folder, "--out", out)
                numbers = self.tokenizer.encode(PROMPT).ids
                with torch.no_grad():
                    theirs = model(torch.tensor([numbers])).logits[0]
                self.assertLessEqual((self.logits(out, PROMPT) - theirs).abs().max().item(), TOLERANCE)

    def test_a_head_that_is_there_though_it_is_tied(self):
        config_class, model_class, options = SHAPES["llama without groups, tied"]
        model = random_model(config_class, model_class, self.vocabulary, **options)
        folder = self.save(model, "tied twice")
        path = os.path.join(folder, "model.safetensors")
        tensors = safetensors.torch.load_file(path)
        table = tensors["model.embed_tokens.weight"]
        frequencies = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(6)}
        safetensors.torch.save_file({**tensors, "lm_head.weight": table.clone(), **frequencies}, path)
        output("import", folder, "--out", self.place("run"))
        self.expect_equal_logits(model, self.place("run"))
        safetensors.torch.save_file({**tensors, "lm_head.weight": table + 1}, path)
        self.refused_import(folder, "tie_word_embeddings", "lm_head.weight")

    # --- Tokenizers ---------------------------------------------------------------------------------------------------

    def test_their_tokenizers(self):
        digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
        texts = [PROMPT, PLAY, "", "7", "  42  x9 9y '9s  \n 1\n\n2  ", "½ Ⅷ ٣٤ x²", "a1b22c333d4444 \t5", "<|end|>7<|begin|>8", "é 1e-5"]
        for name, tokenizer in (("smol", byte_pair_tokenizer(digits)), ("qwen", byte_pair_tokenizer(split_by(QWEN), normalizer=normalizers.NFC())),
                                ("llama3", byte_pair_tokenizer(split_by(LLAMA3), ("<|begin|>", "<|end|>"), "<|begin|>"))):
            with self.subTest(name):
                out = shutil.copytree(self.imported, self.place(name))
                tokenizer.save(os.path.join(out, "tokenizer.json"))
                for text in texts:
                    if not text:
                        continue
                    theirs = tokenizer.encode(text).ids
                    ours = [int(number) for number in output("tokens", "--run", out, "--data", self.write("text", text)).split()]
                    self.assertEqual(ours, theirs, repr(text))

    def test_texts_are_composed_as_theirs(self):
        tokenizer = byte_pair_tokenizer(split_by(QWEN), normalizer=normalizers.NFC())
        out = shutil.copytree(self.imported, self.place("run"))
        tokenizer.save(os.path.join(out, "tokenizer.json"))
        codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
        apart = "\n".join(normalizers.NFD().normalize_str(chr(code)) for code in codes)
        # Letters and accents in any order, pieces of Korean syllables, characters that are never composed.
        source = random.Random(5)
        accents = [code for code in codes if unicodedata.combining(chr(code))]
        parts = [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3), *range(0xAC00, 0xAC40), *map(ord, "aeEoOuAıñ< कড")]
        mixed = "".join(chr(source.choice(accents if source.random() < 0.5 else parts)) for _ in range(20_000))
        for text in ("".join(map(chr, codes)), apart, mixed, "cafe\u0301 <|end|>e\u0301"):
            ours = [int(number) for number in output("tokens", "--run", out, "--data", self.write("text", text)).split()]
            self.assertEqual(ours, tokenizer.encode(text).ids)

    def test_what_stands_before_every_text_is_read(self):
        tokenizer = byte_pair_tokenizer(split_by(LLAMA3), ("<|begin|>", "<|end|>"), "<|begin|>")
        model = random_model(LlamaConfig, LlamaForCausalLM, tokenizer.get_vocab_size())
        folder = self.save(model, "before", tokenizer)
        out = self.place("run")
        output("import", folder, "--out", out)
        numbers = self.expect_equal_logits(model, out, tokenizer=tokenizer)
        self.assertEqual(numbers[0], tokenizer.token_to_id("<|begin|>"))
        self.expect_equal_text(model, out, numbers, 20, tokenizer=tokenizer)

    def test_a_text_ends_where_the_model_ends_it(self):
        numbers = self.tokenizer.encode(PROMPT).ids
        made = written_by(self.model, numbers, 30)
        end = made[9]
        before = made.index(end)
        folder = self.change("ends", lambda config: config.update({"eos_token_id": [end, 0]}))
        os.remove(os.path.join(folder, "generation_config.json"))
        out = self.place("run")
        output("import", folder, "--out", out)
        written = output("generate", "--run", out, "--prompt", PROMPT, "--max-new-tokens", 30, "--greedy")
        expected = PROMPT + self.tokenizer.decode(made[:before], skip_special_tokens=False)
        self.assertEqual(written, expected if expected.endswith("\n") else expected + "\n")
        again = AutoModelForCausalLM.from_pretrained(out)
        self.assertEqual(again.config.eos_token_id, [end, 0])
        # What stands in the file for generation holds before it.
        with open(os.path.join(folder, "generation_config.json"), "w", encoding="utf-8") as file:
            json.dump({"eos_token_id": made[0]}, file)
        output("import", folder, "--out", self.place("other"))
        written = output("generate", "--run", self.place("other"), "--prompt", PROMPT, "--max-new-tokens", 30, "--greedy")
        self.assertEqual(written, PROMPT + "\n")

    def test_a_question_has_their_form(self):
        chatml = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
                  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
        llama3 = ("{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] "
                  "+ '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
        for name, template, special in (("chatml", chatml, ("<|im_start|>", "<|im_end|>")),
                                        ("llama3", llama3, ("<|begin|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"))):
            tokenizer = byte_pair_tokenizer(split_by(LLAMA3), special, "<|begin|>" if "<|begin|>" in special else None)
            model = random_model(LlamaConfig, LlamaForCausalLM, tokenizer.get_vocab_size(), max_position_embeddings=256)
            out = self.place(name)
            output("import", self.save(model, "chat " + name, tokenizer), "--out", out)
            reader = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template)
            for system in ([], ["Be brief."]):
                with self.subTest(name, system=system):
                    question = [{"role": "user", "content": "Is 7 prime, isn't it?"}]
                    messages = [{"role": "system", "content": text} for text in system] + question
                    numbers = tokenizer.encode(reader.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)).ids
                    end = tokenizer.token_to_id(special[-1])
                    made = written_by(model, numbers, 24, eos_token_id=end)
                    expected = tokenizer.decode([number for number in made if number != end], skip_special_tokens=False)
                    flags = [flag for text in system for flag in ("--system", text)]
                    written = output("generate", "--run", out, "--chat", *flags, "--prompt", question[0]["content"], "--max-new-tokens", 24,
                                     "--greedy")
                    self.assertEqual(written, expected if expected.endswith("\n") else expected + "\n")
        self.refused(["generate", "--run", self.imported, "--chat", "--prompt", "x"], "ChatML")
        self.refused(["generate", "--run", self.place("chatml"), "--chat"], "question")
        self.refused(["generate", "--run", self.place("chatml"), "--prompt", "x", "--system", "y"], "--chat")

    # --- Going on -----------------------------------------------------------------------------------------------------

    def test_training_goes_on_from_an_imported_model(self):
        for name in ("llama without groups, tied", "qwen3 with biases and a window", "qwen2"):
            with self.subTest(name):
                config_class, model_class, options = SHAPES[name]
                model = random_model(config_class, model_class, self.vocabulary, **options)
                folder, start, out = self.save(model, "train " + name), self.place(name + " start"), self.place(name + " out")
                output("import", folder, "--out", start)
                training = ["--data", self.text, "--batch-size", 8, "--threads", 1, "--eval-every", 10, "--context", 32]
                output("train", "--from", start, "--out", out, "--steps", 30, "--learning-rate", 0.003, "--warmup", 3, *training)
                losses = interop_common.losses_of(out)
                self.assertLess(losses[-1], 0.8 * losses[0])
                # It began where the imported model stands: the loss before the first step is theirs.
                self.assertAlmostEqual(losses[0], interop_common.held_out_loss(model, self.tokenizer), delta=1e-3)

                # What came out is theirs too, for as many positions as before, and goes on as a run does.
                after = AutoModelForCausalLM.from_pretrained(out).eval()
                self.assertIs(type(after), model_class)
                self.assertEqual(after.config.max_position_embeddings, BASE["max_position_embeddings"])
                self.expect_equal_logits(after, out)
                stopped, whole = self.place(name + " stopped"), self.place(name + " whole")
                output("train", "--from", out, "--out", stopped, "--steps", 12, "--stop-at-loss", 100, *training)
                output("train", "--out", stopped, "--resume", "--stop-at-loss", 0)
                output("train", "--from", out, "--out", whole, "--steps", 12, *training)
                self.expect_equal_files(stopped, whole, ("model.safetensors", "sample.txt", "tokenizer.json", "config.json"))

    # --- Mistakes -----------------------------------------------------------------------------------------------------

    def test_bad_commands(self):
        self.refused(["import"], "import DIR --out RUN")
        self.refused(["import", self.theirs], "--out")
        self.refused(["import", self.theirs, "--out", self.imported], "--out names another")
        self.refused(["import", self.text, "--out", self.place("never")], "is a file")
        self.refused(["import", self.place("missing"), "--out", self.place("never")], "there is no folder")
        self.refused(["import-gpt2", self.theirs, "--out", self.place("never")], "llama")
        self.refused(["train", "--from", self.imported, "--data", self.text, "--out", self.place("never"), "--context", 500], "128 positions")
        self.refused(["train", "--from", self.imported, "--data", self.text, "--out", self.place("never"), "--layers", 5], "--layers 5")
        self.refused(["page", "--run", self.imported, "--out", self.place("page.html")], "another kind")

    def test_bad_configurations(self):
        for entry, value, word in (
                ("model_type", "gemma", "gemma"), ("architectures", ["LlamaForSequenceClassification"], "LlamaForSequenceClassification"),
                ("hidden_act", "gelu", "hidden_act"), ("mlp_bias", True, "mlp_bias"), ("pretraining_tp", 2, "pretraining_tp"),
                ("quantization_config", {"bits": 4}, "quantization_config"), ("attention_bias", True, "bias is missing"),
                ("rope_scaling", {"type": "yarn", "factor": 2.0}, "yarn"), ("rope_scaling", {"rope_type": "linear"}, "factor"),
                ("rope_scaling", {"rope_type": "linear", "factor": -1}, "factor"), ("rope_scaling", {"mrope_section": [1]}, "mrope_section"),
                ("rope_parameters", {"rope_type": "dynamic", "factor": 2.0}, "dynamic"), ("partial_rotary_factor", 0.5, "partial_rotary_factor"),
                ("rope_parameters", {"full_attention": {"rope_type": "default"}}, "full_attention"),
                ("num_key_value_heads", 3, "num_key_value_heads 3"), ("num_attention_heads", 5, "5"), ("head_dim", 13, "13 features"),
                ("num_hidden_layers", 4, "layers"), ("num_hidden_layers", 2, "layers.2"), ("num_hidden_layers", 2**31, "layers"),
                ("hidden_size", 64, "config.json asks for"), ("intermediate_size", 2**31, "config.json asks for"), ("vocab_size", 2**31, "config.json asks for"),
                ("head_dim", 2**31, "config.json asks for"), ("num_attention_heads", 2**31, "config.json asks for"), ("vocab_size", 100, "tokenizer.json"),
                ("vocab_size", 10**12, "vocab_size"), ("rms_norm_eps", 0, "rms_norm_eps"), ("rms_norm_eps", "small", "rms_norm_eps"),
                ("tie_word_embeddings", True, "tie_word_embeddings"), ("num_hidden_layers", 0, "num_hidden_layers"),
                ("eos_token_id", [1.5], "1.5"), ("max_position_embeddings", -1, "max_position_embeddings")):
            with self.subTest(entry=entry, value=value):
                self.refused_import(self.change(f"{entry} {str(value)[:40]}", lambda config: config.update({entry: value})), word)
        self.refused_import(self.change("layer types", lambda config: config.update({"model_type": "mistral", "architectures": None,
                                                                                     "layer_types": ["full_attention"] * 3})), "layer_types")

    def test_bad_weights(self):
        norm = "model.layers.1.input_layernorm.weight"
        for name, change, word in (
                ("missing", lambda t: t.pop(norm), norm), ("superfluous", lambda t: t.update({"model.layers.0.extra": torch.ones(2)}), "extra"),
                ("shape", lambda t: t.update({norm: torch.ones(3)}), norm), ("type", lambda t: t.update({norm: torch.ones(48, dtype=torch.int8)}), norm),
                ("eight bits", lambda t: t.update({norm: torch.ones(48).to(torch.float8_e4m3fn)}), "F8_E4M3"),
                ("bias", lambda t: t.update({"model.layers.0.self_attn.q_proj.bias": torch.ones(48)}), "q_proj.bias"),
                ("numbers", lambda t: t[norm].fill_(float("nan")), norm)):
            with self.subTest(name):
                self.refused_import(self.altered(name, change), word)

    def test_bad_tokenizers(self):
        for name, change, word in (
                ("after", lambda t: setattr(t, "post_processor", processors.TemplateProcessing(
                    single="$A <|end|>", special_tokens=[("<|end|>", 0)])), "after a text"),
                ("digits", lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.Sequence(
                    [pre_tokenizers.Digits(), pre_tokenizers.ByteLevel(add_prefix_space=False)])), "digits together"),
                ("pattern", lambda t: setattr(t, "pre_tokenizer", split_by(r"\p{L}+|\s+")), "none of"),
                ("lower case", lambda t: setattr(t, "normalizer", normalizers.NFKC()), "normalizer")):
            with self.subTest(name):
                folder = shutil.copytree(self.theirs, self.place(name))
                tokenizer = Tokenizer.from_str(self.tokenizer.to_str())
                change(tokenizer)
                tokenizer.save(os.path.join(folder, "tokenizer.json"))
                self.refused_import(folder, "tokenizer.json", word)


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    sys.exit(interop_common.main(__doc__))
