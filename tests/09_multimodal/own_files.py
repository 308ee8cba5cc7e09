#!/usr/bin/env python3
"""A picture and a sound such as a reader might bring: drawn and whistled by an unsteady hand.

usage: own_files.py FOLDER    (writes drawn.png and whistled.wav; those in chapters/09_multimodal/given are made so)
"""
import math
import random
import struct
import sys
import wave
import zlib
from pathlib import Path

MORSE = {"g": "--.", "p": ".--.", "t": "-", "o": "---", "a": ".-", "n": "-."}
RATE = 8000


def png(path, rows):
    """Writes rows of (red, green, blue), each 0 to 255, as an 8-bit PNG file."""
    def part(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    raw = b"".join(b"\0" + bytes(v for pixel in row for v in pixel) for row in rows)
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)) +
                           part(b"IDAT", zlib.compress(raw, 9)) + part(b"IEND", b""))


def draw(path, side=96, seed=1):
    """A yellow triangle above a blue cross: turned a little, with wavy edges, on ground that is lighter to one side."""
    chance = random.Random(seed)

    def turned(x, y, degrees):
        a = math.radians(degrees)
        return x * math.cos(a) + y * math.sin(a), y * math.cos(a) - x * math.sin(a)
    rows = []
    for row in range(side):
        line = []
        for column in range(side):
            # In units of the course's own pictures, which are 32 pixels wide; y points down.
            x, y = 32 * (column + 0.5) / side, 32 * (row + 0.5) / side
            wave_x, wave_y = x + 0.35 * math.sin(1.7 * y), y + 0.35 * math.sin(1.3 * x + 1)
            light = 0.06 + 0.1 * column / side
            colour = (light, light, 1.15 * light)
            u, v = turned(wave_x - 15, wave_y - 8.5, 6)
            if v <= 0.75 * 6.5 and abs(u) <= 0.6 * (v + 6.5):
                colour = (0.88, 0.80, 0.22)
            u, v = turned(wave_x - 17.5, wave_y - 24, -7)
            if max(abs(u), abs(v)) <= 6.2 and min(abs(u), abs(v)) <= 2.3:
                colour = (0.22, 0.34, 0.86)
            line.append(tuple(max(0, min(255, round(255 * (c + chance.uniform(-0.04, 0.04))))) for c in colour))
        rows.append(line)
    png(path, rows)


def whistle(path, text="gpt", unit=0.055, pitch=640, drift=0.04, noise=20, seed=1):
    """Morse code as somebody whistles it, 16-bit PCM: the pitch wanders by up to `drift` of itself, tones take 15 ms to come and
    to go, durations are off by up to 15 %, and the noise lies `noise` decibels below the tone."""
    chance = random.Random(seed)
    samples, loudness, phase = [], 0.5, 0.0

    def last(units):
        return round(units * unit * RATE * (1 + chance.uniform(-0.15, 0.15)))

    def hold(count, loud):
        nonlocal phase
        for i in range(count):
            hertz = pitch * (1 + drift * math.sin(2 * math.pi * 0.9 * len(samples) / RATE + 0.5))
            phase += 2 * math.pi * hertz / RATE
            samples.append(loud * min(1.0, min(i, count - 1 - i) / (0.015 * RATE)) * math.sin(phase))
    hold(int(0.08 * RATE), 0)
    for letter in text:
        for sign in MORSE[letter]:
            hold(last(1 if sign == "." else 3), loudness)
            hold(last(1), 0)
        hold(last(2), 0)
    deviation = math.sqrt(loudness ** 2 / 2 * 10 ** (-noise / 10))
    samples = [s + chance.gauss(0, deviation) for s in samples]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *(max(-32768, min(32767, round(30000 * s))) for s in samples)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    draw(Path(sys.argv[1]) / "drawn.png")
    whistle(Path(sys.argv[1]) / "whistled.wav")
