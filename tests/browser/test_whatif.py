"""What if: a fork takes a hypothetical reading that is dragged, and the session itself stays as it is."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Behind
from tests.browser.conftest import Open
from tests.browser.visitor import bring, play, until_phase, wave


@pytest.fixture
def forked(open_page: Open, home: str) -> Page:
    """A page at which a stream was played and then forked."""
    page = open_page(home)
    bring(page, wave(200)[0], "north.csv")
    play(page, 5, speed="4")
    page.click("#fork")
    expect(page.locator("#whatif-said")).to_contain_text("where")
    return page


def names(live: Behind) -> set[str]:
    return {each["session"] for each in live.http.get("/v1/sessions").json()["sessions"]}


def said(page: Page) -> str:
    return page.inner_text("#whatif-said")


def until_ahead(live, session: str, step: int) -> dict[str, object]:
    """The one fork of a session, once it stands there: each move of the pointer takes its reading back first."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        (fork,) = live.http.get("/v1/sessions", params={"parent": session}).json()["sessions"]
        if fork["last_step"] == step:
            return fork
        time.sleep(0.02)
    raise AssertionError(f"the fork stands at {fork['last_step']}, not at {step}")


def test_dragging_in_the_picture_moves_the_reading_and_with_it_the_forecast(forked: Page, live) -> None:
    page = forked
    until_phase(page, "paused")
    before, place = said(page), page.locator("#chart .u-over").bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] * 0.8, place["y"] + place["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] * 0.8, place["y"] + 12, steps=5)
    page.mouse.up()
    expect(page.locator("#whatif-said")).not_to_have_text(before)
    expect(page.locator("#whatif-said")).to_contain_text("more")
    assert float(page.input_value("#whatif-value")) > 120
    (session,) = live.http.get("/v1/sessions", params={"parent": "", "prefix": "page-north"}).json()["sessions"][:1]
    fork = until_ahead(live, session["session"], session["last_step"] + 1)
    forecast = live.http.get(f"/v1/sessions/{fork['session']}/forecast").json()["forecast"]["median"]
    own = live.http.get(f"/v1/sessions/{session['session']}/forecast").json()["forecast"]["median"]
    assert forecast[0] > own[1]


def test_the_slider_does_the_same_by_keyboard_and_holds_the_value_for_longer(forked: Page) -> None:
    page = forked
    expect(page.locator("#whatif-value")).to_be_focused()
    before = said(page)
    page.keyboard.press("End")
    expect(page.locator("#whatif-said")).not_to_have_text(before)
    once = said(page)
    page.select_option("#whatif-hold", "6")
    expect(page.locator("#whatif-said")).not_to_have_text(once)
    expect(page.locator("#whatif-said")).to_contain_text("the next 3 hours were")
    assert page.get_attribute("#whatif-value", "aria-valuetext") == page.inner_text("#whatif-shown")


def test_going_back_forgets_the_fork_and_goes_on_with_the_stream(forked: Page, live) -> None:
    page = forked
    before = names(live)
    page.select_option("#speed", "0")
    page.click("#unfork")
    until_phase(page, "ended")
    expect(page.locator("#figure-readings")).to_have_text("100")
    (forgotten,) = before - names(live)
    assert "-if-" in forgotten
    expect(page.locator("#whatif-controls")).to_be_hidden()
