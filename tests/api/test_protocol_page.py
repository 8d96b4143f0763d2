"""docs/protocol.md: its exchanges happen as they are written (forecasts in shape, messages in being there)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import connect

from service.journal.memory import MemoryJournal
from tests.api.test_expired import until_expired
from tests.service.retaining import Wall

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
EXCHANGES = re.findall(r"```exchange(.*?)\n(.*?)```", PAGE, re.DOTALL)


def alike(answered: Any, written: Any, at: str = "") -> None:
    """Equal, but for a forecast's numbers and a message's words."""
    if isinstance(written, dict):
        assert isinstance(answered, dict), at
        assert sorted(answered) == sorted(written), at
        for name, value in written.items():
            alike(answered[name], value, f"{at}.{name}")
    elif isinstance(written, list):
        assert isinstance(answered, list), at
        assert len(answered) == len(written), at
        for index, value in enumerate(written):
            alike(answered[index], value, f"{at}[{index}]")
    elif at.endswith(".message"):
        assert len(answered) > 10, at
    elif ".median" in at or (".quantiles." in at) or (".gates." in at):
        assert isinstance(answered, float), at
        assert answered == pytest.approx(written, rel=1e-3, abs=0.1), at
    else:
        assert answered == written, at


@pytest.mark.parametrize(
    ("options", "exchange"),
    EXCHANGES,
    ids=[(re.findall(r'"code": "(\w+)"', text) or ["answers"])[0] for _, text in EXCHANGES],
)
def test_an_exchange_happens_as_written(open_behind, options: str, exchange: str) -> None:
    chosen = dict(option.split("=") for option in options.split())
    without: dict[str, Any] = {"gates": ()} if chosen.pop("gates", None) else {}
    without |= {"dependence": None} if chosen.pop("sums", None) else {}
    names = {kind: tuple(chosen.pop(kind).split(",")) for kind in ("covariates", "future", "static") if kind in chosen}
    few = 3 if "too_many" in exchange else 99
    limits = {"readings_per_frame": few, "handles_per_stream": few}
    if "workers" in chosen:
        limits |= {"workers": int(chosen.pop("workers")), "worker": 0}
    wall = Wall()
    width = 1 + len(names.get("covariates", ()))
    with open_behind(limits, journal=MemoryJournal(width, wall), wall=wall, **names, **without) as running:
        for fault, value in chosen.items():
            setattr(running.runtime, fault, float(value))
        lines = exchange.strip().splitlines()
        asked = [line.removeprefix("GET /v1/stream") for line in lines if line.startswith("GET ")]
        with connect(running.stream(*asked)) as stream:
            for line in lines:
                if line.startswith("GET "):
                    continue
                if line.startswith("PUT "):
                    _, name, body = line.split(" ", 2)
                    assert running.http.put(f"/v1/sessions/{name}", json=json.loads(body)).status_code == 201
                elif line.startswith("WAIT "):
                    _, seconds, name = line.split(" ")
                    wall.now += float(seconds)
                    until_expired(running.http, name)
                elif line.startswith("> "):
                    stream.send(line[2:])
                    answered = json.loads(stream.recv(timeout=10))
                else:
                    alike(answered, json.loads(line.removeprefix("< ")))


def test_the_page_shows_how_raw_numbers_are_sent_and_read(open_behind) -> None:
    (program,) = re.findall(r"```python packed\n(.*?)```", PAGE, re.DOTALL)
    with open_behind() as running:
        for name in ("taxi", "bus"):
            running.http.put(f"/v1/sessions/{name}", json={"start": "2015-01-10T00:00:00"})
        found: dict[str, Any] = {}
        exec(program.replace("127.0.0.1:8000", running.address), found)
        forecast = running.http.get("/v1/sessions/taxi/forecast?horizon=2").json()["forecast"]["quantiles"]
    assert found["steps"].tolist() == [0, 0]
    assert found["quantiles"].shape == (2, 2, 2)
    np.testing.assert_allclose(found["quantiles"][0], np.transpose([forecast["0.1"], forecast["0.5"]]))


def test_the_page_shows_every_error_that_a_stream_can_answer_with() -> None:
    shown = set(re.findall(r'"code": "(\w+)"', PAGE)) | {"malformed_msgpack"}
    assert shown == {
        "unknown_session", "expired", "misdirected",
        "gap", "duplicate", "conflict", "off_grid", "step_mismatch", "time_required", "invalid_time",
        "invalid_value", "wrong_type", "missing_covariates", "unknown_covariate", "missing_future", "future_length",
        "non_finite_forecast", "model_failed",
        "stale_session", "state_lost", "journal", "malformed_json", "malformed_msgpack", "unknown_quantile",
        "unknown_handle", "too_many_handles", "invalid_session",
        "horizon_too_long", "no_gates", "no_sums",
        "too_many_readings", "overloaded", "rate_limited", "draining", "internal",
    }  # fmt: skip
