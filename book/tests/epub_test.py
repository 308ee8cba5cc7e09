"""The book for an electronic reader: it is bound, every file in it is read, every link and picture in it leads somewhere."""
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book/tools"))
import epub  # noqa: E402

passed, failed = 0, 0


def verdict(name, good, why=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {name}: {why}")


done = subprocess.run([str(ROOT / "book/build"), "--epub"], capture_output=True, text=True)
verdict("it is bound", done.returncode == 0, done.stdout + done.stderr)
file = ROOT / "build/book/chapter-and-verse.epub"
if file.exists():
    wrong = epub.check(file)
    verdict("every file is read and every link leads somewhere", not wrong, wrong[:5])
    with zipfile.ZipFile(file) as book:
        text = "".join(book.read(n).decode() for n in book.namelist() if n.endswith(".xhtml"))
        pictures = [n for n in book.namelist() if n.endswith(".svg")]
        broken = file.with_name("broken.epub")
        with zipfile.ZipFile(broken, "w") as copy:
            for name in book.namelist():
                copy.writestr(name, book.read(name).replace(b'src="../media/', b'src="../nowhere/'))
    chapters = len(list((ROOT / "chapters").glob("*/chapter.md")))
    verdict("every chapter is in it", text.count('class="level1"') >= chapters, text.count('class="level1"'))
    verdict("its pictures are in it", len(pictures) >= 20, len(pictures))
    verdict("formulas are MathML", "<math" in text)
    verdict("the check notices a picture that is missing", epub.check(broken))
    broken.unlink()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
