"""A service that calibrates a session's bands, killed: they go on as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from service.bundle import Bundle
from service.calibration import Calibration
from service.runtimes import open_runtime
from tests.conftest import HOUR, START, daily_wave
from tests.served import Served

LENGTH, HISTORY = 130, 90


def test_bands_after_a_kill_are_those_of_an_uninterrupted_run(bundle: Bundle, tmp_path: Path) -> None:
    random, values = np.random.default_rng(3), daily_wave(LENGTH, seed=3)
    values += 30 * random.normal(size=LENGTH)
    values[::17] = np.nan
    runtime, method = open_runtime("auto", bundle), Calibration.of(bundle.manifest)
    assert method is not None
    state, row, expected = runtime.states(bundle.initial[None]), method.initial()[None], []
    for step, value in enumerate(values):
        own, state = runtime.step(np.array([[value]]), np.array([START + HOUR * step]), state)
        row, said = method.advance(row, own, np.array([value]))
        expected.append(said[0])
    assert np.abs(said - own).max() > 1  # what was learned is felt: a calibration that began anew would be told apart

    served = Served(bundle.path, f"sqlite:{tmp_path / 'journal.sqlite'}")
    path, levels = f"{served.url}/v1/sessions/meter", [str(level) for level in bundle.manifest.quantiles]
    sent = [None if np.isnan(value) else value for value in values]

    def check(answer: dict, step: int) -> None:
        told = np.array([answer["forecast"]["quantiles"][level] for level in levels]).T
        assert told == pytest.approx(expected[step], rel=1e-6), step

    served.start()
    try:
        made = httpx.put(
            path, json={"history": {"start": "2014-07-01T00:00:00", "y": sent[:HISTORY]}, "calibrate": True}
        )
        assert (made.status_code, made.json()["calibrate"]) == (201, True)
        check(httpx.get(f"{path}/forecast").json(), HISTORY - 1)
        for step in range(HISTORY, LENGTH):
            if step in (HISTORY + 5, HISTORY + 20):
                served.kill()
                served.start()
            check(httpx.post(f"{path}/observations", json={"step": step, "y": sent[step]}).json(), step)
    finally:
        served.end()
