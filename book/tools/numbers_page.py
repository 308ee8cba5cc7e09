"""The page that says where the book's numbers come from: each recorded run with what it found, and where that is quoted."""
import html

from results import Wrong, number, show

TITLE = "Where the numbers come from"


def esc(text):
    return html.escape(str(text), quote=True)


def written(value):
    """A recorded value with as many digits as anybody will want."""
    value = number(value)
    if isinstance(value, float) and value == value and abs(value) != float("inf") and value != int(value):
        return f"{value:.6g}"
    try:
        return show(value, "", "")
    except (Wrong, ValueError, OverflowError):
        return str(value)


def quoted(build):
    """{(run, name): links to the sections that quote it}."""
    places = {}
    for piece in build.reader.pieces:
        if piece.kind not in ("number", "recorded", "output"):
            continue
        page, sections = piece.data["page"], piece.data["sections"]
        anchor = sections[0] if sections else page.anchor
        title = build.book.fill(build.book.anchors[anchor][1])
        link = f'<a href="{build.book.url(anchor)}">{page.number} · {build.strip(title)}</a>' if page.number else ""
        for run in piece.data["runs"]:
            for name in piece.data["names"]:
                places.setdefault((run.name, name), {})[link] = True
    return places


def article(build):
    places = quoted(build)
    out = [f'<header class="opening"><h1>{TITLE}</h1><p class="lede">Each measured number of the book was found by one of these '
           "runs and is taken from its record when the book is rendered.</p></header>"]
    for run in build.results.runs.values():
        d = run.data
        facts = [("Recorded", run.date), ("On", d["machine"]), ("Threads", d.get("threads", "")),
                 ("Seeds", ", ".join(map(str, d.get("seeds", [])))), ("Commit", d.get("commit", "")),
                 ("Took", f"{d['seconds']:.0f} s" if "seconds" in d else "")]
        rows = "".join(f"<dt>{k}</dt><dd>{esc(v)}</dd>" for k, v in facts if v != "")
        out.append(f'<section class="run"><h2 id="run-{run.name}">{esc(run.name)}</h2>'
                   f'<div class="console code-box"><pre tabindex="0"><span class="prompt" aria-hidden="true">$ </span>'
                   f'<b class="command">{esc(run.command)}</b></pre></div><dl class="facts">{rows}</dl>')
        values = []
        for name, found in run.scalars.items():
            more = f' ± {written(found["plus_minus"])}' if "plus_minus" in found else ""
            values.append((name, written(found["value"]) + more, found.get("unit", "")))
        for name, table in run.tables.items():
            values.append((name, f"a table of {len(table['rows'])} rows", ""))
        for name, curve in run.curves.items():
            values.append((name, f"a curve of {len(curve['points'])} points", ""))
        if values:
            body = "".join(f'<tr><td><code>{esc(name)}</code></td><td class="r">{esc(value)}</td><td>{esc(unit)}</td>'
                           f'<td>{", ".join(places.get((run.name, name), {}))}</td></tr>' for name, value, unit in values)
            out.append('<div class="scroll" tabindex="0" role="group" aria-label="Table"><table><thead><tr><th scope="col">Name</th>'
                       '<th scope="col" class="r">Value</th><th scope="col">Unit</th><th scope="col">Quoted in</th></tr></thead>'
                       f"<tbody>{body}</tbody></table></div>")
        out.append("</section>")
    return "".join(out)
