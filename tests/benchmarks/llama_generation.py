#!/usr/bin/env python3
"""How fast a Llama of 135 million parameters writes: ours in four kinds of numbers, and others', side by side.

usage: build/interop/venv/bin/python tests/benchmarks/llama_generation.py BUILD_FOLDER [--threads 1,2] [--rounds N] [--tokens N]
         [--llama-bench PROGRAM] [--record FILE]

The others are Hugging Face's cached generate and, where its program llama-bench is named, llama.cpp; the same model is written for it with
the package gguf (pip install gguf). The Python is the one that `make test-interop` sets up. The model has the shape of SmolLM2's smallest (30 layers, 576 wide, 9 heads, 3 of
keys and values, 49,152 tokens, a tied head) and random weights. All write greedily, which asks least of whoever chooses, and begin with
one token. What is timed is writing alone: no program's start, no loading of weights. The contenders take turns, round by round.

A token reads all matrices once, so no program writes more tokens a second than the bytes that memory delivers (a plain read of a sum,
measured beside the contenders in each round, by `gpt bench --read`) over the bytes of the matrices. The share of that limit is printed.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported

import recorded
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

SHAPE = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
         "vocab_size": 49152, "max_position_embeddings": 2048, "rope_theta": 100000.0, "tie_word_embeddings": True}
KINDS = {"fp32": "float32", "bf16": "bfloat16", "int8": "int8", "int4": "int4"}
THEIR_KINDS = {"fp32": "F32", "bf16": "BF16", "q8_0": "Q8_0", "q4_0": "Q4_0"}  # llama.cpp's, by gguf's names
READ_MB = 512


def tokenizer_of(count):
    """Byte pairs: the 256 bytes, and pairs of them until there are `count` tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [(first, second) for first in letters for second in letters][:count - len(letters)]
    tokens = letters + [first + second for first, second in pairs]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def bytes_read(kind):
    """Of the matrices: what a token reads, scales included."""
    width, inside, keys = SHAPE["hidden_size"], SHAPE["intermediate_size"], SHAPE["num_key_value_heads"] * 64
    shapes = SHAPE["num_hidden_layers"] * [(width, width), (keys, width), (keys, width), (width, width), (inside, width), (inside, width),
                                           (width, inside)] + [(SHAPE["vocab_size"], width)]
    total = 0
    for rows, columns in shapes:
        total += {"fp32": 4 * rows * columns, "bf16": 2 * rows * columns, "int8": rows * (columns + 4),
                  "int4": rows * (columns // 2 + 4 * columns // 64),
                  "q8_0": rows * columns // 32 * 34, "q4_0": rows * columns // 32 * 18}[kind]  # a float16 for each 32 weights
    return total


class Ours:
    def __init__(self, build, run, kind, threads):
        self.command = [os.path.join(build, "gpt"), "generate", "--run", run, "--weights", kind, "--threads", str(threads), "--greedy",
                        "--timing"]

    def seconds(self, tokens):
        done = subprocess.run([*self.command, "--max-new-tokens", str(tokens)], check=True, capture_output=True)
        return float(re.search(rb"in ([0-9.]+) s", done.stderr).group(1))


class HuggingFace:
    def __init__(self, model, threads):
        self.model, self.threads = model, threads

    def seconds(self, tokens):
        torch.set_num_threads(self.threads)
        start = time.perf_counter()
        self.model.generate(torch.tensor([[0]]), attention_mask=torch.ones(1, 1, dtype=torch.int64), max_new_tokens=tokens,
                            min_new_tokens=tokens, do_sample=False, use_cache=True, pad_token_id=0)
        return time.perf_counter() - start


def write_gguf(model, kind, path):
    """The model as llama.cpp reads it, its matrices in one of its kinds of numbers. It gets no vocabulary: none is needed to be timed. The
    rows of queries and keys stay in Hugging Face's order, which changes what would be written and not how fast."""
    import gguf
    dtype = gguf.GGMLQuantizationType[THEIR_KINDS[kind]]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(SHAPE["max_position_embeddings"])
    writer.add_embedding_length(SHAPE["hidden_size"])
    writer.add_block_count(SHAPE["num_hidden_layers"])
    writer.add_feed_forward_length(SHAPE["intermediate_size"])
    writer.add_head_count(SHAPE["num_attention_heads"])
    writer.add_head_count_kv(SHAPE["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(SHAPE["rope_theta"])
    writer.add_rope_dimension_count(SHAPE["hidden_size"] // SHAPE["num_attention_heads"])
    writer.add_vocab_size(SHAPE["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight":
            continue  # tied
        layer = re.fullmatch(r"model\.layers\.(\d+)\.(.*)\.weight", name)
        short = f"blk.{layer[1]}.{names[layer[2]]}.weight" if layer else f"{names[name.removesuffix('.weight')]}.weight"
        values = tensor.float().numpy()
        if values.ndim == 1 or kind == "fp32":
            writer.add_tensor(short, values)
        else:
            writer.add_tensor(short, gguf.quants.quantize(values, dtype), raw_dtype=dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class LlamaCpp:
    def __init__(self, program, path, threads):
        self.command = [program, "-m", path, "-t", str(threads), "-p", "0", "-r", "1", "-o", "json"]

    def seconds(self, tokens):
        done = subprocess.run([*self.command, "-n", str(tokens)], check=True, capture_output=True, text=True)
        return tokens / json.loads(done.stdout)[0]["avg_ts"]


WHO = {Ours: "ours", HuggingFace: "theirs", LlamaCpp: "llama_cpp"}


def bytes_a_second(build, threads):
    done = subprocess.run([os.path.join(build, "gpt"), "bench", "--read", str(READ_MB), "--threads", str(threads)], check=True,
                          capture_output=True, text=True)
    return 1e6 * float(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, apart by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--layers", type=int, default=SHAPE["num_hidden_layers"], help="fewer, to try the script")
    parser.add_argument("--llama-bench", metavar="PROGRAM", help="llama.cpp's, to time it too")
    parser.add_argument("--record", metavar="FILE", help="writes what the book quotes of this run, as JSON")
    options = parser.parse_args()
    SHAPE["num_hidden_layers"] = options.layers

    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(bos_token_id=None, eos_token_id=None, pad_token_id=None, **SHAPE)).eval()
    scalars = {}
    with tempfile.TemporaryDirectory() as folder:
        theirs, run = os.path.join(folder, "theirs"), os.path.join(folder, "run")
        model.save_pretrained(theirs)
        tokenizer_of(SHAPE["vocab_size"]).save(os.path.join(theirs, "tokenizer.json"))
        subprocess.run([os.path.join(options.build, "gpt"), "import", theirs, "--out", run], check=True, stdout=subprocess.DEVNULL)
        halved = LlamaForCausalLM.from_pretrained(theirs, dtype=torch.bfloat16).eval()
        if options.llama_bench:
            for kind in THEIR_KINDS:
                write_gguf(model, kind, os.path.join(folder, kind + ".gguf"))
        print(f"{options.tokens} tokens, {SHAPE['num_hidden_layers']} layers, {SHAPE['hidden_size']} wide; median of {options.rounds} rounds")
        for threads in map(int, options.threads.split(",")):
            contenders = {f"ours, {name}": (kind, Ours(options.build, run, kind, threads)) for kind, name in KINDS.items()}
            contenders["Hugging Face, float32"] = ("fp32", HuggingFace(model, threads))
            contenders["Hugging Face, bfloat16"] = ("bf16", HuggingFace(halved, threads))
            for kind, name in THEIR_KINDS.items() if options.llama_bench else ():
                contenders[f"llama.cpp, {name}"] = (kind, LlamaCpp(options.llama_bench, os.path.join(folder, kind + ".gguf"), threads))
            seconds = {name: [] for name in contenders}
            reading = []
            for _, contender in contenders.values():
                contender.seconds(4)  # warms up
            for _ in range(options.rounds):
                reading.append(bytes_a_second(options.build, threads))
                for name, (_, contender) in contenders.items():
                    seconds[name].append(contender.seconds(options.tokens))
            rate = max(reading)  # memory is never quicker than it can be
            scalars[f"read_{threads}"] = {"value": 1e-9 * rate, "unit": "GB/s"}
            print(f"threads: {threads}; a plain read: {1e-9 * rate:.1f} GB/s ({1e-9 * min(reading):.1f} to {1e-9 * max(reading):.1f})")
            for name, (kind, contender) in contenders.items():
                median = options.tokens / statistics.median(seconds[name])
                share = median * bytes_read(kind) / rate
                print(f"  {name:<24} {median:7.1f} tokens a second ({options.tokens / max(seconds[name]):.1f} to "
                      f"{options.tokens / min(seconds[name]):.1f})   {1e-6 * bytes_read(kind):5.0f} MB a token, {100 * share:3.0f} % of the limit")
                who = f"{WHO[type(contender)]}_{kind}_{threads}"
                scalars[who] = {"value": median, "unit": "tokens a second"}
                scalars["share_" + who] = {"value": 100 * share, "unit": "percent"}
    if options.record:
        recorded.write(options.record, max(map(int, options.threads.split(","))), [1],
                       {name: (one["value"], one["unit"]) for name, one in scalars.items()}, {})


if __name__ == "__main__":
    sys.exit(main())
