"""What somebody does at the page, and waits for: conditions, never a time."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Page

from service.bundle import Manifest
from service.portable import Meaning, decode

PATIENCE = 60_000  # milliseconds that a condition is waited for, on a machine that has other work
PICTURES = Path(os.environ.get("GATECAST_PICTURES", Path(__file__).parents[2] / "var" / "pictures"))

# Playwright's own wait makes code of text, which the page's policy forbids.
_UNTIL = """([what, patience]) => new Promise((done, failed) => {
  const end = performance.now() + patience;
  const whole = (id) => Number((document.getElementById(id)?.textContent ?? "").replace(/[^0-9]/g, ""));
  const look = () => {
    if (what.phase ? document.documentElement.dataset.phase === what.phase : whole(what.id) >= what.least) done();
    else if (performance.now() > end) failed(new Error(`waited for ${JSON.stringify(what)} in vain`));
    else setTimeout(look, 20);
  };
  look();
})"""


def until_readings(page: Page, least: int) -> None:
    """So many readings are answered."""
    page.evaluate(_UNTIL, [{"id": "figure-readings", "least": least}, PATIENCE])


def until_phase(page: Page, phase: str) -> None:
    """The stream is playing, paused, lost, waiting, failed or ended."""
    page.evaluate(_UNTIL, [{"phase": phase}, PATIENCE])


def play(page: Page, readings: int = 3, speed: str = "0") -> None:
    """Presses Play, and waits until so many readings are answered; `speed` of the choice, 0 is as fast as it goes."""
    page.select_option("#speed", speed)
    page.click("#play")
    until_readings(page, readings)


def wave(length: int, start: str = "2015-01-01T00:00:00") -> tuple[str, list[float]]:
    """Half-hourly readings as a CSV, and their values."""
    values = np.round(100 + 20 * np.sin(np.arange(length) / 7) + np.arange(length) % 5, 3).tolist()
    times = np.datetime64(start) + np.arange(length) * np.timedelta64(30, "m")
    rows = [f"{time},{value}" for time, value in zip(times, values, strict=True)]
    return "\n".join(["timestamp,value", *rows]) + "\n", values


def bring(page: Page, text: str, name: str = "meters.csv") -> None:
    """Uploads a CSV."""
    page.wait_for_selector("#upload:enabled", state="attached")
    page.set_input_files("#upload", {"name": name, "mimeType": "text/csv", "buffer": text.encode()})


def recorded(http: httpx.Client, manifest: Manifest, session: str) -> list[float]:
    """The readings of a session, as the service has them."""
    answer = http.get(f"/v1/sessions/{session}/export")
    assert answer.status_code == 200, answer.text
    kept = decode(answer.content, Meaning.of(manifest))
    return kept.values[:, 0].tolist()
