"""Times at the edge: what clients write as `ds` and `start`, and what they are answered, by the bundle's grid."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import LAST_SECOND, Frequency, parse_time
from service.errors import InvalidTime, OffGrid

Time = str | int
Times = NDArray[np.int64]

LARGEST_COUNT = 2**53  # a count that every client's JSON can hold
_PLAIN = re.compile(r"(?:(?!0000)\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):\d\d:\d\d\n)+", re.ASCII)
_LENGTH = len("2015-01-10T00:30:00\n")


class Clock:
    """Reads and writes the times of one bundle: ISO 8601 of its own wall clock, or whole numbers."""

    def __init__(self, frequency: Frequency, zone: str | None) -> None:
        self.frequency = frequency
        self.zone = zone

    def read(self, time: Time) -> int:
        """Seconds of the wall clock, or the count; `InvalidTime` says what was expected."""
        if self.frequency.has_calendar:
            if not isinstance(time, str):
                raise InvalidTime("this model's times are dates: send text such as 2015-01-10T00:30:00, got a number")
            try:
                return parse_time(time, self.zone)
            except ValueError as wrong:
                raise InvalidTime(str(wrong)) from wrong
        if not isinstance(time, int):
            raise InvalidTime("this model counts its steps: send times as whole numbers, got text")
        if abs(time) > LARGEST_COUNT:
            raise InvalidTime(f"a count of at most {LARGEST_COUNT} either way was expected, got a larger one")
        return time

    def read_all(self, times: Sequence[Time]) -> Times:
        """As `read`, for many, shape (len(times),); the error carries the `index` of the first wrong one."""
        plain = self.read_plain(times)
        if plain is not None:
            return plain
        read = np.empty(len(times), dtype=np.int64)
        for index, time in enumerate(times):
            try:
                read[index] = self.read(time)
            except InvalidTime as wrong:
                raise InvalidTime(f"ds[{index}]: {wrong.message}", index=index) from wrong
        return read

    def consecutive(self, times: Sequence[Time]) -> Times:
        """As `read_all`, where each must be one step after the one before (a missing reading is a null `y`).

        `OffGrid` and `InvalidTime` carry the `index` of the first that is not, and the time `expected` there.
        """
        read = self.read_all(times)
        expected = self.frequency.times(int(read[0]), np.arange(len(read), dtype=np.int64))
        wrong = np.flatnonzero(read != expected)
        if not len(wrong):
            return read
        index = int(wrong[0])
        wanted = self.write(int(expected[index]))
        _, on_grid = self.frequency.steps(int(read[0]), read[index : index + 1])
        problem = (
            "is not a whole number of steps after the first" if not on_grid[0]
            else "comes again or too early" if read[index] < expected[index]
            else "leaves steps out; send them with a null y"
        )  # fmt: skip
        kind = InvalidTime if on_grid[0] else OffGrid
        raise kind(
            f"ds[{index}] {problem}: {wanted} was expected (a step is {self.frequency.alias}), "
            f"got {self.write(int(read[index]))}",
            index=index,
            expected=wanted,
        )

    def write(self, time: int) -> Time:
        """One time as clients read it."""
        return self.write_all(np.array([time], dtype=np.int64))[0]

    def write_all(self, times: Times) -> list[Time]:
        """Times as clients read them: ISO 8601 without a zone, or whole numbers.

        `InvalidTime` after the year 9999.
        """
        if not self.frequency.has_calendar:
            counts: list[Time] = times.tolist()
            return counts
        if (times > LAST_SECOND).any():
            raise InvalidTime("times end with the year 9999, and a later one is reached here: send earlier ones")
        if len(times) > 1 and (times == times[0]).all():  # a frame of the same hour of many series
            return self.write_all(times[:1]) * len(times)
        texts: list[Time] = np.datetime_as_string(times.astype("datetime64[s]")).tolist()
        return texts

    def after(self, start: int, first: int, count: int) -> list[Time]:
        """The times of the steps `first` to `first + count - 1` of a series that begins at `start`."""
        return self.write_all(self.frequency.times(start, np.arange(first, first + count, dtype=np.int64)))

    def read_plain(self, times: Sequence[Time | None]) -> Times | None:
        """All times at once where each is written in full and has no offset; None where each is to be read alone."""
        if not self.frequency.has_calendar or not times:
            return None
        try:
            lines = "\n".join(times) + "\n"  # type: ignore[arg-type]
            if len(lines) != _LENGTH * len(times) or not _PLAIN.fullmatch(lines):  # a time may hold a line's end
                return None
            return np.array(times, dtype="datetime64[s]").astype(np.int64)
        except (TypeError, ValueError):
            return None
