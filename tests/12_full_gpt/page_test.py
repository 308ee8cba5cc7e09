#!/usr/bin/env python3
"""What `gpt page` writes, and what its page would write: text that equals `gpt generate`'s, by node where it is there.

usage: page_test.py PROGRAM [unittest arguments]

page_browser.py opens the same pages in a browser.
"""
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import page_runs

PROGRAM = None
HERE = os.path.dirname(os.path.abspath(__file__))
NODE = shutil.which("node")


def node(*arguments, jobs=None):
    done = subprocess.run([NODE, os.path.join(HERE, "page_node.mjs"), *arguments], capture_output=True, timeout=120,
                          input=None if jobs is None else json.dumps(jobs).encode())
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return json.loads(done.stdout)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="verse_page_")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.runs = page_runs.make_runs(PROGRAM, cls.folder)

    def place(self, name):
        return os.path.join(self.folder, self.id().split(".")[-1] + "_" + name)

    def page(self, run_folder, *arguments):
        out = self.place("page.html")
        said = page_runs.done(PROGRAM, "page", "--run", run_folder, "--out", out, *arguments)
        self.assertTrue(said.startswith(out + ": "), said)
        return out

    def refused(self, arguments, *words):
        done = page_runs.run(PROGRAM, "page", *arguments)
        error = done.stderr.decode()
        self.assertEqual(done.returncode, 2, error)
        self.assertEqual(error.count("\n"), 1, error)
        for word in words:
            self.assertIn(word, error)

    @unittest.skipUnless(NODE, "node is not installed")
    def test_modules(self):
        found = node("modules")
        self.assertEqual(found["problems"], [])
        self.assertGreater(found["checks"], 70)

    def compare(self, name, run_folder, page):
        pairs = list(page_runs.expected_texts(PROGRAM, run_folder))
        self.assertGreater(len({text for _, text in pairs}), 14, "the texts hardly differ: they prove nothing")
        texts = node(page, jobs=[job for job, _ in pairs])["texts"]
        for (job, expected), text in zip(pairs, texts):
            with self.subTest(name, **job):
                self.assertTrue(page_runs.is_text(expected, text), f"{text!r}, not {expected!r}")

    @unittest.skipUnless(NODE, "node is not installed")
    def test_text_is_that_of_generate(self):
        for name, run_folder in self.runs.items():
            self.compare(name, run_folder, self.page(run_folder, "--precision", "fp32"))

    @unittest.skipUnless(NODE, "node is not installed")
    @unittest.skipUnless(NODE, "node is not installed")
    def test_rounded_weights_write_what_generate_writes_with_them(self):
        for precision, rounding in page_runs.ROUNDINGS.items():
            for name in ("gpt2", "modern, byte pairs"):
                rounded = shutil.copytree(self.runs[name], self.place(precision + name))
                page_runs.rewrite(rounded, rounding=rounding)
                self.compare(f"{name}, {precision}", rounded, self.page(self.runs[name], "--precision", precision))

    def test_a_page_holds_no_way_out_and_no_tag_of_the_run(self):
        run_folder = shutil.copytree(self.runs["gpt2"], self.place("run"))
        tokenizer = json.loads(page_runs.read_file(run_folder, "tokenizer.json"))
        tokenizer["note"] = "</script><img src=https://example.org/x onerror=alert(1)><!--"
        page_runs.rewrite(run_folder, tokenizer=tokenizer)
        page = page_runs.read_file(self.page(run_folder)).decode()
        self.assertNotIn("<img", page)
        self.assertNotIn("<!--", page)
        self.assertEqual(page.count("<script"), page.count("</script"))
        for word in ("src=", "href=\"http", "@import", "url(", "fetch(", "XMLHttpRequest", "import("):
            self.assertNotIn(word, page.replace(tokenizer["note"].replace("<", "\\u003c"), ""))
        self.assertIn("default-src 'none'", page)

    def test_the_size_of_a_page(self):
        # The program's share of a page, and what text makes of bytes, are the same for every model.
        sizes, weights = {}, {}
        for precision, width in (("fp16", 2), ("fp32", 4), ("int8", 1)):
            page = page_runs.read_file(self.page(self.runs["gpt2"], "--precision", precision)).decode()
            parts = page.split("<script type=\"text/plain\"")[1:]
            sizes[precision] = len(page.encode())
            weights[precision] = sum(len(part.partition(">")[2].partition("</script>")[0]) for part in parts)
            text, _, _ = page.partition("id=\"description\">")[2].partition("</script>")
            count = 0
            for tensor in json.loads(text)["tensors"]:
                *rows, columns = tensor["sizes"]
                rows = math.prod(rows) if rows else 0
                if precision != "int8":
                    count += width * math.prod(tensor["sizes"])
                else:
                    count += rows * (4 + columns) if rows else 4 * columns
            self.assertLess(weights[precision], 1.24 * count)
        for precision, width in (("fp16", 2), ("int8", 1)):
            around = sizes[precision] - weights[precision]
            # 0.8 million parameters, the smallest preset.
            self.assertLess(1.231 * width * 800_000 + around, 1.3 * width * 800_000, precision)

    def test_mistakes_in_use(self):
        run_folder, out = self.runs["gpt2"], self.place("page.html")
        self.refused([], "--run")
        self.refused(["--run", run_folder], "--out")
        self.refused(["--run", self.place("nothing"), "--out", out], "is not a folder")
        self.refused(["--run", run_folder, "--out", out, "--precision", "int4"], "--precision", "fp16", "int8", "int4")
        self.refused(["--run", run_folder, "--out", self.folder], "is a folder")
        self.refused(["--run", run_folder, "--out", os.path.join(self.folder, "no", "page.html")], "there is no folder")
        self.assertFalse(os.path.exists(out))
        broken = shutil.copytree(run_folder, self.place("broken"))
        with open(os.path.join(broken, "metrics.csv"), "a", encoding="utf-8") as file:
            file.write("x\n")
        self.refused(["--run", broken, "--out", out], "metrics.csv")
        for name in ("metrics.csv", "state.safetensors"):
            os.remove(os.path.join(broken, name))
        page_runs.done(PROGRAM, "page", "--run", broken, "--out", out)  # as one that was imported

    def test_weights_that_float16_does_not_hold(self):
        run_folder, out = shutil.copytree(self.runs["gpt2"], self.place("run")), self.place("page.html")
        page_runs.rewrite(run_folder, last=1e5)
        self.refused(["--run", run_folder, "--out", out], "65504", "--precision fp32")
        self.assertFalse(os.path.exists(out))
        page_runs.done(PROGRAM, "page", "--run", run_folder, "--out", out, "--precision", "fp32")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
