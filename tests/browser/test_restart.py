"""The service ends and comes back while a series is played: nothing lost, nothing doubled, and said in words."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from service.bundle import Bundle
from tests.api.test_serve import written
from tests.browser.conftest import HALF_HOURLY, Open
from tests.browser.visitor import bring, play, recorded, until_phase, until_readings, wave
from tests.served import Served


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    return written(tmp_path / "fake.bundle", **HALF_HOURLY)


@pytest.fixture
def served(bundle_folder: Path, tmp_path: Path) -> Iterator[Served]:
    service = Served(bundle_folder, f"sqlite:{tmp_path / 'journal.sqlite'}", "--runtime", "fake")
    service.start()
    yield service
    service.kill()


def until_lost(page: Page) -> None:
    until_phase(page, "lost")
    expect(page.locator("#status")).to_contain_text("The connection is lost")
    expect(page.locator("#play")).to_have_text("Pause")


@pytest.mark.timeout(300)  # three starts of a service, on a machine that may have other work
def test_it_comes_back_by_itself_and_goes_on_where_the_service_stands(
    open_page: Open, served: Served, bundle_folder: Path
) -> None:
    text, values = wave(300)
    page = open_page(served.url)
    bring(page, text, "north.csv")
    play(page, 20, speed="20")
    served.kill()
    until_lost(page)
    served.start()
    until_phase(page, "playing")
    until_readings(page, 40)
    served.end(signal.SIGTERM)  # which tells the stream, and answers what it took
    until_lost(page)
    served.start()
    page.select_option("#speed", "0")
    until_phase(page, "ended")
    expect(page.locator("#figure-readings")).to_have_text("150")
    with httpx.Client(base_url=served.url) as http:
        (session,) = http.get("/v1/sessions").json()["sessions"]
        kept = recorded(http, Bundle.open(bundle_folder).manifest, session["session"])
    np.testing.assert_array_equal(kept, values[150 - 64 :])  # the history, and each reading once


def test_a_session_that_is_gone_is_an_error_in_words_and_is_begun_anew_by_hand(
    open_page: Open, home: str, live
) -> None:
    page = open_page(home)
    bring(page, wave(200)[0], "gone.csv")
    play(page, 5, speed="20")
    (session,) = live.http.get("/v1/sessions?prefix=page-gone-").json()["sessions"]
    live.http.delete(f"/v1/sessions/{session['session']}")
    until_phase(page, "failed")
    expect(page.locator("#trouble")).to_contain_text("“Start anew” begins another session.")
    expect(page.locator("#status")).to_have_text("Stopped.")
    page.select_option("#speed", "0")
    page.click("#anew")
    until_phase(page, "ended")
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#figure-readings")).to_have_text("100")


def test_a_reading_that_the_model_cannot_take_is_named_by_its_line(open_page: Open, home: str, live) -> None:
    live.runtime.nan_on = 4242.0
    rows = wave(40)[0].splitlines()
    rows[31] = rows[31].split(",")[0] + ",4242"
    page = open_page(home)
    bring(page, "\n".join(rows), "odd.csv")
    play(page, 5)
    until_phase(page, "failed")
    expect(page.locator("#trouble")).to_contain_text("Line 32:")


def test_a_service_that_is_overloaded_is_asked_again_and_no_reading_is_left_out(
    open_page: Open, home: str, live
) -> None:
    text, values = wave(120)
    live.runtime.raise_on = values[80]
    page = open_page(home)
    bring(page, text, "faulty.csv")
    play(page, 5)
    until_phase(page, "waiting")
    expect(page.locator("#status")).to_contain_text("The service asks to wait")
    live.runtime.raise_on = None
    until_phase(page, "ended")
    expect(page.locator("#figure-readings")).to_have_text("60")
    (session,) = live.http.get("/v1/sessions?prefix=page-faulty-").json()["sessions"]
    kept = recorded(live.http, live.service.edge.bundle.manifest, session["session"])
    np.testing.assert_array_equal(kept, values)


def test_a_page_that_cannot_reach_the_service_fills_itself_when_it_can(open_page: Open, home: str) -> None:
    page = open_page(home)
    expect(page.locator("#play")).to_be_enabled()
    page.context.route("**/v1/model", lambda route: route.abort())
    page.reload()
    expect(page.locator("#trouble")).to_have_text("The service does not answer. Is it running?")
    page.context.unroute("**/v1/model")
    expect(page.locator("#play")).to_be_enabled()
    expect(page.locator("#trouble")).to_be_hidden()
