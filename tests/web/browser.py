"""Chromium without a window, told what to do through a pipe in the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMAND = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--mute-audio")


class Browser:
    """One page; use it as a context."""

    def __init__(self) -> None:
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        from_us, self.to_them = os.pipe()
        self.from_them, to_us = os.pipe()

        # The protocol's files have the numbers 3 and 4 in Chromium.
        command = ["bash", "-c", f'exec "$@" 3<&{from_us} 4>&{to_us}', "bash", *COMMAND]
        self.process = subprocess.Popen(
            [*command, f"--user-data-dir={self.profile.name}"],
            pass_fds=(from_us, to_us),
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        self.received, self.number, self.session = b"", 0, ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        for end in (self.to_them, self.from_them):
            os.close(end)
        with contextlib.suppress(OSError):
            self.profile.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls a method of the protocol and returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_them, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self.number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self.received:
            part = os.read(self.from_them, 1 << 16)
            if not part:
                raise RuntimeError("Chromium ended")
            self.received += part
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def open(self, path: Path, query: str = "", state: str = "running") -> float:
        """Opens a file and waits until its page is in a state; returns the seconds that the page counted until then."""
        self.call("Page.navigate", url=path.as_uri() + query)
        self.wait(f"document.documentElement?.dataset.state === {state!r}")
        return self.run("performance.now()") / 1000

    def run(self, expression: str) -> Any:
        """Returns the value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 60) -> None:
        """Waits until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.run(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"{condition} is false after {seconds} s: {self.text('body')[:500]}")
            time.sleep(0.05)

    @contextlib.contextmanager
    def before(self, script: str) -> Iterator[None]:
        """Runs a script before those of every page that is opened in its block."""
        identifier = self.call("Page.addScriptToEvaluateOnNewDocument", source=script)["identifier"]
        try:
            yield
        finally:
            self.call("Page.removeScriptToEvaluateOnNewDocument", identifier=identifier)

    def text(self, selector: str) -> str:
        """The visible text of an element."""
        return self.run(f"document.querySelector({selector!r}).innerText")

    def choose(self, selector: str, value: str) -> None:
        """Sets the value of a control, as a user would."""
        self.run(
            f"{{ const e = document.querySelector({selector!r}); e.value = {value!r};"
            " e.dispatchEvent(new Event('input', { bubbles: true }));"
            " e.dispatchEvent(new Event('change', { bubbles: true })); }"
        )

    def look(self, width: int = 1200, height: int = 900, scheme: str = "light") -> None:
        """Sets the size of the window in pixels and the colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path: Path, whole: bool = False) -> None:
        """Writes a screenshot of the window, or of the whole page, as PNG."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Sends the page a mouse event: mousePressed, mouseMoved or mouseReleased."""
        button = "none" if kind == "mouseMoved" else "left"
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1)
