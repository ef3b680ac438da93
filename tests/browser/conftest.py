"""A real Chromium before a real platform; both are started once for all tests of a module."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from hugflow.testing.hub import LoopbackHub
from hugflow.testing.samples import publish_speech
from tests.browser.platform import Platform, open_platform
from tests.flows.hub import publish

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
HF_ID = "acme/spoken"
NAME = "acme__spoken__split_train__rev_main"
TOKEN = "hf_test_reader_in_the_browser"
WORDS = "Voices for *wake words*, see <b>ticket</b> [7](javascript:alert(1))"
REQUEST = f"""\
hf_id: "{HF_ID}"
description: "{WORDS}"
max_bad_rows: 2
flows:
  - {{name: mark, use: acme/Marks, flow: Mark, rows: {{in: [row, text], out: [mark]}}}}
"""
# It names a split that the dataset does not have.
REFUSED_NAME = "acme__spoken__split_test__rev_main"
MORE = f"""\
hf_id: "{HF_ID}"
description: "A split that is not there"
split: "test"
"""
# It leaves one row of the first shard out, and fails at one of the last.
DROPPED_ROW, FAILING_ROW = 3, 10
MARKS = f"""\
from hugflow.flows import AtomicFlow

class Mark(AtomicFlow):
    def run(self, data):
        if data["row"] == {FAILING_ROW}:
            raise ValueError("no <i>mark</i> for this row")
        return None if data["row"] == {DROPPED_ROW} else {{"mark": len(data["text"])}}
"""
# In the second of three shards.
BROKEN_ROW = 5


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with a private dataset of 12 rows in three shards, and one step over them.

    One row has no sound.
    """
    with LoopbackHub() as hub:
        hub.add_token(TOKEN, "reader", [HF_ID])
        broken = {BROKEN_ROW: b"noise"}
        publish_speech(hub, HF_ID, rows=12, shards=3, broken_rows=broken, private=True)
        publish(hub, "acme/Marks", {"__init__.py": MARKS})
        allowed = "flows:\n  allow: [acme/Marks]\n"
        folder = tmp_path_factory.mktemp("platform")
        with open_platform(hub, folder, REQUEST, NAME, allowed, MORE, HF_TOKEN=TOKEN) as platform:
            yield platform


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a module.

    While it is open, asyncio takes this thread's loop for running: nothing else may be tested then.
    """
    if not CHROMIUM.exists():
        pytest.skip("Debian's chromium is not installed")
    with open_chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a window of its own; what a script of it raises fails the test."""
    expect.set_options(timeout=PATIENCE_MS)
    page = browser.new_page(viewport={"width": 1400, "height": 1200})
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []
