"""The search index: one entry a section, written as a script so that it loads from the file system."""
import json
import re

HEADS = {"h1", "h2", "h3"}
SKIP = {"svg", "button", "style", "script", "annotation", "form"}


def sections(tree, url, title, kind):
    """[(url, section title, page title, text, kind)] of a page's article."""
    found, text, here, head = [], [], "", title

    def close():
        body = " ".join(" ".join(text).split())
        if body or here:
            found.append([url + (f"#{here}" if here else ""), head, title, body[:6000], kind])
        text.clear()

    def walk(e):
        nonlocal here, head
        if not isinstance(e.tag, str) or e.tag in SKIP or e.get("aria-hidden") == "true" or "heading-link" in (e.get("class") or ""):
            return
        if e.get("class") in ("chapter-meta", "eyebrow"):
            return
        if e.tag in HEADS and e.get("id") or (e.tag == "section" and e.get("id")):
            close()
            here = e.get("id")
            head = " ".join("".join(t for t in own(e)).split()) if e.tag in HEADS else (e.get("aria-label") or "")
            if e.tag in HEADS:
                return
        elif e.tag == "h1":
            return
        if e.text:
            text.append(e.text)
        for child in e:
            walk(child)
            if child.tail:
                text.append(child.tail)

    def own(e):
        if e.get("aria-hidden") == "true" or "heading-link" in (e.get("class") or "") or e.tag in SKIP:
            return
        if e.text:
            yield e.text
        for child in e:
            yield from own(child)
            if child.tail:
                yield child.tail

    walk(tree)
    close()
    return found


def write(file, entries):
    for entry in entries:  # "warm-up" is found by "warmup" too
        joined = {w.replace("-", "") for w in re.findall(r"\b[A-Za-z]+(?:-[A-Za-z]+)+\b", entry[1] + " " + entry[3])}
        entry.append(" ".join(sorted(joined)))
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    file.write_text(f"var VERSE_INDEX={text};\n", encoding="utf-8")
