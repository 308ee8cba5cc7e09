"""The build of the book: the fixture renders; broken in one place at a time, it fails with a line that names the file."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BOOK = HERE.parent
CHAPTER = "chapters/03_attention/chapter.md"
OTHER = "chapters/05_training/chapter.md"
MANIFEST = "chapters/03_attention/exercises.toml"
RESULT = "book/results/03-layer.json"
SOLUTION = "solutions/03_attention/attention.cpp"
HEADER = "chapters/03_attention/attention.h"


def tree(folder):
    """The fixture's two chapters with the book around them."""
    shutil.copytree(BOOK, Path(folder) / "book", ignore=shutil.ignore_patterns("tests", "__pycache__", "plain"))
    shutil.copytree(HERE / "fixture", folder, dirs_exist_ok=True)
    return Path(folder)


def build(root):
    done = subprocess.run([str(root / "book/build")], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def replace(file, old, new, count=1):
    def change(root):
        text = (root / file).read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        (root / file).write_text(text.replace(old, new, count), encoding="utf-8")
    return change


def append(file, text):
    def change(root):
        with open(root / file, "a", encoding="utf-8") as f:
            f.write("\n" + text + "\n")
    return change


def remove(file):
    return lambda root: (root / file).unlink()


def both(one, other):
    def change(root):
        one(root)
        other(root)
    return change


def line_of(text):
    """The line of the fixture's third chapter that has the text."""
    lines = (HERE / "fixture" / CHAPTER).read_text(encoding="utf-8").split("\n")
    found = [i for i, line in enumerate(lines, 1) if text in line]
    assert found, f"{CHAPTER} has no {text!r}"
    return found[0]


# What is broken, how, the file that the message must name, and what it must say.
BREAKS = [
    ("a header that names no exercise in one line", replace(HEADER, "(Exercise 3.1)", "(Exercise\n/// 3.1)"), CHAPTER, r"\(Exercise 3\.1\)"),
    ("a snippet's mark", replace(SOLUTION, "//! [fused]", "//! [fusion]"), SOLUTION, r"\[fus"),
    ("a listing's mark", replace(CHAPTER, "{attention.cpp,fused}", "{attention.cpp,fusion}"), CHAPTER, "fusion"),
    ("a listing's file", replace(CHAPTER, "{attention.cpp,fused}", "{attentive.cpp,fused}"), CHAPTER, "attentive.cpp"),
    ("an exercise's mark", replace(SOLUTION, "//! [3.1]", "//! [3.9]", 2), MANIFEST, r"\[3\.1\]"),
    ("an anchor", replace(CHAPTER, "{#ch03-mask}", "{#ch03-masks}"), OTHER, "ch03-mask"),
    ("a link to an anchor", replace(CHAPTER, "(#ch05-schedule)", "(#ch05-schedules)"), CHAPTER, "ch05-schedules"),
    ("a link to a page", replace(CHAPTER, "../05_training/chapter.md", "../06_training/chapter.md"), CHAPTER, "06_training"),
    ("a formula", replace(CHAPTER, r"\sqrt{d}} \right)", r"\sqrt{d}} \rihgt)"), CHAPTER, "formula"),
    ("a formula that is not closed", append(CHAPTER, "It costs $x and more."), CHAPTER, "dollar"),
    ("a question without its words", append(CHAPTER, "@question\nThe answer.\n@end"), CHAPTER, "@question needs"),
    ("a question that is not closed", append(CHAPTER, "@question{Why?}\nBecause."), CHAPTER, "@question is not closed"),
    ("a formula in a hint", replace(MANIFEST, r"$\\sqrt{d}$", r"$\\sqr{d}$"), MANIFEST, "formula"),
    ("an image", replace(CHAPTER, "sample.dot", "simple.dot"), CHAPTER, "simple.dot"),
    ("an image's text", replace(CHAPTER, "alt: Two boxes", "Two boxes"), CHAPTER, "alt"),
    ("an image of dot", replace("book/diagrams/sample.dot", "->", "=>"), CHAPTER, "sample.dot"),
    ("an exercise's section", replace(MANIFEST, 'section = "ch03-scores"', 'section = "ch03-score"'), MANIFEST, "ch03-score"),
    ("an exercise in another section", replace(MANIFEST, 'section = "ch03-scores"', 'section = "ch03-mask"'), MANIFEST,
     "stands in"),
    ("an exercise left out", replace(CHAPTER, "@exercise{3.2}", ""), MANIFEST, "exercise 3.2"),
    ("an exercise twice", append(CHAPTER, "@exercise{3.2}"), CHAPTER, "second time"),
    ("an unknown exercise", replace(CHAPTER, "@exercise{3.2}", "@exercise{3.8}"), CHAPTER, "3.8"),
    ("a hint left out", replace(MANIFEST, '"Draw it for four positions.", ', ""), MANIFEST, "2 hints"),
    ("a prediction left out", replace(CHAPTER, "@prediction{P3.1}", ""), MANIFEST, "P3.1"),
    ("a glossary word", append(CHAPTER, "A @term{causal masque}."), CHAPTER, "causal masque"),
    ("a glossary entry", replace("book/glossary.md", "@entry{causal mask; causal masks}", "@entry{causal masque}"),
     "book/authors.md", "causal mask"),
    ("a source", replace(CHAPTER, "@cite{vaswani2017}", "@cite{vaswani2071}"), CHAPTER, "vaswani2071"),
    ("a figure of the talk", replace(CHAPTER, "@talk{head-matrices}", "@talk{head-matrix}"), CHAPTER, "head-matrix"),
    ("an interactive picture", replace(CHAPTER, "@interactive{mask}", "@interactive{masks}"), CHAPTER, "masks"),
    ("code typed in", append(CHAPTER, "```cpp\nint x;\n```"), CHAPTER, "fence"),
    ("an unknown element", append(CHAPTER, "@sidebar{x}"), CHAPTER, "sidebar"),
    ("a block not closed", append(CHAPTER, "@note{x}\ntext"), CHAPTER, "not closed"),
    ("an option outside code", append(CHAPTER, "Give it --seed 7."), CHAPTER, "--seed"),
    ("HTML", append(CHAPTER, "A <div>box</div>."), CHAPTER, "HTML"),
    ("an image in Markdown", append(CHAPTER, "![x](missing.svg)"), CHAPTER, "@figure"),
    ("a section without anchor", append(CHAPTER, "## More"), CHAPTER, "anchor"),
    ("a level skipped", append(CHAPTER, "#### More {#ch03-more}"), CHAPTER, "level"),
    ("a title that would become a list", replace(CHAPTER, "# 3 · Attention", "# 3. Attention"), CHAPTER, "title"),
    ("a table without dashes", append(CHAPTER, "| a | b |\n| 1 | 2 |"), CHAPTER, "dashes"),
    ("a table with a cell too many", append(CHAPTER, "| a | b |\n| --- | --- |\n| 1 | 2 | 3 |"), CHAPTER, "cells"),
    ("a year that would begin a list", append(CHAPTER, "It was in the year\n2017. Then it was not."), CHAPTER, "begins a list"),
    ("an indented paragraph", append(CHAPTER, "Text.\n\n    int x;"), CHAPTER, "four spaces"),
    ("a declaration that is not there", append(CHAPTER, "Call `verse::attend_to()`."), CHAPTER, "attend_to"),
    ("a file that is not there", append(CHAPTER, "See `common/rnd.h`."), CHAPTER, "common/rnd.h"),
    ("an undocumented declaration", replace("chapters/05_training/training.h", "/// What is done with it.", ""),
     "chapters/05_training/training.h", "Phase"),
    ("a documentation comment", replace("chapters/05_training/training.h", "@param step", "@param steps"),
     "chapters/05_training/training.h", "Doxygen says"),
    ("a note beside no line", replace(CHAPTER, "@beside{7}", "@beside{70}"), CHAPTER, "beside"),
    ("a result's name in the record", replace(RESULT, '"loss"', '"lost"'), CHAPTER,
     f":{line_of('@result{loss, 3}')}: .*no scalar loss"),
    ("a result's name in the text", replace(CHAPTER, "@result{loss, 3}", "@result{lose, 3}"), CHAPTER,
     f":{line_of('@result{loss, 3}')}: .*no scalar lose"),
    ("a result's digits", replace(CHAPTER, "@result{loss, 3}", "@result{loss}"), CHAPTER, "how many digits"),
    ("an interval that nobody recorded", replace(CHAPTER, "@result{seen}", "@result{seen, 0+-}"), CHAPTER, "no interval"),
    ("an interval of arithmetic", replace(CHAPTER, "@compute{65^2}", "@compute{65^2, 1+-}"), CHAPTER, "no format here"),
    ("a number that says it has no record", replace(CHAPTER, "of @compute{65^2} pairs", "of @unrecorded{4,225} pairs"), CHAPTER,
     f":{line_of('@compute{65^2} pairs')}: @unrecorded is no element of the book"),
    ("a number that begins its line with that", replace(CHAPTER, "@results{coverage}", "@unrecorded{2.7} nats.\n\n@results{coverage}"), CHAPTER,
     f":{line_of('@results{coverage}')}: @unrecorded is no element of the book"),
    ("a block that says it has no record", replace(CHAPTER, "@results{coverage}", "@unrecorded\n| a |\n| --- |\n| b |\n@end\n\n@results{coverage}"),
     CHAPTER, f":{line_of('@results{coverage}')}: @unrecorded is no element of the book"),
    ("an unknown element in a picture's text", replace(CHAPTER, "alt: Two boxes", "alt: @unrecorded{2} boxes"), CHAPTER,
     r":\d+: @unrecorded\{2\}: in a picture's text"),
    ("a chapter that its table of runs excuses", both(replace("book/results/runs.toml", "[[run]]", 'unrecorded_chapters = ["05_training"]\n\n[[run]]'),
     append(OTHER, "It reaches 2.482 nats.")), OTHER, r":\d+: 2\.482 is typed by hand"),
    ("a call that nobody named", replace(MANIFEST, '{ call = "x.transpose(i, j)", does = "the same numbers with two dimensions exchanged" },', ""),
     MANIFEST, r"exercise 3\.1 takes \.transpose, which nobody has named"),
    ("a number typed by hand", replace(CHAPTER, "@result{loss, 3}", "2.482"), CHAPTER,
     rf":{line_of('@result{loss, 3}')}: 2\.482 is typed by hand"),
    ("a share typed by hand", append(CHAPTER, "That is 5 % of them."), CHAPTER, "5 is typed by hand"),
    ("a count typed by hand", append(CHAPTER, "- It has 1,380 of them."), CHAPTER, "1,380 is typed by hand"),
    ("a number typed into a picture's text", replace(CHAPTER, "alt: Two boxes", "alt: 73.7 boxes"), CHAPTER, r"73\.7 is typed"),
    ("a printed line typed by hand", append(CHAPTER, "```console\n$ make solution-3\nloss 2\n```"), CHAPTER, "printed by a program"),
    ("arithmetic", replace(CHAPTER, "@compute{65^2}", "@compute{65^}"), CHAPTER, "cannot be computed"),
    ("a name in arithmetic", replace(CHAPTER, "@compute{100 * seen", "@compute{100 * saw"), CHAPTER, "no scalar saw"),
    ("a cell's row", replace(CHAPTER, '@result{coverage["the whole text"]', '@result{coverage["the hole text"]'), CHAPTER, "no rows of the table coverage begin"),
    ("a cell's column", replace(CHAPTER, '"].seen}', '"].saw}'), CHAPTER, "no column saw"),
    ("a cell that two rows could be", replace(RESULT, '"the training split"', '"the whole text"'), CHAPTER, "2 rows of the table"),
    ("a recorded table's column", replace(CHAPTER, "{part} |", "{piece} |"), CHAPTER, "no column piece"),
    ("a printed line that no run printed", replace(CHAPTER, "to: Attention", "to: Retention"), CHAPTER, "printed no line"),
    ("a run that nobody recorded", replace(CHAPTER, "@output{03-layer}", "@output{03-player}"), CHAPTER, "no recorded run"),
    ("a record that is no JSON", replace(RESULT, '"name": "03-layer",', '"name": "03-layer"'), RESULT, "no recorded result"),
    ("a manifest that is no TOML", replace(MANIFEST, "[[prediction]]", "[[prediction]"), MANIFEST, ""),
]

passed, failed = 0, []


def verdict(name, good, why=""):
    global passed
    if good:
        passed += 1
    else:
        failed.append(name)
        print(f"FAILED {name}: {why}")


def broken(case):
    name, change, file, says = case
    with tempfile.TemporaryDirectory() as folder:
        root = tree(folder)
        change(root)
        code, output = build(root)
        named = [line for line in output.split("\n") if line.startswith(file) and re.search(says, line)]
        return name, code != 0 and bool(named), f"exit {code}; no line of {file} with {says!r} in:\n{output}"


def readmes(root):
    """The READMEs: written, read, and checked against their sources."""
    def command(*arguments):
        done = subprocess.run([str(root / "book/build"), "--readmes", *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    code, output = command("--check")
    verdict("a README that is not there is told", code != 0 and CHAPTER.replace("chapter.md", "README.md") in output, output)
    code, output = command()
    verdict("the READMEs are written", code == 0, output)
    text = (root / CHAPTER).with_name("README.md").read_text(encoding="utf-8")
    for name, needle in (
            ("an exercise shows its declaration", "```cpp\n/// How well each query"),
            ("an exercise shows its command", "`make hint-3.1`"),
            ("a prediction asks its question", "**Before you read on (P3.1):**"),
            ("a listing shows its code", "[`solutions/03_attention/attention.cpp`](../../solutions/03_attention/attention.cpp):"),
            ("a picture is there on light and dark paper", '<source media="(prefers-color-scheme: dark)" srcset="../../book/figures/'),
            ("a source is a footnote", "[^vaswani2017]: "),
            ("a number comes from its record", "reaches 2.492 nats"),
            ("a table is filled", "| the training split | 1,380 |"),
            ("an interval is written out", "2.49 ± 0.05, or 2.44 to 2.54"),
            ("another run's name stands in arithmetic", "misses 2,845."),
            ("an exercise names the calls that are new", "- `x.transpose(i, j)`: the same numbers"),
            ("a link leads to the other chapter's README", "](../05_training/README.md")):
        verdict(f"README: {name}", needle in text, text)
    bare = [line for line in text.split("\n") if line.startswith("@")]
    verdict("README: no element of the book is left", not bare, bare)
    code, output = command("--check")
    verdict("READMEs that are in step are", code == 0, output)
    front = root / "README.md"
    front.write_text("<!--@given{12}-->\nOn Debian 12 it comes to <!--@result{03-layer:loss, 2}-->9.99<!--@end--> nats:\n\n"
                     "<!--@sample{03-layer; Attention; 1}-->\nold\n<!--@end-->\n", encoding="utf-8")
    code, output = command()
    text = front.read_text(encoding="utf-8")
    verdict("the repository's README takes its numbers from records", code == 0 and "}-->2.49<!--" in text, output + text)
    verdict("and what was printed", "-->\n```text\n  loss  2.482\n```\n<!--@end-->" in text, text)
    front.write_text(text + "\nAnd 1.216 elsewhere.\n", encoding="utf-8")
    code, output = command()
    verdict("a number typed into it is told", code != 0 and "README.md:10: 1.216 is typed by hand" in output, output)
    front.write_text(text + "\nAnd 1.216† elsewhere.\n\n† Measured before results were recorded\n", encoding="utf-8")
    code, output = command()
    verdict("and so is one with a dagger", code != 0 and "README.md:10: 1.216 is typed by hand" in output, output)
    front.unlink()
    for says, word, below in (("a number", "It took @unrecorded{2.1} seconds.", 0), ("a block", "@unrecorded\nloss\n@end", 0),
                              ("a number in its paragraph's second line", "It took\n@term{softmax} and @unrecorded{2.1} seconds.", 1)):
        whole = (root / CHAPTER).read_text(encoding="utf-8")
        append(CHAPTER, word)(root)
        code, output = command()
        named = rf"{re.escape(CHAPTER)}:{whole.count(chr(10)) + 2 + below}: @unrecorded is no element of the book"
        verdict(f"READMEs: {says} that says it has no record is told with its line", code != 0 and re.search(named, output), output)
        (root / CHAPTER).write_text(whole, encoding="utf-8")
    append(CHAPTER, "One more sentence.")(root)
    code, output = command("--check")
    verdict("a README that has drifted is told", code != 0 and "README.md: is not what its sources make" in output, output)
    broken = []
    for readme in Path(BOOK.parent, "chapters").glob("*/README.md"):
        text = re.sub(r"^```.*?^```|`[^`\n]*`", "", readme.read_text(encoding="utf-8"), flags=re.M | re.S)
        for target in re.findall(r'\]\(([^)#\s]+)(?:#[^)\s]*)?\)|(?:src|srcset)="([^"]+)"', text):
            target = target[0] or target[1]
            if not re.match(r"(?:https?|mailto):", target) and not (readme.parent / target).exists():
                broken.append(f"{readme.parent.name}: {target}")
    verdict("every link and picture of the chapters' READMEs leads somewhere", not broken, broken[:5])
    bare = [f"{p.parent.name}: {line}" for p in Path(BOOK.parent, "chapters").glob("*/README.md")
            for line in p.read_text(encoding="utf-8").split("\n") if line.startswith("@")]
    verdict("no element of the book is left in any chapter's README", not bare, bare[:5])


def recording():
    """Recorded runs, with a program of one line: written, checked, and told when their code has changed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(BOOK / "tools", root / "book/tools", ignore=shutil.ignore_patterns("__pycache__"))
        for path, text in (("book/results/runs.toml", '[[run]]\nname = "03-layer"\ncommand = "build/solution_03 --seed 7"\nseconds = 1\n'),
                           ("chapters/06_loss_stages/main.cpp", "int main() {}\n"),
                           ("chapters/06_loss_stages/given/held_out/one/metrics.csv", "step,loss\n1,2.5\n"),
                           ("chapters/03_attention/main.cpp", '#include "03_attention/attention.h"\nint main() {}\n'),
                           ("chapters/03_attention/attention.h", "// Attention.\nint attend();\n"),
                           ("solutions/03_attention/attention.cpp", "int attend() { return 3; }\n"),
                           ("build/solution_03", '#!/bin/sh\necho "loss 2.5"\nfor last; do :; done\ncat build/found > "$last"\n'),
                           ("build/found", '{"command": "", "date": "2026-01-02", "machine": "m", "scalars": {"loss": {"value": 2.5}, "fast": {"value": "nan"}}}')):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        (root / "build/solution_03").chmod(0o755)

        def record(*arguments):
            done = subprocess.run([sys.executable, "-B", str(root / "book/tools/record.py"), *arguments], capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr
        code, output = record("check")
        verdict("a run that was never recorded is told", code == 1 and "03-layer: not recorded" in output, output)
        code, output = record("run", "3")
        verdict("a run says how long it takes", code == 0 and "about 1 s" in output, output)
        text = (root / "book/results/03-layer.json").read_text(encoding="utf-8") if code == 0 else ""
        verdict("a record holds what was found, printed and needed",
                all(x in text for x in ('"value": 2.5', '"loss 2.5"', "solutions/03_attention/attention.cpp")), text)
        verdict("a fresh record is in step", record("check", "--again")[0] == 0)
        (root / "chapters/03_attention/attention.h").write_text("// Attention, explained anew.\nint attend();\n", encoding="utf-8")
        code, output = record("check")
        verdict("a comment is no change", "changed since" not in output, output)
        (root / "solutions/03_attention/attention.cpp").write_text("int attend() { return 4; }\n", encoding="utf-8")
        code, output = record("check")
        verdict("changed code is told", "03-layer:" in output and "changed since: solutions/03_attention/attention.cpp" in output, output)
        (root / "chapters/03_attention/main.cpp").write_text('#include "03_attention/attention.h"\nint main() { return 1; }\n', encoding="utf-8")
        code, output = record("check")
        verdict("and so is the chapter's changed program", re.search(r"03-layer: .*changed since: chapters/03_attention/main\.cpp", output), output)
        verdict("changed code that finds the same is in step", record("check", "--again")[0] == 0)
        (root / "build/found").write_text('{"command": "", "date": "2026-01-02", "machine": "m", "scalars": {"loss": {"value": 2.6}}}')
        code, output = record("check", "--again")
        verdict("a value that is found no more is told", code == 1 and "2.5 was recorded, 2.6 is found now" in output, output)
        code, output = record("pack", str(root / "kit"), "03-layer")
        verdict("a run is packed for another machine", code == 0 and (root / "kit/run.sh").exists(), output)
        (root / "text").write_text("to be", encoding="utf-8")
        (root / "build/found").write_text('{"command": "", "date": "2026-01-03", "machine": "another", "scalars": {"loss": {"value": 2.7}}}')
        done = subprocess.run(["bash", str(root / "kit/run.sh"), str(root / "build"), str(root / "text"), str(root / "back")],
                              capture_output=True, text=True)
        code, output = record("take", str(root / "kit"), str(root / "back"))
        text = (root / "book/results/03-layer.json").read_text(encoding="utf-8")
        verdict("what it found elsewhere is taken", code == 0 and '"another"' in text and '"command": "build/solution_03 --seed 7"' in text,
                done.stdout + done.stderr + output + text)
        (root / "back/03-layer.end").write_text("130 2 1")
        code, output = record("take", str(root / "kit"), str(root / "back"))
        verdict("a run that did not end well there is told", code == 1 and "03-layer: ended with 130" in output, output)
        verdict("a chapter without runs is told", record("run", "4")[0] != 0)

        # A record whose program reads given runs depends on every file of theirs.
        held_out = root / "chapters/06_loss_stages/given/held_out"
        (root / "build/solution_06").symlink_to(root / "build/solution_03")
        (root / "book/results/runs.toml").write_text(
            (root / "book/results/runs.toml").read_text(encoding="utf-8")
            + '\n[[run]]\nname = "06-scores"\ncommand = "build/solution_06 --score chapters/06_loss_stages/given/held_out"\nseconds = 1\n', encoding="utf-8")
        record("run", "6")
        told = re.compile(r"06-scores: .*changed since: chapters/06_loss_stages/given/held_out ")
        code, output = record("check")
        verdict("given runs that stayed as they were are in step", code == 0 and "06-scores" not in output, output)
        (held_out / "one/metrics.csv").write_text("step,loss\n1,2.6\n", encoding="utf-8")
        code, output = record("check")
        verdict("a changed given run is told", told.search(output), output)
        (held_out / "one/metrics.csv").write_text("step,loss\n1,2.5\n", encoding="utf-8")
        verdict("and is in step again when it is as it was", "06-scores" not in record("check")[1])
        (held_out / "two").mkdir()
        (held_out / "two/metrics.csv").write_text("step,loss\n1,2.5\n", encoding="utf-8")
        code, output = record("check")
        verdict("so is an added one", told.search(output), output)


def main():
    recording()
    with tempfile.TemporaryDirectory() as folder:
        root = tree(folder)
        code, output = build(root)
        verdict("the fixture renders", code == 0, output)
        out = root / "build/book/html"
        verdict("nothing was said but one line", output.count("\n") == 1, output)
        chapter = (out / "03_attention.html").read_text(encoding="utf-8") if code == 0 else ""
        for name, needle in (
                ("an exercise shows its command", "make test-chapter-3</code>"),
                ("an exercise shows three hints", "Hint 3 of 3"),
                ("a listing names file and lines", '<span class="file">solutions/03_attention/attention.cpp</span>'),
                ("a listing leads to its source", 'href="source-solutions-03_attention-attention.cpp.html#l'),
                ("a formula is rendered", 'class="katex"'),
                ("a glossary word is linked", 'href="glossary.html#term-causal-mask"'),
                ("a declaration is linked", 'href="api-03_attention.html#attention-scores"'),
                ("a number comes from its record", ">2.482</a>"),
                ("a number tells its command and machine", 'title="make solution-3; 14 March 2026, a small processor, '
                 '1 thread, seed 7"'),
                ("arithmetic is computed", " of 4,225 pairs"),
                ("an interval is written out", ">2.48 ± 0.05</a>, or "),
                ("an exercise names the calls that are new", "<dt><code>x.transpose(i, j)</code></dt>"),
                ("arithmetic on results is computed", ">32.7</a> in a hundred"),
                ("a cell of a table is shown", ">1,403</a> pairs"),
                ("arithmetic on a cell is computed", ">23</a> more"),
                ("a table is filled from its record", '<td class="r">1,380'),
                ("a value that was not measured is a dash", '<td class="r">–'),
                ("what a program printed comes from its record", '<span class="out">Attention over tiny Shakespeare</span>'),
                ("a prediction is folded", "32,896")):
            verdict(name, needle in chapter, "not in the page")
        page = (out / "source-solutions-03_attention-attention.cpp.html").read_text(encoding="utf-8") if code == 0 else ""
        verdict("a source leads to its sections", 'class="shown-in" href="03_attention.html#' in page)
        page = (out / "api-03_attention.html").read_text(encoding="utf-8") if code == 0 else ""
        verdict("a declaration names its chapter", 'href="03_attention.html#exercise-3-1"' in page)
        marks = re.findall(r"//!\s*\[", chapter)
        verdict("no mark is shown", not marks, marks)
        size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
        verdict("at most 17 MB", size < 17 * 2**20, size)
        page = (out / "numbers.html").read_text(encoding="utf-8") if code == 0 else ""
        verdict("a run is told with where it is quoted", 'id="run-03-layer"' in page and "03_attention.html#ch03-numbers" in page)
        replace(RESULT, "2.4816", "2.4916")(root)
        build(root)
        chapter = (out / "03_attention.html").read_text(encoding="utf-8")
        verdict("another digit in the record is another digit on the page", ">2.492</a>" in chapter and "2.482</a>" not in chapter)
        readmes(root)
        remove(OTHER)(root)
        replace(CHAPTER, "See also [the schedule](#ch05-schedule) and [chapter 5](../05_training/chapter.md).", "")(root)
        code, output = build(root)
        verdict("a chapter whose prose is not written yet is no mistake", code == 0, output)
    compiler = shutil.which("clang++") or shutil.which("g++")
    if compiler:
        done = subprocess.run([compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                               str(BOOK / "sample/sample.cpp")], capture_output=True, text=True)
        verdict("the sample of “For authors” compiles", done.returncode == 0, done.stderr)
    sys.path.insert(0, str(BOOK / "tools"))
    import record  # pylint: disable=import-outside-toplevel

    def curve(*losses):
        return {"curves": {"training": {"points": [[step, loss] for step, loss in enumerate(losses)]}}}
    verdict("a training may blow up by another last number", record.differences(curve(4.1, 154.2, "nan"), curve(4.1, 23.6, "nan"), 1e-6) == [], "")
    verdict("it has to blow up at the same place", record.differences(curve(4.1, 154.2, "nan"), curve(4.1, 154.2, 7.0), 1e-6) != [], "")
    verdict("other numbers have to be the recorded ones", record.differences(curve(4.1, 3.0), curve(4.1, 3.1), 1e-6) != [], "")
    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for result in pool.map(broken, BREAKS):
            verdict(*result)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
