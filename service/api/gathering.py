"""Small frames that come together go to the engine together: what a batch costs is then shared between connections.

Nothing waits for a timer. A frame goes at the end of the event loop's turn in which it came; while the engine has
as many groups as it can overlap, the frames that come meanwhile are the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.api.edge import Edge, Submitted
from service.api.frames import Frame, StreamReading
from service.api.items import Item
from service.api.readings import Reading
from service.api.wish import Wish
from service.errors import GatecastError, InternalError
from service.faults import again, faults_as

SMALL = 16  # readings of a frame, up to which it is gathered
LARGEST = 512  # readings of a group
AT_ONCE = 2  # groups that are with the engine: one that it works on, one that it finds when it is done
FAILED = "the service failed at this frame; ask for the session's last step and go on from there"


@dataclass(frozen=True, eq=False)
class Member:
    """A frame of a group, and the future that gets its items."""

    sessions: list[str]
    readings: Sequence[Reading]
    items: asyncio.Future[list[Item]]


class Gathering:
    """Groups frames by what their connections want of a forecast, so that the order within each session holds."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._waiting: dict[Wish, list[Member]] = {}
        self._wish_of: dict[str, Wish] = {}  # by session, of which a reading waits
        self._with_engine = 0
        self._flushes = False  # at the end of this turn
        settings = edge.settings
        self._largest = min(LARGEST, settings.readings_per_frame, max(1, settings.waiting_readings // 16))
        self._fits = edge.clock.frequency.unit != "month" and not edge.ahead.names

    def takes(self, frame: Frame, sessions: list[str], wish: Wish) -> bool:
        """Whether the frame is to be gathered: a small one, of a model that needs nothing else of each session.

        One that will wait for a replay, or for many missing readings, goes alone, since a group is answered as a whole.
        """
        if not self._fits or not 0 < len(frame.readings) <= SMALL or frame.refusals:
            return False
        if wish.fill and any(self._far(name, each) for name, each in zip(sessions, frame.readings, strict=True)):
            return False
        return self._edge.engine.at_hand(sessions)

    def let_pass(self, sessions: Iterable[str]) -> None:
        """Hands over what waits if readings of these sessions are among it: what comes next comes after them."""
        if not self._wish_of.keys().isdisjoint(sessions):
            self.flush()

    def add(self, sessions: list[str], readings: Sequence[Reading], wish: Wish) -> asyncio.Future[list[Item]]:
        """The frame's items, one for each reading, or an error that is about all of them."""
        loop = asyncio.get_running_loop()
        member = Member(sessions, readings, loop.create_future())
        if self._waiting and (len(self._waiting) > 1 or wish not in self._waiting):
            held = self._wish_of
            if any(held.get(name, wish) != wish for name in sessions):
                self.flush()  # groups go one after the other, so no two may share a session
        self._waiting.setdefault(wish, []).append(member)
        self._wish_of.update(dict.fromkeys(sessions, wish))
        if not self._flushes and self._with_engine < AT_ONCE:
            self._flushes = True
            loop.call_soon(self._turn_over)
        return member.items

    def flush(self) -> None:
        """Hands over all that waits, so that what comes next of the same sessions comes after it."""
        waiting, self._waiting = self._waiting, {}
        self._wish_of.clear()
        for wish, members in waiting.items():
            group: list[Member] = []
            size = 0
            for member in members:
                if group and size + len(member.readings) > self._largest:
                    self._submit(wish, group)
                    group, size = [], 0
                group.append(member)
                size += len(member.readings)
            self._submit(wish, group)

    def _far(self, session: str, reading: StreamReading) -> bool:
        """Whether many steps may be left out before it, or its time cannot be read."""
        try:
            time = None if reading.ds is None else self._edge.clock.read(reading.ds)
        except GatecastError:
            return True
        return self._edge.engine.skipped(session, reading.step, time) > SMALL

    def _turn_over(self) -> None:
        self._flushes = False
        self.flush()

    def _submit(self, wish: Wish, group: list[Member]) -> None:
        sessions = [name for member in group for name in member.sessions]
        readings = [reading for member in group for reading in member.readings]
        try:
            with faults_as(InternalError, FAILED):
                submitted = self._edge.submit(sessions, readings, wish)
        except GatecastError as error:
            _fail(group, error)
            return
        self._with_engine += 1
        submitted.answers.add_done_callback(lambda _: self._answered(group, submitted))

    def _answered(self, group: list[Member], submitted: Submitted) -> None:
        self._with_engine -= 1
        try:
            with faults_as(InternalError, FAILED):
                items = self._edge.written(submitted, submitted.answers.result(), {}).items
        except GatecastError as error:
            _fail(group, error)
        else:
            first = 0
            for member in group:
                stop = first + len(member.readings)
                if not member.items.done():
                    member.items.set_result(items[first:stop])
                first = stop
        if self._waiting and self._with_engine < AT_ONCE and not self._flushes:
            self.flush()


def _fail(group: list[Member], error: GatecastError) -> None:
    for member in group:
        if not member.items.done():
            member.items.set_exception(again(error))
            member.items.exception()  # seen: nobody may ask for it, where the connection was broken off
