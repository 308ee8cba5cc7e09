#!/usr/bin/env python3
"""Checks packs that learners have handed in, each in a sandbox, and writes a table. (`verse grade` starts it.)

A pack is a stranger's code, when it is compiled and when it runs. Each chapter of each pack is built and checked on its own, without a
network, seeing nothing but the compiler, the course and the pack, with limits of time, memory, processes and disk. The code runs in one
process with its checks: what it may do to its own verdict is not prevented, what it does to anything else is.

Exit status: 0 when every pack was graded, 1 when one could not be, 2 for wrong use or where there is no sandbox.
"""
import argparse
import csv
import json
import os
import pathlib
import re
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

import sandbox

LARGEST_PACK = 20 << 20  # bytes
LARGEST_FILE = 1 << 20
LARGEST_ANSWER = 8 << 20  # bytes that a sandbox may print
LARGEST_LOG = 20000  # characters of a compiler's or linker's that are read, of each line no more than its beginning
LONGEST_LINE = 500

# What runs inside, with the pack in $GIVEN and room in $WORK. Status 10: it does not compile, 11: it does not link; 12: it is ours.
INSIDE = r"""
pack=$WORK/pack
mkdir "$pack" && cp -r "$GIVEN/." "$pack" && cd "$BUILD" || exit 12
while read -r file; do
  "$BUILD/verse" --root "$pack" beside "$CHAPTER" "$pack/chapters/$file" "$pack/beside/$file" >"$WORK/log" 2>&1 ||
    { head -c 4000 "$WORK/log"; exit 10; }
done <"$pack/files"
bash "$pack/compile" >"$WORK/log" 2>&1 || { head -c 20000 "$WORK/log"; exit 10; }
bash "$pack/link" >"$WORK/log" 2>&1 || { head -c 20000 "$WORK/log"; exit 11; }
exec "$BUILD/verse" --root "$pack" check "$CHAPTER" --json --cpu-seconds 10 --memory-gib 3 --build-dir "$pack/build" 2>"$WORK/log"
"""


def fail(message):
    print(f"verse: {message}", file=sys.stderr)
    sys.exit(2)


def printable(text, longest=60):
    """One line of a stranger's text, without what a terminal or a spreadsheet would act on."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:longest]
    return "'" + line if line.startswith(("=", "+", "-", "@")) else line


class BadPack(Exception):
    pass


def read_regular(path, folder, largest):
    """A file's text: a regular one, of a bounded size, that lies in the folder (no link leads out of it). None where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadPack(f"{path.name} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode) or not path.resolve().is_relative_to(folder.resolve()):
            raise BadPack(f"{path.name} is no file of the pack's own")
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise BadPack(f"{path.name} is larger than {largest} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadPack(f"{path.name} is not UTF-8") from None


class Pack:
    """What one learner handed in: the texts of files whose names the course knows; nothing else of it is looked at."""

    def __init__(self, path, known):
        self.path = path
        self.name = printable(path.name.removesuffix(".pack.json"))
        self.learner = ""  # as the pack says, which anybody may have written
        self.files = {}
        if path.is_dir():
            for name in known:
                text = read_regular(path / name, path, LARGEST_FILE)
                if text is not None:
                    self.files[name] = text
            return
        try:
            pack = json.loads(read_regular(path, path.parent, LARGEST_PACK))
        except (ValueError, RecursionError):
            raise BadPack("it is no JSON") from None
        if not isinstance(pack, dict) or pack.get("pack") != 1 or not isinstance(pack.get("files"), dict):
            raise BadPack("it is no pack as `make handin` writes it")
        if isinstance(pack.get("learner"), str):
            self.learner = printable(pack["learner"])
        for name, text in pack["files"].items():
            if name not in known:
                continue
            if not isinstance(text, str) or len(text) > LARGEST_FILE or any(0xD800 <= ord(c) < 0xE000 for c in text):
                raise BadPack(f"{name} is not a text of at most {LARGEST_FILE} bytes")
            self.files[name] = text


def find_packs(places):
    """The packs in the folders: files NAME.pack.json, and learners' copies of the course."""
    found = []
    for place in map(pathlib.Path, places):
        if place.is_file() or (place / "chapters").is_dir():
            found.append(place)
        elif place.is_dir():
            inside = sorted(p for p in place.iterdir() if p.name.endswith(".pack.json") or (p / "chapters").is_dir())
            if not inside:
                fail(f"{place} holds no packs: neither NAME.pack.json nor learners' copies of the course")
            found.extend(inside)
        else:
            fail(f"{place} is not there")
    return found


def bodies(text):
    """The exercises of a file and what stands between their marks, without blanks and blank lines around.

    It reads every line once: a stranger's file may hold a hundred thousand marks that nothing closes."""
    found, id, lines = {}, None, []
    for line in map(str.strip, text.split("\n")):
        mark = re.fullmatch(r"//! \[(\d+\.\d+)\]", line)
        if mark and id is None:
            id, lines = mark[1], []
        elif mark and mark[1] == id:
            found[id], id = lines, None
        elif id is not None and line:
            lines.append(line)
    return found


def first_error(printed):
    """(place, message) of the first error in what a compiler or linker has said, the place "" where it names none; None without any.

    Of each line only its beginning is looked at: the text may be a stranger's, made so that a search in it does not end."""
    lines = [line[:LONGEST_LINE] for line in printed[:LARGEST_LOG].splitlines()]
    for pattern in (r"(chapters/[^\s:]+:\d+):(?:\d+:)?.*?error: (.*)", r"()error: (.*)"):
        for line in lines:
            if match := re.search(pattern, line):
                return match[1], match[2]
    return None


class Course:
    """The course and its build: what a chapter of a pack is compiled and linked with."""

    def __init__(self, root, build):
        self.root, self.build = root, build
        self.commands = {entry["file"]: entry["command"] for entry in json.loads((build / "compile_commands.json").read_text())}
        self.folders = {int(p.parent.name[:2]): p.parent.name for p in (root / "chapters").glob("[0-9][0-9]_*/exercises.toml")}
        self.kept = tempfile.TemporaryDirectory(prefix="verse-stubs-")
        self.stubs = pathlib.Path(self.kept.name)
        done = subprocess.run([build / "verse", "--root", root, "stubs", "--into", self.stubs], capture_output=True, text=True)
        if done.returncode != 0:
            fail("the course's own stubs cannot be made: " + done.stderr.strip())
        self.known = {str(p.relative_to(self.stubs)): p.read_text() for p in sorted(self.stubs.glob("chapters/*/*.cpp"))}

    def files_of(self, chapter):
        return [name for name in self.known if name.startswith(f"chapters/{self.folders[chapter]}/")]

    def compile_commands(self, chapter, work):
        """How the chapter's learner's files are compiled, into the sandbox's room instead of the build."""
        lines = []
        for name in self.files_of(chapter):
            file = name.removeprefix("chapters/")
            command = self.commands.get(str(self.build / "learner" / file))
            if command is None:
                fail(f"chapter {chapter} is not configured in {self.build}; make grade does that")
            words = shlex.split(command)
            words[words.index("-o") + 1] = f"{work}/pack/objects/{file}.o"
            words[words.index("-c") + 1] = f"{work}/pack/beside/{file}"
            lines.append(f"mkdir -p {shlex.quote(str(pathlib.Path(work, 'pack/objects', file).parent))}")
            lines.append(shlex.join(words))
        return "set -e\n" + "\n".join(lines) + "\n"

    def link_command(self, chapter, work):
        """How its test program is linked: earlier chapters are the reference's, whatever the teacher has written there."""
        target = f"test_chapter_{chapter:02}"
        done = subprocess.run(["ninja", "-C", self.build, "-t", "commands", target], capture_output=True, text=True)
        if done.returncode != 0 or not done.stdout:
            fail(f"chapter {chapter} cannot be built in {self.build}: {done.stderr.strip() or done.stdout.strip()}")
        command = done.stdout.splitlines()[-1].removeprefix(": && ").removesuffix(" && :")
        words = shlex.split(command)
        words[words.index("-o") + 1] = f"{work}/pack/build/{target}"
        for i, word in enumerate(words):
            match = re.fullmatch(r"CMakeFiles/learner_(\d\d)\.dir/(?:.*/)?(\d\d_[^/]+/[^/]+\.o)", word)
            if match and int(match[1]) == chapter:
                words[i] = f"{work}/pack/objects/{match[2]}"
            elif match:
                words[i] = f"CMakeFiles/reference_{match[1]}.dir/solutions/{match[2]}"
            if words[i].endswith((".o", ".a")) and not words[i].startswith(work) and not (self.build / words[i]).exists():
                fail(f"{self.build / words[i]} is not there; make grade builds it")
        return shlex.join(words) + "\n"

    def visible(self, chapter):
        """What a sandbox shows of this machine: the compiler's system, the course without its history and anybody's work, LibTorch."""
        paths = [self.root / name for name in ("common", "cmake", "tests", "chapters") if (self.root / name).exists()]
        paths.append(self.build)
        link = re.search(r"(\S+)/lib/libtorch_cpu\.so", self.link_command(chapter, "/verse-room"))
        libtorch = pathlib.Path(link[1]) if link else None
        venv = self.root / ".venv"
        if libtorch and not libtorch.is_relative_to(venv):
            paths.append(libtorch)
        if venv.exists():
            paths.append(venv)
        return paths

    def stage(self, pack, chapter, into, work):
        """Puts into a folder what the inside of the sandbox needs of the pack and of the chapter."""
        folder = self.folders[chapter]
        for kind in ("chapters", "solutions"):
            target = into / kind / folder
            target.mkdir(parents=True)
            for file in (self.root / kind / folder).iterdir():
                if file.is_file() and file.suffix in (".toml", ".md", ".h", ".cpp"):
                    (target / file.name).write_bytes(file.read_bytes())
        for name in self.files_of(chapter):
            (into / name).write_text(pack.files.get(name, self.known[name]))
        (into / "files").write_text("".join(name.removeprefix("chapters/") + "\n" for name in self.files_of(chapter)))
        (into / "compile").write_text(self.compile_commands(chapter, work))
        (into / "link").write_text(self.link_command(chapter, work))
        (into / "build" / "records").mkdir(parents=True)
        record = f"chapter_{chapter:02}.record"
        (into / "build" / "records" / record).write_bytes((self.build / "records" / record).read_bytes())


def run_inside(box, course, stage, chapter, seconds):
    """Builds and checks one chapter inside. Gives (status, what was printed, why it was stopped or None)."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": box.work, "TMPDIR": "/tmp", "LANG": "C.UTF-8", "NO_COLOR": "1", "OMP_NUM_THREADS": "1",
                   "CCACHE_DISABLE": "1", "WORK": box.work, "GIVEN": "/verse-given", "BUILD": str(course.build), "CHAPTER": str(chapter)}
    process = subprocess.Popen(box.command(INSIDE, course.visible(chapter), stage), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=environment, start_new_session=True)
    printed = bytearray()

    def collect():
        while len(printed) <= LARGEST_ANSWER and (piece := process.stdout.read1(1 << 16)):
            printed.extend(piece)

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    began, in_files, stopped = time.monotonic(), sandbox.memory_in_files(), None
    try:
        while process.poll() is None and not stopped:
            time.sleep(0.1)
            processes, memory = sandbox.usage_below(process.pid)
            if time.monotonic() - began > seconds:
                stopped = f"stopped: it took longer than {seconds:g} s"
            elif memory > box.memory:
                stopped = f"stopped: it took more than {box.memory >> 30} GiB of memory, in {processes} processes"
            elif sandbox.memory_in_files() - in_files > box.memory:
                stopped = f"stopped: its files took more than {box.memory >> 30} GiB of memory"
            elif processes > 2 * box.processes:
                stopped = f"stopped: it had more than {2 * box.processes} processes"
            elif len(printed) > LARGEST_ANSWER:
                stopped = "stopped: it printed without end"
    finally:
        box.end(process)
        reader.join(timeout=5)
    return process.returncode, printed.decode(errors="replace"), stopped


def grade_chapter(box, course, pack, chapter, seconds):
    """One row of the table: how the chapter's exercises stand."""
    import tomllib
    manifest = tomllib.loads((course.root / "chapters" / course.folders[chapter] / "exercises.toml").read_text())
    core = {exercise["id"]: exercise.get("core", True) for exercise in manifest["exercise"]}
    row = {"pack": pack.name, "learner": pack.learner, "chapter": chapter, "core": 0, "core_of": sum(core.values()), "further": 0,
           "further_of": len(core) - sum(core.values()), "as_reference": 0, "not_passed": "", "note": ""}
    for name in course.files_of(chapter):
        reference = bodies((course.root / name.replace("chapters/", "solutions/", 1)).read_text())
        row["as_reference"] += sum(body == reference.get(id) for id, body in bodies(pack.files.get(name, "")).items())
    with sandbox.room() as stage:
        course.stage(pack, chapter, stage, box.work)
        status, printed, stopped = run_inside(box, course, stage, chapter, seconds)
    states = {}
    if stopped:
        row["note"] = stopped
    elif status in (10, 11):
        error = first_error(printed)
        row["note"] = printable(("does not compile" if status == 10 else "does not link") + (f": {error[0]} {error[1]}" if error else ""), 160)
    else:
        try:
            states = {one["id"]: one["state"] for one in json.loads(printed)["exercises"] if one["id"] in core and isinstance(one["state"], str)}
        except (ValueError, KeyError, TypeError, RecursionError):
            row["note"] = f"the check gave no verdict (status {status})"
    row["core"] = sum(states.get(id) == "passed" for id in core if core[id])
    row["further"] = sum(states.get(id) == "passed" for id in core if not core[id])
    open_ones = [f"{id} {printable(states.get(id, 'not checked'), 20)}" for id in core if states.get(id) != "passed"]
    row["not_passed"] = ", ".join(open_ones) if states else ""
    return row


def write_table(rows, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".partial")
    with open(partial, "w", newline="") as stream:
        table = csv.DictWriter(stream, ["pack", "learner", "chapter", "core", "core_of", "further", "further_of", "as_reference", "not_passed", "note"])
        table.writeheader()
        table.writerows(rows)
    os.replace(partial, file)


def shown_name(pack, learner):
    """The pack's file or folder, and the learner that it names where that is somebody else."""
    return pack if learner in ("", pack) else f"{pack} (says {learner})"


def show(row):
    further = f", {row['further']} of {row['further_of']} further" if row["further_of"] else ""
    reference = f", {row['as_reference']} as the reference has it" if row["as_reference"] else ""
    note = f"  {row['note']}" if row["note"] else ""
    print(f"{shown_name(row['pack'], row['learner']):30}  chapter {row['chapter']:>2}  {row['core']} of {row['core_of']}{further}{reference}{note}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    for option in ("--root", "--out", "--build-dir", "--chapters", "--with"):
        parser.add_argument(option)
    parser.add_argument("--seconds", default="300")
    parser.add_argument("--without-sandbox", action="store_true")
    parser.add_argument("places", nargs="+")
    options = parser.parse_args()
    root = pathlib.Path(options.root).resolve()
    build = pathlib.Path(options.build_dir or root / "build").resolve()
    out = pathlib.Path(options.out).absolute() if options.out else build / "grades.csv"
    try:
        seconds = float(options.seconds)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        fail(f"--seconds wants a number above 0, not \"{options.seconds}\"")
    places = find_packs(options.places)
    if not (build / "compile_commands.json").exists() or not (build / "verse").exists():
        fail(f"{build} holds no build of the course; make grade builds what it needs")
    course = Course(root, build)
    wanted = sorted(course.folders)
    if options.chapters:
        wanted = [int(n) if n.isdecimal() else -1 for n in options.chapters.split(",")]
        if unknown := [n for n, number in zip(options.chapters.split(","), wanted) if number not in course.folders]:
            fail(f"there is no chapter '{unknown[0]}'; there are: {', '.join(map(str, sorted(course.folders)))}")
    getattr(options, "with") in (None, "bwrap", "unshare") or fail("--with wants bwrap or unshare")
    box = sandbox.choose(getattr(options, "with"), options.without_sandbox)
    if isinstance(box, str):
        fail(f"{box}; `apt-get install bubblewrap` brings one, and --without-sandbox goes without")
    print(f"{len(places)} pack{'s' if len(places) != 1 else ''}, {box.says}", file=sys.stderr)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended
    rows, failed = [], 0
    for place in places:
        try:
            pack = Pack(place, course.known)
        except (BadPack, OSError) as error:
            failed += 1
            rows.append({"pack": printable(place.name), "note": printable(f"cannot be graded: {error}", 160)})
            print(f"{rows[-1]['pack'][:30]:30}  {rows[-1]['note']}", flush=True)
            continue
        begun = [n for n in wanted if any(pack.files.get(name, course.known[name]) != course.known[name] for name in course.files_of(n))]
        if not begun:
            rows.append({"pack": pack.name, "learner": pack.learner, "note": "nothing is begun in these chapters"})
            print(f"{shown_name(pack.name, pack.learner):30}  {rows[-1]['note']}", flush=True)
        for chapter in begun:
            rows.append(grade_chapter(box, course, pack, chapter, seconds))
            show(rows[-1])
            write_table(rows, out)  # what is graded stands, whatever comes after
    write_table(rows, out)
    print(f"wrote {os.path.relpath(out)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
