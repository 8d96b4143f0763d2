"""How it looks and reads: by day, by night, on a phone, by keyboard and aloud; pictures of it are left to be looked at.

They are in var/pictures, or where GATECAST_PICTURES says: light, streaming, dark, phone, docs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import behind
from tests.browser.conftest import HALF_HOURLY, Open
from tests.browser.visitor import PICTURES, play, until_phase
from tests.served import Served

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE: dict[str, Any] = {"width": 390, "height": 844, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def shown() -> Iterator[str]:
    """A service to look at: at a trained model where one is named, for pictures of real forecasts (`make pictures`)."""
    bundle = os.environ.get("GATECAST_PICTURES_OF")
    if bundle is None:
        with behind(**HALF_HOURLY) as running:
            yield f"http://{running.address}"
        return
    service = Served(Path(bundle).resolve(), "memory")
    service.start()
    yield service.url
    service.end()


def faults(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it stands."""
    page.evaluate(AXE)
    found = page.evaluate("(tags) => axe.run({ runOnly: { type: 'tag', values: tags } })", RULES)
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:160]} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def too_wide(page: Page) -> list[str]:
    """What makes the page scroll sideways."""
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
          [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > innerWidth)
            .map((each) => `${each.tagName} #${each.id} .${each.className}`)"""
    )


def test_by_day_it_streams_and_everything_on_it_can_be_read(open_page: Open, shown: str) -> None:
    page = open_page(shown, width=1440, height=1000, color_scheme="light", bypass_csp=True)
    expect(page.locator("#play")).to_be_enabled()
    picture(page, "light")
    assert faults(page) == []
    play(page, 230)
    picture(page, "streaming")
    page.click("#play")
    until_phase(page, "paused")
    page.click("#table summary")
    page.click("#sample")
    page.click("#predict-details summary")
    page.get_by_role("button", name="Forecast of").first.click()
    expect(page.locator("#session-chart canvas")).to_be_visible()
    assert faults(page) == []


def test_by_night_it_is_dark_and_so_is_what_one_chooses(open_page: Open, shown: str) -> None:
    page = open_page(shown, width=1440, height=1000, color_scheme="dark", bypass_csp=True)
    play(page, 120)
    page.click("#fork")
    expect(page.locator("#whatif-said")).to_contain_text("where")
    page.locator("#whatif-value").press("Home")
    page.select_option("#whatif-hold", "6")
    expect(page.locator("#whatif-said")).to_contain_text("the next 3 hours were")
    picture(page, "dark")
    assert faults(page) == []
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(241, 244, 247)"


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_nothing_is_cut_off_and_nothing_scrolls_sideways(open_page: Open, shown: str, width: int) -> None:
    page = open_page(shown, **{**PHONE, "width": width}, bypass_csp=True)
    play(page, 100)
    page.tap("#play")
    page.tap("#fork")
    expect(page.locator("#whatif-said")).to_contain_text("where")
    page.tap("#sample")
    page.tap("#table summary")
    assert too_wide(page) == []
    picture(page, "phone" if width == 390 else "small-phone")
    assert faults(page) == []


def test_the_dialog_for_a_key_and_what_went_wrong_can_be_read_too(open_page: Open, shown: str) -> None:
    page = open_page(shown, color_scheme="dark", bypass_csp=True)
    expect(page.locator("#play")).to_be_enabled()
    page.set_input_files("#upload", {"name": "wrong.csv", "mimeType": "text/csv", "buffer": b"a"})
    expect(page.locator("#trouble")).to_be_visible()
    assert faults(page) == []
    page.evaluate("async () => { (await import('/page/key.js')).askForKey('that key has expired'); }")
    expect(page.locator("#key-dialog")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_documentation_can_be_read_by_day_by_night_and_on_a_phone(open_page: Open, shown: str, scheme: str) -> None:
    page = open_page(f"{shown}/docs", **PHONE, color_scheme=scheme, bypass_csp=True)
    page.tap(".operation > summary >> nth=0")
    page.tap(".trial .main")
    expect(page.locator(".trial pre")).to_be_visible()
    page.locator(".operation summary", has_text="List sessions").tap()
    assert too_wide(page) == []
    assert faults(page) == []
    picture(page, f"docs-{scheme}")


def test_all_of_it_can_be_used_by_keyboard(open_page: Open, home: str) -> None:
    page = open_page(home)
    expect(page.locator("#play")).to_be_enabled()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    order = []
    for _ in range(12):
        page.keyboard.press("Tab")
        order.append(page.evaluate("() => document.activeElement.id || document.activeElement.textContent.trim()"))
    assert order == [
        "API", "theme", "series", "upload", "speed", "calibrate", "play", "chart", "gate", "ahead",
        "The newest readings and the forecast as a table", "values",
    ]  # fmt: skip
    page.locator("#speed").focus()
    page.keyboard.press("a")  # … as fast as it answers
    page.locator("#play").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#play")).to_have_text("Pause")
    page.keyboard.press("Enter")
    until_phase(page, "paused")
    page.locator("#chart").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#readout")).to_contain_text("reading")
    page.keyboard.press("End")
    expect(page.locator("#readout")).to_contain_text("expected")
    page.keyboard.press("Home")
    first = page.inner_text("#readout")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#readout")).not_to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.locator("#readout")).to_have_text("")


def test_what_goes_on_is_said_aloud_and_not_with_every_reading(open_page: Open, home: str) -> None:
    page = open_page(home)
    expect(page.locator("#play")).to_be_enabled()
    page.evaluate(
        """() => {
          window.said = [];
          new MutationObserver(() => window.said.push(document.getElementById("status").textContent))
            .observe(document.getElementById("status"), { childList: true, characterData: true, subtree: true });
        }"""
    )
    play(page, 80)
    page.click("#play")
    until_phase(page, "paused")
    first, second, *others = page.evaluate("() => window.said")
    assert first == "Making a session for nyc_taxi …"
    assert second.startswith("Streaming nyc_taxi into the session page-nyc_taxi-")
    assert others == ["Paused."]
    assert page.get_attribute("#status", "aria-live") == "polite"
