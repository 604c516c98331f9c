"""A browser without a screen that tests drive as a user does: keys, and what is then on the page.

It is driven through a pipe (Chrome's DevTools protocol), so that no library is needed.
"""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
"""Path of Chromium or Chrome; '' where neither is installed."""

PATIENCE_S = 300.0

KEYS = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, " ": 32}
TEXTS = {"Enter": "\r", " ": " "}


class Browser:
    """One page in a browser of its own; used as a context manager."""

    def __init__(self, folder: Path, width: int = 1200, height: int = 900) -> None:
        """Start a browser.

        Args:
            folder: For its profile.
            width: Of the page in pixels, a phone's if it is narrow.
            height: Likewise.
        """
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe")
        profile = f"--user-data-dir={folder / 'profile'}"
        # The browser reads from descriptor 3 and writes to 4.
        command = f'exec "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, "browser", BROWSER, *options, profile],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._count = 0
        self._left = b""
        self.events: list[dict[str, Any]] = []
        """All that the page has told: messages on its console, requests, errors."""
        self._session: str | None = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._to)  # which ends it
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)

    def open(self, url: str) -> None:
        """Go to a page."""
        self._call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, of JSON; promises are waited for."""
        given = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._call("Runtime.evaluate", **given)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Wait until an expression is true in the page; its value."""
        end = time.monotonic() + PATIENCE_S
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < end, f"{expression} did not come true"
            time.sleep(0.02)
        return value

    def type(self, text: str) -> None:
        """Type text where the focus is; a new line is the key Enter."""
        for line, part in enumerate(text.split("\n")):
            if line:
                self.press("Enter")
            self._call("Input.insertText", text=part)

    def press(self, key: str, ctrl: bool = False) -> None:
        """Press a key and let it go."""
        code = KEYS.get(key, ord(key[0].upper()))
        given = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 * ctrl}
        text = TEXTS.get(key, key if len(key) == 1 else "")
        down = {"text": text} if text and not ctrl else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", **given, **down)
        self._call("Input.dispatchKeyEvent", type="keyUp", **given)

    def screenshot(self, path: Path) -> None:
        """Write the whole page as PNG."""
        taken = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def save_downloads(self, folder: Path) -> None:
        """Let what is downloaded come to a folder."""
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def requested(self) -> list[str]:
        """The addresses of all that the page has asked for."""
        told = [each for each in self.events if each["method"] == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in told]

    def complaints(self) -> list[str]:
        """What the page has said on its console, and errors that nothing has caught."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(each["params"]) for each in self.events if each["method"] in kinds]

    def _call(self, method: str, **parameters: Any) -> Any:
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            part = os.read(self._from, 2**16)
            assert part, "the browser has ended"
            self._left += part
        whole, _, self._left = self._left.partition(b"\0")
        return json.loads(whole)
