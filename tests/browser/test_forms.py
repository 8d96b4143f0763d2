"""The forecast form, the table of sessions and the documentation's trials: by request, and every refusal in words."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.api.conftest import behind
from tests.browser.conftest import HALF_HOURLY, Open
from tests.browser.visitor import bring, play, until_phase, wave


def test_values_that_are_pasted_are_forecast_and_nothing_is_kept(open_page: Open, home: str, live) -> None:
    page = open_page(home)
    expect(page.locator("#play")).to_be_enabled()
    page.fill("#values", "10, 12, 11, , 13")
    page.click("#predict .main")
    expect(page.locator("#predict-trouble")).to_contain_text("The time of the first value is needed")
    expect(page.locator("#values")).to_have_attribute("aria-invalid", "true")
    page.fill("#start", "2015-01-10 00:00")
    page.click("#predict .main")
    expect(page.locator("#predict-chart canvas")).to_be_visible()
    page.click("#predict-details summary")
    expect(page.locator("#predict-table tbody tr")).to_have_count(48)
    expect(page.locator("#predict-table tbody tr").first).to_contain_text("Sat, 10 Jan 2015 02:30")
    expect(page.locator("#predict-trouble")).to_be_hidden()
    page.fill("#values", "10\n12\neleven")
    page.click("#predict .main")
    expect(page.locator("#predict-trouble")).to_contain_text("Line 3: “eleven”")
    assert live.http.get("/v1/sessions").json()["sessions"] == []


def test_an_example_fills_the_form_and_is_forecast(open_page: Open, home: str) -> None:
    page = open_page(home)
    expect(page.locator("#play")).to_be_enabled()
    page.click("#sample")
    expect(page.locator("#predict-chart canvas")).to_be_visible()
    assert len(page.input_value("#values").splitlines()) == 64


def test_what_a_model_needs_beside_the_target_is_said(open_page: Open) -> None:
    knowing = {"covariates": ("temp", "price"), "future": ("price",), "static": ("area",)}
    with behind(**HALF_HOURLY, **knowing) as running:
        page = open_page(f"http://{running.address}/")
        expect(page.locator("#status")).to_contain_text("drop a CSV with the columns ds, y, temp, price, area")
        expect(page.locator("#predict-said")).to_contain_text("what is known ahead of price")
        bring(page, wave(40)[0], "bare.csv")
        expect(page.locator("#trouble")).to_contain_text("this model needs the columns temp, price too")
        rows = [f"{row},{at % 9},{at % 5},12" for at, row in enumerate(wave(40)[0].splitlines()[1:])]
        bring(page, "\n".join(["ds,y,temp,price,area", *rows]), "whole.csv")
        play(page)
        until_phase(page, "ended")
        (session,) = running.http.get("/v1/sessions").json()["sessions"]
        assert (session["last_step"], session["static"]) == (39, {"area": 12})


def test_a_model_that_keeps_no_state_is_asked_with_the_form_alone(open_page: Open) -> None:
    with behind(streams=False) as running:
        page = open_page(f"http://{running.address}/")
        expect(page.locator("#status")).to_contain_text("cannot be streamed")
        expect(page.locator("#play")).to_be_disabled()


def test_sessions_are_listed_a_page_at_a_time_and_found_by_their_beginning(open_page: Open, home: str, live) -> None:
    for at in range(23):
        body = {"history": {"start": "2015-01-10T00:00:00", "y": [float(at)] * (at + 1)}}
        assert live.http.put(f"/v1/sessions/meter-{at:02}", json=body).status_code == 201
    page = open_page(home)
    names = page.locator("#sessions .name")
    expect(names).to_have_count(10)
    expect(page.locator("#before")).to_be_disabled()
    for _ in range(2):
        page.click("#further")
    expect(page.locator("#sessions-said")).to_have_text("page 3")
    expect(names).to_have_text(["meter-20", "meter-21", "meter-22"])
    expect(page.locator("#further")).to_be_disabled()
    page.click("#before")
    expect(names.first).to_have_text("meter-10")
    page.fill("#prefix", "meter-07")
    page.press("#prefix", "Enter")
    expect(names).to_have_text(["meter-07"])
    page.get_by_role("button", name="Forecast of meter-07").click()
    expect(page.locator("#session-chart canvas")).to_be_visible()
    expect(page.locator("#sessions-said")).to_contain_text("Forecast of meter-07, from Sat, 10 Jan 2015 03:30 on.")
    live.http.delete("/v1/sessions/meter-07")
    page.get_by_role("button", name="Forecast of meter-07").click()
    expect(page.locator("#sessions-said")).to_contain_text("session")


def test_the_documentation_lists_every_endpoint_and_lets_one_be_tried(open_page: Open, home: str, live) -> None:
    page = open_page(f"{home}docs")
    document = live.http.get("/openapi.json").json()
    count = sum(len(methods) for methods in document["paths"].values())
    expect(page.locator("#status")).to_have_text(f"{count} endpoints")
    page.fill("#search", "/v1/predict")
    expect(page.locator("#status")).to_have_text("1 endpoint")
    page.click(".operation:visible > summary")
    page.click(".operation[open] .trial .main")
    expect(page.locator(".operation[open] .trial output")).to_have_text(re.compile(r"200 in \d+ ms"))
    expect(page.locator(".operation[open] .trial pre")).to_contain_text('"median"')
    page.fill(".operation[open] .trial textarea", "{")
    page.click(".operation[open] .trial .main")
    expect(page.locator(".operation[open] .trial output")).to_contain_text("400 in")
    expect(page.locator(".operation[open] .trial pre")).to_contain_text("malformed_json")
