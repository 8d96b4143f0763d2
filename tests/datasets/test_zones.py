"""Readings of a zone with summer time: each lies on a grid of UTC, however its time is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from datasets.reader import read_table
from datasets.table import DataError, SeriesTable

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = (
    datetime(2024, 3, 30, tzinfo=UTC),
    datetime(2024, 10, 26, tzinfo=UTC),
)  # the clocks change the day after


def hours(start: datetime, count: int = 72) -> list[datetime]:
    return [(start + timedelta(hours=at)).astimezone(BERLIN) for at in range(count)]


def written(path: Path, texts: list[str], ids: tuple[str, ...] = ("a",)) -> Path:
    lines = [f"{name},{text},{at}" for name in ids for at, text in enumerate(texts)]
    path.write_text("\n".join(["unique_id,ds,y", *lines]))
    return path


def assert_whole(table: SeriesTable, start: datetime) -> None:
    """All readings side by side on a grid of UTC."""
    assert (table.time_zone, table.calendar_zone) == ("UTC", "Europe/Berlin")
    for series in table.series:
        assert series.start == int(start.timestamp())
        np.testing.assert_array_equal(series.values[:, 0], np.arange(72.0))


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S"])
def test_local_times_with_and_without_offsets_lie_on_one_grid(tmp_path: Path, start: datetime, form: str) -> None:
    path = written(tmp_path / "local.csv", [time.strftime(form) for time in hours(start)], ("a", "b"))
    assert_whole(read_table(path, zone="Europe/Berlin"), start)


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
def test_times_of_utc_and_of_any_zone_in_parquet_are_the_moments_that_they_are(tmp_path: Path, start: datetime) -> None:
    utc = written(tmp_path / "utc.csv", [time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for time in hours(start)])
    assert_whole(read_table(utc, zone="Europe/Berlin"), start)
    times = pl.Series([time.astimezone(UTC) for time in hours(start)]).dt.convert_time_zone("Europe/Berlin")
    pl.DataFrame({"ds": times, "y": np.arange(72.0)}).write_parquet(tmp_path / "local.parquet")
    assert_whole(read_table(tmp_path / "local.parquet", zone="Europe/Berlin"), start)


def test_half_hours_that_come_twice_are_told_apart_by_their_order(tmp_path: Path) -> None:
    times = [(AUTUMN + timedelta(minutes=30 * at)).astimezone(BERLIN) for at in range(72)]
    path = written(tmp_path / "half.csv", [time.strftime("%Y-%m-%dT%H:%M:%S") for time in times])
    assert_whole(read_table(path, zone="Europe/Berlin"), AUTUMN)


def test_without_a_zone_local_times_are_refused_as_ever(tmp_path: Path) -> None:
    path = written(tmp_path / "local.csv", [time.strftime("%Y-%m-%d %H:%M:%S") for time in hours(AUTUMN)])
    with pytest.raises(DataError):
        read_table(path)


def test_what_no_zone_can_be_put_on_is_refused_by_name(tmp_path: Path) -> None:
    path = written(tmp_path / "skipped.csv", ["2024-03-31T01:30:00", "2024-03-31T02:30:00"])
    with pytest.raises(DataError, match=r"'2024-03-31T02:30:00', which that clock skips"):
        read_table(path, zone="Europe/Berlin")
    with pytest.raises(DataError, match=r"--zone: expected a time zone such as Europe/Berlin, got 'Mars'"):
        read_table(path, zone="Mars")
    with pytest.raises(DataError, match="--zone is for times that are dates"):
        read_table(written(tmp_path / "counts.csv", ["1", "2", "3"]), zone="Europe/Berlin")
