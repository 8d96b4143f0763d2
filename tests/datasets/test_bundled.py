"""The example data that comes with the package."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.bundled import bundled
from datasets.frequency import Frequency, format_time
from datasets.reader import read_table


def test_the_taxi_data_reads_as_it_is() -> None:
    table = read_table(bundled("nyc_taxi"))
    assert table.frequency == Frequency("second", 1800)
    assert (table.target, table.covariates, table.time_zone, table.warnings) == ("value", (), None, ())
    (series,) = table.series
    assert series.unique_id == "nyc_taxi"
    assert series.values.shape == (10_320, 1)
    assert series.values[:2, 0].tolist() == [10_844, 8_127]
    assert series.values[-1, 0] == 26_288
    assert not np.isnan(series.values).any()
    assert format_time(series.start, table.frequency) == "2014-07-01T00:00:00"


def test_the_machine_temperature_reads_as_it_is() -> None:
    table = read_table(bundled("machine_temperature"))
    assert table.frequency.alias == "5min"
    assert table.warnings == ()
    assert table.series[0].values.shape == (22_683, 1)
    assert not np.isnan(table.series[0].values).any()


def test_the_licence_lies_beside_the_data() -> None:
    assert "Permission is hereby granted" in (bundled("nyc_taxi").parent / "LICENSE.txt").read_text()


def test_a_data_set_that_is_not_bundled_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="machine_temperature, nyc_taxi, got"):
        bundled("../split")
