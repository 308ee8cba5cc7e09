"""Formulas, rendered by KaTeX while the book is built, so that no script has to run in the reader's browser."""
import json
import subprocess
import tempfile

KATEX = "/usr/share/javascript/katex/katex.js"


def render(wanted, errors):
    """wanted: {(tex, display): (path, line)}; gives {(tex, display): html}."""
    keys = list(wanted)
    if not keys:
        return {}
    with open(KATEX, encoding="utf-8") as f:
        script = f.read()
    script += ";var K=(typeof katex!='undefined')?katex:module.exports,J=" + json.dumps(keys) + """;
    J.forEach(function(j){var r;try{r=['ok',K.renderToString(j[0],{displayMode:j[1],throwOnError:true,strict:'error'})]}
    catch(e){r=['bad',String(e.message)]}print(JSON.stringify(r))});"""
    with tempfile.NamedTemporaryFile("w", suffix=".js", encoding="utf-8") as f:
        f.write(script)
        f.flush()
        lines = subprocess.run(["duk", f.name], check=True, capture_output=True, text=True).stdout.splitlines()
    done = {}
    for key, line in zip(keys, lines, strict=True):
        state, result = json.loads(line)
        if state == "bad":
            errors.add(*wanted[key], f"formula {key[0]!r}: {result}")
            result = ""
        done[key] = result
    return done
