"""A space as it is declared: what may be tuned, what is wrong with a file, and what a grid makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution

from models.tuning.dimension import Range
from models.tuning.space import DEFAULT, Space, SpaceError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "declares nothing to tune"),
        ("rate = ", "is no TOML"),
        (
            "horizn = 3",
            "horizn is no setting. What can be tuned is of the model: architecture, attended, calendar, decoder",
        ),
        ("horizn = 3", "of the training: accumulate, batch, batch_steps"),
        ("horizon = { low = 1, high = 2 }", "--horizon decides it"),
        ("seed = { choices = [1, 2] }", "chooses luck"),
        ("static = ['region']", "--static decides them"),
        ("batch_steps = { choices = ['few'] }", "expected a whole number, got 'few'"),
        ("quantiles = [0.5]", "cannot be compared"),
        ("rate = { low = 0.1, high = 0.01 }", "low must be below high, got 0.1 and 0.01"),
        ("rate = { low = 0.1 }", "expected { low, high }"),
        ("rate = { low = 0.1, high = 0.2, step = 1 }", "expected { low, high }"),
        ("rate = { low = 0, high = 0.2, log = true }", "needs a low above 0"),
        ("rate = { low = 0.1, high = 0.2, log = 1 }", "log is true or false"),
        ("rate = { low = 0.1, high = inf }", "expected a number, got inf"),
        ("rate = { choices = [] }", "expected { choices = [a, b, …] }"),
        ("rate = { choices = [0.1], low = 0.1 }", "expected { choices = [a, b, …] }"),
        ("rate = 'fast'", "expected a number, got 'fast'"),
        ("hidden = { low = 8.5, high = 16 }", "expected a whole number, got 8.5"),
        ("hidden = { choices = [8, true] }", "expected a whole number, got True"),
        ("hidden = { choices = [8, 8] }", "hold one value twice"),
        ("hidden = { low = 8, high = 16, points = 1 }", "at least 2"),
        ("architecture = { low = 1, high = 2 }", "only a number has a range"),
        ("lags = { choices = [24] }", "expected a list, each of it a whole number, got 24"),
    ],
)
def test_a_wrong_declaration_is_named_with_what_there_is(text: str, message: str) -> None:
    with pytest.raises(SpaceError) as wrong:
        Space.parse(text, "space.toml")
    assert "space.toml" in str(wrong.value)
    assert message in str(wrong.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"absent\.toml cannot be read"):
        Space.read(tmp_path / "absent.toml")
    (tmp_path / "space.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SpaceError, match=r"space\.toml cannot be read"):
        Space.read(tmp_path / "space.toml")


def test_a_range_a_list_and_a_single_value_become_dimensions() -> None:
    space = Space.parse(
        "rate = { low = 0.001, high = 0.1, log = true }\nlags = { choices = [[24], [24, 168]] }\nlayers = 1"
    )
    assert space.distributions["rate"] == FloatDistribution(0.001, 0.1, log=True)
    assert space.chosen({"rate": 0.01, "lags": "[24, 168]", "layers": 1}) == {
        "model": {"lags": (24, 168), "layers": 1},
        "training": {"rate": 0.01},
    }
    assert space.combinations == 6
    assert [round(rate, 6) for rate in space.grid["rate"]] == [0.001, 0.01, 0.1]
    assert space.grid["lags"] == ["[24]", "[24, 168]"]


def test_the_built_in_space_is_a_space_and_survives_json() -> None:
    space = Space.parse(DEFAULT)
    assert isinstance(space.distributions["hidden"], IntDistribution)
    assert Space.from_dict(space.to_dict()) == space


@given(st.integers(1, 1000), st.integers(1, 1000), st.booleans(), st.integers(2, 9))
def test_a_grid_of_whole_numbers_has_both_ends_and_no_point_twice(low: int, more: int, log: bool, points: int) -> None:
    grid = Range(low, low + more, log, points, whole=True).grid()
    assert (grid[0], grid[-1]) == (low, low + more)
    assert grid == sorted(set(grid))
    assert len(grid) <= points
    assert all(isinstance(point, int) for point in grid)
