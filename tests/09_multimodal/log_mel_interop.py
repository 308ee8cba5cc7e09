#!/usr/bin/env python3
"""Compares chapter 9's log-mel spectrograms with librosa's, on the same WAV files.

usage: log_mel_interop.py SOLUTION_09        (run it by a Python that has librosa)
"""

import os
import subprocess
import sys
import tempfile
import wave

import librosa
import numpy as np

TOLERANCE = 1e-4  # of a base-10 logarithm; the program computes in float64 and prints nine decimals


def sounds():
    """Name, samples a second, samples as int16 [channels, n]."""
    random = np.random.default_rng(9)
    time = np.arange(8000) / 8000
    tones = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.2 * np.sin(2 * np.pi * 3100 * time)
    chirp = 0.5 * np.sin(2 * np.pi * (200 + 1500 * time) * time)
    keyed = np.where((time * 10).astype(int) % 2 == 0, tones, 0)  # with stretches of pure silence
    yield "tones", 8000, [tones]
    yield "chirp in noise", 8000, [chirp + random.normal(0, 0.05, 8000)]
    yield "tones and silence", 8000, [keyed]
    yield "noise at 16,000 a second, an odd length", 16000, [random.normal(0, 0.2, 12345)]
    yield "two channels", 22050, [random.normal(0, 0.1, 5000), random.normal(0, 0.1, 5000)]
    yield "a click", 8000, [np.eye(1, 700, 300)[0] * 0.9]


def write_wav(path, rate, channels):
    numbers = np.clip(np.round(np.stack(channels, 1) * 32768), -32768, 32767).astype("<i2")
    with wave.open(path, "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(numbers.tobytes())
    return numbers.astype(np.float64).mean(1) / 32768


def librosas(samples, rate):
    energy = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=256, hop_length=128, window="hann", center=True, pad_mode="constant", power=2.0,
        n_mels=32, fmin=0, fmax=rate / 2, htk=True, norm=None, dtype=np.float64)
    return np.log10(np.maximum(energy, 1e-10)).T


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, rate, channels in sounds():
            path = os.path.join(folder, "sound.wav")
            samples = write_wav(path, rate, channels)
            printed = subprocess.run([sys.argv[1], "--log-mel", path], check=True, capture_output=True, text=True)
            ours = np.array([[float(number) for number in line.split()] for line in printed.stdout.splitlines()])
            theirs = librosas(samples, rate)
            if ours.shape != theirs.shape:
                print(f"{name}: shape {ours.shape}, librosa has {theirs.shape}")
                failed += 1
                continue
            worst = np.abs(ours - theirs).max()
            good = bool(worst <= TOLERANCE)  # false for NaN
            print(f"{name}: {ours.shape[0]} frames of {ours.shape[1]} bands, largest difference {worst:.1e}"
                  + ("" if good else f", more than {TOLERANCE:.0e}"))
            passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
