"""What a server must answer: the model's own forecasts, with the states kept and with them lost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.load.traffic import REPLAYED
from bench.load.wave import reading
from bench.peers.held import Answer, Held, Reading, Replayed, Window

STEPS = 3  # readings before the kill
_CLOSE = 1e-4  # relative; runtimes differ by some 1e-6, a lost state by far more


@dataclass(frozen=True, eq=False)
class Expected:
    """Flat forecasts: of the last reading before the kill, and of the one after it."""

    before: NDArray[np.float64]
    kept: NDArray[np.float64]
    lost: NDArray[np.float64]
    replayed: NDArray[np.float64]  # instead of `before`, where each request brings its window

    @classmethod
    def of(cls, bundle: Path) -> Expected:
        held, fresh, replay = Held(bundle), Held(bundle), Replayed(bundle)
        steps = [_flat(held.answers([Reading("s", step, reading(step))])[0]) for step in range(STEPS + 1)]
        last = STEPS - 1
        window = Window("s", last, [reading(at) for at in range(last + 1 - REPLAYED, last + 1)])
        answer = msgspec.json.decode(replay.answered(msgspec.json.encode(window)), type=Answer)
        lost = _flat(fresh.answers([Reading("s", STEPS, reading(STEPS))])[0])
        return cls(steps[last], steps[STEPS], lost, _flat(answer))


def equal(found: NDArray[np.float64], expected: NDArray[np.float64]) -> bool:
    """Whether two forecasts are one and the same."""
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=_CLOSE, atol=0))


def _flat(answer: Answer) -> NDArray[np.float64]:
    return np.array(list(answer.forecast.quantiles.values())).T.ravel()
