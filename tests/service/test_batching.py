"""Frames into batches, sessions into turns, turns into runs of one shape."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.batching import PADDING, Batch, FrameQueue, Turns, padded
from service.errors import InvalidValue
from service.replies import Caller
from service.waiting import Frame
from tests.service.engines import frame


def waiting(*names: str, caller: Caller | None = None) -> Frame:
    async def make() -> Frame:
        return Frame(frame(*((name, float(at)) for at, name in enumerate(names))), {}, caller or Caller())

    return asyncio.run(make())


def taken(queue: FrameQueue, limit: int) -> list[tuple[str, int, int]]:
    return [("".join(piece.frame.observations.sessions), piece.first, piece.stop) for piece in queue.form(limit)]


def turns(*lengths: int) -> Turns:
    count = np.array(lengths)
    readings = np.arange(count.sum())[::-1].copy()
    return Turns(np.arange(len(count)), count, np.cumsum(count) - count, readings, np.zeros(len(count), np.int64))


def test_sizes_are_padded_to_powers_of_two() -> None:
    assert [padded(count) for count in (0, 1, 2, 3, 4, 5, 8, 9, 1024, 1025)] == [1, 1, 2, 4, 4, 8, 8, 16, 1024, 2048]


def test_frames_are_taken_in_order_and_a_long_one_in_parts() -> None:
    queue = FrameQueue(deque([waiting(*"abc"), waiting(*"defgh"), waiting(*"i")]))
    assert taken(queue, 4) == [("abc", 0, 3), ("defgh", 0, 1)]
    assert taken(queue, 3) == [("defgh", 1, 4)]
    assert taken(queue, 3) == [("defgh", 4, 5), ("i", 0, 1)]
    assert taken(queue, 3) == []


def test_a_cancelled_frame_is_dropped_when_the_batch_is_formed_even_half_taken() -> None:
    gone, half = waiting(*"ab"), waiting(*"cdef")
    queue = FrameQueue(deque([gone, half, waiting(*"g")]))
    gone.caller.future.cancel()
    assert taken(queue, 2) == [("cdef", 0, 2)]
    half.caller.future.cancel()
    assert taken(queue, 2) == [("g", 0, 1)]


def test_a_parked_frame_holds_those_that_share_a_session_and_no_others() -> None:
    late, behind, free, further = waiting(*"aL"), waiting(*"ba"), waiting(*"cd"), waiting(*"eb")
    queue = FrameQueue(deque([late, behind, free, further]))
    pieces = queue.form(100)
    assert [piece.frame for piece in queue.put_aside(pieces, {"L"})] == [free]
    assert queue.parked == 3
    queue._frames.extend([waiting(*"Lx"), waiting(*"yz")])
    assert taken(queue, 100) == [("yz", 0, 2)]
    queue.release()
    assert taken(queue, 100) == [("aL", 0, 2), ("ba", 0, 2), ("eb", 0, 2), ("Lx", 0, 2)]


def test_what_is_left_of_a_frame_is_parked_from_where_its_batch_began() -> None:
    queue = FrameQueue(deque([waiting(*"aaLa"), waiting(*"b")]))
    assert taken(queue, 2) == [("aaLa", 0, 2)]
    assert queue.put_aside(queue.form(1), {"L"}) == []
    assert taken(queue, 9) == [("b", 0, 1)]
    queue.release()
    assert taken(queue, 9) == [("aaLa", 2, 4)]


def test_a_batch_joins_pieces_and_their_errors_and_ends_with_a_missing_reading() -> None:
    first, second = waiting(*"abc"), waiting(*"de")
    wrong = InvalidValue("no")
    first.wrong.update({0: wrong, 2: wrong})
    second.wrong.update({1: wrong})
    queue = FrameQueue(deque([first, second]))
    queue.form(1)
    batch = Batch.of(queue.form(9))
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
