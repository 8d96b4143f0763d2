"""Pieces of frames into batches, sessions into turns, turns into runs of one shape."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.batching import PADDING, Batch, Turns, padded
from service.errors import InvalidValue
from service.frame_queue import Piece
from tests.service.frames import waiting


def turns(*lengths: int) -> Turns:
    count = np.array(lengths)
    readings = np.arange(count.sum())[::-1].copy()
    return Turns(np.arange(len(count)), count, np.cumsum(count) - count, readings, np.zeros(len(count), np.int64))


def test_sizes_are_padded_to_powers_of_two() -> None:
    assert [padded(count) for count in (0, 1, 2, 3, 4, 5, 8, 9, 1024, 1025)] == [1, 1, 2, 4, 4, 8, 8, 16, 1024, 2048]


def test_a_batch_joins_pieces_and_their_errors_and_ends_with_a_missing_reading() -> None:
    first, second = waiting(*"abc"), waiting(*"de")
    wrong = InvalidValue("no")
    first.wrong.update({0: wrong, 2: wrong})
    second.wrong.update({1: wrong})
    batch = Batch.of([Piece(first, 1, 3), Piece(second, 0, 2)])
    assert batch.sessions == ["b", "c", "d", "e"]
    assert batch.errors == [None, wrong, None, wrong]
    np.testing.assert_array_equal(batch.values[:, 0], [1.0, 2.0, 0.0, 1.0, np.nan])


def test_turns_run_in_groups_of_one_length_class_and_single_steps_apart() -> None:
    some = turns(1, 0, 2, 5, 1, 8, 3)
    groups = {width: np.flatnonzero(group).tolist() for group, width in some.groups()}
    assert groups == {0: [0, 4], 1: [1], 2: [2], 4: [6], 8: [3, 5]}


@given(st.lists(st.integers(0, 20), min_size=1, max_size=30))
def test_every_turn_is_in_one_group_with_all_its_readings_in_order(lengths: list[int]) -> None:
    some = turns(*lengths)
    seen = np.zeros(len(lengths), np.int64)
    for group, width in some.groups():
        seen += group
        chosen = some.keep(group)
        if width == 0:
            np.testing.assert_array_equal(chosen.lengths, 1)
            positions = chosen.readings[:, None]
        else:
            assert all(padded(length) == width for length in chosen.lengths.tolist())
            positions = chosen.positions(width)
        for at, row, length in zip(chosen.rows, positions, chosen.lengths, strict=True):
            begin = some.offsets[at]
            np.testing.assert_array_equal(row[:length], some.readings[begin : begin + length])
            assert (row[length:] == PADDING).all()
    assert (seen == 1).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=20))
def test_the_turns_kept_are_those_asked_for(pairs: list[tuple[int, bool]]) -> None:
    some = turns(*(length for length, _ in pairs))
    kept = some.keep(np.array([keep for _, keep in pairs]))
    expected = [
        some.readings[some.offsets[at] : some.offsets[at] + length].tolist()
        for at, (length, keep) in enumerate(pairs)
        if keep
    ]
    got = [
        kept.readings[first : first + length].tolist() for first, length in zip(kept.offsets, kept.lengths, strict=True)
    ]
    assert got == expected
    last = [readings[-1] for readings in expected if readings]
    assert kept.last[kept.lengths > 0].tolist() == last
