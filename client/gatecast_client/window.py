"""The last acknowledged readings of each session, to be sent again where the service's journal fell behind."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gatecast_client.readings import Number, Reading, When, time_as_sent

RESEND_READINGS = 2**17  # of all sessions together: 1 MiB of numbers, and some 300 bytes a session
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

    @property
    def whole(self) -> bool:
        """Whether all of it can be sent again."""
        return self.held == self.first


class _Tail:
    """The end of one session: consecutive readings from step `first` to before `next`."""

    __slots__ = ("ds", "first", "names", "next", "seen", "values")

    def __init__(self, step: int, names: tuple[str, ...]) -> None:
        self.first = self.next = step
        self.names = names
        self.values = array("d")
        self.seen = 0
        self.ds: str | int | None = None  # time of step 0

    def cut(self, most: int) -> None:
        """Leaves so many, the newest."""
        gone = self.next - self.first - most
        if gone > 0:
            self.first += gone
            self.values = self.values[gone * (1 + len(self.names)) :]


class Window:
    """At most so many readings of all sessions together (0: none). Where there are more, the longest sessions lose
    their oldest ones, and where there are too many sessions, those that spoke least recently go first.
    """

    def __init__(self, most: int = RESEND_READINGS) -> None:
        if most < 0:
            raise ValueError(f"resend_readings: a number from 0 was expected, got {most}")
        self._most = most
        self._tails: dict[str, _Tail] = {}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}  # each once, compared by identity
        self._count = 0
        self._turn = 0

    def __len__(self) -> int:
        """Readings that are held."""
        return self._count

    def last(self, session: str) -> int | None:
        """The last step known to be acknowledged."""
        tail = self._tails.get(session)
        return None if tail is None else tail.next - 1

    def lost(self, session: str, expected: int) -> Lost | None:
        """What is to be sent again to a service that expects this step; None if none of it is known as acknowledged."""
        tail = self._tails.get(session)
        if tail is None or expected >= tail.next:
            return None
        held = max(tail.first, expected)
        values = tail.values[(held - tail.first) * (1 + len(tail.names)) :]
        return Lost(session, expected, tail.next - 1, held, values, tail.names, tail.ds if held == 0 else None)

    def forget(self, session: str) -> None:
        """The session is deleted, or made anew, on purpose."""
        tail = self._tails.pop(session, None)
        if tail is not None:
            self._count -= tail.next - tail.first

    def take(self, reading: Reading, step: int, repeated: bool) -> None:
        """One that was acknowledged at this step."""
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
            tail: _Tail | None = tails.get(session)
            if tail is None or step != tail.next or names is not tail.names:
                tail = self._out_of_line(tail, session, step, names, at in repeated)
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
        self, tail: _Tail | None, session: str, step: int, names: tuple[str, ...], repeated: bool
    ) -> _Tail | None:
        """The tail that a reading goes on which is not its next one; None: the reading is no news."""
        if tail is not None and names is tail.names and step < tail.next:
            if repeated:
                return None
            if step >= tail.first:  # recorded anew: what was behind it is no more what the service was told
                del tail.values[(step - tail.first) * (1 + len(names)) :]
                self._count -= tail.next - step
                tail.next = step
                return tail
        self.forget(session)
        self._tails[session] = begun = _Tail(step, names)
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
        for at, length in enumerate(sorted(tail.next - tail.first for tail in self._tails.values())):
            longest = left // (len(self._tails) - at)
            if length > longest:
                break
            left -= length
        self._count = 0
        for tail in self._tails.values():
            tail.cut(longest)
            self._count += tail.next - tail.first


def _double(number: Number) -> float:
    return math.nan if number is None else float(number)
