"""A report that `make test-gpu` has written on another machine, as a recorded run: its tables, and their numbers by name."""
import re


def slug(text):
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def value(text):
    try:
        return float(text) if re.search(r"[.e]", text) else int(text)
    except ValueError:
        return text


def distances(text):
    """{name: a share}: how far the gradients of each form of the step lie from autograd's in float32, as the kernels' own check printed."""
    block = re.search(r"^## Output: own kernels: step\n+```$(.*?)^```$", text, re.M | re.S)
    found = re.findall(r"^(?:ok|WRONG) +(.*?) +error (\S+)", block[1], re.M) if block else []
    found += re.findall(r"^ +(autograd[^:]*): .*gradients (\S+)", block[1], re.M) if block else []
    return {f"gradients_{slug(form)}": {"value": float(share), "unit": "relative"} for form, share in found}


def read(text):
    """(scalars, tables, machine) of a report: a value's name is its section's and its row's, as in ladder_adamw."""
    scalars, tables, facts = {}, {}, {}
    title, unit = None, ""
    for line in re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S).split("\n"):
        if line.startswith("#"):
            title, _, unit = line.lstrip("# ").rpartition(", ") if line.rpartition(", ")[2] in ("ms", "ms a step", "seconds") else (
                line.lstrip("# "), "", "")
        elif m := re.match(r"\| ([^|]*[^|\s]) \| ([^|]*[^|\s]) \|$", line):
            if m[1] == "---":
                continue
            if title == "Machine":
                facts[m[1]] = m[2]
                continue
            name, found = slug(re.sub(r"^(Training), .*", r"\1", title)), value(m[2])
            tables.setdefault(name, {"columns": ["what", "value"], "rows": []})["rows"].append([m[1].lstrip("+ "), found])
            if not isinstance(found, str):
                scalars[f"{name}_{slug(m[1])}"] = {"value": found, **({"unit": unit.split()[0]} if unit else {})}
        elif m := re.match(r"All of it took (\d+) s", line):
            scalars["all_of_it"] = {"value": int(m[1]), "unit": "seconds"}
        elif m := re.match(r"\| tests of chapter (\d+) on the GPU \|[^|]*\| (\d+) passed, (\d+) failed, (\d+) skipped, (\d+) crashed", line):
            for what, count in zip(("passed", "failed", "skipped", "crashed"), m.groups()[1:]):
                scalars[f"tests_{int(m[1])}_{what}"] = {"value": int(count)}
        elif m := re.match(r"\| own kernels: (\w+) \|[^|]*\| (\d+) right, (\d+) wrong", line):
            scalars[f"kernels_{m[1]}_right"], scalars[f"kernels_{m[1]}_wrong"] = {"value": int(m[2])}, {"value": int(m[3])}
    scalars |= distances(text)
    card = facts.get("card", "").split(", ")
    machine = f"{card[0]} (driver {card[1]}), {facts.get('cores', '?')} processor cores, LibTorch {facts.get('libtorch', '?')}"
    return scalars, tables, machine


def record(run, root):
    """The report of a run in runs.toml, with what stands around a recorded run."""
    text = (root / run["report"]).read_text(encoding="utf-8")
    scalars, tables, machine = read(text)
    return {"name": run["name"], "command": run["command"], "commit": run.get("commit", ""), "date": run["date"], "machine": machine,
            "seeds": [1], "scalars": scalars, "tables": tables, "depends": {run["report"]: "-"}}
