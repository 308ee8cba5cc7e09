"""Firefox without a window, driven over its own remote control (Marionette), by the names that Selenium gives to the same things.

Debian brings no geckodriver, which Selenium would need. Nothing is needed beyond Firefox itself.
"""
import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # by this key the WebDriver standard names an element
START_SECONDS = 90
ANSWER_SECONDS = 120
PREFERENCES = """
user_pref("marionette.port", 0);
user_pref("app.update.auto", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
"""


def program():
    """Where Firefox is; None where it is missing, or is Ubuntu's mere hint at a snap."""
    for name in ("firefox-esr", "firefox"):
        path = shutil.which(name)
        if path:
            try:
                said = subprocess.run([path, "--version"], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
            except (OSError, subprocess.TimeoutExpired):
                continue
            if said.returncode == 0 and said.stdout.startswith(b"Mozilla Firefox"):
                return path
    return None


class Element:
    def __init__(self, firefox, key):
        self.firefox, self.key = firefox, key

    def _ask(self, command, **more):
        return self.firefox.ask("WebDriver:" + command, id=self.key, **more)

    def click(self):
        self._ask("ElementClick")

    def clear(self):
        self._ask("ElementClear")

    def send_keys(self, text):
        self._ask("ElementSendKeys", text=text)

    def is_enabled(self):
        return self._ask("IsElementEnabled")

    def get_attribute(self, name):
        return self._ask("GetElementAttribute", name=name)

    @property
    def text(self):
        return self._ask("GetElementText")


class Firefox:
    def __init__(self, path=None):
        self.profile = Path(tempfile.mkdtemp(prefix="verse_firefox_"))
        (self.profile / "user.js").write_text(PREFERENCES, encoding="utf-8")
        self.count = 0
        self.process = subprocess.Popen(
            [path or program(), "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", str(self.profile)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.socket = socket.create_connection(("127.0.0.1", self._port()), timeout=ANSWER_SECONDS)
            self.buffer = b""
            self._receive()  # says what it is
            self.ask("WebDriver:NewSession", pageLoadStrategy="normal")
        except BaseException:
            self.quit()
            raise

    def _port(self):
        place = self.profile / "MarionetteActivePort"
        for _ in range(10 * START_SECONDS):
            if place.exists() and place.read_text(encoding="ascii").strip():
                return int(place.read_text(encoding="ascii"))
            if self.process.poll() is not None:
                raise RuntimeError(f"Firefox ended with status {self.process.returncode}")
            time.sleep(.1)
        raise RuntimeError(f"Firefox has not opened its port in {START_SECONDS} s")

    def _receive(self):
        while b":" not in self.buffer:
            self._more()
        length, _, self.buffer = self.buffer.partition(b":")
        while len(self.buffer) < int(length):
            self._more()
        message, self.buffer = self.buffer[:int(length)], self.buffer[int(length):]
        return json.loads(message)

    def _more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise RuntimeError("Firefox has hung up")
        self.buffer += data

    def ask(self, command, **parameters):
        """One command and its answer. @raises RuntimeError with what Firefox says where it fails"""
        self.count += 1
        data = json.dumps([0, self.count, command, parameters]).encode()
        self.socket.sendall(str(len(data)).encode() + b":" + data)
        _, number, error, result = self._receive()
        assert number == self.count, (number, self.count)
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def get(self, url):
        self.ask("WebDriver:Navigate", url=url)

    def execute_script(self, script, *arguments):
        return self.ask("WebDriver:ExecuteScript", script=script, args=arguments, newSandbox=True, sandbox=None)

    def execute_async_script(self, script, *arguments):
        return self.ask("WebDriver:ExecuteAsyncScript", script=script, args=arguments, newSandbox=True, sandbox=None)

    def in_browser(self, script, *arguments):
        """The same where Firefox's own windows are made, with its rights."""
        self.ask("Marionette:SetContext", value="chrome")
        try:
            return self.ask("WebDriver:ExecuteScript", script=script, args=arguments, sandbox="system")
        finally:
            self.ask("Marionette:SetContext", value="content")

    def find_element(self, by, value):
        return Element(self, self.ask("WebDriver:FindElement", using=by, value=value)[ELEMENT])

    def find_elements(self, by, value):
        return [Element(self, each[ELEMENT]) for each in self.ask("WebDriver:FindElements", using=by, value=value)]

    def cut_network(self):
        self.in_browser("Services.io.manageOfflineStatus = false; Services.io.offline = true;")

    def show(self, theme, width, height):
        """The page in a theme, "light" or "dark", so many pixels wide and high, however narrow."""
        self.in_browser("""
            Services.prefs.setIntPref("layout.css.prefers-color-scheme.content-override", arguments[0] === "dark" ? 0 : 1);
            const {style} = gBrowser.selectedBrowser;
            window.resizeTo(Math.max(arguments[1], 500) + 100, arguments[2] + 200);
            for (const side of ["width", "height"]) {
              style["min-" + side] = style["max-" + side] = style[side] = `${arguments[side === "width" ? 1 : 2]}px`;
            }""", theme, width, height)

    def save_screenshot(self, path):
        Path(path).write_bytes(base64.b64decode(self.ask("WebDriver:TakeScreenshot", full=True, hash=False)))

    def quit(self):
        try:
            self.ask("Marionette:Quit", flags=["eForceQuit"])
            self.process.wait(30)
        except (AttributeError, OSError, RuntimeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
