"""The repository's own README.md: its measured numbers, and the sample in it, come from recorded runs.

They stand between comments that GitHub does not show. `book/build --readmes` writes what is between them anew:

    <!--@result{12-demo:best_loss, 3}-->1.216<!--@end-->
    <!--@sample{12-demo; a sample; 17}--> the first 17 lines after the one that begins so, in a fence <!--@end-->
    <!--@given{12} @given{24.04}-->       what is no measurement
"""
import re

from results import Wrong, hand_typed

PATH = "README.md"
MARKED = re.compile(r"<!--@(result|sample)\{([^{}]*)\}-->(.*?)<!--@end-->", re.S)


def sample(results, arg):
    run, first, count = (x.strip() for x in arg.split(";"))
    _, lines = results.lines(run, first, "")
    lines = lines[1:]
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n```text\n" + "\n".join(lines[:int(count)]).rstrip() + "\n```\n"


def write(text, results, errors):
    """The README with what the records have now."""
    def fill(m):
        try:
            if m[1] == "result":
                inner = results.scalar(m[2], "front")[0]
            else:
                inner = sample(results, m[2])
        except (Wrong, ValueError) as e:
            errors.add(PATH, text.count("\n", 0, m.start()) + 1, f"@{m[1]}{{{m[2]}}}: {e}")
            inner = m[3]
        return f"<!--@{m[1]}{{{m[2]}}}-->{inner}<!--@end-->"
    return MARKED.sub(fill, text)


def check(text, errors):
    """Numbers that somebody typed into it."""
    bare = MARKED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    for line, number in hand_typed(bare):
        errors.add(PATH, line, f"{number} is typed by hand: a program's is <!--@result{{name}}-->, any other is given, in a comment")
