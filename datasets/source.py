"""One opened file: its raw columns, still as they were written, and the line on which each row stands."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.table import DataError

_EXPECTED = "expected a header line such as unique_id,ds,y and one line per reading"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"BZh": "compressed by bzip2",
}


@dataclass(frozen=True, eq=False)
class Source:
    """The columns of a file; CSV cells are text, so that an error can show them as they stand in the file.

    `kept` are the positions in the file of the rows of `frame` (empty lines are left out).
    """

    path: Path
    frame: pl.DataFrame
    kept: NDArray[np.int64]
    separator: str | None  # None: Parquet, whose rows have no lines

    def error(self, message: str, row: int | None = None, series: str | None = None) -> DataError:
        """The error that names this file and, where given, the place of a row of `frame` and the series."""
        parts = [str(self.path)]
        if row is not None:
            parts.append(self.places([row])[0])
        if series is not None:
            parts.append(f"series {shown(series)}")
        return DataError(f"{', '.join(parts)}: {message}")

    def places(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """Where rows of `frame` stand in the file: "line 7", or "row 6" for Parquet; both count from 1."""
        positions = [int(self.kept[row]) for row in rows]
        if self.separator is None:
            return [f"row {position + 1}" for position in positions]
        wanted, found = set(positions), dict[int, int]()
        try:
            for position, (line, _) in enumerate(_records(_text(self.path, _content(self.path)), self.separator)):
                if position - 1 in wanted:  # the header comes first
                    found[position - 1] = line
                if len(found) == len(wanted):
                    break
        except (csv.Error, DataError):
            pass  # the file changed or outgrew the csv module: the plain count is the best answer left
        return [f"line {found.get(position, position + 2)}" for position in positions]


def open_source(path: Path) -> Source:
    """Reads a CSV (also gzipped) or Parquet file, told apart by its first bytes; DataError if it is neither."""
    content = _content(path)
    if not content.strip():
        raise DataError(f"{path}: the file is empty: {_EXPECTED}")
    source = _parquet(path, content) if content.startswith(b"PAR1") else _csv(path, content)
    if source.frame.height == 0:
        raise source.error(f"there is no row below the header: {_EXPECTED}")
    return source


def shown(value: object) -> str:
    """A value from a file as a message shows it: quoted and not too long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(f"{path}: this is a folder: name one CSV or Parquet file")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file: check the name and the folder") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path}: the file cannot be read ({reason}): check its permissions") from None
    if content.startswith(b"\x1f\x8b"):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: the gzip data is damaged ({error}): copy the file again") from None
    return content


def _parquet(path: Path, content: bytes) -> Source:
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(f"{path}: the Parquet data is damaged ({_first_line(error)}): write the file again") from None
    return Source(path, frame, np.arange(frame.height), None)


def _csv(path: Path, content: bytes) -> Source:
    text = _text(path, content)
    if not text.strip():  # nothing but a byte order mark
        raise DataError(f"{path}: the file is empty: {_EXPECTED}")
    first = next(line for line in io.StringIO(text) if line.strip())
    # A comma wins wherever there is one: a header with commas and semicolons is a comma file.
    separator = max(",;\t|", key=lambda mark: (mark == "," and "," in first, first.count(mark)))
    try:
        line, header = next(_records(text, separator))
    except csv.Error as error:
        raise DataError(f"{path}: the header cannot be read as cells ({error}): {_EXPECTED}") from None
    names = [name.strip() for name in header]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"{path}, line {line}: the column {shown(twice)} appears twice: give each column a name of its own"
        )
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    try:
        frame = pl.read_csv(content, separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _malformed(path, text, separator, len(names), error) from None
    if frame.width != len(names):
        raise DataError(f"{path}, line {line}: the header cannot be read as cells: {_EXPECTED}")
    for place, name in enumerate(names):
        if not name and frame[:, place].null_count() < frame.height:
            raise DataError(
                f"{path}, line {line}: column {place + 1} has no name: name it in the header, "
                "or write the file again without it (an index is not needed)"
            )
    frame = frame[:, [place for place, name in enumerate(names) if name]]  # a comma too many at each line's end
    frame.columns = [name for name in names if name]
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    return Source(path, frame.filter(~blank), np.flatnonzero(~blank.to_numpy()), separator)


def _text(path: Path, content: bytes) -> str:
    for magic, name in _FOREIGN.items():
        if content.startswith(magic):
            raise DataError(f"{path}: expected CSV or Parquet, got {name}: save it as UTF-8 CSV")
    if b"\0" in content:
        raise DataError(f"{path}: expected CSV or Parquet, got a binary file: save it as UTF-8 CSV")
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: expected UTF-8 text, got the byte 0x{content[error.start]:02x}: "
            "save the file with the encoding UTF-8"
        ) from None
    return text if "\n" in text else text.replace("\r", "\n")


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The header and all rows after it, each with the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line, begun = 1, False
    for record in reader:
        begun = begun or bool(record)  # empty lines before the header are no rows
        if begun:
            yield line, record
        line = reader.line_num + 1


def _malformed(path: Path, text: str, separator: str, width: int, error: Exception) -> DataError:
    try:
        for line, record in _records(text, separator):
            if len(record) > width:
                return DataError(
                    f"{path}, line {line}: expected {width} cells as in the header, got {len(record)}: "
                    "quote cells that hold the separator, and write decimals with a point"
                )
    except csv.Error:
        pass  # then the reader's own words must do
    odd = next((line for line, row in enumerate(text.splitlines(), start=1) if row.count('"') % 2), None)
    if odd is not None:
        return DataError(
            f"{path}, line {odd}: expected quotation marks in pairs around a cell, got an odd number of them: "
            "close the cell, or write a quotation mark inside a quoted cell twice"
        )
    return DataError(f"{path}: this is not well-formed CSV ({_first_line(error)}): write the file again")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
