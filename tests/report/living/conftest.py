"""What the tests of the living report share: one headless Chromium, driven over a pipe without any client library."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesmeta as bm

MISSING = "Chromium is not installed; .ci/setup.sh installs it where it may: apt-get install chromium"
OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
]  # fmt: skip
READY = "typeof living !== 'undefined' && living.shown !== null && living.shown.effects !== null"


class Browser:
    """A page of Chromium: messages of the DevTools protocol as JSON, each ended by a zero byte."""

    def __init__(self, program: str, profile: str) -> None:
        to_browser, self.out = os.pipe()
        self.inp, from_browser = os.pipe()
        wiring = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", wiring, program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.rest, self.count, self.events = b"", 0, []
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def read(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            part = os.read(self.inp, 1 << 20)
            assert part, "Chromium has gone"
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(message)
        return answer

    def open(self, path: Path, fragment: str = "") -> None:
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri() + fragment)
        self.wait(READY)

    def wait(self, condition: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"not within {seconds} s: {condition}"
            time.sleep(0.05)

    def evaluate(self, script: str) -> Any:
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, str(done)[:2000]
        return done["result"].get("value")

    def of_kind(self, *methods: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") in methods]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip(MISSING)  # in CI a skipped test is a failure
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a living report and return its path; the same one for the same name."""
    made: dict[str, Path] = {}

    def call(name: str, fit: Callable[[], Any], **options: Any) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("living") / f"{name}.html"
            bm.living_report(fit(), made[name], **options)
        return made[name]

    return call


def ten_studies() -> bm.Studies:
    frame = bm.load_dataset("blinatumomab_cr")
    return bm.Studies.from_frame(frame, study="study", events="events", n="n", moderators=["regimen", "setting"])


@pytest.fixture(scope="session")
def ten() -> bm.Studies:
    return ten_studies()


@pytest.fixture(scope="session")
def report(written) -> Path:
    """The report of the bundled example's studies."""
    return written("ten", lambda: bm.fit(ten_studies()), title="Remission", threshold=0.8)


@pytest.fixture(scope="session")
def hundred() -> bm.Studies:
    rng = np.random.default_rng(1)
    n = rng.integers(10, 400, 100)
    events = rng.binomial(n, 1.0 / (1.0 + np.exp(-rng.normal(0.5, 0.7, 100))))
    frame = pd.DataFrame({"study": [f"Study {i}" for i in range(100)], "events": events, "n": n})
    return bm.Studies.from_frame(frame, study="study", events="events", n="n")
