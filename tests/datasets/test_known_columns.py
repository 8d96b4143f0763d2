"""Columns that are constant for a series and covariates that are known ahead: read, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.reader import read_table
from datasets.table import DataError
from tests.datasets.conftest import Write

ROWS = """unique_id,ds,y,price,area
north,2024-05-01,1,10,{0}
north,2024-05-02,2,11,{1}
north,2024-05-03,3,12,{2}
south,2024-05-01,4,13,7
south,2024-05-02,5,14,7
south,2024-05-03,6,15,7
"""


def test_a_static_feature_is_one_number_a_series_and_no_column_of_its_readings(write: Write) -> None:
    table = read_table(write(ROWS.format("", "3.5", "3.5")), static=["area"], future=["price"])
    assert (table.static, table.future, table.covariates) == (("area",), ("price",), ("price",))
    north, south = table.series
    np.testing.assert_array_equal([north.static, south.static], [[3.5], [7.0]])
    assert north.values.shape == (3, 2)
    unknown = read_table(write(ROWS.format("", "", "")), static=["area"]).series[0]
    assert np.isnan(unknown.static).all()


def test_a_static_feature_that_changes_is_refused_with_series_line_and_both_values(write: Write) -> None:
    path = write(ROWS.format("3.5", "3.5", "4.25"))
    with pytest.raises(DataError) as refused:
        read_table(path, static=["area"])
    said = str(refused.value)
    for words in ("data.csv", "line 4", "north", "'area'", "3.5 and later 4.25", "without --static it is a covariate"):
        assert words in said


def test_what_is_known_ahead_must_be_a_covariate(write: Write) -> None:
    path = write(ROWS.format("3", "3", "3"))
    for future, covariates in ((["wind"], None), (["price"], ["area"]), (["y"], None)):
        with pytest.raises(DataError, match=future[0]):
            read_table(path, future=future, covariates=covariates)
    with pytest.raises(DataError, match="area"):
        read_table(path, static=["area"], future=["area"])


def test_a_column_that_is_named_twice_as_known_ahead_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="the column 'price' is named twice, by --future: name it once"):
        read_table(write(ROWS.format("3", "3", "3")), future=["price", "price"])


def test_a_column_without_a_value_is_warned_of_by_what_it_is(write: Write) -> None:
    path = write(ROWS.format("", "", "").replace(",7\n", ",\n"))
    (static,) = read_table(path, static=["area"]).warnings
    (covariate,) = read_table(path).warnings
    assert "the static feature 'area' has no value at all: leave it out" in static
    assert "the covariate 'area' has no value at all: leave it out" in covariate


def test_a_static_column_that_is_not_there_is_named(write: Write) -> None:
    with pytest.raises(DataError, match="floor"):
        read_table(write(ROWS.format("3", "3", "3")), static=["floor"])
