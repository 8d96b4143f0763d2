"""A service that watches, calibrates and scores a session, killed: all goes on as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from service.beside import CALIBRATED, SCORED, WATCHED, Beside
from service.bundle import Bundle
from service.quality import COUNTED, ERROR, TOLD
from service.runtimes import open_runtime
from tests.conftest import HOUR, START, daily_wave
from tests.served import Served

LENGTH, HISTORY, CHANGE = 330, 290, 300


def test_flag_score_and_bands_after_a_kill_are_those_of_an_uninterrupted_run(bundle: Bundle, tmp_path: Path) -> None:
    values = daily_wave(LENGTH, seed=3)
    values[CHANGE:] += np.where(np.arange(LENGTH - CHANGE) % 2, 60.0, -60.0)
    values[::17] = np.nan
    runtime, beside = open_runtime("auto", bundle), Beside.of(bundle.manifest)
    assert beside.watch is not None
    assert beside.watch.warm_up < HISTORY
    state, row, expected = runtime.states(bundle.initial[None]), beside.initial(WATCHED + CALIBRATED + SCORED)[None], []
    scored, bands, levels = [], [], [str(level) for level in bundle.manifest.quantiles]
    for step, value in enumerate(values):
        reading, time = np.array([[value]]), np.array([START + HOUR * step])
        own, state, gates = runtime.step_with_gates(reading, time, state)
        row, answered, _ = beside.advance(row, own, gates, np.array([value]))
        scored.append(beside.qualities(row)[0])
        bands.append(dict(zip(levels, answered[0].T, strict=True)))
        said = beside.regimes(row)
        score, since = float(said.score[0]), int(said.since[0])
        told = {"flag": bool(said.flag[0]), "score": pytest.approx(score), "since": since if since >= 0 else None}
        expected.append({**told, "score": None} if np.isnan(score) else told)
    scores = [each["score"].expected for each in expected[HISTORY:]]
    assert np.abs(answered - own).max() > 5  # what was learned of the bands is felt too
    assert max(scores) - min(scores) > 0.3  # the change is felt, so that a monitor that began anew would be told apart

    served = Served(bundle.path, f"sqlite:{tmp_path / 'journal.sqlite'}")
    path = f"{served.url}/v1/sessions/meter"
    sent = [None if np.isnan(value) else value for value in values]
    history = {"start": "2014-07-01T00:00:00", "y": sent[:HISTORY]}
    served.start()
    try:
        made = httpx.put(path, json={"history": history, "regime": True, "calibrate": True, "quality": True})
        assert (made.status_code, made.json()["regime"], made.json()["calibrate"]) == (201, True, True)
        assert httpx.get(f"{path}/regime").json()["regime"] == expected[HISTORY - 1]
        for step in range(HISTORY, LENGTH):
            if step in (HISTORY + 5, CHANGE + 3):
                served.kill()
                served.start()
                assert httpx.get(f"{path}/regime").json()["regime"] == expected[step - 1]
                told = httpx.get(f"{path}/quality").json()["quality"]["ahead"]
                wanted = scored[step - 1][TOLD:].reshape(len(told), -1)
                assert [each["scored"] for each in told] == wanted[:, COUNTED].tolist()
                assert [each["error"] for each in told] == pytest.approx(wanted[:, ERROR].tolist(), rel=1e-5)
            answer = httpx.post(f"{path}/observations", json={"step": step, "y": sent[step]}).json()
            assert answer["regime"] == expected[step], step
            for level, told in answer["forecast"]["quantiles"].items():
                assert told == pytest.approx(bands[step][level], rel=1e-6), (step, level)
    finally:
        served.end()
