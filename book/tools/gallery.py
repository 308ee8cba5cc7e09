"""Every figure of the book on one page, wide and narrow, on light and on dark paper: for one look before a release."""
import html
import re
from pathlib import Path

import pictures

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Every figure · Chapter and Verse</title><style>
.light {{ {light} }}
.dark {{ {dark} }}
body {{ margin: 2rem; font: 400 15px/1.5 system-ui, sans-serif }} h2 {{ font-size: 1.1rem; margin: 2.5rem 0 .3rem }} p {{ margin: 0 0 .8rem; max-width: 60rem }}
.panels {{ display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start }}
.panel {{ background: var(--paper); color: var(--ink); padding: 1rem; border: 1px solid #8886 }} .wide {{ width: 672px }} .narrow {{ width: 350px; overflow-x: auto }}
.panel svg {{ display: block; max-width: 100%; height: auto; margin: 0 auto; color: var(--ink); overflow: visible }} .panel svg text {{ font-family: var(--sans) }}
</style></head><body><h1>Every figure</h1><p>{count} figures, each in a page's column and on a phone, on light and on dark paper. Look for words that
cannot be read, lines that vanish, and texts for those who cannot see it that tell of something else.</p>{body}</body></html>
"""


def variables(css, selector):
    """The colours and faces that a theme sets."""
    block = re.search(re.escape(selector) + r"\s*\{(.*?)\}", css, re.S)
    return " ".join(re.findall(r"--[\w-]+:[^;]+;", block[1] + ";")) if block else ""


def write(book, out):
    """Writes the page: each figure that a chapter shows, in their order, then those that none shows. Gives how many."""
    css = (book.course.root / "book/theme/book.css").read_text(encoding="utf-8")
    light = variables(css, ":root")
    shown = {}
    for piece in book.reader.pieces:
        if piece.kind == "figure":
            shown.setdefault(piece.data["file"], (piece.data["alt"], f"{piece.path}:{piece.line}"))
    for folder in ("book/figures", "book/diagrams"):
        for file in sorted((book.course.root / folder).glob("*.*")):
            if file.suffix in (".svg", ".dot"):
                shown.setdefault(file.name, ("no page shows it", folder))
    body, number = [], 0
    for name, (alt, where) in shown.items():
        file = next((book.course.root / f / name for f in ("book/figures", "book/diagrams")
                     if (book.course.root / f / name).is_file()), None)
        if file is None:
            continue
        panels = ""
        for theme in ("light", "dark"):
            for width in ("wide", "narrow"):
                number += 1
                panels += f'<div class="panel {theme} {width}">{pictures.load(file, alt, number)}</div>'
        body.append(f'<h2>{html.escape(name)} <small>{html.escape(where)}</small></h2><p>{html.escape(alt)}</p>'
                    f'<div class="panels">{panels}</div>')
    out.parent.mkdir(parents=True, exist_ok=True)
    dark = light + " " + variables(css, ':root[data-theme="dark"]')
    out.write_text(PAGE.format(light=light, dark=dark, count=len(body), body="".join(body)), encoding="utf-8")
    return len(body)
