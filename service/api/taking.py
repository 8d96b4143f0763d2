"""Frames on their way through: given to the engine as soon as they are read, answered when their turn comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeVar

from service.api.allowance import ITEM, size_of
from service.api.cadence import cadence
from service.api.column_answers import ColumnAnswer
from service.api.columns import ColumnFrame
from service.api.edge import Edge
from service.api.frames import Codec, Frame, HandlesFrame
from service.api.gaps import fills
from service.api.gathering import FAILED, Gathering
from service.api.handles import Handles
from service.api.items import Item, echo, refusal
from service.api.telling import telling
from service.api.wish import Asked, Wish
from service.errors import GatecastError, InternalError, WrongType
from service.faults import faults_as, told
from service.names import all_inside, inside

Answer = Item | list[Item] | ColumnAnswer
T = TypeVar("T")


@dataclass(eq=False)
class Taken:
    """A frame that was taken. `reply` waits for what the engine says of it; `error` is about the whole frame."""

    codec: Codec
    as_text: bool
    frame: Frame | ColumnFrame | HandlesFrame | None = None  # None: it could not be read
    reply: Callable[[], Awaitable[Answer]] | None = None
    error: GatecastError | None = None
    size: int = ITEM  # bytes that the answer may take until it is sent
    came: float = field(default_factory=perf_counter)


class Taker:
    """Takes the frames of one connection, in order, and counts them."""

    def __init__(self, edge: Edge, gathering: Gathering, wish: Wish, tenant: str = "") -> None:
        self._edge = edge
        self._tenant = tenant
        self._gathering = gathering
        self._wish = wish
        self._handles = Handles(edge.settings.handles_per_stream, tenant)
        self._pace = edge.rates.readings(tenant)
        self.timed = edge.metrics.answered
        self.frames = 0
        self.readings = 0

    def take(self, codec: Codec, data: bytes, as_text: bool) -> Taken:
        """Never raises; when it returns, the engine has the frame's readings in their order."""
        taken = Taken(codec, as_text)
        try:
            with faults_as(InternalError, FAILED):
                taken.frame = frame = codec.decode(data)
                count = 0 if isinstance(frame, HandlesFrame) else frame.count
                self.frames += 1
                self.readings += count
                self._edge.metrics.frame("json" if as_text else "msgpack", count)
                taken.reply = self._given(taken, frame, codec.packed)
        except GatecastError as error:
            taken.error = error
        return taken

    async def answer(self, taken: Taken) -> bytes | str:
        """What the client is sent, once the engine has answered; errors are answers too."""
        answer: Answer
        try:
            with faults_as(InternalError, FAILED):
                if taken.error is not None:
                    raise taken.error
                assert taken.reply is not None  # without an error there is one
                answer = await taken.reply()
        except GatecastError as error:
            frame = taken.frame
            if isinstance(frame, Frame) and not frame.many and frame.readings and not isinstance(error, InternalError):
                self._edge.metrics.refused(error.code, 1)
                answer = refusal(frame.readings[0].session, frame.readings[0].step, error)
            else:
                answer = self._whole(error)
            told(error)
        sent = taken.codec.encode(answer)
        return sent.decode("utf-8") if taken.as_text else sent

    def _whole(self, error: GatecastError) -> Item:
        if isinstance(error, InternalError):
            self._edge.log.error("fault", route="stream", exc_info=error.__cause__)
        self._edge.metrics.problem(error.code)
        return refusal(None, None, error)

    def _given(
        self, taken: Taken, frame: Frame | ColumnFrame | HandlesFrame, packed: bool
    ) -> Callable[[], Awaitable[Answer]]:
        edge, wish = self._edge, self._wish
        if isinstance(frame, HandlesFrame):
            return _ready(self._handles.register(frame.names))
        if frame.asked is not None:
            wish = self._own_wish(frame.asked)
        gates = edge.bundle.manifest.gates if wish.gates == "units" else 0
        taken.size = size_of(frame.count, wish.selection, gates, isinstance(frame, ColumnFrame))
        if isinstance(frame, ColumnFrame):
            if wish.gates is not None:
                raise WrongType(
                    'gates: a frame by columns carries none; send those readings itemised, as {"observations": [...]}, '
                    'or leave gates out ("gates": false where the connection asks for them)'
                )
            if self._pace is not None:
                with edge.owing_columns(frame, self._handles, wish):
                    self._pace.take(frame.count)
            self._gathering.flush()
            columns = edge.submit_columns(frame, self._handles, wish, packed)
            return lambda: edge.column_answer(columns)
        sent = [reading.session for reading in frame.readings]
        sessions = all_inside(self._tenant, sent)
        renamed = sessions is not sent
        if self._pace is not None:
            with edge.owing(sessions, frame.readings, wish):
                self._pace.take(frame.count)
        if self._gathering.takes(frame, sessions, wish):
            items = self._gathering.add(sessions, frame.readings, wish)
            return lambda: _arranged(frame, items, renamed)
        self._gathering.let_pass(sessions)
        if not sessions:
            return lambda: _arranged(frame, _ready([])())
        excused = {inside(self._tenant, str(item.get("session"))) for item in frame.refusals.values()}
        submitted = edge.submit(sessions, frame.readings, wish, excused=excused)
        return lambda: _arranged(frame, edge.items(submitted), renamed)

    def _own_wish(self, asked: Asked) -> Wish:
        wish, edge = self._wish, self._edge
        selection = wish.selection
        if asked.horizon is not None or asked.quantiles is not None or asked.sums is not None:
            selection = edge.levels.select(asked.horizon, asked.quantiles, selection, asked.sums)
        gates = wish.gates if asked.gates is None else edge.detail(asked.gates)
        told = wish.telling
        if asked.quality is not None or asked.anomaly is not None:
            told = telling(asked.quality, asked.anomaly, told)
        return Wish(selection, gates, cadence(asked.every, wish.every), fills(asked.gaps, wish.fill), told)


async def _arranged(frame: Frame, answered: Awaitable[Sequence[Item]], renamed: bool = False) -> Item | list[Item]:
    """One item, or a list for a list, those of refused readings in their places, under the names that were sent."""
    items = [*await answered]
    if renamed:
        echo(items)
    if frame.refusals:
        placed = dict(zip(frame.places, items, strict=True)) | frame.refusals
        items = [placed[at] for at in range(frame.count)]
    return items if frame.many else items[0]


def _ready(answer: T) -> Callable[[], Awaitable[T]]:
    async def ready() -> T:
        return answer

    return ready
