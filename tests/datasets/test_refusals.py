"""Files that cannot be used: each refusal names the file, the place, what was expected, what came and a way out."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from datasets.reader import read_table
from datasets.table import DataError

Write = Callable[..., Path]

GOOD = "unique_id,ds,y,x\na,2015-01-01,1,1\na,2015-01-02,2,2\n"
MIXED = "expected all times in the column 'ds' in one zone, got mixed time zones: "

# what is wrong: the content of data.csv, the place, and parts of the message in their order
REFUSED: dict[str, tuple[str | bytes, str, Sequence[str]]] = {
    "unsorted times": (
        "ds,y\n2015-01-01,1\n2015-01-03,2\n\n2015-01-02,3\n",
        ", line 5, series 'data': ",
        ["unsorted times: 2015-01-02T00:00:00 after 2015-01-03T00:00:00 (line 3)", "sort the lines", "--id"],
    ),
    "duplicate times": (
        "unique_id,ds,y\na,1,1\nb,1,1\na,2,2\nb,1,2\n",
        ", line 5, series 'b': ",
        ["a duplicate time: 1 again (line 3)", "delete one of the two"],
    ),
    "times of several series without an id": (
        "ds,y\n1,1\n2,1\n1,1\n2,1\n",
        ", line 4, series 'data': ",
        ["unsorted times", "say with --id which column names the series"],
    ),
    "times with and without an offset": (
        "ds,y\n2015-01-01T00:00:00,1\n2015-01-01T01:00:00Z,2\n",
        ": ",
        [MIXED, "no zone on line 2", "UTC on line 3 ('2015-01-01T01:00:00Z')", "write all times with one offset"],
    ),
    "differing offsets": (
        "ds,y\n2015-01-01T00:00:00+01:00,1\n2015-01-01T01:00:00+01:00,2\n2015-01-01T02:00:00+02:00,2\n",
        ": ",
        [MIXED, "+01:00 on line 2", "+02:00 on line 4", "name it (--zone", "write all times with one offset"],
    ),
    "text in the target": (
        "ds,y\n1,1\n2,n/a\n3,3\n",
        ", line 3: ",
        ["expected a number in the column 'y', got 'n/a'", "leave it empty if it is missing"],
    ),
    "text in a covariate": (
        GOOD + "a,2015-01-03,3,warm\n",
        ", line 4: ",
        ["expected a number in the column 'x', got 'warm'", "correct it"],
    ),
    "a decimal comma": (
        "ds;y\n1;1,5\n2;2,5\n",
        ", line 2: ",
        ["expected a number in the column 'y', got '1,5'", "write decimals with a point"],
    ),
    "a column of text": (
        "ds,y,shop\n1,1,Berlin\n2,2,Berlin\n",
        ", line 2: ",
        ["the column 'shop'", "got 'Berlin'", "--id shop", "--covariates"],
    ),
    "an infinity": (
        "ds,y\n1,1\n2,-inf\n",
        ", line 3: ",
        ["expected a number of at most 1e+15 in the column 'y'", "got an infinity ('-inf')", "leave it empty"],
    ),
    "an absurdly large number": (
        "ds,y,x\n1,1,1\n2,2,2e15\n",
        ", line 3: ",
        ["in the column 'x', got an absurdly large number ('2e15')", "correct it"],
    ),
    "no time in a row": (
        "ds,y\n1,1\n,2\n",
        ", line 3: ",
        ["expected a time such as 2015-01-10T00:30:00", "got an empty cell", "delete the line"],
    ),
    "a time that is none": (
        "ds,y\n2015-02-28,1\n2015-02-29,2\n",
        ", line 3: ",
        ["expected a time such as 2015-01-10T00:30:00", "got '2015-02-29'", "complete it"],
    ),
    "a day before its month": (
        "ds,y\n28.02.2015,1\n01.03.2015,2\n",
        ", line 2: ",
        ["expected a time such as 2015-01-10T00:30:00", "got '28.02.2015'", "complete it"],
    ),
    "a date among integers": (
        "ds,y\n1,1\n2015-02-28,2\n",
        ", line 3: ",
        [
            "expected an integer",
            "first row of the column 'ds', got '2015-02-28'",
            "all times as integers or all as dates",
        ],
    ),
    "a fraction of a second": (
        "ds,y\n2015-01-01 00:00:00.0,1\n2015-01-01 00:00:00.5,2\n",
        ", line 3: ",
        ["expected whole seconds", "got '2015-01-01 00:00:00.5'", "round the times"],
    ),
    "a year of two digits": (
        "ds,y\n15-01-01,1\n15-01-02,2\n",
        ", line 2: ",
        ["expected a year from 1000 to 9999", "got '15-01-01'", "correct it"],
    ),
    "an id that is missing": (
        "unique_id,ds,y\na,1,1\n,2,2\n",
        ", line 3: ",
        ["expected the name of a series in the column 'unique_id', got an empty cell", "complete it"],
    ),
    "a series without a reading": (
        "unique_id,ds,y\na,1,1\na,2,2\nb,1,\nb,2,NaN\n",
        ", line 4, series 'b': ",
        ["expected numbers in the column 'y', got only empty cells", "delete the series"],
    ),
    "two columns that may be times": (
        "date,time,y\n1,1,1\n2,2,2\n",
        ": ",
        ["the column of times is not clear", "'date', 'time'", "--time NAME"],
    ),
    "two columns that may be the target": (
        "ds,a,b\n1,1,1\n2,2,2\n",
        ": ",
        ["the column to forecast is not clear", "'a', 'b'", "--target NAME"],
    ),
    "no column of times": ("a,y\n1,1\n2,2\n", ": ", ["expected a column of times", "'a', 'y'", "--time NAME"]),
    "no column to forecast": ("ds\n1\n2\n", ": ", ["expected a column to forecast", "'ds'", "--target NAME"]),
    "no header": (
        "2015-01-01,1\n2015-01-02,2\n",
        ": ",
        ["expected names of columns in the first line, got the reading '2015-01-01'", "add a header line"],
    ),
    "a name given to two columns": ("ds,y,y\n1,1,1\n", ", line 1: ", ["'y' appears twice", "a name of its own"]),
    "a column without a name": (
        ",ds,y\n0,1,1\n1,2,2\n",
        ", line 1: ",
        ["column 1 has no name", "write the file again without it"],
    ),
    "an empty file": (b"", ": ", ["the file is empty", "expected a header line such as unique_id,ds,y"]),
    "a file of blank lines": (b"\xef\xbb\xbf\n \n", ": ", ["the file is empty", "expected a header line"]),
    "a header alone": ("ds,y\n", ": ", ["no row below the header", "one line per reading"]),
    "a row with too many cells": (
        "ds,y\n1,1\n2,1,234\n",
        ", line 3: ",
        ["expected 2 cells as in the header, got 3", "quote cells that hold the separator"],
    ),
    "a quotation mark that is not closed": (
        'ds,y\n1,"1\n2,2\n',
        ", line 2: ",
        ["expected quotation marks in pairs", "close the cell"],
    ),
    "another encoding": (
        "\ufeffds,y\n1,1\n2,2\n".encode() + "3,3 \u00b0\n".encode("latin-1"),
        ", line 4: ",
        ["expected UTF-8 text, got the byte 0xb0", "save the file with the encoding UTF-8"],
    ),
    "UTF-16": ("ds,y\n1,1\n".encode("utf-16"), ": ", ["expected CSV or Parquet, got UTF-16 text", "save it as UTF-8"]),
    "a spreadsheet": (b"PK\x03\x04\x14\x00", ": ", ["got a zip archive or a spreadsheet", "save it as UTF-8 CSV"]),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", ": ", ["expected CSV or Parquet, got a binary file", "UTF-8 CSV"]),
    "damaged gzip": (gzip.compress(GOOD.encode())[:-12], ": ", ["the gzip data is damaged", "copy the file again"]),
    "damaged Parquet": (b"PAR1 and no more", ": ", ["the Parquet data is damaged", "write the file again"]),
}


def in_order(message: str, parts: Sequence[str]) -> bool:
    places = [message.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


@pytest.mark.parametrize("wrong", REFUSED)
def test_a_file_is_refused_with_its_place_and_a_way_out(write: Write, wrong: str) -> None:
    content, place, parts = REFUSED[wrong]
    path = write(content)
    with pytest.raises(DataError) as refused:
        read_table(path)
    message = str(refused.value)
    assert message.startswith(f"{path}{place}")
    assert in_order(message, parts), message


@pytest.mark.parametrize(
    ("flag", "columns"),
    [
        ("--id", {"id_column": "z"}),
        ("--time", {"time_column": "z"}),
        ("--target", {"target_column": "z"}),
        ("--covariates", {"covariates": ["x", "z"]}),
    ],
)
def test_a_column_that_does_not_exist_is_refused_with_those_that_do(write: Write, flag: str, columns) -> None:  # type: ignore[no-untyped-def]
    path = write(GOOD)
    with pytest.raises(DataError) as refused:
        read_table(path, **columns)
    assert str(refused.value) == (
        f"{path}: there is no column 'z' (given with {flag}), the columns are 'unique_id', 'ds', 'y', 'x': "
        "name one of them"
    )


def test_a_column_with_two_parts_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="'x' is named twice, by --target and --covariates: name it once"):
        read_table(write(GOOD), target_column="x", covariates=["x"])


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: there is no such file: check the name"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="this is a folder: name one CSV or Parquet file"):
        read_table(tmp_path)


def test_lines_are_those_of_the_file_whatever_blank_lines_and_quotes_it_holds(write: Write) -> None:
    content = '\n\nunique_id,ds,y\n"a\nb",1,1\n\n\n"a\nb",2,two\n'
    with pytest.raises(DataError, match=r"data\.csv, line 8: expected a number"):
        read_table(write(content))
    with pytest.raises(DataError, match=r"data\.csv\.gz, line 8: expected a number"):
        read_table(write(gzip.compress(content.encode()), "data.csv.gz"))


def test_lines_are_right_deep_in_a_large_file(write: Write) -> None:
    rows = [f"{row},{row}\n" for row in range(200_000)]
    rows[150_000] = "150000,?\n"
    with pytest.raises(DataError, match=r"line 150002: expected a number in the column 'y', got '\?'"):
        read_table(write("ds,y\n" + "".join(rows)))


def test_a_long_cell_is_not_repeated_whole(write: Write) -> None:
    with pytest.raises(DataError, match="expected a number") as refused:
        read_table(write("ds,y\n1,1\n2," + "z" * 5000 + "\n"))
    assert len(str(refused.value)) < 400


def parquet(folder: Path, **columns: pl.Series | list[object]) -> Path:
    path = folder / "data.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path


def test_rows_of_parquet_are_counted_from_one(tmp_path: Path) -> None:
    path = parquet(tmp_path, ds=[1, 2, 3], y=[1.0, float("inf"), 3.0])
    with pytest.raises(DataError, match=r"data\.parquet, row 2: .* got an infinity"):
        read_table(path)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"ds": [1.5, 2.5], "y": [1, 2]}, "expected dates or integers in the column 'ds', got the type Float64"),
        ({"ds": [1, 2], "y": [True, False]}, "expected numbers in the column 'y', got the type Boolean"),
        ({"ds": [1, 2], "y": [[1], [2]]}, "expected numbers in the column 'y', got the type List"),
        ({"unique_id": [1.5, 2.5], "ds": [1, 2], "y": [1, 2]}, "expected names of series in the column 'unique_id'"),
    ],
)
def test_columns_of_another_type_are_refused_by_name(tmp_path: Path, columns, expected: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError) as refused:
        read_table(parquet(tmp_path, **columns))
    assert expected in str(refused.value)
    assert "convert it" in str(refused.value)


def test_clocks_that_go_back_are_refused_with_the_way_out(tmp_path: Path) -> None:
    times = [datetime(2015, 10, 24, 22) + timedelta(hours=hour) for hour in range(6)]
    zoned = pl.Series(times).dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    with pytest.raises(DataError, match=r"row 4, series 'data': .* a duplicate time: 2015-10-25T02:00:00 again"):
        read_table(parquet(tmp_path, ds=zoned, y=[1, 2, 3, 4, 5, 6]))
    with pytest.raises(DataError, match="write the times in UTC if the clocks of Europe/Berlin went back"):
        read_table(parquet(tmp_path, ds=zoned, y=[1, 2, 3, 4, 5, 6]))
