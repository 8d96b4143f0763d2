"""What goes into a batch: as many readings as cost what a batch may cost."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from service.budget import STEP_COST, Budget
from tests.service.frames import capitals, nobody


def test_a_reading_costs_one() -> None:
    budget = Budget(10, nobody)
    assert budget.take([*"abcdefg"], 0) == 7
    assert budget.take([*"xabc"], 1) == 4
    assert budget.take([*"x"], 0) == 0


def test_a_session_that_is_watched_pays_for_each_step_after_its_first() -> None:
    assert Budget(10 + 3 * STEP_COST, capitals).take(["A"] * 100, 0) == 4
    assert Budget(4 + 3 * STEP_COST, capitals).take(["A"] * 100, 0) == 4
    assert Budget(3 + 3 * STEP_COST, capitals).take(["A"] * 100, 0) == 3
    assert Budget(1, capitals).take(["A"] * 100, 0) == 1


def test_sessions_that_are_watched_take_their_steps_together() -> None:
    budget = Budget(10 + STEP_COST, capitals)
    assert budget.take([*"ABA"], 0) == 3
    assert budget.take([*"BCC"], 0) == 3
    assert budget.take([*"aaA"], 0) == 2
    assert budget.take([*"DD"], 0) == 2
    assert budget.take([*"E"], 0) == 0


def test_others_beside_it_pay_as_ever() -> None:
    budget = Budget(10 + STEP_COST, capitals)
    assert budget.take([*"AA"], 0) == 2
    assert budget.take([*"abcdefghijk"], 0) == 8


@settings(max_examples=100)
@given(st.text("aABC", max_size=60), st.integers(1, 200), st.integers(0, 20))
def test_a_batch_never_costs_more_than_its_limit_nor_leaves_out_what_it_could_have(
    names: str, limit: int, first: int
) -> None:
    def cost(taken: str) -> int:
        deepest = max((count for name, count in Counter(taken).items() if name.isupper()), default=1)
        return len(taken) + STEP_COST * (deepest - 1)

    stop = Budget(limit, capitals).take([*names], first)
    assert stop == first or cost(names[first:stop]) <= limit
    assert stop >= len(names) or cost(names[first : stop + 1]) > limit
