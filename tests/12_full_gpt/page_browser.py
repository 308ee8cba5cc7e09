#!/usr/bin/env python3
"""The pages of `gpt page` in real browsers: headless Chromium, and Firefox where it is installed, opened from the file system.

    tests/12_full_gpt/page_browser.py PROGRAM [--pictures FOLDER]

Needs: apt-get install chromium chromium-driver python3-selenium; Firefox as firefox-esr. Closes with one line: N passed, N failed.
"""
import gzip
import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "common")]
import firefox
import page_runs

MODULES = HERE.parents[1] / "chapters/12_full_gpt/given/page"
PICTURES = Path(sys.argv[sys.argv.index("--pictures") + 1]) if "--pictures" in sys.argv else None

passed, failed = 0, 0

# Contrast, names and labels: what the book's pages are asked too (book/tests/browser_test.py).
book_test = (HERE.parents[1] / "book/tests/browser_test.py").read_text(encoding="utf-8")
CHECK = re.search(r'^CHECK = r"""(.*?)"""', book_test, re.MULTILINE | re.DOTALL).group(1)


def verdict(name, good, why=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: {why}")


class Chromium(webdriver.Chrome):
    def __init__(self):
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        super().__init__(service=Service(shutil.which("chromedriver")), options=options)

    def show(self, theme, width, height):
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                             {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def cut_network(self):
        self.execute_cdp_cmd("Network.enable", {})
        self.execute_cdp_cmd("Network.emulateNetworkConditions",
                             {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})


def open_page(driver, path):
    driver.get("about:blank")
    driver.get(Path(path).as_uri())
    for _ in range(200):
        if driver.execute_script("return globalThis.verse !== undefined"):
            return True
        time.sleep(.05)
    verdict(f"{path} opens", False, driver.find_element(By.ID, "ready").text)
    return False


def modules_in_one_scope(folder):
    """The modules and their tests on one page, joined as page_of() joins them."""
    lines = []
    names = re.search(r"foreach\(file (.*?mjs) page.html", (HERE.parents[1] / "CMakeLists.txt").read_text(encoding="utf-8")).group(1).split()
    for path in [*(MODULES / name for name in names), HERE / "page_modules.mjs"]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("import "):
                lines.append(line.removeprefix("export "))
    page = os.path.join(folder, "modules.html")
    with open(page, "w", encoding="utf-8") as file:
        file.write("<!DOCTYPE html><meta charset=utf-8><p id=ready></p><script type=module>\n" + "\n".join(lines) +
                   "\nglobalThis.verse = moduleProblems();\n</script>")
    return page


def requests(driver):
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def texts_are_those_of_generate(driver, browser, program, folder, runs):
    for name, run_folder in runs.items():
        for precision in ("fp32", "int8") if name == "modern" else ("fp32",):
            page = os.path.join(folder, "page.html")
            page_runs.done(program, "page", "--run", run_folder, "--out", page, "--precision", precision)
            if not open_page(driver, page):
                continue
            wanted_of = run_folder
            if precision == "int8":  # what generate writes with weights rounded in the same way
                wanted_of = shutil.copytree(run_folder, run_folder + "_rounded", dirs_exist_ok=True)
                page_runs.rewrite(wanted_of, rounding=page_runs.in_bytes)
            for job, expected in page_runs.expected_texts(program, wanted_of):
                text = driver.execute_script("const j = arguments[0]; return verse.write(j.prompt, j.count, j.options, j.seed)", job)
                verdict(f"{browser}, {name}, {precision}: {job}", page_runs.is_text(expected, text), f"{text!r}, not {expected!r}")


def wait(driver):
    for _ in range(400):
        if driver.find_element(By.ID, "write").is_enabled():
            return
        time.sleep(.05)
    verdict("the writing ends", False)


def by_hand(driver, browser, program, folder, run_folder):
    """What somebody does who sits before it: writes, looks, goes another way."""
    page = os.path.join(folder, "page.html")
    page_runs.done(program, "page", "--run", run_folder, "--out", page, "--precision", "fp32")
    if not open_page(driver, page):
        return
    text = lambda: driver.execute_script("return document.getElementById('text').textContent")
    says = lambda id: driver.find_element(By.ID, id).text
    prompt = driver.find_element(By.ID, "prompt")
    prompt.send_keys("ANNA:")
    for id, value in (("count", "40"), ("temperature", "1.1"), ("seed", "7")):
        field = driver.find_element(By.ID, id)
        field.clear()
        field.send_keys(value)
    driver.find_element(By.ID, "write").click()
    wait(driver)
    wanted = page_runs.done(program, "generate", "--run", run_folder, "--prompt", "ANNA:", "--max-new-tokens", 40, "--temperature",
                            1.1, "--seed", 7, "--threads", 1, "--device", "cpu")
    verdict(f"{browser}: a click writes generate's text", page_runs.is_text(wanted, text()), f"{text()!r}, not {wanted!r}")
    verdict(f"{browser}: says how fast", re.search(r"^40 characters, \d+ a second$", says("says")), says("says"))
    shares = driver.execute_script("return [...document.querySelectorAll('#choices .share')].map(e => parseFloat(e.textContent))")
    verdict(f"{browser}: choices with falling shares", len(shares) == 10 and shares == sorted(shares, reverse=True) and 5 < sum(shares) <= 101, shares)

    # Another way at the tenth new character.
    before = text()
    driver.execute_script("document.querySelectorAll('#text .made')[9].click()")
    verdict(f"{browser}: the place is named", "stood to choose from" in says("choices-of"), says("choices-of"))
    buttons = driver.find_elements(By.CSS_SELECTOR, "#choices button")
    other = next(button for button in buttons if "taken" not in (button.get_attribute("class") or ""))
    token = int(other.get_attribute("data-token"))
    other.click()
    wait(driver)
    after = text()
    character = driver.execute_script("return new TextDecoder().decode(verse.app.codec.bytesOf(arguments[0]))", token)
    verdict(f"{browser}: what stood before stays", after[:14] == before[:14] and after[14] == character != before[14], (before, after))
    verdict(f"{browser}: and it goes on from there", len(after) == 5 + 10 + 40, len(after))

    # Where it looks.
    driver.execute_script("document.getElementById('looks').click()")
    verdict(f"{browser}: it says where it looks", re.search(r"^From “.*”, most \(\d", says("looks-says"), re.DOTALL), says("looks-says"))
    lit = driver.execute_script("return [...document.querySelectorAll('#text span')].filter(e => e.style.backgroundColor).length")
    verdict(f"{browser}: the places are lit", 1 < lit <= 24, lit)
    driver.find_element(By.ID, "text").send_keys(Keys.ARROW_LEFT)
    verdict(f"{browser}: the arrow keys choose a place",
            driver.execute_script("return document.querySelector('#text .chosen') === [...document.querySelectorAll('#text span')].at(-2)"))
    driver.execute_script("document.querySelector('#text span').click()")
    verdict(f"{browser}: what is forgotten is said", "does not see" in says("looks-says"), says("looks-says"))

    # What it is told wrongly.
    prompt.clear()
    prompt.send_keys("ANNA Ω")
    driver.find_element(By.ID, "write").click()
    verdict(f"{browser}: an unknown character is named", "“Ω”" in says("says"), says("says"))
    field = driver.find_element(By.ID, "top-p")
    field.send_keys("2")
    driver.find_element(By.ID, "write").click()
    verdict(f"{browser}: a wrong setting is named", says("says").startswith("Top-p"), says("says"))


def looks(driver, browser, program, folder, runs):
    """Both themes, four widths, names and contrast, and no request beyond the file."""
    page = os.path.join(folder, "page.html")
    page_runs.done(program, "page", "--run", runs["modern"], "--out", page)
    for theme in ("light", "dark"):
        for width in (320, 390, 768, 1440):
            driver.show(theme, width, 844)
            if not open_page(driver, page):
                return
            driver.find_element(By.ID, "write").click()
            wait(driver)
            driver.execute_script("document.getElementById('looks').click()")
            seen = driver.execute_script("return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]")
            verdict(f"{browser}: {width} pixels, {theme}, are what it shows", seen == [width, theme == "dark"], seen)
            wide = driver.execute_script("scrollTo(500, 0); return scrollX || document.documentElement.scrollWidth - innerWidth")
            verdict(f"{browser}: no sideways scrolling at {width} pixels", wide <= 0, wide)
            problems = driver.execute_script(CHECK)
            verdict(f"{browser}: accessible at {width} pixels, {theme}", not problems, "\n  ".join(problems))
            if PICTURES:
                driver.show(theme, width, driver.execute_script("scrollTo(0, 0); return document.documentElement.scrollHeight"))
                PICTURES.mkdir(parents=True, exist_ok=True)
                driver.save_screenshot(str(PICTURES / f"{browser}_{theme}_{width}.png"))
    facts = driver.find_element(By.ID, "facts").text
    verdict(f"{browser}: it says what it was trained on", "a <b>text &amp; more.txt" in facts and "60 of 60 steps" in facts, facts)
    verdict(f"{browser}: the loss has its curve", driver.execute_script("return document.querySelectorAll('#curve polyline').length") == 2)
    loaded = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))")
    verdict(f"{browser}: nothing else is loaded", not loaded, loaded)
    # And where something wanted out, the page's own policy would not let it.
    blocked = driver.execute_async_script("""const done = arguments[0]; let policy = "none";
        document.addEventListener("securitypolicyviolation", event => { policy = event.effectiveDirective; });
        fetch("https://example.org/").then(() => done("got out"), () => setTimeout(() => done(policy), 200));""")
    verdict(f"{browser}: the page's policy lets nothing out", blocked == "connect-src", blocked)


def asks_for_nothing(driver, program, folder, runs):
    """What Chromium has noted while a page was opened and wrote."""
    page = os.path.join(folder, "page.html")
    page_runs.done(program, "page", "--run", runs["modern"], "--out", page)
    list(requests(driver))
    driver.get_log("browser")
    open_page(driver, page)
    driver.find_element(By.ID, "write").click()
    wait(driver)
    outside = {url for url in requests(driver) if not url.startswith(("data:", "about:")) and url != Path(page).as_uri()}
    verdict("no request beyond the file", not outside, outside)
    errors = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    verdict("no console error", not errors, errors[:3])


def books_last_page(driver, browser, folder):
    page = Path(folder) / "book.html"
    page.write_bytes(gzip.decompress((HERE.parents[1] / "book/model/gpt.html.gz").read_bytes()))
    if not open_page(driver, page):
        return
    driver.find_element(By.ID, "write").click()
    wait(driver)
    made = driver.execute_script("return document.querySelectorAll('#text .made').length")
    verdict(f"{browser}: the model of the book's last page writes", made == 300, made)


def damaged(driver, browser, program, folder, runs):
    page = os.path.join(folder, "page.html")
    page_runs.done(program, "page", "--run", runs["gpt2"], "--out", page)
    whole = page_runs.read_file(page)
    place = whole.index(b'id="weights-3">')
    with open(page, "wb") as file:
        file.write(whole[:place + 40] + whole[place + 60:])
    driver.get(Path(page).as_uri())
    time.sleep(.5)
    said = driver.find_element(By.ID, "ready").text
    verdict(f"{browser}: a damaged page says so", "not complete" in said, said)


def main():
    program = sys.argv[1]
    browsers = [("Chromium", Chromium)]
    if firefox.program():
        browsers.append(("Firefox", firefox.Firefox))
    else:
        print("Firefox is not installed (apt-get install firefox-esr): skipped")
    with tempfile.TemporaryDirectory(prefix="verse_page_") as folder:
        runs = page_runs.make_runs(program, folder)
        for browser, start in browsers:
            driver = start()
            try:
                driver.cut_network()
                if open_page(driver, modules_in_one_scope(folder)):
                    found = driver.execute_script("return verse")
                    verdict(f"{browser}: {found['checks']} checks of the modules", not found["problems"] and found["checks"] > 70, found["problems"])
                texts_are_those_of_generate(driver, browser, program, folder, runs)
                by_hand(driver, browser, program, folder, runs["gpt2"])
                looks(driver, browser, program, folder, runs)
                if browser == "Chromium":
                    asks_for_nothing(driver, program, folder, runs)
                books_last_page(driver, browser, folder)
                damaged(driver, browser, program, folder, runs)
            finally:
                driver.quit()
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
