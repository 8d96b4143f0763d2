"""The compiled step stays ahead of the graph: a ratio within one run, which no other work on the machine can turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession, SessionOptions

from bench.step import measured
from datasets.frequency import Frequency
from export.graphs import Graphs, example
from export.onnx import OUTPUTS, _Step, _write
from export.step_weights import step_weights
from models.config import implied_config
from models.gru import GRUForecaster
from models.registry import build
from service.runtimes import native

BATCH, HIDDEN, HORIZON, LEVELS = 256, 64, 24, (0.1, 0.5, 0.9)
LEAST = 1.5  # times as fast as ONNX Runtime; measured: 3
REPEAT, ROUNDS = 5, 15  # in turn, and the fastest round of each counts


@pytest.fixture(scope="module")
def model() -> GRUForecaster:
    torch.manual_seed(0)
    chosen = build(implied_config(Frequency.parse("1h"), HORIZON, span=1e7, hidden=HIDDEN, quantiles=LEVELS))
    assert isinstance(chosen, GRUForecaster)
    return chosen.eval()


def compiled(model: GRUForecaster, values: np.ndarray, times: np.ndarray, states: np.ndarray) -> Callable[[], object]:
    assert native.Kernel is not None, (
        "the native step was not compiled here: install a C compiler, then run python setup.py build_ext --inplace"
    )
    kernel = native.Kernel(step_weights(model))

    def step() -> None:
        quantiles, after = np.empty((BATCH, HORIZON, len(LEVELS))), np.empty_like(states)
        kernel.step(values, times, states, None, quantiles, after, None)

    return step


def graphed(
    model: GRUForecaster, values: np.ndarray, times: np.ndarray, states: np.ndarray, path: Path
) -> Callable[[], object]:
    given = example(model)["step"]
    _write(_Step(Graphs(model).eval()), given, OUTPUTS["step"], path)
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    inputs = dict(zip(given, (values, times, states), strict=True))
    return lambda: session.run(OUTPUTS["step"][:2], inputs)


def test_the_native_step_is_faster_than_the_graph(model: GRUForecaster, tmp_path: Path) -> None:
    values, times = np.random.default_rng(0).normal(size=(BATCH, 1)), 3_600 * np.arange(BATCH)
    states = np.tile(model.initial().detach().numpy().astype(np.float32), (BATCH, 1))
    steps = compiled(model, values, times, states), graphed(model, values, times, states, tmp_path / "step.onnx")
    ours, graph = measured(steps, REPEAT, ROUNDS)
    ratio = graph.least / ours.least
    assert ratio >= LEAST, (
        f"{BATCH} readings take {ours.least * 1e6:.0f} µs in the native step and {graph.least * 1e6:.0f} µs in ONNX "
        f"Runtime: {ratio:.2f} times as fast, {LEAST} was expected"
    )
