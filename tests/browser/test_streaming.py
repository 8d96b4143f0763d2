"""The page plays a series: through the stream, into a session of its own, reading by reading."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import expect

from tests.api.conftest import Behind
from tests.browser.conftest import Open
from tests.browser.visitor import bring, play, recorded, until_phase, wave


def only_session(live: Behind, prefix: str) -> dict[str, object]:
    (found,) = live.http.get("/v1/sessions", params={"prefix": prefix}).json()["sessions"]
    return found


def test_it_shows_a_bundled_series_and_its_forecast_and_records_nothing_yet(open_page: Open, home: str, live) -> None:
    page = open_page(home)
    expect(page.locator("#play")).to_be_enabled()
    expect(page.locator("#series option").first).to_have_text("nyc_taxi")
    expect(page.locator("#status")).to_contain_text("Press Play")
    expect(page.locator("#model")).to_contain_text("every 30min")
    page.click("#table summary")
    expect(page.locator("#ahead-table tbody tr")).to_have_count(48)
    assert live.http.get("/v1/sessions").json()["sessions"] == []


def test_it_streams_and_tells_how_far_how_fast_and_how_well(open_page: Open, home: str, live) -> None:
    page = open_page(home)
    play(page, 60)
    expect(page.locator("#status")).to_contain_text("Streaming nyc_taxi into the session page-nyc_taxi-")
    expect(page.locator("#figure-latency")).to_have_text(re.compile(r"\d ms"))
    expect(page.locator("#figure-rate")).not_to_have_text("0")
    for figure in ("error1", "error48", "held"):
        expect(page.locator(f"#figure-{figure}")).to_have_text(re.compile(r"\d"))
    page.click("#table summary")
    expect(page.locator("#readings tbody tr")).to_have_count(12)
    page.click("#play")
    until_phase(page, "paused")
    session = only_session(live, "page-nyc_taxi-")
    expect(page.locator("#status")).to_have_text("Paused.")
    assert session["regime"]
    assert session["calibrate"]
    assert session["ttl_seconds"] == 3600


def test_every_reading_of_a_file_is_recorded_once_and_in_its_place(open_page: Open, home: str, live) -> None:
    text, values = wave(200)
    page = open_page(home)
    bring(page, text, "north.csv")
    expect(page.locator("#status")).to_contain_text("100 to come")
    play(page)
    until_phase(page, "ended")
    session = only_session(live, "page-north-")
    np.testing.assert_array_equal(
        recorded(live.http, live.service.edge.bundle.manifest, session["session"]), values[36:]
    )  # 64 readings of history before 100
    expect(page.locator("#figure-readings")).to_have_text("100")
    expect(page.locator("#play")).to_have_text("Play again")


def test_gates_regime_and_running_error_are_drawn_below_it(open_page: Open, home: str) -> None:
    page = open_page(home)
    play(page, 60)
    drawn = "(canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    assert page.locator("#heat").evaluate(drawn) > 20  # colours
    assert page.locator("#race canvas").evaluate(drawn) > 20
    assert page.locator("#gate option").all_inner_texts() == [
        "layer 1, reset gate r",
        "layer 1, update gate z",
        "all gates, means",
    ]
    expect(page.locator("#figure-regime")).to_have_text(re.compile("usual|changed|learning"))
    expect(page.locator("#error-said")).to_contain_text("seasonal naive")
    page.select_option("#gate", "")
    page.select_option("#ahead", "48")
    expect(page.locator("#gate-said")).to_contain_text("lowest to its highest")


def test_a_mark_is_the_services_own_where_its_answers_carry_one(open_page: Open, home: str) -> None:
    page = open_page(home)
    told = page.evaluate(
        """async () => {
          const { markOf } = await import("/page/track.js");
          const expected = { median: 5, low: [4], high: [6] }, bands = [[0.1, 0.9]];
          return [
            markOf({}, 7, expected, bands), markOf({}, 3, expected, bands), markOf({}, 5, expected, bands),
            markOf({}, null, expected, bands), markOf({}, 7, undefined, bands),
            markOf({ anomaly: { flag: false, p: 0.5 } }, 7, expected, bands),
            markOf({ anomaly: { flag: true, p: 0.004, side: "high" } }, 5, expected, bands),
            markOf({ anomaly: { flag: true, p: null, lasts: true } }, 5, expected, bands),
          ];
        }"""
    )
    assert told[:6] == ["above the band", "below the band", None, None, None, None]
    assert told[6:] == ["anomaly, high (p 0.0040)", "anomaly, it lasts"]
