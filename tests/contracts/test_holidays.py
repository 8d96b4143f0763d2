"""A bundle that knows holidays by itself: runtimes, REST and websocket say what torch does, and clients say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from datasets.holidays import Holidays
from export.verify import Verification
from models.forecaster import Forecaster
from models.registry import build
from service.bundle import Bundle
from service.runtimes import Runtime, open_runtime, why_not_native
from tests.conftest import HOUR, START, daily_wave, small_bundle, small_config, taught
from tests.served import Served

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation of the series + |b|)
LENGTH = 110  # hours from the evening of June 30 in New York, past July 4
UNTIL = "2014-11-04"  # the clocks went back two days before
OF_THE_STATE, OF_THE_SHOP = ("2014-07-02", "2014-07-04", "2014-11-02"), ("2014-07-03", "2014-11-01", "2014-11-04")
DAYS = Holidays(("US-NY", "shop.csv"), (OF_THE_STATE, OF_THE_SHOP), UNTIL)
pytestmark = pytest.mark.timeout(400)  # an export takes long on a busy machine


@pytest.fixture(scope="module")
def model() -> Forecaster:
    torch.manual_seed(0)
    return taught(build(small_config(holidays=DAYS, calendar_zone="America/New_York", layers=1)))


@pytest.fixture(scope="module")
def bundle(model: Forecaster, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(model, tmp_path_factory.mktemp("holidays") / "days.bundle")


@pytest.fixture(scope="module")
def runtimes(bundle: Bundle) -> list[Runtime]:
    return [open_runtime(name, bundle) for name in ("onnx", "torchscript")]


@pytest.fixture(scope="module")
def expected(model: Forecaster) -> np.ndarray:
    """torch's own answer after every step, whole: (time, horizon, quantiles)."""
    values, times = torch.from_numpy(daily_wave(LENGTH))[None, :, None], START + HOUR * torch.arange(LENGTH)[None]
    lengths, rows = torch.arange(1, LENGTH + 1), (LENGTH, 1)
    with torch.inference_mode():
        start = model.initial().repeat(rows)
        return model.sequence(values.repeat(*rows, 1), times.repeat(rows), lengths, start)[0].numpy()


def assert_one_answer(found: np.ndarray, expected: np.ndarray) -> None:
    assert np.all(np.abs(found - expected) <= TOLERANCE * (np.std(daily_wave(LENGTH)) + np.abs(expected)))


def table(forecast: dict[str, Any]) -> np.ndarray:
    return np.stack([forecast["quantiles"][name] for name in ("0.1", "0.5", "0.9")], axis=1)


def test_its_manifest_says_whose_days_it_knows_and_for_how_long_and_takes_no_more_inputs(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert (manifest.holidays, str(manifest.holidays_until)) == (["US-NY", "shop.csv"], UNTIL)
    assert manifest.future == []
    assert "step.safetensors" not in manifest.files
    assert why_not_native(bundle, "cpu") is not None


def test_every_runtime_passes_the_golden_answers_and_streams_what_torch_answers_whole(
    runtimes: list[Runtime], bundle: Bundle, expected: np.ndarray
) -> None:
    for runtime in runtimes:
        assert [check for check in Verification(bundle).run(runtime) if not check.passed] == []
        state, values = runtime.states(bundle.initial[None].copy()), daily_wave(LENGTH)
        for step in range(LENGTH):
            quantiles, state = runtime.step(values[None, step : step + 1], np.array([START + HOUR * step]), state)
            assert_one_answer(quantiles[0], expected[step])


@settings(max_examples=25, deadline=None)
@given(
    starts=st.lists(st.integers(-100, 24 * 300), min_size=1, max_size=4),  # hours from START, over a change of clocks
    lengths=st.lists(st.integers(0, 60), min_size=4, max_size=4),
    cut=st.integers(1, 59),
)
@torch.no_grad()
def test_wherever_histories_begin_and_are_cut_every_runtime_says_what_torch_says(
    model: Forecaster, runtimes: list[Runtime], starts: list[int], lengths: list[int], cut: int
) -> None:
    rows, counts = len(starts), np.array(lengths[: len(starts)], dtype=np.int64)
    values = np.stack([daily_wave(60, seed=row) for row in range(rows)])[:, :, None]
    times = START + HOUR * (np.array(starts, dtype=np.int64)[:, None] + np.arange(60))
    given = (torch.from_numpy(each) for each in (values, times, counts))
    expected, _ = model.sequence(*given, model.initial().repeat(rows, 1))
    for runtime in runtimes:
        beginning = np.tile(runtime.bundle.initial, (rows, 1))
        states = runtime.states(beginning.copy())
        whole, _ = runtime.sequence(values, times, counts, states)
        assert_one_answer(whole, expected.numpy())
        states = runtime.states(beginning.copy())
        _, states = runtime.sequence(values[:, :cut], times[:, :cut], np.minimum(counts, cut), states)
        rest = np.maximum(counts - cut, 0)
        chunked, _ = runtime.sequence(values[:, cut:].copy(), times[:, cut:].copy(), rest, states)
        assert_one_answer(chunked, expected.numpy())


@pytest.fixture(scope="module")
def served(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    service = Served(bundle.path, f"sqlite:{tmp_path_factory.mktemp('journal') / 'journal.sqlite'}")
    service.start()
    yield service
    service.end()


def test_rest_and_websocket_agree_with_torch_and_who_serves_is_told_when_the_days_are_over(
    served: Served, expected: np.ndarray
) -> None:
    values = daily_wave(LENGTH).tolist()
    start = datetime.fromtimestamp(START, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    lengths = [1, 30, 90]
    series = [{"unique_id": str(length), "start": start, "y": values[:length]} for length in lengths]
    answer = httpx.post(f"{served.url}/v1/predict", json={"series": series}, timeout=30)
    for length, forecast in zip(lengths, answer.raise_for_status().json()["series"], strict=True):
        assert_one_answer(table(forecast), expected[length - 1])
    told = httpx.get(f"{served.url}/v1/models", timeout=30).json()["current"]
    assert (told["holidays_until"], told["holidays_passed"]) == (UNTIL, False)
    httpx.put(f"{served.url}/v1/sessions/a", json={"start": start}, timeout=30).raise_for_status()
    with connect(served.stream) as stream:
        for step in range(LENGTH):
            stream.send(msgspec.msgpack.encode({"session": "a", "step": step, "y": values[step]}))
            assert_one_answer(table(msgspec.msgpack.decode(stream.recv(timeout=30))["forecast"]), expected[step])
    again = httpx.get(f"{served.url}/v1/sessions/a/forecast", timeout=30).json()
    assert_one_answer(table(again["forecast"]), expected[-1])
    late = {"series": [{"unique_id": "a", "start": "2014-11-03T00:00:00", "y": values}]}
    httpx.post(f"{served.url}/v1/predict", json=late, timeout=30).raise_for_status()
    assert httpx.get(f"{served.url}/v1/models", timeout=30).json()["current"]["holidays_passed"] is True
    assert "gatecast_holidays_passed 1.0" in httpx.get(f"{served.url}/metrics", timeout=30).text
