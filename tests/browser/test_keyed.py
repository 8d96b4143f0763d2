"""A service with keys: the page asks for one, keeps it in its tab, and opens the stream with it as browsers do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Behind
from tests.api.keyring import Keyring, locked
from tests.browser.conftest import HALF_HOURLY, Open
from tests.browser.visitor import play, until_phase


@pytest.fixture
def door(tmp_path) -> Iterator[tuple[Behind, Keyring]]:
    with locked(tmp_path, **HALF_HOURLY) as opened:
        yield opened


def enter(page: Page, key: str) -> None:
    expect(page.locator("#key-dialog")).to_be_visible()
    page.fill("#key-value", key)
    page.click("#key-form .main")


def test_it_asks_for_a_key_streams_with_it_and_keeps_it_in_the_tab_alone(open_page: Open, door) -> None:
    running, ring = door
    page, key = open_page(f"http://{running.address}/"), ring.add("acme", "read", "write")
    enter(page, "password")
    expect(page.locator("#key-trouble")).to_contain_text("gc_")
    enter(page, f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}")
    expect(page.locator("#key-trouble")).to_contain_text("is none of this service's")
    enter(page, key)
    expect(page.locator("#play")).to_be_enabled()
    play(page, 5)
    kept = page.evaluate("() => [Object.values(sessionStorage), Object.values(localStorage), document.cookie]")
    assert kept == [[key], [], ""]
    assert key not in page.url
    page.reload()
    expect(page.locator("#play")).to_be_enabled()
    page.click("#key")
    expect(page.locator("#key-dialog")).to_be_visible()


def test_a_key_that_may_only_read_is_told_what_it_lacks(open_page: Open, door) -> None:
    running, ring = door
    page = open_page(f"http://{running.address}/")
    enter(page, ring.add("acme", "read"))
    expect(page.locator("#play")).to_be_enabled()
    page.click("#play")
    until_phase(page, "failed")
    expect(page.locator("#trouble")).to_contain_text("this needs the scope 'write'")


def test_a_key_that_is_revoked_ends_the_stream_in_words(open_page: Open, door) -> None:
    running, ring = door
    page, key = open_page(f"http://{running.address}/"), ring.add("acme", "read", "write")
    enter(page, key)
    expect(page.locator("#play")).to_be_enabled()
    play(page, 3, speed="4")
    ring.revoke(key)
    expect(page.locator("#key-trouble")).to_contain_text("revoked")
    page.keyboard.press("Escape")
    until_phase(page, "failed")
    expect(page.locator("#trouble")).to_contain_text("revoked")


def test_the_documentation_asks_for_one_too(open_page: Open, door) -> None:
    running, ring = door
    page = open_page(f"http://{running.address}/docs")
    page.click("#key-cancel")
    expect(page.locator("#trouble")).to_contain_text("a key was expected")
    page.click("#key")
    enter(page, ring.add("acme", "read"))
    expect(page.locator("#status")).to_contain_text("endpoints")
