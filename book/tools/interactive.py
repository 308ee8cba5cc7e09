"""The pictures to be touched: the still that stands in the page, and where its script takes over."""
import html
import json
import math

KINDS = ("tokens", "mask", "sampling", "schedule")


def data_script(root):
    file = root / "book/theme/next-character.json"
    return "var VERSE_NEXT=" + json.dumps(json.loads(file.read_text(encoding="utf-8")), ensure_ascii=False) + ";\n"


def still(name, number):
    return (f'<figure class="interactive" data-kind="{name}" id="touch-{name}-{number}">{globals()["_" + name]()}</figure>')


def _frame(title, svg, caption):
    return (f'<p class="touch-title">{title}</p><div class="touch-stage"><div class="still">{svg}</div></div>'
            f"<figcaption>{caption}</figcaption>")


def _svg(width, height, body, label):
    return (f'<svg viewBox="0 0 {width} {height}" style="width:{width}px" role="img" aria-label="{html.escape(label)}">{body}</svg>')


def _tokens():
    text = "to be or not"
    alphabet = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    cells = []
    for i, c in enumerate(text):
        x = 6 + i * 44
        shown = "␣" if c == " " else c
        cells.append(f'<rect x="{x}" y="8" width="38" height="48" rx="5" class="cell"/>'
                     f'<text x="{x + 19}" y="32" class="mono big" text-anchor="middle">{shown}</text>'
                     f'<text x="{x + 19}" y="49" class="mono small" text-anchor="middle">{alphabet.index(c)}</text>')
    return _frame("Tokens and pairs", _svg(540, 64, "".join(cells), "The characters of “to be or not”, each with its number in "
                                           "the alphabet of 65 characters."),
                  "A text as tokens: each character is its number in the sorted alphabet of 65. Two neighbours are a pair.")


def _mask():
    text = "to be or not"
    n, size, left, top = len(text), 26, 40, 30
    body = []
    for i in range(n):
        shown = "␣" if text[i] == " " else text[i]
        body.append(f'<text x="{left + i * size + 13}" y="{top - 10}" class="mono" text-anchor="middle">{shown}</text>')
        body.append(f'<text x="{left - 14}" y="{top + i * size + 18}" class="mono" text-anchor="middle">{shown}</text>')
        for j in range(n):
            body.append(f'<rect x="{left + j * size + 1}" y="{top + i * size + 1}" width="24" height="24" rx="3" '
                        f'class="{"seen" if j <= i else "hidden"}"/>')
    return _frame("The causal mask", _svg(left + n * size + 6, top + n * size + 6, "".join(body),
                                          "A square of 12 by 12 positions. In each row the positions up to the row's own are "
                                          "filled, the later ones are empty."),
                  "Each row is a position that asks; filled are the positions that it may look at: itself and what came before.")


def _sampling():
    return _frame("Temperature, top-k, top-p", _sampling_still(), "What temperature, top-k and top-p make of one distribution: "
                  "the next character after “the ” in tiny Shakespeare's training split, counted.")


def _sampling_still():
    from pathlib import Path
    data = json.loads((Path(__file__).resolve().parents[1] / "theme/next-character.json").read_text(encoding="utf-8"))
    total = sum(n for _, n in data["counts"])
    shown = data["counts"][:24]
    scale = 130 / (shown[0][1] / total)
    body = ['<path d="M24 150h504" class="axis"/>']
    for i, (c, n) in enumerate(shown):
        h = n / total * scale
        c = "␣" if c == " " else "↵" if c == "\n" else c
        body.append(f'<rect x="{27 + i * 21}" y="{150 - h:.1f}" width="15" height="{h:.1f}" rx="2" class="seen"/>'
                    f'<text x="{34.5 + i * 21}" y="168" class="mono" text-anchor="middle">{html.escape(c)}</text>')
    return _svg(540, 178, "".join(body), f"Bars for the {len(shown)} most frequent next characters, falling from "
                f"{shown[0][0]!r} with {shown[0][1] / total:.0%}.")


def _schedule():
    points = []
    warm, steps, peak, low = 100, 2000, 1e-3, 1e-4
    for i in range(0, steps + 1, 10):
        rate = (peak * i / warm if i < warm else
                low + 0.5 * (1 + math.cos(math.pi * (i - warm) / (steps - warm))) * (peak - low))
        points.append(f"{50 + i / steps * 470:.1f},{170 - rate / peak * 140:.1f}")
    body = ('<path d="M50 20v150h480" class="axis"/>' f'<polyline points="{" ".join(points)}" class="curve"/>'
            '<text x="44" y="34" class="small" text-anchor="end">1e-3</text><text x="44" y="160" class="small" '
            'text-anchor="end">1e-4</text><text x="520" y="188" class="small" text-anchor="end">step 2,000</text>')
    return _frame("The learning rate", _svg(540, 196, body, "The learning rate rises in a straight line over 100 steps to 0.001 "
                                            "and falls along a half cosine to 0.0001 at step 2,000."),
                  "Warm-up over 100 steps, then half a cosine down to a tenth: the schedule of the preset `small`.".replace(
                      "`small`", "<code>small</code>"))
