#!/usr/bin/env python3
"""How much memory chapter 12's program takes for a large model: its weights are mapped, and not read twice.

usage: memory_command_line_test.py PROGRAM [unittest arguments]

The models here have numbers that mean nothing. One is large (VERSE_WEIGHTS megabytes, 300 where that is not set), the other tiny: what a
command takes for the tiny one, LibTorch and the program itself, is taken off what it takes for the large one.
"""
import array
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
MEGABYTES = int(os.environ.get("VERSE_WEIGHTS", "300"))
MOST = 1.15  # times the weights
CONVERTED = 3  # matrices in float32 beside them, where the weights are of another type: each is turned into float32 as a whole
BLOCK = 1 << 20  # numbers


def peak(*arguments):
    """Runs the program. @return the most memory that it had, in bytes, pages of mapped files among them"""
    with subprocess.Popen([PROGRAM, *map(str, arguments), "--threads", "1"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as process:
        said = process.stderr.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise AssertionError(f"{arguments[0]} ended with {process.returncode}: {said}")
    return used.ru_maxrss * 1024


def tensors_of(config):
    """The names and shapes of a Llama's tensors."""
    width, hidden = config["hidden_size"], config["intermediate_size"]
    shapes = {"model.embed_tokens.weight": [config["vocab_size"], width], "model.norm.weight": [width],
              "lm_head.weight": [config["vocab_size"], width]}
    for layer in range(config["num_hidden_layers"]):
        own = {"self_attn.q_proj": [width, width], "self_attn.k_proj": [width, width], "self_attn.v_proj": [width, width],
               "self_attn.o_proj": [width, width], "mlp.gate_proj": [hidden, width], "mlp.up_proj": [hidden, width],
               "mlp.down_proj": [width, hidden], "input_layernorm": [width], "post_attention_layernorm": [width]}
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in own.items()}
    return shapes


class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_memory_")
        text = os.path.join(cls.folder, "text.txt")
        with open(text, "w", encoding="utf-8") as file:
            file.write("ANNA: what did you say?\nOTTO: nothing, my dear, nothing at all.\n" * 20)
        trained = os.path.join(cls.folder, "trained")
        peak("train", "--data", text, "--out", trained, "--steps", 1, "--layers", 1, "--heads", 2, "--width", 8, "--context", 8)
        cls.tokenizer = os.path.join(trained, "tokenizer.json")
        numbers = random.Random(1)
        cls.block = array.array("f", (numbers.gauss(0, 0.02) for _ in range(BLOCK))).tobytes()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def model(self, name, width, layers, bytes_each):
        """A Llama's folder, its numbers in float32 or bfloat16. @return its path, and the bytes of its weights"""
        place = os.path.join(self.folder, name)
        os.mkdir(place)
        shutil.copy(self.tokenizer, place)
        with open(self.tokenizer, encoding="utf-8") as file:
            vocabulary = len(json.load(file)["model"]["vocab"])
        config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": vocabulary, "hidden_size": width,
                  "intermediate_size": 3 * width, "num_hidden_layers": layers, "num_attention_heads": 8,
                  "num_key_value_heads": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
                  "bos_token_id": None, "eos_token_id": None}
        with open(os.path.join(place, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        header, end = {"__metadata__": {"format": "pt"}}, 0
        for tensor, shape in tensors_of(config).items():
            begin, end = end, end + bytes_each * shape[0] * (shape[1] if len(shape) == 2 else 1)
            header[tensor] = {"dtype": "F32" if bytes_each == 4 else "BF16", "shape": shape, "data_offsets": [begin, end]}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        # A bfloat16 is the upper half of a float32.
        block = self.block if bytes_each == 4 else b"".join(
            self.block[i + 2:i + 4] for i in range(0, len(self.block) // 4, 4))
        with open(os.path.join(place, "model.safetensors"), "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for begin in range(0, end, len(block)):
                file.write(block[:end - begin])
        return place, end

    def check(self, bytes_each, commands):
        width = 1024
        layers = max(1, MEGABYTES * 1_000_000 // (bytes_each * 13 * width * width))  # 4 + 9 squares of the width each
        large, weights = self.model(f"large_{bytes_each}", width, layers, bytes_each)
        tiny, _ = self.model(f"tiny_{bytes_each}", 16, 1, bytes_each)
        self.assertGreater(weights, 0.8e6 * MEGABYTES)
        for command in commands:
            with self.subTest(command, bytes_each=bytes_each):
                used = []
                for place in (tiny, large):
                    run = place + "_run"
                    arguments = {"import": ["import", place, "--out", run],
                                 "generate": ["generate", "--run", run, "--prompt", "ANNA", "--max-new-tokens", 4]}[command]
                    used.append(peak(*arguments))
                ratio = (used[1] - used[0]) / weights
                print(f"{command}, {bytes_each} bytes a number: {ratio:.3f} times the weights", file=sys.stderr)
                matrices = 0 if bytes_each == 4 else CONVERTED * 4 * 3 * width * width
                self.assertLess(ratio, MOST + matrices / weights)
                self.assertGreater(ratio, 0.5, "the weights were read")
        for place in (large, large + "_run"):
            shutil.rmtree(place)

    def test_weights_in_float32(self):
        self.check(4, ["import", "generate"])

    def test_weights_in_bfloat16(self):
        self.check(2, ["import"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
