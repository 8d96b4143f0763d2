"""A real Chromium, and services for it to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.api.conftest import Behind, behind
from tests.browser.visitor import PATIENCE
from tests.programs import program

NAMES = ("chromium", "chromium-browser", "google-chrome")
# As the bundled taxi data want it; the fake runtime answers at once.
HALF_HOURLY: dict[str, object] = {
    "frequency": "30min",
    "horizon": 48,
    "quantiles": (0.025, 0.25, 0.5, 0.75, 0.975),
}
Open = Callable[..., Page]


def chromium_of_this_machine() -> str:
    return program(*NAMES, package="chromium")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Ends with this folder: while it is there, its event loop counts as running, and other tests want their own."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_of_this_machine(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """Opens an address in a window of its own; `open_page(url, width=390)` and what else Playwright's contexts take.

    Whatever a page does, at its end no script has failed, nothing was blocked, and nobody else was asked for anything.
    """
    faults: list[str] = []
    contexts = []

    def open_(url: str, width: int = 1280, height: int = 900, **options: object) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: faults.append(f"{error}\n{error.stack}"))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
        own = urlsplit(url).netloc
        page.on("request", lambda sent: None if _asks(sent.url, own) else faults.append(f"asked {sent.url}"))
        page.on("websocket", lambda made: None if _asks(made.url, own) else faults.append(f"asked {made.url}"))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults, faults


def _asks(url: str, own: str) -> bool:
    parts = urlsplit(url)
    return parts.netloc == own or parts.scheme in ("data", "blob")


@pytest.fixture(scope="module")
def live() -> Iterator[Behind]:
    """A half-hourly service, shared by the tests of a file."""
    with behind(**HALF_HOURLY) as running:
        yield running


@pytest.fixture
def home(live: Behind) -> str:
    return f"http://{live.address}/"
