"""Pictures, put into the page as SVG in the page's ink, so that they follow the dark theme."""
import re
import subprocess

import lxml.etree

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
INK = {"black", "#000", "#000000", "rgb(0,0,0)", "currentcolor"}
DOT = ('graph [bgcolor="transparent" nodesep=0.3 ranksep=0.5]; '
       'node [shape=box style=rounded fontname="Inter" fontsize=12 height=0.42 penwidth=1.2]; '
       'edge [arrowsize=0.6 penwidth=1.2 fontname="Inter" fontsize=11];')


def svg_of(file):
    """A picture's SVG as text; a diagram of Graphviz is drawn first."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".dot":
        return text
    text = re.sub(r"\{", "{ " + DOT.replace("\\", r"\\"), text, count=1)
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True)
    if done.returncode or done.stderr.strip():
        raise ValueError(done.stderr.strip() or "dot failed")
    return done.stdout


def alone(file, inks):
    """A picture as a file by itself, where no page gives it its ink. inks: the colours, by "currentColor" and "--name"."""
    text = svg_of(file)

    def variable(m):
        if m[1] not in inks:
            raise ValueError(f"{file.name}: the colour var({m[1]}) is none that a picture can take")
        return inks[m[1]]
    if file.suffix == ".dot":
        text = re.sub(r"<!--.*?-->\n?|<!DOCTYPE[^>]*>\n?", "", text, flags=re.S)
        text = re.sub(r'(fill|stroke)="black"', r'\1="currentColor"', text).replace("<text ", '<text fill="currentColor" ')
    text = re.sub(r"var\((--[\w-]+)\)", variable, text)
    text = re.sub("currentcolor", inks["currentColor"], text, flags=re.I)
    # By itself it says what it is and how large.
    head = re.search(r"<svg\b[^>]*>", text)
    if head is None or not (box := re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', head[0])):
        raise ValueError(f"{file.name}: no viewBox: the picture's size is not known")
    more = "" if "xmlns=" in head[0] else ' xmlns="http://www.w3.org/2000/svg"'
    more += "" if re.search(r"\swidth=", head[0]) else f' width="{box[1]}" height="{box[2]}"'
    return text[:head.start()] + "<svg" + more + text[head.start() + 4:]


def load(file, alt, number):
    """A picture's SVG as text, named for readers who cannot see it; its ids made unique by the number."""
    text = svg_of(file)
    parser = lxml.etree.XMLParser(remove_comments=True, resolve_entities=False, load_dtd=False, no_network=True)
    tree = lxml.etree.fromstring(text.encode(), parser)
    ids = {e.get("id"): f"p{number}-{e.get('id')}" for e in tree.iter() if e.get("id")}
    for element in list(tree.iter()):
        if not isinstance(element.tag, str):
            continue
        if element.tag in (SVG + "title", SVG + "desc", SVG + "metadata", SVG + "script"):
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
            continue
        if file.suffix == ".dot" and element.tag == SVG + "text":
            element.set("fill", "currentColor")
            element.attrib.pop("font-family", None)
        for key, value in list(element.attrib.items()):
            if key == "id":
                value = ids[value]
            elif key in ("href", XLINK + "href"):
                if value.startswith("#"):
                    value = "#" + ids.get(value[1:], value[1:])
                if key != "href":
                    del element.attrib[key]
                    key = "href"
            elif key in ("fill", "stroke") and value.strip().lower() in INK:
                value = "currentColor"
            elif "url(#" in value:
                value = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{ids.get(m[1], m[1])})", value)
            element.set(key, value)
    width = tree.get("width", "")
    if "viewBox" not in tree.attrib:
        raise ValueError("no viewBox: the picture could not follow the page's width")
    m = re.match(r"([\d.]+)(pt|px)?$", width)
    pixels = float(m[1]) * (4 / 3 if m[2] == "pt" else 1) if m else float(tree.get("viewBox").split()[2])
    for name in ("width", "height"):
        tree.attrib.pop(name, None)
    tree.set("style", f"width:{pixels:.0f}px")
    tree.set("role", "img")
    tree.set("aria-label", alt)
    text = lxml.etree.tostring(tree, encoding="unicode")
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    return re.sub(r">\s+<", "><", text)
