"""A new version while readings stream in, over a real service, its command and its kill -9."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.client import connect

from service.bundle import Bundle
from service.runtimes import open_runtime
from tests.conftest import HOUR, START, daily_wave
from tests.served import Served
from tests.successors import write_models

SESSIONS, LEVELS = 24, ("0.1", "0.5", "0.9")
BEGIN = "2014-07-01T00:00:00"
BEFORE = 400  # readings of each session that are there at the deploy
VALUES = np.stack([daily_wave(2_000, seed=200 + row).round(3) for row in range(SESSIONS)])
NAMES = [f"meter {row}" for row in range(SESSIONS)]
TOLERANCE = 1e-5


class Load(threading.Thread):
    """One reading of each session after the other, until it is told to stop; keeps every answer."""

    def __init__(self, address: str, first: int) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.step = first  # the next one
        self.forecasts: dict[int, np.ndarray] = {}  # by step, (sessions, horizon, quantiles)
        self.seconds: list[float] = []
        self.stop = threading.Event()
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            with connect(self._address, close_timeout=1) as socket:
                while not self.stop.is_set() and self.step < VALUES.shape[1]:
                    began = time.perf_counter()
                    socket.send(json.dumps([reading(row, self.step) for row in range(SESSIONS)]))
                    items = json.loads(socket.recv(timeout=60))
                    self.seconds.append(time.perf_counter() - began)
                    assert [item.get("step") for item in items] == [self.step] * SESSIONS, items[:2]
                    self.forecasts[self.step] = np.array(
                        [[item["forecast"]["quantiles"][level] for level in LEVELS] for item in items]
                    ).transpose(0, 2, 1)
                    self.step += 1
        except BaseException as fault:
            self.fault = fault

    def wait(self, readings: int) -> None:
        """Until so many more of each session were answered."""
        until = self.step + readings
        while self.step < until and self.is_alive():
            time.sleep(0.001)
        self.check()

    def check(self) -> None:
        if self.fault is not None:
            raise self.fault

    def end(self) -> None:
        self.stop.set()
        self.join(60)
        self.check()


def reading(row: int, step: int) -> dict[str, Any]:
    return {"session": NAMES[row], "y": VALUES[row, step], "step": step, "covariates": {"temperature": 1.5}}


def answers(bundle: Bundle, until: int) -> np.ndarray:
    """(time, sessions, horizon, quantiles) of a model that was there from the first reading on."""
    runtime = open_runtime("onnx", bundle)
    state, found = runtime.states(np.tile(bundle.initial, (SESSIONS, 1))), []
    for step in range(until):
        values = np.stack([VALUES[:, step], np.full(SESSIONS, 1.5)], axis=1)
        forecast, state = runtime.step(values, np.full(SESSIONS, START + HOUR * step), state)
        found.append(forecast)
    return np.array(found)


def matches(found: np.ndarray, expected: np.ndarray) -> bool:
    scale = VALUES.std(axis=1)[:, None, None]
    return bool((np.abs(found - expected) <= TOLERANCE * (scale + np.abs(expected))).all())


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_models(tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def served(models: Path, tmp_path: Path) -> Iterator[Served]:
    journal = f"sqlite:{tmp_path / 'journal.sqlite'}"
    options = ("--models", str(models), "--runtime", "onnx", "--log-level", "warning")
    service = Served(models / "v1", journal, *options)
    yield service
    service.end()


def begin(served: Served) -> None:
    with httpx.Client(base_url=served.url, timeout=60) as http:
        for name, values in zip(NAMES, VALUES, strict=True):
            history = {
                "start": BEGIN,
                "y": values[:BEFORE].tolist(),
                "covariates": {"temperature": [1.5] * BEFORE},
            }
            http.put(f"/v1/sessions/{name}", json={"history": history}).raise_for_status()


def current(served: Served) -> str:
    version: str = httpx.get(f"{served.url}/v1/models", timeout=30).json()["current"]["version"]
    return version


def command(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "commands.main", *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_under_load_every_reading_is_answered_once_by_the_model_that_serves(served: Served, models: Path) -> None:
    served.start()
    begin(served)
    load = Load(served.stream, BEFORE)
    load.start()
    load.wait(20)
    assert "serves" in command("deploy", "v2", "--url", served.url)
    load.wait(20)
    assert "v1 serves again" in command("rollback", "--url", served.url)
    load.wait(20)
    load.end()
    old, new = (answers(Bundle.open(models / version), load.step) for version in ("v1", "v2"))
    steps = range(BEFORE, load.step)
    assert list(load.forecasts) == list(steps)  # none missing, none twice
    by = ["old" if matches(load.forecasts[step], old[step]) else "new" for step in steps]
    assert all(matches(load.forecasts[step], new[step]) for step, who in zip(steps, by, strict=True) if who == "new")
    changes = [(one, two) for one, two in pairwise(by) if one != two]
    assert changes == [("old", "new"), ("new", "old")]


def test_killed_in_the_middle_of_a_deploy_the_old_one_serves_and_after_a_promotion_the_new_one(
    served: Served, models: Path
) -> None:
    served.start()
    begin(served)
    load = Load(served.stream, BEFORE)
    load.start()
    load.wait(5)
    assert httpx.post(f"{served.url}/v1/models/v2/deploy?shadow=true", timeout=60).status_code == 202
    load.wait(1)
    served.kill()
    load.join(60)
    served.start()
    assert current(served) == "v1"
    command("deploy", "v2", "--url", served.url)
    served.kill()
    served.start()
    assert current(served) == "v2"
    with httpx.Client(base_url=served.url, timeout=60) as http:
        first = http.get(f"/v1/sessions/{NAMES[0]}").json()["next_step"]
        assert load.step <= first <= load.step + 1
        body = {name: value for name, value in reading(0, first).items() if name != "session"}
        answer = http.post(f"/v1/sessions/{NAMES[0]}/observations", json=body).json()
    said = np.array([answer["forecast"]["quantiles"][level] for level in LEVELS]).T
    expected = answers(Bundle.open(models / "v2"), first + 1)[-1][:1]
    assert matches(np.repeat(said[None], SESSIONS, axis=0), np.repeat(expected, SESSIONS, axis=0))
