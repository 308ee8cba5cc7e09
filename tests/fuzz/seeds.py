#!/usr/bin/env python3
"""Writes the fuzzers' seeds: small valid files, and what was once found to break a reader.

usage: seeds.py PROGRAM FOLDER      (PROGRAM is build/gpt)
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))


def tensor_file(header, data=b""):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(text)) + text + data


def wav(channels=1, bits=16, rate=8000, data=b"\0\x01\xff\x7f\0\x80"):
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def png(width, height, kind, rows, palette=None, level=9):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    colours = chunk(b"PLTE", palette) if palette else b""
    return b"\x89PNG\r\n\x1a\n" + head + colours + chunk(b"IDAT", zlib.compress(rows, level)) + chunk(b"IEND", b"")


def main():
    program, folder = sys.argv[1:]
    seeds = {}

    def add(target, name, content):
        seeds[target, name] = content if isinstance(content, bytes) else content.encode()

    with tempfile.TemporaryDirectory() as place:
        text = os.path.join(place, "text")
        with open(text, "w", encoding="utf-8") as file:
            file.write("ab\ncd\n" * 40)
        run = os.path.join(place, "run")
        subprocess.run([program, "train", "--data", text, "--out", run, "--steps", "2", "--eval-every", "1", "--layers",
                        "1", "--heads", "1", "--width", "8", "--context", "8", "--batch-size", "2", "--threads", "1"],
                       check=True, capture_output=True)

        def read(name):
            with open(os.path.join(run, name), "rb") as file:
                return file.read()

        add("weights", "whole", read("model.safetensors"))
        add("config", "whole", read("config.json"))
        add("gpt2-config", "whole", read("config.json"))
        add("tokenizer", "characters", read("tokenizer.json"))
        add("metrics", "whole", read("metrics.csv"))
        state = read("state.safetensors")
        (length,) = struct.unpack("<Q", state[:8])
        # The place of the text is this machine's.
        described = json.loads(json.loads(state[8:8 + length])["__metadata__"]["run"])
        described["text"]["file"] = "text"
        add("state", "whole", json.dumps(described))
        described["recipe"].update(heads=0)
        add("state", "no-heads", json.dumps(described))
        described["recipe"].update({"heads": 1, "eval-every": 0, "layers": 1000000})
        add("state", "never-evaluates", json.dumps(described))
        described["text"]["file"] = list(b"caf\xe9")
        add("state", "bytes-in-a-path", json.dumps(described))

    # Weights: depth, a gap, an empty tensor, one that is larger than the file, other kinds of files.
    add("weights", "deep", tensor_file(b"{\"a\":" * 200))
    add("weights", "empty-tensor", tensor_file({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}))
    add("weights", "large", tensor_file({"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]}}, b"1234"))
    add("weights", "nan", tensor_file({"wte.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\0\0\xc0\x7f"))
    add("weights", "numbers", tensor_file(b'{"a":{"dtype":"F32","shape":[1e30],"data_offsets":[0,1.9]}}'))
    add("weights", "pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    add("json", "kinds", '\ufeff{"a": [1, -2.5, 1e300, true, null, "\\u00e9\\ud83d\\ude00\\n"], "b": {"c": {}}}')
    add("json", "deep", "[" * 300 + "]" * 300)
    add("json", "twice", '{"a": 1, "a": 2}')
    add("json", "large", "[1e999, 18446744073709551616]")
    add("json", "broken-character", b'["caf\xe9"]')
    add("gpt2-config", "aliases", json.dumps({"model_type": "gpt2", "hidden_size": 8, "num_hidden_layers": 1,
                                              "num_attention_heads": 2, "max_position_embeddings": 8, "vocab_size": 5}))
    llama = {"model_type": "qwen3", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
             "head_dim": 4, "vocab_size": 5, "use_sliding_window": True, "sliding_window": 4,
             "layer_types": ["sliding_attention", "full_attention"], "eos_token_id": [1, 2],
             "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}
    add("llama-config", "whole", json.dumps(llama))
    add("llama-config", "newer", json.dumps({"model_type": "llama", "rope_parameters": {"rope_type": "linear", "factor": 2.0,
                                                                                         "rope_theta": 100.0}}))
    add("llama-config", "large", '{"model_type": "mistral", "num_hidden_layers": 1e30, "head_dim": 2147483648}')
    add("gpt2-config", "numbers", '{"n_embd": 1e30, "n_layer": 1.9}')
    pairs = {"version": "1.0", "added_tokens": [{"id": 5, "content": "<|endoftext|>", "single_word": False, "lstrip": False,
                                                 "rstrip": False, "normalized": False, "special": True}],
             "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
             "post_processor": None, "decoder": {"type": "ByteLevel"},
             "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                       "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                       "vocab": {"a": 0, "b": 1, "\u0120": 2, "ab": 3, "\u0120ab": 4}, "merges": ["a b", ["\u0120", "ab"]]}}
    add("tokenizer", "pairs", json.dumps(pairs))
    pairs["model"]["vocab"]["c"] = 10**12
    add("tokenizer", "hole", json.dumps(pairs))
    add("metrics", "windows", b"\xef\xbb\xbf" + b"step,tokens,seconds,learning_rate,train_loss,val_loss,grad_norm,"
        b"tokens_per_second\r\n10,20,0.5,0.001,nan,inf,,\r\n")
    add("text", "kinds", "plain \x1b[2J caf\u00e9 \u202e \u4e2d \U0001f600 'quoted' <b>&")
    add("text", "broken", b"caf\xe9 \xff\xc3 \xf0\x9f\x98 \xed\xa0\x80")
    add("wav", "mono", wav())
    add("wav", "stereo", wav(2, data=bytes(8)))
    add("wav", "no-samples", wav(data=b""))
    add("wav", "long-chunk", wav()[:16] + b"\xff\xff\xff\xff" + wav()[20:])
    add("evidence", "whole", json.dumps({"text": "the play", "training_characters": 1000, "floor": None,
                                         "entropies": [4.1, 3.3, 2.4, 1.9], "future_influence": 0.5}))
    add("progress", "whole", json.dumps(
        {"version": 1,
         "exercises": {"1.1": {"standing": "passed", "checked_at": "x", "body": "a", "hints_shown": 2, "checks": 4,
                               "begun_at": "x", "passed_at": "x", "solution_shown_at": ""}},
         "predictions": {"P1.1": {"right": True, "told": False, "answers": ["3"], "answered_at": "x"}},
         "chapters": {"1": {"passed_with": "a", "passed_at": "x"}}, "stubs_written": {"a.cpp": ["0"]}}))
    add("manifest", "whole", 'chapter = 3\nfolder = "03_attention"\ntitle = "Attention"\n[[exercise]]\nid = "3.1"\ntitle = "x"\n'
        'file = "attention.cpp"\nsection = "s"\nminutes = 5\ncore = true\nreference = "r"\nhints = [\n  "a",\n  "b",\n  "c",\n]\n'
        '[[exercise.calls]]\ncall = "f(x)"\ndoes = "g"\n[[exercise.mistake]]\nid = "m"\nsays = "n"\n'
        '[[prediction]]\nid = "P3.1"\nquestion = "q"\nwhy = "w"\nsection = "s"\nanswer = 4\ntolerance = 0.5\n'
        '[[prediction]]\nid = "P3.2"\nquestion = "q"\nwhy = "w"\nsection = "s"\naccept = ["yes", "no"]\n')
    add("manifest", "brackets", "[" * 40 + "Q" + "[" * 9)
    add("manifest", "not-utf8", b"[[[[K[\xa5\xa4\xa4\x9d[\r[")
    add("manifest", "stray-character", b"\xef\xbb\xbba")
    add("manifest", "stray-letter", "\u00e9 = 1")
    add("manifest", "stray-in-a-string", 'a = """b \\\n \u00e9"""')
    add("manifest", "deep", "a = " + "[" * 300)
    add("marks", "whole", "int f() {\n  //! [3.1]\n  return 1;\n  //! [3.1]\n}\n//! [a picture]\nint g() {\r\n\t//! [3.2]\r\n//! [3.2]\r\n}\n")
    add("marks", "crossed", "//! [3.1]\n//! [3.2]\n//! [3.1]\n//! [3.2]\n")
    add("answers", "whole", "// A list.\n//! [3.1] wrong no_scaling: forgot the root\nreturn 1;\n\n//! [3.1] right: einsum\n  return 2;\n")
    add("shards", "whole", json.dumps({"metadata": {"total_size": 8}, "weight_map": {"wte.weight": "model-1.safetensors"}}))
    for name in ("..", "/etc/passwd", "a/b", ""):
        add("shards", "name-" + str(len(name)), json.dumps({"weight_map": {"a": name}}))
    vocabulary = {"a": 0, "b": 1, "\u0120": 2, "ab": 3, "\u0120ab": 4, "<|endoftext|>": 5}
    add("merges", "whole", json.dumps(vocabulary) + "\0#version: 0.2\na b\n\u0120 ab\n")
    add("merges", "unknown", json.dumps(vocabulary) + "\0a c\n")
    add("png", "coloured", png(3, 2, 2, bytes([0, *range(9), 4, *range(9)])))
    add("png", "palette", png(2, 1, 3, bytes([0, 0, 1]), palette=bytes(6)))
    add("png", "stored", png(1, 1, 0, b"\0\x80", level=0))
    add("png", "large", png(8192, 8192, 6, b""))
    with open(os.path.join(HERE, "../../chapters/07_sampling/given/grammars/json.txt"), encoding="utf-8") as file:
        add("grammar", "json", file.read())
    add("grammar", "nested", "root ::= " + "(" * 3000 + '"a"' + ")" * 3000)
    add("grammar", "ways", 'root ::= a0\n' + "".join(f'a{i} ::= a{i + 1} "x" | a{i + 1} "y"\n' for i in range(30)) + 'a30 ::= "z"')
    add("grammar", "chain", "root ::= a0\n" + "".join(f"a{i} ::= a{i + 1}\n" for i in range(1500)) + 'a1500 ::= "z"')
    for (target, name), content in seeds.items():
        os.makedirs(os.path.join(folder, target), exist_ok=True)
        with open(os.path.join(folder, target, name), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
