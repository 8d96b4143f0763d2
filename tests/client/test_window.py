"""What a client remembers of acknowledged readings: enough to send them again, and never more than it may."""

from __future__ import annotations

import tracemalloc
from array import array
from datetime import datetime

import pytest
from gatecast_client import GatecastClient, Reading
from gatecast_client.window import Window
from hypothesis import given, settings
from hypothesis import strategies as st


def taken(window: Window, session: str, steps: range, price: bool = False) -> None:
    columns = {"price": [step + 0.5 for step in steps]} if price else {}
    window.take_columns([session] * len(steps), steps, map(float, steps), columns)


@given(st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(1, 40)), max_size=40), st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_it_never_holds_more_than_it_may_and_always_the_end(turns: list[tuple[str, int]], most: int) -> None:
    window, sent = Window(most), dict.fromkeys("abcdefghij", 0)
    for session, count in turns:
        for step in range(sent[session], sent[session] + count):
            window.take(Reading(session, float(step), step), step, repeated=False)
            assert len(window) <= most
        sent[session] += count
        assert window.last(session) == sent[session] - 1
        lost = window.lost(session, 0)
        assert lost is not None
        assert (lost.last, len(lost)) == (sent[session] - 1, sent[session])
        whole = window.lost(session, lost.held)
        assert whole is not None
        assert whole.whole
        assert whole.values.tolist() == [*map(float, range(lost.held, sent[session]))]
        assert window.lost(session, sent[session]) is None


def test_a_long_session_makes_room_before_a_quiet_one_and_the_longest_silent_goes_first() -> None:
    window = Window(100)
    taken(window, "quiet", range(3))
    taken(window, "busy", range(98))
    quiet, busy = window.lost("quiet", 0), window.lost("busy", 0)
    assert quiet is not None
    assert quiet.whole
    assert busy is not None
    assert busy.held == 98 - 47
    for number in range(100):
        taken(window, f"other-{number}", range(1))
    assert (window.last("quiet"), window.last("busy"), window.last("other-99")) == (None, None, 0)


def test_covariates_go_with_their_readings_and_the_first_time_with_the_first_one() -> None:
    window = Window()
    first = Reading("a", 1.0, ds=datetime(2015, 1, 10), covariates={"rain": None, "price": 7.0})
    window.take(first, 0, repeated=False)
    window.take(Reading("a", None, 1, covariates={"price": 8.0, "rain": 0.0}), 1, repeated=False)
    lost = window.lost("a", 0)
    assert lost is not None
    assert (lost.names, lost.ds) == (("price", "rain"), "2015-01-10T00:00:00")
    assert repr(lost.values.tolist()) == "[1.0, 7.0, nan, nan, 8.0, 0.0]"


def test_readings_that_are_acknowledged_before_older_ones_find_their_place() -> None:
    window = Window()
    taken(window, "a", range(2))
    taken(window, "a", range(4, 6))
    behind = window.lost("a", 2)
    assert behind is not None
    assert (behind.whole, behind.held, behind.last) == (False, 4, 5)
    taken(window, "a", range(2, 4))
    taken(window, "a", range(6, 7))
    lost = window.lost("a", 0)
    assert lost is not None
    assert lost.values.tolist() == [*map(float, range(7))]


def test_another_value_at_a_step_is_another_session_of_that_name() -> None:
    window = Window()
    taken(window, "a", range(10))
    window.take(Reading("a", 3.0, 3), 3, repeated=False)  # the same again
    assert window.last("a") == 9
    window.take(Reading("a", 99.0, 3), 3, repeated=False)
    lost = window.lost("a", 2)
    assert lost is not None
    assert lost.values.tolist() == [2.0, 99.0]


def test_steps_that_others_send_do_not_pile_up() -> None:
    window = Window(10_000)
    for step in range(0, 2000, 2):
        window.take(Reading("a", 1.0, step), step, repeated=False)
    assert len(window) < 100


@pytest.mark.parametrize("price", [False, True])
def test_a_reading_by_columns_takes_eight_bytes_and_eight_for_each_covariate(price: bool) -> None:
    names = [f"meter-{number}" for number in range(100)]
    window = Window(2**20)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for step in range(1000):
            column = array("d", [float(step)]) * 100
            window.take_columns(names, array("q", [step]) * 100, column, {"price": column} if price else {})
        took = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(window) == 100_000
    assert took / 100_000 < (1 + price) * 8 * 1.2 + 1.0  # lists that grow are an eighth too long


def test_none_are_held_where_none_are_wanted() -> None:
    window = Window(0)
    taken(window, "a", range(10))
    assert (len(window), window.last("a")) == (0, None)
    with pytest.raises(ValueError, match="resend_readings"):
        GatecastClient(resend_readings=-1)
