"""What users of a server without sessions write by hand: the model's graph, and a dict with the state of each session.

Runs in the environments of the peers, so it needs no more than numpy, onnxruntime and msgspec.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from numpy.typing import NDArray

BUNDLE = "GATECAST_BENCH_BUNDLE"  # the variable that names the bundle's folder
START, STEP = 1_704_067_200, 3_600  # seconds: of 2024-01-01T00:00:00, and of an hour


class Reading(msgspec.Struct):
    """One reading of a session."""

    session: str
    step: int
    y: float


class Window(msgspec.Struct):
    """A reading with those before it, oldest first, all of one length in a request."""

    session: str
    step: int
    y: list[float]


class Forecast(msgspec.Struct):
    """What comes next, by step ahead; in the shape in which Gatecast answers too."""

    median: list[float]
    quantiles: dict[str, list[float]]


class Answer(msgspec.Struct):
    """The forecast after a reading."""

    session: str
    step: int
    forecast: Forecast


decode = msgspec.json.Decoder(Reading | list[Reading]).decode
_windows = msgspec.json.Decoder(Window | list[Window])
encode = msgspec.json.Encoder().encode


class Held:
    """The states of all sessions that have spoken; a killed process forgets them."""

    def __init__(self, bundle: Path | None = None) -> None:
        path = bundle or Path(os.environ[BUNDLE])
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        self.initial = np.frombuffer(base64.b64decode(manifest["state"]["initial"]), "<f4")
        self.levels = [str(level) for level in manifest["quantiles"]]
        self._graph = _opened(path / "step.onnx")
        self._states: dict[object, NDArray[np.float32]] = {}

    def step(
        self, sessions: list[object], values: NDArray[np.float64], times: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Quantiles (batch, horizon, quantiles) after a reading of each session, at seconds of the series' clock."""
        states = np.stack([self._states.get(session, self.initial) for session in sessions])
        inputs = {"values": values.reshape(-1, 1), "times": times.ravel(), "state": states}
        quantiles, after = self._graph.run(["quantiles", "next_state"], inputs)
        self._states.update(zip(sessions, after, strict=True))
        forecasts: NDArray[np.float64] = quantiles
        return forecasts

    def forget(self, session: object) -> None:
        self._states.pop(session, None)

    def told(self, body: Reading | list[Reading]) -> Answer | list[Answer]:
        """What a frame of one reading, or of a list of them, is answered."""
        readings = body if isinstance(body, list) else [body]
        answers = self.answers(readings)
        return answers if isinstance(body, list) else answers[0]

    def answers(self, readings: list[Reading]) -> list[Answer]:
        values = np.array([reading.y for reading in readings])
        times = np.array([START + STEP * reading.step for reading in readings])
        return _answers(readings, self.step([reading.session for reading in readings], values, times), self.levels)


class Replayed:
    """No states at all: each request brings its window, which is run through from its beginning."""

    def __init__(self, bundle: Path | None = None) -> None:
        path = bundle or Path(os.environ[BUNDLE])
        held = Held(path)
        self._initial, self._levels = held.initial, held.levels
        self._graph = _opened(path / "sequence.onnx")

    def answered(self, message: str | bytes) -> bytes:
        """A body of one window or a list of them, as JSON; its answer."""
        body = _windows.decode(message)
        windows = body if isinstance(body, list) else [body]
        values = np.array([window.y for window in windows])[:, :, None]
        rows, length = values.shape[:2]
        last = np.array([[window.step] for window in windows])
        inputs = {
            "values": values,
            "times": START + STEP * (last + np.arange(1 - length, 1)),
            "lengths": np.full(rows, length),
            "state": np.tile(self._initial, (rows, 1)),
        }
        answers = _answers(windows, self._graph.run(["quantiles"], inputs)[0], self._levels)
        return encode(answers if isinstance(body, list) else answers[0])


def _answers(asked: Sequence[Reading | Window], quantiles: NDArray[np.float64], levels: Sequence[str]) -> list[Answer]:
    """Of quantiles (batch, horizon, quantiles), the middle one of which is the median."""
    found = []
    for each, by_level in zip(asked, quantiles.transpose(0, 2, 1).tolist(), strict=True):
        forecast = Forecast(by_level[len(levels) // 2], dict(zip(levels, by_level, strict=True)))
        found.append(Answer(each.session, each.step, forecast))
    return found


def _opened(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors alone: its warnings are about graph optimisation
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
