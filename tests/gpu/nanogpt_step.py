#!/usr/bin/env python3
"""How long nanoGPT takes for a step of its own recipe on a GPU, and for 500 characters.

usage: python3 nanogpt_step.py NANOGPT TEXT [--steps N] [--rounds N] [--no-compile]

NANOGPT is a clone of github.com/karpathy/nanoGPT, of which model.py is used as it is. The recipe is its config for characters: 6
layers, 6 heads, width 384, context 256, batch 64, dropout 0.2, no biases, bfloat16 by autocast, fused AdamW, gradients clipped at 1.
Each form, eager and compiled, is timed twice: with batches put together on the processor and sent, as nanoGPT's train.py does, and
with batches cut out of a text that lies on the GPU, as ours does. Prints one line of JSON a form, medians over rounds.
"""
import argparse
import json
import os
import statistics
import sys
import time

import numpy
import torch

BATCH, CONTEXT = 64, 256


class Texts:
    """The training split as token numbers: in the processor's memory, and on the GPU."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        number = {character: i for i, character in enumerate(sorted(set(text)))}
        self.vocabulary = len(number)
        numbers = numpy.array([number[character] for character in text], dtype=numpy.uint16)
        self.here = numbers[:int(0.9 * len(numbers))]
        self.there = torch.from_numpy(self.here.astype(numpy.int64)).cuda()

    def sent(self):
        places = torch.randint(len(self.here) - CONTEXT, (BATCH,))
        inputs = torch.stack([torch.from_numpy(self.here[i:i + CONTEXT].astype(numpy.int64)) for i in places])
        targets = torch.stack([torch.from_numpy(self.here[i + 1:i + 1 + CONTEXT].astype(numpy.int64)) for i in places])
        return inputs.pin_memory().to("cuda", non_blocking=True), targets.pin_memory().to("cuda", non_blocking=True)

    def cut(self):
        places = torch.randint(len(self.there) - CONTEXT, (BATCH,), device="cuda")
        windows = self.there[places[:, None] + torch.arange(CONTEXT + 1, device="cuda")]
        return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()


def time_steps(model, optimizer, batch, steps, rounds):
    """Milliseconds a step, one number a round."""
    precision = torch.amp.autocast("cuda", torch.bfloat16)
    following = batch()

    def step():
        nonlocal following
        inputs, targets = following
        with precision:
            _, loss = model(inputs, targets)
        following = batch()  # while the GPU is at work on the loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    begin = time.time()
    for _ in range(20):
        step()
    torch.cuda.synchronize()
    warm_up = time.time() - begin
    times = []
    for _ in range(rounds):
        begin = time.time()
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
        times.append(1e3 * (time.time() - begin) / steps)
    return times, warm_up


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nanogpt")
    parser.add_argument("text")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, os.path.abspath(options.nanogpt))
    from model import GPT, GPTConfig

    def say(form, **numbers):
        print(json.dumps({"form": form, **numbers}), flush=True)

    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    texts = Texts(options.text)
    for compiled in (False,) if options.no_compile else (False, True):
        torch.manual_seed(1337)
        torch.cuda.reset_peak_memory_stats()
        plain = GPT(GPTConfig(block_size=CONTEXT, vocab_size=texts.vocabulary, n_layer=6, n_head=6, n_embd=384, dropout=0.2,
                              bias=False)).cuda()
        optimizer = plain.configure_optimizers(0.1, 1e-3, (0.9, 0.99), "cuda")
        model = torch.compile(plain) if compiled else plain
        for loader, batch in (("sent", texts.sent), ("cut", texts.cut)):
            times, warm_up = time_steps(model, optimizer, batch, options.steps, options.rounds)
            say(f"{'compiled' if compiled else 'eager'}, batches {loader}", ms_a_step=statistics.median(times), rounds=times,
                warm_up_seconds=warm_up, peak_bytes=torch.cuda.max_memory_allocated())
        if compiled:
            continue
        plain.eval()
        seconds = []
        for _ in range(3):
            begin = time.time()
            with torch.no_grad(), torch.amp.autocast("cuda", torch.bfloat16):
                plain.generate(torch.zeros((1, 1), dtype=torch.long, device="cuda"), 500, temperature=0.8, top_k=200)
            torch.cuda.synchronize()
            seconds.append(time.time() - begin)
        say("500 characters", seconds=min(seconds), rounds=seconds)


if __name__ == "__main__":
    main()
