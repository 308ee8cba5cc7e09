#include "tests/harness/commands.h"

namespace verse {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = {
      {"check",
       {"N",
        1,
        1,
        {"--solution", "--failed-only", "--json"},
        {"--build-dir", "--filter", "--cpu-seconds", "--memory-gib"}},
       "run the tests of chapter N and say what to do next",
       "  --solution         check the reference's code instead of the learner's; nothing is remembered\n"
       "  --failed-only      first only the exercises that do not pass yet; all others once these do\n"
       "  --filter WHAT      an exercise (3.2), or a GoogleTest filter (then nothing is remembered)\n"
       "  --build-dir DIR    where the test programs are (default: build in the repository)\n"
       "  --cpu-seconds X    processor time that one test may use (default 20)\n"
       "  --memory-gib X     memory that the test program may use (default 4)\n"
       "  --json             the verdict for programs\n"
       "Exit status: 0 if every exercise of the chapter passes, 1 if not.\n",
       run_check},
      {"hint",
       {"N.M", 1, 1, {"--from-start"}, {}},
       "the next of three hints for exercise N.M",
       "  --from-start       begin again with the first hint\n",
       run_hint},
      {"solve",
       {"N.M", 1, 1, {}, {}},
       "put the reference's body of exercise N.M into the learner's file",
       "Only what stands between the two lines `//! [N.M]` is replaced; the file as it was is kept in "
       ".verse/backup/.\n",
       run_solve},
      {"reset",
       {"N.M | --all", 0, 1, {"--all"}, {}},
       "put the stub of exercise N.M back, or every stub",
       "Only what stands between the two lines `//! [N.M]` is replaced; the file as it was is kept in .verse/backup/.\n"
       "  --all              every learner's file as it was given, and nothing known of what was done; all of it as "
       "it\n"
       "                     was is kept in a folder of .verse/backup/\n",
       run_reset},
      {"restore",
       {"N.M", 1, 1, {}, {}},
       "put back what was given around exercise N.M",
       "Its two lines `//! [N.M]`, the lines of its function before and after them, or the whole function with a "
       "stub:\n"
       "whatever is missing. What stands between the marks stays; the file as it was is kept in .verse/backup/.\n",
       run_restore},
      {"start",
       {"N", 1, 1, {}, {}},
       "begin with chapter N: the reference's answers to all exercises before it",
       "Only stubs are replaced; what you have begun stays. The files as they were are kept in .verse/backup/.\n",
       run_start},
      {"update",
       {"", 0, 0, {"--fetch"}, {}},
       "bring the learner's files to the stubs of today, with all that was written into them",
       "Says what has changed in each stub. What stands between an exercise's marks stays; the lines around are "
       "merged\n"
       "as git merges them. The file as it was is kept in .verse/backup/. Where both sides changed the same lines, "
       "the\n"
       "file is left alone and .verse/new/ holds the merged one, with both. Exit status: 1 for such a file.\n"
       "  --fetch            only get the course's newest state by git, as `git pull` does; the learner's files stay "
       "as\n"
       "                     they are (make update does both, and builds this program in between)\n",
       run_update},
      {"progress",
       {"", 0, 0, {"--json"}, {}},
       "what is done and what is next, across all chapters",
       "  --json             the same for programs\n",
       run_progress},
      {"report",
       {"", 0, 0, {}, {"--out", "--name"}},
       "write what is done, exercise by exercise, as a page and as JSON",
       "  --out DIR          where report.html and report.json go (default: build/report in the repository)\n"
       "  --name NAME        whose report it is (default: git's user.name)\n"
       "For each exercise: how it stands, when it was begun and passed, checks, hints taken. Nothing leaves the "
       "machine.\n",
       run_report},
      {"handin",
       {"", 0, 0, {}, {"--out", "--name"}},
       "pack the learner's files and the report into one file, to be handed in",
       "  --out FILE         the pack (default: build/handin/NAME.pack.json in the repository)\n"
       "  --name NAME        whose work it is (default: git's user.name)\n"
       "The pack is text: every file of chapters/ that holds work, and the report. Nothing leaves the machine.\n",
       run_handin},
      {"grade",
       {"FOLDER...", 1, 10000, {"--without-sandbox"}, {"--chapters", "--out", "--build-dir", "--seconds", "--with"}},
       "check packs that were handed in, each in a sandbox, and write a table",
       "A FOLDER holds packs (NAME.pack.json), or is a learner's copy of the course; a pack itself may be named too.\n"
       "  --chapters N,M     only these chapters (default: all in which a pack holds work)\n"
       "  --out FILE         the table as CSV (default: build/grades.csv in the repository)\n"
       "  --build-dir DIR    where the course is built (default: build in the repository)\n"
       "  --seconds X        time for one chapter of one pack, building it included (default 300)\n"
       "  --with WHAT        bwrap (bubblewrap) or unshare; without it, the first that works here\n"
       "  --without-sandbox  build and run the packs as they are: for a machine that is thrown away afterwards\n"
       "A pack's code sees no network and no file but the course and its own, and has limits of time, memory, "
       "processes\n"
       "and disk. Exit status: 0 when every pack was graded, whatever its grade.\n",
       run_grade},
      {"predict",
       {"PN.M [ANSWER]", 1, 2, {}, {}},
       "answer a prediction; without an answer, ask it",
       "Numbers may be written 32896 or 32,896. Exit status: 0 for a right answer, 1 for a wrong one.\n"
       "A negative number goes behind `--`: verse predict P4.2 -- -1.5\n",
       run_predict},
      {"list",
       {"[N]", 0, 1, {"--ids"}, {}},
       "all exercises, or those of chapter N",
       "  --ids              only their numbers, one a line\n",
       run_list},
      {"swap",
       {"", 0, 0, {"--if-changed"}, {}},
       "which chapters later ones take from the learner, and which from the reference",
       "A chapter is the learner's once `check N` has passed as a whole and nothing in it has changed since.\n"
       "  --if-changed       say something only where the list is another one than before\n"
       "The answer is also written to .verse/learner_chapters.cmake, for the build.\n",
       run_swap},
      {"compile-error",
       {"N FILE", 2, 2, {}, {}},
       "why chapter N cannot be built, by a compiler's or linker's log, and what to do",
       "FILE is the log of clang, g++ or their linkers; `-` reads standard input.\n",
       run_compile_error},
      {"stubs",
       {"", 0, 0, {"--check"}, {"--into"}},
       "write the learner's files in chapters/ from solutions/",
       "  --check            change nothing; print what differs and exit with 1 if anything does\n"
       "  --into DIR         write DIR/chapters/ instead\n"
       "A file that holds a learner's work is never touched: then nothing is written at all, exit status 2. Whoever\n"
       "wants such a file anew moves it away first.\n",
       run_stubs},
      {"lint",
       {"[N...]", 0, 100, {}, {}},
       "check the manifests against solutions and prose",
       "Hints, known mistakes (three an exercise), sections that exist, marks, minutes. Exit status: 1 on a finding.\n",
       run_lint},
      {"try",
       {"FILE...", 1, 1000, {"--faults", "--details"}, {"--build-dir", "--only", "--named", "--right", "--wrong"}},
       "judge lists of right and wrong answers to exercises",
       "A list (tests/course/answers/ has ours) holds answers under headings: `//! [3.1] wrong no_scaling: why`,\n"
       "`//! [3.1] right: why`. Each answer stands in for the reference's body, many in one program, and is judged.\n"
       "  --faults           print only answers whose verdict is not what the list says\n"
       "  --details          print what the check says of each\n"
       "  --only N.M         only answers to one exercise, or (N) to one chapter\n"
       "  --named PERCENT    so many of the wrong answers have to be recognised as a known mistake\n"
       "  --right N          so many right answers at least there have to be to each exercise\n"
       "  --wrong N          so many wrong ones\n"
       "  --build-dir DIR    the build folder (default: build in the repository)\n"
       "Exit status: 0 where every verdict is what the list says.\n",
       run_try},
      {"beside",
       {"N FILE INTO", 3, 3, {}, {}},
       "write a learner's file of chapter N with the reference's bodies beside theirs",
       "What the build compiles, so that an exercise can be judged while every other one is the reference's.\n",
       run_beside},
  };
  return commands;
}

}  // namespace verse
