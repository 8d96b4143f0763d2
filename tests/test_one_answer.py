"""One answer: torch, ONNX, TorchScript, REST and websocket agree, over a reconnect and a kill -9."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import torch
from websockets.sync.client import connect

from models.forecaster import Forecaster
from service.bundle import Bundle
from service.runtimes import open_runtime
from tests.conftest import HOUR, START, daily_wave
from tests.contracts.compiled import real_runtimes_here
from tests.served import Served

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series + |b|)
LENGTH = 300
KILLED_AT, RECONNECTED_AT = 190, 120


def iso(step: int) -> str:
    return datetime.fromtimestamp(START + HOUR * step, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def as_json(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


@pytest.fixture(scope="module")
def series() -> np.ndarray:
    values = daily_wave(LENGTH, seed=77)
    values[np.random.default_rng(7).random(LENGTH) < 0.05] = np.nan
    return values


@pytest.fixture(scope="module")
def expected(forecaster: Forecaster, series: np.ndarray) -> np.ndarray:
    """torch's own answer after every step, whole: (time, horizon, quantiles)."""
    values = torch.from_numpy(series)[None, :, None]
    times = torch.from_numpy(START + HOUR * np.arange(LENGTH))[None]
    answers = []
    with torch.inference_mode():
        for length in range(1, LENGTH + 1):
            state = forecaster.initial()[None]
            answers.append(forecaster.sequence(values, times, torch.tensor([length]), state)[0][0].numpy())
    return np.stack(answers)


@pytest.fixture(scope="module", params=real_runtimes_here())
def served(
    request: pytest.FixtureRequest, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    journal = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    service = Served(bundle.path, f"sqlite:{journal}", "--runtime", request.param)
    service.start()
    yield service
    service.end()


def assert_one_answer(found: dict[str, Any], expected: np.ndarray, series: np.ndarray) -> None:
    table = np.stack([found["quantiles"][name] for name in ("0.1", "0.5", "0.9")], axis=1)  # (horizon, quantiles)
    assert np.all(np.abs(table - expected) <= TOLERANCE * (np.nanstd(series) + np.abs(expected)))
    np.testing.assert_array_equal(found["median"], table[:, 1])


@pytest.mark.parametrize("runtime", real_runtimes_here())
def test_runtimes_agree_with_torch_after_every_step(
    runtime: str, bundle: Bundle, series: np.ndarray, expected: np.ndarray
) -> None:
    running = open_runtime(runtime, bundle)
    state = running.states(bundle.initial[None].copy())
    for step in range(LENGTH):
        quantiles, state = running.step(series[None, step : step + 1], np.array([START + HOUR * step]), state)
        bound = TOLERANCE * (np.nanstd(series) + np.abs(expected[step]))
        assert np.all(np.abs(quantiles[0] - expected[step]) <= bound), step


def test_rest_agrees_with_torch_on_many_lengths_in_one_request(
    served: Served, series: np.ndarray, expected: np.ndarray
) -> None:
    lengths = [1, 2, 3, 24, 25, 100, 257, LENGTH]
    body = {
        "series": [{"unique_id": str(length), "start": iso(0), "y": as_json(series[:length])} for length in lengths]
    }
    answer = httpx.post(f"{served.url}/v1/predict", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    for length, forecast in zip(lengths, answer.json()["series"], strict=True):
        assert forecast["unique_id"] == str(length)
        assert forecast["ds"] == [iso(length + ahead) for ahead in range(6)]
        assert_one_answer(forecast, expected[length - 1], series)


def test_the_websocket_agrees_with_torch_over_a_reconnect_and_a_kill(
    served: Served, series: np.ndarray, expected: np.ndarray
) -> None:
    begin = 40
    body = {"history": {"start": iso(0), "y": as_json(series[:begin])}}
    assert httpx.put(f"{served.url}/v1/sessions/meter", json=body, timeout=30).status_code == 201
    step = begin
    while step < LENGTH:
        stop = min(end for end in (RECONNECTED_AT, KILLED_AT, LENGTH) if end > step)
        with connect(served.stream) as stream:
            for at in range(step, stop):
                y = None if np.isnan(series[at]) else float(series[at])
                if at % 2:
                    stream.send(json.dumps({"session": "meter", "step": at, "y": y}))
                    answer = json.loads(stream.recv(timeout=30))
                else:
                    stream.send(msgspec.msgpack.encode({"session": "meter", "ds": iso(at), "y": y}))
                    answer = msgspec.msgpack.decode(stream.recv(timeout=30))
                assert "error" not in answer, answer
                assert (answer["session"], answer["step"], answer["durable"]) == ("meter", at, "disk")
                assert_one_answer(answer["forecast"], expected[at], series)
            if stop == KILLED_AT:
                served.kill()
        if stop == KILLED_AT:
            served.start()
        place = httpx.get(f"{served.url}/v1/sessions/meter", timeout=30).json()
        assert place["last_step"] == stop - 1
        current = httpx.get(f"{served.url}/v1/sessions/meter/forecast", timeout=30).json()
        assert_one_answer(current["forecast"], expected[stop - 1], series)
        step = stop


def test_several_readings_in_one_frame_end_where_single_ones_do(
    served: Served, series: np.ndarray, expected: np.ndarray
) -> None:
    httpx.put(f"{served.url}/v1/sessions/bulk", json={"start": iso(0)}, timeout=30).raise_for_status()
    random = np.random.default_rng(3)
    step = 0
    with connect(served.stream) as stream:
        while step < 100:
            count = int(random.integers(1, 9))
            frame = [
                {"session": "bulk", "step": at, "y": as_json(series[at : at + 1])[0]}
                for at in range(step, step + count)
            ]
            stream.send(json.dumps(frame))
            answers = json.loads(stream.recv(timeout=30))
            assert [answer["step"] for answer in answers] == list(range(step, step + count))
            step += count
            assert_one_answer(answers[-1]["forecast"], expected[step - 1], series)
    rest = httpx.post(
        f"{served.url}/v1/sessions/bulk/observations",
        json={"step": step, "y": as_json(series[step : step + 1])[0]},
        timeout=30,
    )
    assert rest.status_code == 200, rest.text
