"""What peers compute with a dict of states is what the service computes, so that only the servers differ."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bench.peers.expected import STEPS, Expected, equal
from bench.peers.held import START, STEP, Answer, Held, Reading, Replayed, Window
from service.bundle import Bundle
from service.runtimes import open_runtime

ROWS = 3


def flat(answer: Answer) -> np.ndarray:
    return np.array(list(answer.forecast.quantiles.values())).T


def test_a_dict_of_states_forecasts_what_the_runtime_does(bundle: Bundle) -> None:
    held, runtime = Held(bundle.path), open_runtime("onnx", bundle)
    states = runtime.states(np.tile(bundle.initial, (ROWS, 1)))
    for step in range(5):
        values = np.array([50.0 + row + step % 3 for row in range(ROWS)])
        readings = [Reading(f"s{row}", step, values[row]) for row in range(ROWS)]
        times = np.full(ROWS, START + STEP * step)
        quantiles, states = runtime.step(values[:, None], times, states)
        assert np.array_equal([flat(answer) for answer in held.answers(readings)], quantiles)


def test_sessions_do_not_see_each_other_and_a_forgotten_one_begins_anew(bundle: Bundle) -> None:
    held = Held(bundle.path)
    first = held.answers([Reading("a", 0, 50.0)])[0].forecast
    held.answers([Reading("b", 0, 70.0)])
    assert held.answers([Reading("a", 0, 50.0)])[0].forecast != first  # its second reading
    held.forget("a")
    assert held.answers([Reading("a", 0, 50.0)])[0].forecast == first


def test_a_frame_of_one_is_answered_with_one_and_a_list_with_a_list(bundle: Bundle) -> None:
    held, reading = Held(bundle.path), Reading("a", 0, 50.0)
    one, several = held.told(reading), held.told([reading])
    assert isinstance(one, Answer)
    assert isinstance(several, list)
    assert len(several) == 1
    assert one.forecast.median == one.forecast.quantiles["0.5"]


def test_a_window_replayed_is_the_same_readings_streamed(bundle: Bundle) -> None:
    values = [50.0 + (7 * step) % 31 for step in range(20)]
    held = Held(bundle.path)
    streamed = [held.answers([Reading("a", step, y)])[0] for step, y in enumerate(values)][-1]
    replayed = Replayed(bundle.path).answered(msgspec.json.encode(Window("a", len(values) - 1, values)))
    assert np.allclose(flat(msgspec.json.decode(replayed, type=Answer)), flat(streamed), rtol=1e-5)


def test_a_state_that_was_lost_shows_in_the_next_forecast(bundle: Bundle) -> None:
    expected = Expected.of(bundle.path)
    assert STEPS > 1
    assert equal(expected.kept, expected.kept * (1 + 1e-6))
    assert not equal(expected.kept, expected.lost)
    assert not equal(expected.kept, expected.before)


@pytest.mark.parametrize("shape", [(0,), (5,)])
def test_a_forecast_of_another_shape_is_another_forecast(shape: tuple[int, ...]) -> None:
    assert not equal(np.ones(shape), np.ones(6))
