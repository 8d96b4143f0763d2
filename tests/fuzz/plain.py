"""What a session is, in the plainest words: a list of readings. The service is held against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Value = float | None
MOST_LEFT_OUT = 4096


@dataclass
class Plain:
    """One session; times are whole hours."""

    start: int | None
    readings: list[Value]
    revision: int = 1
    parent: str | None = None

    @property
    def last(self) -> int:
        return len(self.readings) - 1

    def copy(self, step: int | None, parent: str) -> Plain:
        return Plain(self.start, self.readings[: None if step is None else step + 1], 1, parent)


@dataclass(frozen=True)
class Sent:
    """One reading as a client sends it."""

    session: str
    y: Value
    step: int | None
    hour: int | None


@dataclass(frozen=True)
class Told:
    """What becomes of it: its step, or an error by code."""

    step: int | None
    code: str | None = None
    repeated: bool = False
    filled: int = 0

    @property
    def kind(self) -> str:
        """What became of the reading, in a word."""
        return self.code or ("repeated" if self.repeated else "filled" if self.filled else "next")


@dataclass
class World:
    """All sessions of a service, by name, and what was refused of them that may come again."""

    sessions: dict[str, Plain] = field(default_factory=dict)
    owed: dict[str, list[Sent]] = field(default_factory=dict)
    most: int = MOST_LEFT_OUT

    def begin(self, name: str, session: Plain) -> None:
        """A session, new or in the place of another one: to it nothing is owed."""
        self.sessions[name] = session
        self.owed.pop(name, None)

    def end(self, name: str) -> None:
        self.sessions.pop(name, None)
        self.owed.pop(name, None)

    def cut(self, name: str, step: int) -> None:
        """Takes back what comes after a step; what was recorded once is not owed, though it is gone again."""
        session = self.sessions[name]
        self._settle(name, session)
        del session.readings[step + 1 :]

    def take(self, frame: list[Sent], fill: bool) -> list[Told]:
        """A frame, reading by reading; where gaps are filled, those that are refused as one are owed from then on."""
        unplaced = self._unplaced(frame)
        told = []
        for at, sent in enumerate(frame):
            each = unplaced.get(at) or self._take(sent, fill)
            if fill and each.code == "gap":
                self.owed.setdefault(sent.session, []).append(sent)
            told.append(each)
        return told

    def _settle(self, name: str, session: Plain) -> None:
        """What is recorded, or lies before what is, is owed no longer."""
        self.owed[name] = [each for each in self.owed.get(name, []) if _step(each, session) > session.last]

    def _unplaced(self, frame: list[Sent]) -> dict[int, Told]:
        """Readings before the one that says when its session starts."""
        found: dict[int, Told] = {}
        begun: set[str] = set()
        for at, sent in enumerate(frame):
            session = self.sessions.get(sent.session)
            if session is None or session.start is not None or sent.session in begun:
                continue
            if sent.hour is None:
                found[at] = Told(None, "time_required")
            elif sent.step:
                found[at] = Told(None, "gap")
            else:
                begun.add(sent.session)
        return found

    def _take(self, sent: Sent, fill: bool) -> Told:
        session = self.sessions.get(sent.session)
        if session is None:
            return Told(None, "unknown_session")
        if session.start is None:
            session.start = sent.hour
            session.revision += 1  # its beginning is another one now
        assert session.start is not None
        step = sent.step
        if sent.hour is not None:
            if sent.hour < session.start:
                return Told(None, "off_grid")
            if step is not None and step != sent.hour - session.start:
                return Told(None, "step_mismatch")
            step = sent.hour - session.start
        following = session.last + 1
        step = following if step is None else step
        if step < following:
            if session.readings[step] != sent.y:
                return Told(None, "conflict")
            return Told(step, repeated=True) if step == session.last else Told(None, "duplicate")
        left_out = step - following
        if left_out and (not fill or left_out > self.most or self._owes(sent.session, session, step)):
            return Told(None, "gap")
        session.readings += [None] * left_out + [sent.y]
        return Told(step, filled=left_out)

    def _owes(self, name: str, session: Plain, step: int) -> bool:
        """Whether a reading may still come for one of the steps that are left out before this one."""
        self._settle(name, session)
        return any(_step(each, session) < step for each in self.owed[name])

    def family(self, name: str) -> Iterator[str]:
        """A session, its forks, and theirs."""
        yield name
        for child in [each for each, session in self.sessions.items() if session.parent == name]:
            yield from self.family(child)


def _step(sent: Sent, session: Plain) -> int:
    """Where a reading wants to be."""
    if sent.step is not None:
        return sent.step
    assert sent.hour is not None
    assert session.start is not None
    return sent.hour - session.start
