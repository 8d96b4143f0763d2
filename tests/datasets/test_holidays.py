"""Holidays by name: looked up once, where data are read; what cannot be had is refused, and how long they are known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from datasets.public_holidays import find_holidays
from datasets.reader import read_table
from datasets.table import DataError

FIRST, LAST = (int(datetime(2014 + year, 7, 1, tzinfo=UTC).timestamp()) for year in (0, 1))


def test_public_holidays_are_known_from_the_year_before_the_data_to_fifteen_years_after() -> None:
    found = find_holidays("US-NY", FIRST, LAST)
    assert found.names == ("US-NY",)
    days = found.dates[0]
    assert {"2013-01-01", "2014-11-27", "2014-12-25", "2015-01-01", "2015-01-19", "2030-12-25"} <= set(days)
    assert (days[0], found.until) == ("2013-01-01", "2030-12-31")
    assert list(days) == sorted(set(days))


def test_each_source_has_days_of_its_own_and_all_are_known_until_the_first_of_them_ends(tmp_path: Path) -> None:
    shop = tmp_path / "shop.csv"
    shop.write_text("date,name\n2015-03-02,sale\n2014-09-01,sale\n\n2016-05-02,stocktaking\n", encoding="utf-8")
    found = find_holidays(f"DE, {shop}", FIRST, LAST)
    assert found.names == ("DE", "shop.csv")
    assert found.dates[1] == ("2014-09-01", "2015-03-02", "2016-05-02")
    assert found.until == "2016-05-02"
    assert "2014-10-03" in found.dates[0]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("Germany", r"no public holidays of 'Germany' are known: write a country such as DE"),
        ("US-ZZ", r"US has no subdivision 'ZZ' here: expected A.* or one of \d+ more"),
        ("DE-", r"DE has no subdivision '' here"),
        ("DE,DE", r"each once, joined by commas, got 'DE,DE'"),
        ("DE,", r"joined by commas, got 'DE,'"),
        ("none.csv", r"none\.csv cannot be read \(No such file or directory\)"),
    ],
)
def test_what_is_not_known_is_refused_and_told_what_is_expected(named: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        find_holidays(named, FIRST, LAST)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date\n2015-03-02\n02.03.2015,sale\n", r"line 3: expected a date such as 2015-12-25 .* got '02\.03\.2015'"),
        ("25.12.2015,Christmas\n2015-12-26\n", r"line 1: expected a date such as 2015-12-25 .* got '25\.12\.2015'"),
        ("2015-12-25\n20151226\n", r"line 2: expected a date such as 2015-12-25 .* got '20151226'"),
        ("date,name\n", r"lists no date"),
        ("", r"lists no date"),
    ],
)
def test_a_file_of_days_is_one_date_a_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "days.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        find_holidays(str(tmp_path / "days.csv"), FIRST, LAST)


def test_dates_of_another_century_are_left_out_so_that_no_model_holds_a_row_for_each_day_until_then(
    tmp_path: Path,
) -> None:
    (tmp_path / "days.csv").write_text("1600-01-01\n2013-01-01\n2015-05-01\n2030-12-31\n9999-12-31\n")
    found = find_holidays(str(tmp_path / "days.csv"), FIRST, LAST)
    assert (found.dates, found.until) == ((("2013-01-01", "2015-05-01", "2030-12-31"),), "2030-12-31")
    (tmp_path / "days.csv").write_text("1600-01-01\n")
    assert find_holidays(str(tmp_path / "days.csv"), FIRST, LAST).dates == ((),)
    (tmp_path / "days.csv").write_text("0001-01-01\n9999-12-31\n")
    first, last = (int(datetime(year, 7, 1, tzinfo=UTC).timestamp()) for year in (1, 9999))
    assert find_holidays(str(tmp_path / "days.csv"), first, last).until == "9999-12-31"
    assert find_holidays("US", first, first + 9_999_999).dates == ((),)


def table(path: Path, times: list[str]) -> Path:
    path.write_text("\n".join(["ds,y", *(f"{time},{at % 7}" for at, time in enumerate(times))]), encoding="utf-8")
    return path


def test_a_table_tells_what_is_odd_about_its_holidays(tmp_path: Path) -> None:
    path = table(tmp_path / "days.csv", [f"2015-03-{day:02d}" for day in range(1, 31)])
    read = read_table(path, holidays="US")
    assert read.holidays is not None
    assert read.warnings == ("--holidays: no day of US lies in the data: nothing can be learned of them",)
    (tmp_path / "shop.csv").write_text("2015-03-07\n", encoding="utf-8")
    (warning,) = read_table(path, holidays=str(tmp_path / "shop.csv")).warnings
    assert warning.startswith("--holidays: known until 2015-03-07, and the data go on")
    assert read_table(path).holidays is None


@pytest.mark.parametrize("snap", [False, True])
def test_days_by_a_clock_that_jumps_are_refused_since_some_would_be_taken_for_the_day_before(
    tmp_path: Path, snap: bool
) -> None:
    path = table(tmp_path / "days.csv", [f"2015-{month:02d}-{day:02d}" for month in (3, 4) for day in range(1, 31)])
    with pytest.raises(DataError, match=r"with --zone, got 1d: the midnights of Europe/Berlin .* Leave --zone out"):
        read_table(path, zone="Europe/Berlin", holidays="DE", snap=snap)
    assert read_table(path, zone="Asia/Tokyo", holidays="JP").series[0].start % 86_400 == 15 * 3_600


def test_steps_without_a_day_of_their_own_are_refused(tmp_path: Path) -> None:
    weeks = table(tmp_path / "weeks.csv", ["2015-01-05", "2015-01-12", "2015-01-19", "2015-01-26"])
    with pytest.raises(DataError, match="expected steps of a day or shorter, got 1w"):
        read_table(weeks, holidays="US")
    with pytest.raises(DataError, match="expected steps of a day or shorter, got 1:"):
        read_table(table(tmp_path / "counts.csv", ["1", "2", "3"]), holidays="US")
