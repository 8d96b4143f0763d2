"""A service that watches a session's regime, killed: flag and score go on as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from service.bundle import Bundle
from service.regime import Watch
from service.runtimes import open_runtime
from tests.conftest import HOUR, START, daily_wave
from tests.served import Served

LENGTH, HISTORY, CHANGE = 330, 290, 300


def test_flag_and_score_after_a_kill_are_those_of_an_uninterrupted_run(bundle: Bundle, tmp_path: Path) -> None:
    values = daily_wave(LENGTH, seed=3)
    values[CHANGE:] += 60.0
    values[::17] = np.nan
    runtime, watch = open_runtime("onnx", bundle), Watch.of(bundle.manifest)
    assert watch is not None
    assert watch.warm_up < HISTORY
    state, row, expected = runtime.states(bundle.initial[None]), watch.initial()[None], []
    for step, value in enumerate(values):
        _, state, gates = runtime.step_with_gates(np.array([[value]]), np.array([START + HOUR * step]), state)
        row = watch.advance(row, gates, np.array([not np.isnan(value)]))
        said = watch.read(row)
        score, since = float(said.score[0]), int(said.since[0])
        told = {"flag": bool(said.flag[0]), "score": pytest.approx(score), "since": since if since >= 0 else None}
        expected.append({**told, "score": None} if np.isnan(score) else told)
    scores = [each["score"].expected for each in expected[HISTORY:]]
    assert max(scores) - min(scores) > 0.5  # the change is felt, so that a monitor that began anew would be told apart

    served = Served(bundle.path, f"sqlite:{tmp_path / 'journal.sqlite'}")
    path = f"{served.url}/v1/sessions/meter"
    sent = [None if np.isnan(value) else value for value in values]
    history = {"start": "2014-07-01T00:00:00", "y": sent[:HISTORY]}
    served.start()
    try:
        made = httpx.put(path, json={"history": history, "regime": True})
        assert (made.status_code, made.json()["regime"]) == (201, True)
        assert httpx.get(f"{path}/regime").json()["regime"] == expected[HISTORY - 1]
        for step in range(HISTORY, LENGTH):
            if step in (HISTORY + 5, CHANGE + 3):
                served.kill()
                served.start()
                assert httpx.get(f"{path}/regime").json()["regime"] == expected[step - 1]
            answer = httpx.post(f"{path}/observations", json={"step": step, "y": sent[step]}).json()
            assert answer["regime"] == expected[step], step
    finally:
        served.end()
