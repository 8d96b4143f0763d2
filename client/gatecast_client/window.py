"""The last acknowledged readings of each session, to be sent again where the service's journal fell behind."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatecast_client.readings import Number, Reading, When, time_as_sent
from gatecast_client.tail import Tail

RESEND_READINGS = 2**17  # of all sessions together: 1 MiB of numbers, and some 400 bytes a session
_MOST_FILLED = 4096  # steps before one reading, unless the service is set otherwise
_KEPT = 0.5  # share of the readings that stays when there are too many
_NOT_REPEATED: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Lost:
    """What the service has acknowledged of a session and has no more: steps `first` to `last`."""

    session: str
    first: int  # the step that it expects
    last: int
    held: int  # the first step that is still known here; `first` where nothing is missing
    values: array[float]  # of steps held to last, each y and its covariates, NaN where missing
    names: tuple[str, ...]  # of the covariates
    ds: str | int | None = None  # time of step 0, where that is the first and was sent

    def __len__(self) -> int:
        return self.last + 1 - self.first

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each reading that is known, as a correction of it is sent."""
        width = 1 + len(self.names)
        for at in range(0, len(self.values), width):
            y, *rest = (None if number != number else number for number in self.values[at : at + width])
            row: dict[str, Any] = {"step": self.held + at // width, "y": y}
            yield row | {"covariates": dict(zip(self.names, rest, strict=True))} if rest else row

    @property
    def whole(self) -> bool:
        """Whether all of it can be sent again."""
        return self.held == self.first


class Window:
    """At most so many readings of all sessions together (0: none). Where there are more, the longest sessions lose
    their oldest ones, and where there are too many sessions, those that spoke least recently go first.
    """

    def __init__(self, most: int = RESEND_READINGS) -> None:
        if most < 0:
            raise ValueError(f"resend_readings: a number from 0 was expected, got {most}")
        self._most = most
        self._tails: dict[str, Tail] = {}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}  # each once, compared by identity
        self._count = 0
        self._turn = 0

    def __len__(self) -> int:
        """Readings that are held."""
        return self._count

    def last(self, session: str) -> int | None:
        """The last step known to be acknowledged."""
        tail = self._tails.get(session)
        return None if tail is None else tail.last

    def lost(self, session: str, expected: int, until: int | None = None) -> Lost | None:
        """What is to be sent again to a service that expects this step; None if none of it is known as acknowledged.

        With `until` all from the one step to before the other: `whole` only where nothing of that is missing.
        """
        tail = self._tails.get(session)
        if tail is None or expected > tail.last:
            return None
        values, width = tail.run(expected), 1 + len(tail.names)
        if until is not None:
            last = min(until - 1, tail.last)
            values = values[: (last + 1 - expected) * width]
            if len(values) < (last + 1 - expected) * width:
                return Lost(
                    session, expected, last, tail.after(expected + len(values) // width), array("d"), tail.names
                )
            return Lost(session, expected, last, expected, values, tail.names)
        if not values:  # the next one that is known is further on
            return Lost(session, expected, tail.last, tail.after(expected), values, tail.names)
        last = expected + len(values) // width - 1
        return Lost(session, expected, last, expected, values, tail.names, tail.ds if expected == 0 else None)

    def known(self, session: str, until: int) -> Lost | None:
        """What is held of a session before a step, without a hole; None if there is nothing."""
        tail = self._tails.get(session)
        if tail is None:
            return None
        tail.join()
        first, end = max(tail.first, until - _MOST_FILLED), min(until, tail.next)
        if first >= end:
            return None
        return Lost(
            session, first, end - 1, first, tail.run(first)[: (end - first) * (1 + len(tail.names))], tail.names
        )

    def forget(self, session: str) -> None:
        """The session is deleted, or made anew, on purpose."""
        tail = self._tails.pop(session, None)
        if tail is not None:
            self._count -= len(tail)

    def skip(self, reading: Reading, first: int, step: int) -> None:
        """The steps from `first` on entered as missing before a reading, and count as acknowledged."""
        steps = range(first, step)
        columns = {name: [math.nan] * len(steps) for name in reading.covariates or {}}
        self.take_columns([reading.session] * len(steps), steps, [math.nan] * len(steps), columns)

    def take(self, reading: Reading, step: int, repeated: bool) -> None:
        """One that was acknowledged at this step."""
        tail = self._tails.get(reading.session)
        if tail is not None and step == tail.next and not (reading.covariates or tail.names):
            self._turn += 1
            tail.values.append(_double(reading.y))
            tail.next, tail.seen = step + 1, self._turn
            self._count += 1
            if self._count > self._most:
                self._trim()
            return
        columns = {name: (_double(value),) for name, value in (reading.covariates or {}).items()}
        again = {0} if repeated else _NOT_REPEATED
        self.take_columns((reading.session,), (step,), (_double(reading.y),), columns, again)
        if step == 0 and reading.ds is not None:
            self._first_time(reading.session, reading.ds)

    def take_columns(
        self,
        sessions: Iterable[str],
        steps: Iterable[int],
        y: Iterable[float],
        covariates: Mapping[str, Iterable[float]],
        repeated: Collection[int] = _NOT_REPEATED,
    ) -> None:
        """Many, one of each column; `repeated` are places of those that the service had already."""
        if not self._most:
            return
        names = tuple(sorted(covariates))
        names = self._names.setdefault(names, names)
        rows: Iterable[float | Sequence[float]] = (
            y if not names else zip(y, *map(covariates.__getitem__, names), strict=True)
        )
        tails, self._turn = self._tails, self._turn + 1
        for at, (session, step, row) in enumerate(zip(sessions, steps, rows, strict=True)):
            tail: Tail | None = tails.get(session)
            if tail is None or step != tail.next or names is not tail.names:
                tail = self._out_of_line(tail, session, step, row if names else (row,), names, at in repeated)  # type: ignore[arg-type]
                if tail is None:
                    continue
            if names:
                tail.values.extend(row)  # type: ignore[arg-type]
            else:
                tail.values.append(row)  # type: ignore[arg-type]
            tail.next = step + 1
            tail.seen = self._turn
            self._count += 1
        if self._count > self._most:
            self._trim()

    def _out_of_line(
        self, tail: Tail | None, session: str, step: int, row: Sequence[float], names: tuple[str, ...], repeated: bool
    ) -> Tail | None:
        """The tail that a reading goes on which is not its next one; None: there is nothing to go on."""
        before = 0 if tail is None else len(tail)
        if tail is not None and names is tail.names:
            ready = tail.fit(step, array("d", row), repeated)
            self._count += len(tail) - before
            if ready is not None:
                return tail if ready else None
        self.forget(session)
        self._tails[session] = begun = Tail(step, names)
        return begun

    def _first_time(self, session: str, ds: When) -> None:
        tail = self._tails.get(session)
        if tail is not None and tail.first == 0:
            tail.ds = time_as_sent(ds)

    def _trim(self) -> None:
        target = max(1, int(self._most * _KEPT))
        if len(self._tails) > target:
            newest = sorted(self._tails.items(), key=lambda each: each[1].seen)[-target:]
            self._tails = dict(newest)
        left, longest = target, target
        for at, length in enumerate(sorted(len(tail) for tail in self._tails.values())):
            longest = left // (len(self._tails) - at)
            if length > longest:
                break
            left -= length
        self._count = 0
        for tail in self._tails.values():
            tail.cut(longest)
            self._count += len(tail)


def _double(number: Number) -> float:
    return math.nan if number is None else float(number)
