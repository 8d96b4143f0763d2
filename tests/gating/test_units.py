"""The units that are named are those that move; those that move alike stand together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from commands.gating.units import by_likeness, most_responsive


def test_the_chosen_units_are_those_with_the_planted_variance() -> None:
    random = np.random.default_rng(0)
    planted = {17: 0.3, 3: 0.2, 40: 0.1}
    scale = np.array([planted.get(unit, 0.01) for unit in range(64)])
    values = (random.normal(size=(500, 64)) * scale + random.normal(size=64)).astype(np.float32)
    assert most_responsive(values, 3) == [17, 3, 40]


def test_units_that_respond_alike_come_in_their_order() -> None:
    wave = np.sin(np.arange(50.0))[:, None].astype(np.float32)
    assert most_responsive(np.repeat(wave, 6, axis=1), 4) == [0, 1, 2, 3]
    assert most_responsive(wave, 9) == [0]


def test_units_of_like_course_are_neighbours() -> None:
    random = np.random.default_rng(1)
    groups = random.permutation(np.repeat(np.arange(5), 6))  # the group of each unit
    courses = random.normal(size=(200, 5))
    values = courses[:, groups] + random.normal(scale=0.05, size=(200, 30))
    ordered = groups[by_likeness(values.astype(np.float32))]
    assert int((np.diff(ordered) != 0).sum()) == 4  # each group in one piece


def test_a_rhythm_is_ordered_by_its_phase() -> None:
    phases = np.random.default_rng(2).permutation(12)
    values = np.sin(np.arange(240.0)[:, None] * 2 * np.pi / 24 + phases * 0.25)
    ordered = phases[by_likeness(values.astype(np.float32))]
    assert ordered.tolist() in (list(range(12)), list(range(11, -1, -1)))


@given(units=st.integers(1, 12), constant=st.booleans(), seed=st.integers(0, 99))
def test_every_unit_is_shown_once(units: int, constant: bool, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(6, units)) * (0.0 if constant else 1.0)
    assert sorted(by_likeness(values.astype(np.float32))) == list(range(units))
