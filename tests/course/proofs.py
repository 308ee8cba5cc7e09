#!/usr/bin/env python3
"""Proves the course, as a learner would meet it, in a copy of chapters/ and solutions/: nobody's work is touched.

Every stub is "not started"; every exercise solved by `verse solve` passes; wrong answers written into the source are named; what
does not compile is placed; a reset gives the stub back byte for byte; and the last chapter's program, standing on the solved ones, trains.

usage: tests/course/proofs.py BUILD_FOLDER [unittest's arguments]
"""
import json
import pathlib
import re
import tomllib

import learner_copy
from learner_copy import ROOT, run


def manifests():
    """Each chapter that has exercises, by number; each has checks."""
    found = {}
    for path in sorted(ROOT.glob("chapters/*/exercises.toml")):
        manifest = tomllib.loads(path.read_text())
        tests = [t for t in (ROOT / "tests" / manifest["folder"]).glob("*_test.cpp") if t.name != "reference_test.cpp"]
        assert any("exercise<" in t.read_text() for t in tests), f"{manifest['folder']} has exercises and no checks"
        found[manifest["chapter"]] = manifest
    return found


# One exercise's body, written wrong on purpose: what a learner might really write, what replaces what in the reference's file, and
# which known mistake the verdict has to name. These are compiled; the mistakes of the tests are proven by test_solution_NN.
PATCHES = json.loads((pathlib.Path(__file__).parent / "patches.json").read_text())


class Course(learner_copy.LearnerCopy):
    def build(self, *targets):
        done = run("ninja", "-C", self.build_folder, *targets)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:])

    def check(self, chapter):
        self.build(f"test_chapter_{chapter:02}")
        return self.verse("check", chapter, "--build-dir", self.build_folder)

    def states(self, chapter):
        """The verdict on a chapter, exercise by exercise."""
        self.build(f"test_chapter_{chapter:02}")
        done = self.verse("check", chapter, "--build-dir", self.build_folder, "--json")
        self.assertTrue(done.stdout.startswith("{"), done.stdout + done.stderr)
        return done.returncode, {one["id"]: one["state"] for one in json.loads(done.stdout)["exercises"]}

    def test_1_every_stub_is_not_started(self):
        for chapter, manifest in manifests().items():
            with self.subTest(chapter=chapter):
                status, states = self.states(chapter)
                self.assertEqual(status, 1)
                wanted = {exercise["id"]: "not_started" for exercise in manifest["exercise"]}
                self.assertEqual(states, wanted)
                first = manifest["exercise"][0]
                text = self.check(chapter).stdout
                self.assertIn(first["id"], text)
                self.assertIn(first["file"], text)

    def test_1_mistakes_of_tests_and_manifests_are_the_same(self):
        for chapter, manifest in manifests().items():
            with self.subTest(chapter=chapter):
                self.build(f"test_solution_{chapter:02}")
                listed = run(self.build_folder / f"test_solution_{chapter:02}", "--list-mistakes").stdout.splitlines()
                told = [f"{exercise['id']} {mistake['id']}" for exercise in manifest["exercise"]
                        for mistake in exercise.get("mistake", [])]
                self.assertEqual(sorted(listed), sorted(told))

    def test_2_wrong_answers_are_named(self):
        for patch in PATCHES:
            with self.subTest(exercise=patch["exercise"], says=patch["names"]):
                folder = next(self.copy.glob(f"solutions/{int(patch['exercise'].split('.')[0]):02}_*")).name
                solution = (self.copy / "solutions" / folder / patch["file"]).read_text()
                self.assertIn(patch["replace"], solution, "the patch does not fit the reference any more")
                learner = self.copy / "chapters" / folder / patch["file"]
                learner.write_text(solution.replace(patch["replace"], patch["by"], 1))
                done = self.check(int(patch["exercise"].split(".")[0]))
                self.assertEqual(done.returncode, 1)
                says = patch["names"]
                manifest = tomllib.loads((self.copy / "chapters" / folder / "exercises.toml").read_text())
                for exercise in manifest["exercise"]:
                    for mistake in exercise.get("mistake", []):
                        if exercise["id"] == patch["exercise"] and mistake["id"] == says:
                            says = mistake["says"]
                # The verdict is wrapped to the terminal's width.
                self.assertIn(" ".join(says.split()), " ".join(done.stdout.split()), done.stdout)
                learner.write_bytes(self.stubs[learner])

    def test_2_a_wrong_exercise_makes_no_other_look_wrong(self):
        chapter, folder = 7, "07_sampling"
        answers = "\n".join(path.read_text() for path in sorted((ROOT / "tests/course/answers").glob(f"{folder}*.cpp")))
        wrong = {}
        for exercise, heading, body in re.findall(r"^//! \[(\d+\.\d+)\] (\w+)[^\n]*\n(.*?)(?=^//! \[|\Z)", answers, re.MULTILINE | re.DOTALL):
            if heading == "wrong":
                wrong.setdefault(exercise, body)
        files = {exercise["id"]: exercise["file"] for exercise in manifests()[chapter]["exercise"]}
        self.assertEqual(sorted(wrong), sorted(files))
        solutions = {file: (self.copy / "solutions" / folder / file).read_text() for file in files.values()}
        for file, solution in solutions.items():
            (self.copy / "chapters" / folder / file).write_text(solution)
        for exercise, body in wrong.items():
            with self.subTest(exercise=exercise):
                learner, solution = self.copy / "chapters" / folder / files[exercise], solutions[files[exercise]]
                before, _, after = solution.split(f"  //! [{exercise}]\n")
                mark = f"  //! [{exercise}]\n"
                learner.write_text(before + mark + body + mark + after)
                states = self.states(chapter)[1]
                learner.write_text(solution)
                self.assertNotEqual(states.pop(exercise), "passed")
                self.assertEqual(set(states.values()), {"passed"}, states)

    def test_3_what_does_not_compile_is_placed(self):
        solved = self.verse("solve", "3.2")
        self.assertEqual(solved.returncode, 0, solved.stderr)
        learner = self.copy / "chapters/03_attention/attention.cpp"
        learner.write_text(learner.read_text().replace("const std::int64_t earlier = keys - time;",
                                                       "const std::int64_t earlier = keys - thyme;"))
        log = self.copy / "compiler.log"
        log.write_text(run("ninja", "-C", self.build_folder, "test_chapter_03").stdout)
        said = self.verse("compile-error", "3", log)
        self.assertIn("thyme", said.stdout + said.stderr)
        self.assertIn("3.2", said.stdout + said.stderr)

    def test_4_solve_and_reset(self):
        for chapter, manifest in manifests().items():
            for exercise in manifest["exercise"]:
                with self.subTest(exercise=exercise["id"]):
                    path = self.copy / "chapters" / manifest["folder"] / exercise["file"]
                    before = path.read_bytes()
                    self.assertEqual(self.verse("solve", exercise["id"]).returncode, 0)
                    self.assertNotEqual(path.read_bytes(), before)
                    self.assertEqual(self.verse("reset", exercise["id"]).returncode, 0)
                    self.assertEqual(path.read_bytes(), before)

    def test_5_a_learner_s_work_is_left_alone(self):
        learner = self.copy / "chapters/03_attention/attention.cpp"
        learner.write_text(learner.read_text().replace('throw NotImplemented("3.1");', "return query;"))
        before = learner.read_bytes()
        done = self.verse("stubs")
        self.assertEqual(done.returncode, 2)
        self.assertIn("attention.cpp", done.stderr)
        self.assertEqual(learner.read_bytes(), before)

    def test_6_solved_chapters_pass_and_carry_the_last_program(self):
        for path in (self.copy / "chapters").glob("*/exercises.toml"):
            for exercise in tomllib.loads(path.read_text())["exercise"]:
                self.assertEqual(self.verse("solve", exercise["id"]).returncode, 0, exercise["id"])
        for chapter in manifests():
            with self.subTest(chapter=chapter):
                status, states = self.states(chapter)
                self.assertEqual(status, 0, states)
                self.assertEqual(set(states.values()), {"passed"})
        # The later chapters now stand on these.
        carried = (self.copy / ".verse/learner_chapters.cmake").read_text()
        chapters = carried.split("set(VERSE_LEARNER_CHAPTERS", 1)[1].split(")", 1)[0].split()
        self.assertEqual({int(chapter) for chapter in chapters}, set(manifests()))
        self.build("chapter_12")
        out = self.copy / "run"
        done = run(self.build_folder / "my-gpt", "train", "--preset", "small", "--steps", "12", "--eval-every", "6", "--out", out, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((out / "model.safetensors").exists())
        said = run(self.build_folder / "my-gpt", "generate", "--run", out, "--prompt", "KING", "--max-new-tokens", "20", "--seed", "7")
        self.assertEqual(said.returncode, 0, said.stderr)


if __name__ == "__main__":
    learner_copy.main()
