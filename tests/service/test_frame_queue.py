"""Frames in a queue: long ones in pieces that let others pass, the order within each session always kept."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from service.budget import STEP_COST
from service.frame_queue import FrameQueue, Piece
from service.waiting import Frame
from tests.service.frames import capitals, nobody, waiting

Taken = list[tuple[str, int, int]]


def queue_of(*frames: Frame) -> FrameQueue:
    return FrameQueue(deque(frames), nobody)


def come(queue: FrameQueue, *frames: Frame) -> None:
    queue._frames.extend(frames)


def taken(queue: FrameQueue, limit: int) -> Taken:
    return [("".join(piece.frame.observations.sessions), piece.first, piece.stop) for piece in queue.form(limit)]


def test_frames_are_taken_in_order_and_a_long_one_in_parts() -> None:
    queue = queue_of(waiting(*"abc"), waiting(*"defgh"))
    assert taken(queue, 4) == [("abc", 0, 3), ("defgh", 0, 1)]
    assert taken(queue, 3) == [("defgh", 1, 4)]
    assert taken(queue, 3) == [("defgh", 4, 5)]
    assert taken(queue, 3) == []


def test_others_pass_a_frame_that_has_begun_and_it_goes_on_after_them() -> None:
    queue = queue_of(waiting(*"aaaaaaaa"), waiting(*"b"), waiting(*"cc"))
    assert taken(queue, 3) == [("aaaaaaaa", 0, 3)]
    assert taken(queue, 3) == [("b", 0, 1), ("cc", 0, 2)]
    come(queue, waiting(*"d"))
    assert taken(queue, 3) == [("aaaaaaaa", 3, 6)]
    come(queue, waiting(*"e"))
    assert taken(queue, 3) == [("d", 0, 1), ("e", 0, 1)]
    assert taken(queue, 3) == [("aaaaaaaa", 6, 8)]


def test_frames_that_have_begun_take_turns() -> None:
    queue = queue_of(waiting(*"aaaa"), waiting(*"bbbb"), waiting(*"cccc"))
    order = [piece[0][0] for _ in range(8) for piece in taken(queue, 2)]
    assert "".join(order) == "abacbc"


def test_those_that_share_a_session_with_a_frame_that_has_begun_wait_for_its_end_in_their_order() -> None:
    queue = queue_of(waiting(*"aaaaa"), waiting(*"xa"), waiting(*"x"), waiting(*"b"))
    assert taken(queue, 3) == [("aaaaa", 0, 3)]
    assert taken(queue, 3) == [("b", 0, 1)]
    assert queue.parked == 2
    assert taken(queue, 3) == [("aaaaa", 3, 5), ("xa", 0, 1)]
    assert taken(queue, 3) == [("xa", 1, 2)]
    assert taken(queue, 3) == [("x", 0, 1)]


def test_a_batch_that_is_put_back_comes_again_before_those_that_wait_behind_it() -> None:
    queue = queue_of(waiting(*"aaaaa"), waiting(*"xa"), waiting(*"b"))
    assert taken(queue, 3) == [("aaaaa", 0, 3)]
    pieces = queue.form(3)
    assert [piece.frame.observations.sessions for piece in pieces] == [["b"]]
    come(queue, waiting(*"x"), waiting(*"c"))
    queue.put_back(pieces)
    assert taken(queue, 3) == [("b", 0, 1), ("c", 0, 1)]
    pieces = queue.form(3)
    assert [(piece.first, piece.stop) for piece in pieces] == [(3, 5), (0, 1)]
    queue.put_back(pieces)
    assert taken(queue, 3) == [("aaaaa", 3, 5), ("xa", 0, 1)]
    assert taken(queue, 3) == [("xa", 1, 2)]
    assert taken(queue, 3) == [("x", 0, 1)]
    assert taken(queue, 3) == []
    assert queue.parked == 0


def test_a_frame_that_was_cancelled_when_it_had_begun_lets_those_behind_it_go() -> None:
    half = waiting(*"aaaaa")
    queue = queue_of(half, waiting(*"a"))
    assert taken(queue, 2) == [("aaaaa", 0, 2)]
    assert taken(queue, 2) == [("aaaaa", 2, 4)]
    half.caller.future.cancel()
    assert taken(queue, 2) == [("a", 0, 1)]


def test_a_cancelled_frame_is_dropped_when_the_batch_is_formed_even_half_taken() -> None:
    gone, half = waiting(*"ab"), waiting(*"cdef")
    queue = queue_of(gone, half, waiting(*"g"))
    gone.caller.future.cancel()
    assert taken(queue, 2) == [("cdef", 0, 2)]
    half.caller.future.cancel()
    assert taken(queue, 2) == [("g", 0, 1)]
    assert taken(queue, 2) == []


def test_a_parked_frame_holds_those_that_share_a_session_and_no_others() -> None:
    late, behind, free, further = waiting(*"aL"), waiting(*"ba"), waiting(*"cd"), waiting(*"eb")
    queue = queue_of(late, behind, free, further)
    pieces = queue.form(100)
    assert [piece.frame for piece in queue.put_aside(pieces, {"L"})] == [free]
    assert queue.parked == 3
    come(queue, waiting(*"Lx"), waiting(*"yz"))
    assert taken(queue, 100) == [("yz", 0, 2)]
    queue.release()
    assert taken(queue, 100) == [("aL", 0, 2), ("ba", 0, 2), ("eb", 0, 2), ("Lx", 0, 2)]


def test_what_is_left_of_a_frame_is_parked_from_where_its_batch_began() -> None:
    queue = queue_of(waiting(*"aaLa"), waiting(*"b"))
    assert taken(queue, 2) == [("aaLa", 0, 2)]
    assert taken(queue, 1) == [("b", 0, 1)]
    assert queue.put_aside(queue.form(1), {"L"}) == []
    assert taken(queue, 9) == []
    queue.release()
    assert taken(queue, 9) == [("aaLa", 2, 4)]


def test_a_frame_that_is_parked_when_it_had_begun_stays_before_those_behind_it() -> None:
    queue = queue_of(waiting(*"aaLa"), waiting(*"a"))
    assert taken(queue, 2) == [("aaLa", 0, 2)]
    come(queue, waiting(*"b"))
    assert taken(queue, 2) == [("b", 0, 1)]
    assert queue.put_aside(queue.form(1), {"L"}) == []
    assert queue.parked == 2
    queue.release()
    assert taken(queue, 9) == [("aaLa", 2, 4), ("a", 0, 1)]


def test_a_frame_behind_one_that_ends_waits_on_for_one_that_is_parked() -> None:
    queue = queue_of(waiting(*"L"), waiting(*"aaa"), waiting(*"aL"))
    assert [piece.stop for piece in queue.put_aside(queue.form(3), {"L"})] == [2]
    assert taken(queue, 3) == [("aaa", 2, 3)]
    assert taken(queue, 3) == []
    assert queue.parked == 2
    queue.release()
    assert taken(queue, 3) == [("L", 0, 1), ("aL", 0, 2)]


def test_watched_frames_run_side_by_side_and_are_cut_where_they_are_deep() -> None:
    frames = [waiting(*(name * 9)) for name in "ABC"]
    queue = FrameQueue(deque([*frames, waiting(*"d")]), capitals)
    limit = 10 + 2 * STEP_COST
    assert taken(queue, limit) == [("A" * 9, 0, 3), ("B" * 9, 0, 3), ("C" * 9, 0, 3), ("d", 0, 1)]
    come(queue, waiting(*"e"))
    assert taken(queue, limit) == [("e", 0, 1)]
    assert [piece[1:] for _ in range(3) for piece in taken(queue, limit)] == [(3, 6)] * 3 + [(6, 9)] * 3


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_is_late_or_cancelled_each_session_has_its_readings_once_and_in_order(data: st.DataObject) -> None:
    letters = "abCDE"
    queue = FrameQueue(frames := deque(), capitals)
    limit = data.draw(st.sampled_from([1, 3, 40, 120]), label="limit")
    sent: list[Frame] = []
    found: list[tuple[int, int]] = []  # frame and reading, as they were run

    def run(pieces: list[Piece]) -> None:
        for piece in pieces:
            found.extend((sent.index(piece.frame), at) for at in range(piece.first, piece.stop))

    def turn(late: set[str]) -> bool:
        pieces = queue.form(limit)
        worked = bool(pieces)
        missing = {name for piece in pieces for name in piece.frame.observations.sessions[piece.first : piece.stop]}
        while pieces and (now := late & missing):
            pieces = queue.put_aside(pieces, now)
            missing = {name for piece in pieces for name in piece.frame.observations.sessions[piece.first : piece.stop]}
        run(pieces)
        return worked

    for _ in range(data.draw(st.integers(1, 12), label="rounds")):
        for names in data.draw(st.lists(st.text(letters, min_size=1, max_size=8), max_size=4), label="frames"):
            sent.append(waiting(*names))
            frames.append(sent[-1])
        if sent and data.draw(st.integers(0, 9), label="cancels") == 0:
            sent[data.draw(st.integers(0, len(sent) - 1))].caller.future.cancel()
        turn(set(data.draw(st.lists(st.sampled_from(letters), max_size=1), label="late")))
        if data.draw(st.booleans(), label="releases"):
            queue.release()
    queue.release()
    while turn(set()):
        pass
    assert [len(frames), len(queue.begun), queue.parked] == [0, 0, 0]
    assert len(found) == len(set(found))
    for name in letters:
        its = [each for each in found if sent[each[0]].observations.sessions[each[1]] == name]
        assert its == sorted(its)
    whole = {each for each in found if not sent[each[0]].caller.gone}
    assert whole == {
        (number, at)
        for number, frame in enumerate(sent)
        if not frame.caller.gone
        for at in range(len(frame.observations.sessions))
    }
