"""On a machine with a CUDA device: the same answers there, with the states resident. Run by `make cuda` alone."""

from __future__ import annotations

import httpx
import numpy as np
import pytest
import torch

from export.verify import Verification
from service.bundle import Bundle
from service.runtimes import Runtime, open_runtime
from tests.conftest import HOUR, START, daily_wave
from tests.served import Served

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def runtime(bundle: Bundle) -> Runtime:
    return open_runtime("torchscript", bundle, device="cuda")


def test_every_golden_answer_is_given_on_the_device(bundle: Bundle, runtime: Runtime) -> None:
    assert [check for check in Verification(bundle).run(runtime) if not check.passed] == []


def test_the_arena_lives_on_the_device_and_keeps_its_rows(bundle: Bundle, runtime: Runtime) -> None:
    arena = runtime.arena(8)
    rows = np.random.default_rng(0).normal(size=(3, bundle.manifest.state.size)).astype(np.float32)
    arena.write(np.array([1, 5, 7]), rows)
    gathered = arena.gather(np.array([7, 1]))
    assert isinstance(gathered, torch.Tensor)
    assert gathered.is_cuda
    np.testing.assert_array_equal(runtime.rows(gathered), rows[[2, 0]])
    arena.grow(64)
    arena.scatter(np.array([2]), gathered, np.array([1]))
    np.testing.assert_array_equal(arena.read(np.array([2, 5])), rows[[0, 1]])
    np.testing.assert_array_equal(arena.read(np.array([63]))[0], bundle.initial)


def test_the_cpu_and_the_device_stream_alike(bundle: Bundle, runtime: Runtime) -> None:
    series = np.stack([daily_wave(200, seed=row) for row in range(16)])[:, :, None]
    times = START + HOUR * np.tile(np.arange(200), (16, 1))
    cpu = open_runtime("onnx", bundle)
    here, there = (each.states(np.tile(bundle.initial, (16, 1))) for each in (cpu, runtime))
    for at in range(200):
        values, now = series[:, at].copy(), times[:, at].copy()
        expected, here = cpu.step(values, now, here)
        found, there = runtime.step(values, now, there)
    scale = series.std(axis=1)[:, :, None]
    assert np.all(np.abs(found - expected) <= TOLERANCE * (scale + np.abs(expected)))


def test_a_service_answers_from_the_device(bundle: Bundle) -> None:
    served = Served(bundle.path, "memory", "--runtime", "torchscript", "--device", "cuda")
    served.start()
    try:
        assert httpx.get(f"{served.url}/v1/model", timeout=30).json()["device"] == "cuda"
        body = {"history": {"start": "2014-07-01T00:00:00", "y": [50.0, 51.0, None, 49.0]}}
        assert httpx.put(f"{served.url}/v1/sessions/a", json=body, timeout=30).status_code == 201
        answer = httpx.get(f"{served.url}/v1/sessions/a/forecast", timeout=30).json()
        assert np.all(np.isfinite(answer["forecast"]["median"]))
    finally:
        status, output = served.end()
    assert status == 0, output
