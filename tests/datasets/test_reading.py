"""What a good file becomes: columns, series, times, numbers, whatever the format it is written in."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.frequency import Frequency, format_time, parse_time
from datasets.reader import read_table
from datasets.table import DataError, SeriesTable

Write = Callable[..., Path]

LONG = "unique_id,ds,y,heat\nb,2015-01-01,1,10\nb,2015-01-02,2,\na,2015-01-02,,30\na,2015-01-03,4,40\n"


def same(left: SeriesTable, right: SeriesTable) -> bool:
    pairs = zip(left.series, right.series, strict=True)
    return (left.frequency, left.time_zone, left.covariates) == (
        right.frequency,
        right.time_zone,
        right.covariates,
    ) and all(
        (a.unique_id, a.start) == (b.unique_id, b.start) and np.array_equal(a.values, b.values, equal_nan=True)
        for a, b in pairs
    )


def test_the_long_format_becomes_series_with_covariates(write: Write) -> None:
    table = read_table(write(LONG))
    assert (table.target, table.covariates, table.frequency.alias) == ("y", ("heat",), "1d")
    assert [series.unique_id for series in table.series] == ["b", "a"]
    assert [series.start for series in table.series] == [parse_time(day, None) for day in ("2015-01-01", "2015-01-02")]
    np.testing.assert_array_equal(table.series[0].values, [[1, 10], [2, np.nan]])
    np.testing.assert_array_equal(table.series[1].values, [[np.nan, 30], [4, 40]])


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    parts = []
    for name in draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True)):
        length = draw(st.integers(2, 12))
        first = datetime(2000, 1, 1) + timedelta(minutes=30 * draw(st.integers(0, 10_000)))
        cells = st.one_of(st.none(), st.floats(-1e6, 1e6))
        y = draw(st.lists(cells, min_size=length, max_size=length))
        parts.append(
            pl.DataFrame(
                {
                    "unique_id": [name] * length,
                    "ds": [first + timedelta(minutes=30 * step) for step in range(length)],
                    "y": [1.5, *y[1:]],
                    "x": draw(st.lists(cells, min_size=length, max_size=length)),
                },
                schema={"unique_id": pl.String, "ds": pl.Datetime("us"), "y": pl.Float64, "x": pl.Float64},
            )
        )
    return pl.concat(parts)


@given(frames())
@settings(max_examples=40, deadline=None)
def test_csv_gzip_and_parquet_are_one_table(frame: pl.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain, zipped, parquet = (Path(folder) / name for name in ("d.csv", "d.csv.gz", "d.parquet"))
        frame.write_csv(plain)
        zipped.write_bytes(gzip.compress(plain.read_bytes()))
        frame.write_parquet(parquet)
        table = read_table(plain)
        assert same(table, read_table(zipped))
        assert same(table, read_table(parquet))
        assert sum(len(series) for series in table.series) == frame.height


@given(frames(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_series_and_their_mixing_change_nothing(frame: pl.DataFrame, chance) -> None:  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d.csv"
        frame.write_csv(path)
        table = {series.unique_id: series for series in read_table(path).series}
        queues = {name: list(part.iter_rows()) for (name,), part in frame.group_by("unique_id", maintain_order=True)}
        rows = []
        while queues:
            name = chance.choice(sorted(queues))
            rows.append(queues[name].pop(0))
            if not queues[name]:
                del queues[name]
        pl.DataFrame(rows, schema=frame.schema, orient="row").write_csv(path)
        mixed = read_table(path)
        assert [series.unique_id for series in mixed.series] == list(dict.fromkeys(row[0] for row in rows))
        for series in mixed.series:
            assert series.start == table[series.unique_id].start
            np.testing.assert_array_equal(series.values, table[series.unique_id].values)


def test_a_file_of_one_series_needs_no_id_and_is_named_after_the_file(write: Write) -> None:
    content = "timestamp,value\n2015-01-01 00:00:00,1\n2015-01-01 00:30:00,2\n"
    table = read_table(write(content, "pump.csv"))
    assert [series.unique_id for series in table.series] == ["pump"]
    zipped = read_table(write(gzip.compress(content.encode()), "pump.csv.gz"))
    assert same(table, zipped)


@pytest.mark.parametrize(
    "header", ["ds,y", "Timestamp,Value", "date,target", "when,count", "datetime,passengers", '"ds","y"', " ds , y "]
)
def test_time_and_target_are_found_by_their_usual_names_or_because_nothing_else_fits(write: Write, header: str) -> None:
    table = read_table(write(f"{header}\n2015-01-01,1\n2015-01-02,2\n"))
    assert table.target == header.split(",")[1].strip('" ')
    assert table.series[0].values.tolist() == [[1], [2]]


def test_ds_and_y_are_preferred_to_other_usual_names(write: Write) -> None:
    table = read_table(write("ds,date,y,value\n1,10,100,1000\n2,20,200,2000\n"))
    assert (table.target, table.covariates) == ("y", ("date", "value"))
    assert table.series[0].start == 1


def test_columns_with_other_names_are_named(write: Write) -> None:
    path = write("shop,day,sold,price\nx,2015-01-01,1,5\nx,2015-01-02,2,6\n")
    table = read_table(path, id_column="shop", time_column="day", target_column="sold")
    assert (table.series[0].unique_id, table.target, table.covariates) == ("x", "sold", ("price",))


def test_covariates_are_chosen_by_name_and_in_that_order(write: Write) -> None:
    path = write("ds,y,note,a,b\n1,1,hello,3,5\n2,2,world,4,6\n")
    assert read_table(path, covariates=["b", "a"]).series[0].values.tolist() == [[1, 5, 3], [2, 6, 4]]
    assert read_table(path, covariates=[]).covariates == ()


def test_integer_times_have_no_calendar(write: Write) -> None:
    table = read_table(write("ds,y\n0,1\n5,2\n15,4\n20,5\n"))
    assert table.frequency == Frequency("count", 5)
    np.testing.assert_array_equal(table.series[0].values[:, 0], [1, 2, np.nan, 4, 5])
    assert table.warnings == ()


def test_integers_that_look_like_dates_are_warned_about(write: Write) -> None:
    (warning,) = read_table(write("ds,y\n20150101,1\n20150102,2\n")).warnings
    assert "without a calendar" in warning
    assert "write them as 2015-01-10T00:30:00" in warning


def test_integer_ids_name_series(write: Write, tmp_path: Path) -> None:
    path = write("unique_id,ds,y\n7,1,1\n7,2,2\n10,1,1\n10,2,3\n")
    assert [series.unique_id for series in read_table(path).series] == ["7", "10"]
    pl.read_csv(path).write_parquet(tmp_path / "data.parquet")
    assert same(read_table(path), read_table(tmp_path / "data.parquet"))


@pytest.mark.parametrize(
    "second",
    ["2015-01-01T01:00:00", "2015-01-01 01:00", "2015-01-01T01:00", "2015/01/01 01:00:00", " 2015-01-01T01:00:00.000"],
)
def test_times_may_be_written_in_several_ways_even_in_one_file(write: Write, second: str) -> None:
    table = read_table(write(f"ds,y\n2015-01-01 00:00:00,1\n{second},2\n"))
    assert table.frequency.alias == "1h"
    alike = read_table(write(f"ds,y\n{second},2\n{second.replace('01:00', '02:00')},2\n"))
    assert alike.frequency.alias == "1h"


def test_a_month_alone_is_its_first_day(write: Write) -> None:
    table = read_table(write("Month,Passengers\n1949-01,112\n1949-02,118\n1949-03,132\n"))
    assert table.frequency.alias == "1mo"
    assert format_time(table.series[0].start, table.frequency) == "1949-01-01T00:00:00"


@pytest.mark.parametrize(
    ("offset", "zone"), [("Z", "UTC"), ("+00:00", "UTC"), ("+02:00", "+02:00"), ("-0930", "-09:30"), ("+05", "+05:00")]
)
def test_one_offset_is_recorded_and_times_are_its_wall_clock(write: Write, offset: str, zone: str) -> None:
    table = read_table(write(f"ds,y\n2015-01-01T00:00:00{offset},1\n2015-01-01T01:00:00{offset},2\n"))
    assert table.time_zone == zone
    assert table.series[0].start == parse_time("2015-01-01", None)
    assert parse_time(f"2015-01-01T00:00:00{offset}", table.time_zone) == table.series[0].start


def test_one_offset_may_be_spelt_in_several_ways(write: Write) -> None:
    table = read_table(write("ds,y\n2015-01-01T00:00:00Z,1\n2015-01-01T01:00:00+00:00,2\n"))
    assert table.time_zone == "UTC"


def test_parquet_times_keep_the_wall_clock_of_their_zone(tmp_path: Path) -> None:
    times = [datetime(2015, 7, 1, 22, 0) + timedelta(hours=hour) for hour in range(3)]
    path = tmp_path / "d.parquet"
    zoned = pl.Series("ds", times).dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    pl.DataFrame([zoned, pl.Series("y", [1, 2, 3])]).write_parquet(path)
    table = read_table(path)
    assert table.time_zone == "Europe/Berlin"
    assert table.series[0].start == parse_time("2015-07-02", None)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_parquet_dates_and_times_of_any_unit_are_seconds(tmp_path: Path, unit: pl.datatypes.classes.TimeUnit) -> None:
    path = tmp_path / "d.parquet"
    days = pl.Series("ds", [date(1969, 12, 30), date(1969, 12, 31)])
    for column in (days, days.cast(pl.Datetime(unit))):
        pl.DataFrame([column, pl.Series("y", [1, 2])]).write_parquet(path)
        assert read_table(path).series[0].start == -2 * 86_400


@pytest.mark.parametrize(
    "content",
    [
        "ds,y\r\n1,10\r\n2,20\r\n",
        "ds,y\r1,10\r2,20",
        "\ufeffds,y\n1,10\n2,20\n",
        "ds;y\n1;10\n2;20\n",
        "ds\ty\n1\t10\n2\t20\n",
        '"ds","y"\n"1","10"\n"2","20"\n',
        "\n\nds,y\n1,10\n\n2,20\n\n\n",
        "ds,y,\n1,10,\n2,20,\n",
        "ds, y\n 1, 10\n 2, 20 \n",
    ],
)
def test_the_dialects_of_csv_are_one_table(write: Write, content: str) -> None:
    assert read_table(write(content)).series[0].values.tolist() == [[10], [20]]


def test_empty_cells_and_nan_are_missing(write: Write) -> None:
    table = read_table(write('ds,y,x\n1,10,1\n2,,\n3,NaN,nan\n4,"", \n5,50,5\n'))
    nan = [np.nan, np.nan]
    np.testing.assert_array_equal(table.series[0].values, [[10, 1], nan, nan, nan, [50, 5]])


def test_a_constant_target_is_a_warning_that_names_the_series(write: Write) -> None:
    rows = [f"{name},{step},{5 if name == 'flat' else step}\n" for name in ("flat", "fine") for step in range(4)]
    path = write("unique_id,ds,y\n" + "".join(rows))
    (warning,) = read_table(path).warnings
    assert warning.startswith(f"{path}, series 'flat': the target 'y' is constant (always 5")
    assert "leave such series out" in warning


def test_an_empty_covariate_is_a_warning_that_names_the_column(write: Write) -> None:
    (warning,) = read_table(write("ds,y,x\n1,1,\n2,2,\n")).warnings
    assert "the covariate 'x' has no value at all" in warning


@given(st.binary(max_size=300) | st.text("0123456789-:, \nT;\"'ydsabc.", max_size=300).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_any_file_is_a_table_or_a_data_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d.csv"
        for head in (b"", b"ds,y\n"):
            path.write_bytes(head + content)
            try:
                table = read_table(path)
            except DataError as error:
                assert str(error).startswith(str(path))  # noqa: PT017
            else:
                assert table.series
