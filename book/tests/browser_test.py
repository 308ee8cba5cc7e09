"""The rendered book in a real browser: headless Chromium, driven by Selenium, opening the pages from the file system.

    book/tests/browser_test.py [FOLDER]     FOLDER: the rendered pages (default: build/book/html)
"""
import json
import sys
import time
from pathlib import Path
from urllib.parse import unquote

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parents[2]
PAGES = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/book/html").resolve()

# Our own accessibility check: contrast, headings, names, labels, alternative texts, ids.
CHECK = r"""
const bad = [], seen = e => { const r = e.getBoundingClientRect(), s = getComputedStyle(e); return r.width > 1 && r.height > 1 && s.visibility !== "hidden" && s.display !== "none" && !e.closest("details:not([open]) > :not(summary)"); };
const where = e => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + (e.className && e.className.baseVal === undefined ? "." + String(e.className).split(" ").join(".") : "") + " “" + e.textContent.trim().slice(0, 40) + "”";
const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
const light = c => { const v = c.slice(0, 3).map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4; }); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
const ground = e => { let c = [0, 0, 0, 0]; for (; e; e = e.parentElement) { const b = parse(getComputedStyle(e).backgroundColor); c = c[3] === 0 ? b : over(c, b); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let n; n = walker.nextNode();) {
  const e = n.parentElement;
  if (!n.data.trim() || !seen(e) || e.closest("svg, script, style, [aria-hidden=true], .katex-mathml, .skip, dialog, option")) continue;
  const s = getComputedStyle(e);
  let opacity = 1; for (let x = e; x; x = x.parentElement) opacity *= +getComputedStyle(x).opacity;
  if (opacity === 0) continue;
  const back = ground(e), ink = parse(s.color); ink[3] *= opacity;
  const a = light(over(ink, back)), b = light(back), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  const big = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && +s.fontWeight >= 700);
  if (ratio < (big ? 3 : 4.5)) bad.push(`contrast ${ratio.toFixed(2)}: ${where(e)}`);
}
const levels = [...document.querySelectorAll("main h1, main h2, main h3, main h4")].filter(seen).map(h => +h.tagName[1]);
if (levels[0] !== 1 || levels.filter(l => l === 1).length !== 1) bad.push("not one h1: " + levels);
levels.forEach((l, i) => { if (i && l > levels[i - 1] + 1) bad.push("a heading level is skipped: " + levels); });
const named = e => (e.getAttribute("aria-label") || (e.getAttribute("aria-labelledby") || "").split(" ").map(i => document.getElementById(i)?.textContent).join("") || e.textContent || e.title || "").trim();
for (const e of document.querySelectorAll("a[href], button, summary")) if (seen(e) && !named(e)) bad.push("no name: " + e.outerHTML.slice(0, 90));
for (const e of document.querySelectorAll("input, select, textarea")) if (!e.getAttribute("aria-label") && !(e.labels && e.labels.length)) bad.push("no label: " + e.outerHTML.slice(0, 90));
for (const e of document.querySelectorAll("img:not([alt]), svg[role=img]:not([aria-label])")) bad.push("no text for a picture: " + e.outerHTML.slice(0, 90));
for (const e of document.querySelectorAll("svg:not([role=img]):not([aria-hidden=true])")) if (!e.closest("[aria-hidden=true], .katex")) bad.push("a picture neither named nor hidden: " + e.outerHTML.slice(0, 90));
const ids = [...document.querySelectorAll("[id]")].map(e => e.id); for (const i of new Set(ids.filter((x, k) => ids.indexOf(x) !== k))) bad.push("an id twice: " + i);
for (const a of ["aria-controls", "aria-labelledby", "aria-describedby"]) for (const e of document.querySelectorAll(`[${a}]`)) for (const i of e.getAttribute(a).split(" ")) if (!document.getElementById(i)) bad.push(`${a} names nothing: ${i}`);
if (!document.documentElement.lang || !document.title || !document.querySelector("main")) bad.push("language, title or main is missing");
for (const e of document.querySelectorAll("[role=listbox] > :not([role=option]), ul > :not(li), ol > :not(li)")) bad.push("a list with something else in it: " + where(e));
for (const e of document.querySelectorAll("th")) if (e.textContent.trim() && !e.scope) bad.push("a table's head without scope: " + where(e));
return [...new Set(bad)];
"""
# What the keyboard reaches, one Tab at a time, must be all that can be worked.
WORKABLE = """return [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")].filter(e => {
const r = e.getBoundingClientRect(), s = getComputedStyle(e); return s.visibility !== "hidden" && r.width > 0 && r.height > 0 && e.tabIndex >= 0 && !e.disabled && !e.closest("details:not([open]) > :not(summary)"); }).length"""

passed, failed = 0, 0


def verdict(name, good, why=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: {why}")


def start():
    options = Options()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def size(driver, width, height):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})


def url(page):
    return (PAGES / page).as_uri()


def go(driver, page):
    driver.get("about:blank")
    driver.get(url(page))
    driver.execute_async_script("const done = arguments[0]; document.fonts.ready.then(() => setTimeout(done, 60))")


def requests(driver):
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def search(driver, words):
    ActionChains(driver).send_keys("/").perform()
    time.sleep(.2)
    ActionChains(driver).send_keys(words).perform()
    for _ in range(60):
        time.sleep(.1)
        if driver.find_elements(By.CSS_SELECTOR, "#search li"):
            break
    return driver.find_elements(By.CSS_SELECTOR, "#search li")


def main():
    pages = sorted(p.name for p in PAGES.glob("*.html"))
    chapters = [p for p in pages if p[:2].isdigit()]
    sources = [p for p in pages if p.startswith("source-")]
    looked = [p for p in pages if p not in sources] + sources[:2]
    driver = start()
    try:
        # Every page: no error, no request outside, fits a phone, accessible in both themes.
        size(driver, 1440, 900)
        for page in looked:
            go(driver, page)
            driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
            driver.execute_script("document.documentElement.dataset.theme = 'light'")
            time.sleep(.25)
            problems = driver.execute_script(CHECK)
            verdict(f"{page}: accessible, light", not problems, "\n  ".join(problems[:12]))
            driver.execute_script("document.documentElement.dataset.theme = 'dark'")
            time.sleep(.25)
            problems = driver.execute_script(CHECK)
            verdict(f"{page}: accessible, dark", not problems, "\n  ".join(problems[:12]))
        go(driver, "authors.html")
        driver.execute_script("""document.querySelector("article").insertAdjacentHTML("beforeend", '<p style="color:#999;background:#fff">pale</p><input><h5></h5><svg role="img"></svg><a href="#x"></a>'); document.querySelector("article a[href='#x']").style.cssText = "display:block;width:9px;height:9px" """)
        problems = " ".join(driver.execute_script(CHECK))
        verdict("the accessibility check notices", all(x in problems for x in ("contrast", "no label", "no text", "no name")), problems)
        outside = [u for u in requests(driver) if not unquote(u).startswith(PAGES.as_uri()) and not u.startswith(("data:", "about:"))]
        verdict("no request beyond the folder", not outside, outside[:5])
        errors = [e for e in driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
        verdict("no console error", not errors, errors[:5])
        for width in (320, 390, 768, 1024):
            size(driver, width, 844)
            wide = []
            for page in looked if width == 390 else ["index.html", *chapters]:
                go(driver, page)
                driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
                if driver.execute_script("scrollTo(500, 0); return scrollX || document.documentElement.scrollWidth - innerWidth") > 0:
                    wide.append(page)
            verdict(f"no sideways scrolling at {width} pixels", not wide, wide)

        # Search.
        size(driver, 1440, 900)
        for words, needle in (("causal mask", "mask"), ("warmup", "warm"), ("warm-up", "warm"), ("masks causal", "mask"), ("schedul", "schedul")):
            go(driver, "index.html")
            hits = search(driver, words)
            first = hits[0].text.lower() if hits else ""
            verdict(f"search finds “{words}”", needle in first, first)
        go(driver, "index.html")
        search(driver, "causal mask")
        hrefs = [a.get_attribute("href") for a in driver.find_elements(By.CSS_SELECTOR, "#search li a")]
        verdict("a section on the causal mask is among the first three",
                "03_attention.html" not in pages or any("#ch03-" in h or "exercise-3" in h for h in hrefs[:3]), hrefs[:3])
        ActionChains(driver).send_keys(Keys.ARROW_DOWN).send_keys(Keys.ARROW_UP).send_keys(Keys.ENTER).perform()
        time.sleep(.5)
        verdict("Enter leads to the section", driver.current_url == hrefs[0], driver.current_url)
        anchor = driver.current_url.partition("#")[2]
        top = driver.execute_script("const e = document.getElementById(arguments[0]); return e ? e.getBoundingClientRect().top : -1", anchor)
        time.sleep(.8)
        top = driver.execute_script("const e = document.getElementById(arguments[0]); return e ? e.getBoundingClientRect().top : -1", anchor)
        verdict("and the section is in view", -1 < top < 900, top)
        go(driver, "index.html")
        search(driver, "xyzzyqwv")
        time.sleep(.6)
        verdict("nothing found is said", "Nothing found" in driver.find_element(By.ID, "search").text)
        ActionChains(driver).send_keys(Keys.ESCAPE).perform()
        verdict("Escape closes the search", not driver.find_element(By.ID, "search").is_displayed())
        size(driver, 390, 844)
        go(driver, chapters[0] if chapters else "index.html")
        driver.find_element(By.CSS_SELECTOR, '#bar [data-do="search"]').click()
        time.sleep(.3)
        verdict("a button opens the search on a phone", driver.find_element(By.ID, "search").is_displayed())
        ActionChains(driver).send_keys(Keys.ESCAPE).perform()
        driver.find_element(By.CSS_SELECTOR, '#bar [data-do="menu"]').click()
        time.sleep(.4)
        verdict("the drawer opens and takes the focus",
                driver.execute_script("return document.getElementById('side').contains(document.activeElement)"))
        ActionChains(driver).send_keys(Keys.ESCAPE).perform()
        time.sleep(.4)
        verdict("Escape closes the drawer", not driver.find_element(By.CSS_SELECTOR, "#side .brand").is_displayed())

        # Dark mode.
        size(driver, 1440, 900)
        go(driver, "index.html")
        before = driver.execute_script("return document.documentElement.dataset.theme")
        driver.find_element(By.CSS_SELECTOR, '#side [data-do="theme"]').click()
        chosen = driver.execute_script("return document.documentElement.dataset.theme")
        go(driver, chapters[-1] if chapters else "authors.html")
        verdict("the chosen theme stays", before != chosen == driver.execute_script("return document.documentElement.dataset.theme"))
        driver.find_element(By.CSS_SELECTOR, '#side [data-do="theme"]').click()

        # The keyboard reaches everything.
        for page in ["index.html", *chapters[:2], "authors.html"]:
            go(driver, page)
            wanted = driver.execute_script(WORKABLE)
            reached, script = 0, "const e = document.activeElement; if (e === document.body || e.dataset.met) return false; e.dataset.met = 1; return true"
            driver.execute_script("document.activeElement.blur()")
            for _ in range(wanted + 5):
                ActionChains(driver).send_keys(Keys.TAB).perform()
                reached += bool(driver.execute_script(script))
            verdict(f"{page}: the keyboard reaches everything", reached >= wanted, f"{reached} of {wanted}")

        # What is touched.
        go(driver, "authors.html")
        prediction = driver.find_element(By.CSS_SELECTOR, "form.guess input")
        prediction.send_keys("4225" + Keys.ENTER)
        verdict("a right prediction is told", "That is it" in driver.find_element(By.CSS_SELECTOR, "form.guess output").text)
        slider = driver.find_element(By.CSS_SELECTOR, '[data-kind="mask"] input[type="range"]')
        says = driver.find_element(By.CSS_SELECTOR, '[data-kind="mask"] .touch-says')
        was = says.text
        slider.send_keys(Keys.ARROW_RIGHT)
        verdict("the mask moves by keyboard", says.text != was and "Position 8" in says.text, says.text)
        driver.execute_script("document.querySelectorAll('.exercise details').forEach(d => d.open = false)")
        first = driver.find_element(By.CSS_SELECTOR, ".exercise .hint summary")
        first.send_keys(Keys.ENTER)
        opened = driver.execute_script("return [...document.querySelectorAll('.exercise details')].map(d => d.open)")
        verdict("hints unfold one by one", opened[:4] == [True, False, False, False], opened)
        missing = driver.execute_script("return [...document.querySelectorAll('.interactive')].filter(f => !f.classList.contains('live')).length")
        verdict("every picture to be touched is alive", missing == 0, missing)
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        driver.get(url("authors.html"))
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        verdict("without scripts the still pictures show", driver.find_element(By.CSS_SELECTOR, '[data-kind="mask"] .still svg').is_displayed())

        # Where a number comes from: by mouse, by keyboard, by a finger.
        measured = next((p for p in chapters if 'class="measured"' in (PAGES / p).read_text(encoding="utf-8")), None)
        verdict("some chapter has recorded numbers", measured is not None)
        if measured:
            go(driver, measured)
            number, card = driver.find_element(By.CSS_SELECTOR, "a.measured"), driver.find_element(By.ID, "from")
            driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", number)
            for _ in range(10):  # a page that still scrolls moves away from under the pointer
                ActionChains(driver).move_by_offset(1, 1).move_to_element(number).perform()
                time.sleep(.2)
                if card.is_displayed():
                    break
            verdict("a number tells on hover where it comes from", card.is_displayed() and "build/" in card.text, card.text)
            ActionChains(driver).move_by_offset(0, 200).perform()
            time.sleep(.2)
            verdict("and is silent again", not card.is_displayed())
            number.send_keys("")
            driver.execute_script("arguments[0].focus()", number)
            verdict("a number tells on focus", card.is_displayed() and number.get_attribute("aria-describedby") == "from")
            ActionChains(driver).send_keys(Keys.ESCAPE).perform()
            verdict("Escape closes it", not card.is_displayed())
            driver.execute_script("document.activeElement.blur()")
            tap = "for (const t of ['pointerdown', 'click']) arguments[0].dispatchEvent(new PointerEvent(t, {bubbles: true, cancelable: true, pointerType: 'touch'}))"
            driver.execute_script(tap, number)
            verdict("a first tap tells", card.is_displayed() and driver.current_url.endswith(measured), driver.current_url)
            driver.execute_script(tap, number)
            time.sleep(.3)
            verdict("a second tap leads to the run", "numbers.html#run-" in driver.current_url, driver.current_url)
            verdict("the run is there", driver.find_elements(By.CSS_SELECTOR, ":target"))

        # Print.
        page = chapters[0] if chapters else "authors.html"
        go(driver, page)
        pdf = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False, "preferCSSPageSize": True})
        verdict("a chapter prints", len(pdf["data"]) > 20000, len(pdf["data"]))
        errors = [e for e in driver.get_log("browser") if e["level"] == "SEVERE"]
        verdict("no console error while working it", not errors, errors[:5])
    finally:
        driver.quit()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
