"""The book as a reader first makes it: `make book` in a fresh clone, without a network; and its pages take nothing from elsewhere.

The clone has what is committed. LibTorch is this copy's, which `./setup` has put there.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CUT = ["unshare", "--map-root-user", "--net"]  # a command before which these stand has no network
# What a page loads by itself; a link that a reader follows may lead anywhere.
LOADED = re.compile(r'<(?:script|img|iframe|source|object|embed|audio|video|link|use|image)\b[^>]*?\s(?:src|srcset|href|data)="'
                    r'((?:https?:)?//[^"]*)"|url\(["\']?((?:https?:)?//[^)]*)\)|@import\s+["\']([^"\']*)')

passed, failed = 0, 0


def verdict(name, good, why=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {name}: {why}")


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, **more)


def loaded(text):
    """The addresses elsewhere that a page or a style sheet loads."""
    return [next(filter(None, m.groups())) for m in LOADED.finditer(text)]


def main():
    for text, expected in (('<a href="https://arxiv.org/">it</a><img alt="" src="a.svg">', []),
                           ('<script defer src="https://cdn.example/x.js">', ["https://cdn.example/x.js"]),
                           ("@font-face { src: url(//fonts.example/a) }", ["//fonts.example/a"])):
        verdict(f"what is loaded by {text}", loaded(text) == expected, loaded(text))
    if not (ROOT / ".git").exists():
        print("not tried: a fresh clone, because this copy is no git repository")
        return
    cut = CUT
    if run(*CUT, "true").returncode:
        print("not tried: without a network, because unshare --net is not permitted here")
        cut = []
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        done = run("git", "clone", "--quiet", str(ROOT), str(clone))
        verdict("the repository is cloned", done.returncode == 0, done.stderr)
        if "LIBTORCH" not in os.environ:
            (clone / ".venv").symlink_to(ROOT / ".venv")
        done = run(*cut, "make", "book", cwd=clone)
        verdict("make book renders it", done.returncode == 0 and (clone / "build/book/html/index.html").exists(), done.stdout + done.stderr)
        verdict("and says one line, no warning", done.stdout.count("\n") == 1 and not done.stderr, done.stdout + done.stderr)
        changed = run("git", "status", "--porcelain", "--untracked-files=no", cwd=clone).stdout
        verdict("what is committed stays as it is", not changed, changed)
        pages = [p for p in (clone / "build/book/html").rglob("*") if p.suffix in (".html", ".css", ".svg")]
        outside = [f"{p.name}: {address}" for p in pages for address in loaded(p.read_text(encoding="utf-8"))]
        verdict("its pages load nothing from elsewhere", pages and not outside, outside[:5])


main()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
