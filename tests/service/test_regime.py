"""The statistic of the regime flag: a change of many units raises it, and a row is never touched by its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.regime import RAISE, Watch
from service.runtimes.fake import fake_bundle

UNITS = 32
WATCH = Watch(np.arange(UNITS), memory=40)
SEEN = np.ones(1, np.bool_)


def units(length: int, seed: int) -> NDArray[np.float32]:
    """Gates that hover around a mean of their own, (length, UNITS)."""
    random = np.random.default_rng(seed)
    means, widths = random.uniform(0.2, 0.8, UNITS), random.uniform(0.01, 0.05, UNITS)
    return (means + widths * random.normal(size=(length, UNITS))).astype(np.float32)


def watched(gates: NDArray[np.float32], watch: Watch = WATCH) -> tuple[list[bool], list[float], list[int]]:
    """Flag, score and since after each reading of one session."""
    row = watch.initial()[None]
    told = []
    for gate in gates:
        row = watch.advance(row, gate[None], SEEN)
        said = watch.read(row)
        told.append((bool(said.flag[0]), float(said.score[0]), int(said.since[0])))
    flags, scores, since = zip(*told, strict=True)
    return list(flags), list(scores), list(since)


def test_gates_that_stay_in_their_range_raise_nothing_and_the_score_waits_for_a_baseline() -> None:
    flags, scores, since = watched(units(600, seed=1))
    assert np.flatnonzero(np.isfinite(scores))[0] == WATCH.warm_up == 60
    assert not any(flags)
    assert set(since) == {-1}


def test_many_units_that_leave_at_once_raise_the_flag_and_one_alone_does_not() -> None:
    gates = units(300, seed=2)
    alone = gates.copy()
    alone[200:, 3] += 0.5
    assert not any(watched(alone)[0])
    together = gates.copy()
    together[200:, ::2] += 0.5
    flags, _, since = watched(together)
    assert not any(flags[:200])
    assert flags.index(True) in range(200, 206)
    assert since[flags.index(True)] == flags.index(True)


def test_the_flag_comes_down_when_the_new_range_has_become_usual() -> None:
    gates = units(900, seed=3)
    gates[200:] += np.float32(0.3)
    flags, scores, since = watched(gates)
    assert any(flags[200:260])
    assert not any(flags[600:])
    assert since[-1] == -1
    assert scores[-1] < RAISE


def test_the_flag_has_hysteresis_up_at_one_score_and_down_below_a_lower_one() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        gates = units(500, seed)
        gates += (random.random((500, 1)) < random.choice([0.0, 0.3, 0.6], 500)[:, None]) * np.float32(0.2)
        flags, scores, since = watched(gates)
        up = False
        for step, (flag, score) in enumerate(zip(flags, scores, strict=True)):
            expected = np.isfinite(score) and (score > RAISE / 2 if up else score >= RAISE)
            assert flag == expected, step
            assert since[step] == ((step if not up else since[step - 1]) if flag else -1)
            up = flag


def test_a_score_between_the_two_thresholds_leaves_the_flag_as_it_is() -> None:
    met = {(flag, before) for flag, before in between()}
    assert met == {(True, True), (False, False)}


def between() -> list[tuple[bool, bool]]:
    """Flags at scores between the thresholds, each with the flag before."""
    found = []
    for seed in range(20):
        gates = units(500, seed)
        gates[200:230] += np.float32(0.2)
        flags, scores, _ = watched(gates)
        found += [(flags[at], flags[at - 1]) for at in range(1, 500) if RAISE / 2 < scores[at] < RAISE]
    return found


def test_a_missing_reading_is_a_step_and_says_nothing() -> None:
    gates = units(200, seed=5)
    row = with_gap = WATCH.initial()[None]
    for at, gate in enumerate(gates):
        row = WATCH.advance(row, gate[None], SEEN)
        with_gap = WATCH.advance(with_gap, gate[None], SEEN)
        if at % 7 == 0:
            with_gap = WATCH.advance(with_gap, np.ones((1, UNITS), np.float32), ~SEEN)
            with_gap = WATCH.advance(with_gap, np.full((1, UNITS), np.nan, np.float32), SEEN)
        np.testing.assert_array_equal(WATCH.read(row).score, WATCH.read(with_gap).score)
    assert (row != with_gap).sum() == 1  # the count of steps


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), batch=st.integers(1, 9), length=st.integers(1, 90))
def test_a_batch_is_each_row_alone_to_the_bit(seed: int, batch: int, length: int) -> None:
    random = np.random.default_rng(seed)
    gates = random.random((length, batch, UNITS)).astype(np.float32)
    gates[random.random((length, batch)) < 0.05] = np.nan
    seen = random.random((length, batch)) < 0.9
    rows = np.tile(WATCH.initial(), (batch, 1))
    alone = [rows[at : at + 1] for at in range(batch)]
    for step in range(length):
        before = rows.copy()
        after = WATCH.advance(rows, gates[step], seen[step])
        np.testing.assert_array_equal(rows, before)
        rows = after
        alone = [WATCH.advance(alone[at], gates[step, at : at + 1], seen[step, at : at + 1]) for at in range(batch)]
    np.testing.assert_array_equal(rows, np.concatenate(alone))
    assert np.isfinite(rows).all()


def test_steps_beyond_what_a_float_can_count_are_counted() -> None:
    row = WATCH.initial()[None]
    row[:, 2], row[:, 3] = 20, 2**20 - 1
    row = WATCH.advance(row, units(1, 0), SEEN)
    assert row[0, 2:4].tolist() == [21, 0]


@pytest.mark.parametrize(
    ("gates", "columns"),
    [
        (("1.r", "1.z", "2.r"), [0, 1, 2, 3, 8, 9, 10, 11]),
        (("1.i", "1.f", "1.g", "1.o"), [0, 1, 2, 3]),
        (("1/1.r", "1/1.z", "2/1.i"), [0, 1, 2, 3]),
        (("1.z", "1.n"), None),
        (("1.n",), None),
        ((), None),
    ],
    ids=["gru", "lstm", "ensemble", "min-gru", "rnn", "unnamed"],
)
def test_reset_gates_are_watched_or_an_lstms_input_gates_or_nothing(
    gates: tuple[str, ...], columns: list[int] | None
) -> None:
    watch = Watch.of(fake_bundle(gates=gates).manifest)
    assert (None if watch is None else watch.units.tolist()) == columns
    assert Watch.of(fake_bundle(streams=False).manifest) is None


def test_a_row_of_another_statistic_or_another_model_does_not_fit() -> None:
    row = WATCH.initial()
    assert WATCH.fits(row)
    other = row.copy()
    other[0] += 1
    assert not WATCH.fits(other)
    assert not WATCH.fits(row[:-1])
