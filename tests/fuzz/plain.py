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
    """All sessions of a service, by name."""

    sessions: dict[str, Plain] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)  # names of sessions with a reading that was refused as a gap

    def take(self, frame: list[Sent], fill: bool) -> list[Told]:
        """A frame, reading by reading; those that are refused as a gap are owed from then on."""
        unplaced = self._unplaced(frame)
        told = [unplaced.get(at) or self._take(sent, fill) for at, sent in enumerate(frame)]
        for sent, each in zip(frame, told, strict=True):
            if each.code == "gap":
                self.owed.add(sent.session)
        return told

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
        if left_out and (not fill or left_out > MOST_LEFT_OUT):
            return Told(None, "gap")
        session.readings += [None] * left_out + [sent.y]
        return Told(step, filled=left_out)

    def family(self, name: str) -> Iterator[str]:
        """A session, its forks, and theirs."""
        yield name
        for child in [each for each, session in self.sessions.items() if session.parent == name]:
            yield from self.family(child)
