"""A stream of readings: acknowledged one by one, sent again after a reconnect, recorded once."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from gatecast_client.answers import Acknowledgement, Session
from gatecast_client.channel import Channel
from gatecast_client.column_frame import ColumnFrame
from gatecast_client.columns import Observed, aligned, counts, doubles
from gatecast_client.dealing import Dealer
from gatecast_client.errors import GatecastError
from gatecast_client.frame import Frame, Outcome
from gatecast_client.outbox import Posted
from gatecast_client.readings import Column, Future, Number, Numbers, Reading, When

READINGS_PER_FRAME = 1024


class Stream:
    """One connection for any number of sessions, or one to each worker of a service; made by `GatecastClient.stream`,
    used with `async with`.

    A reading that carries its step or ds is recorded exactly once: when the connection is lost, the service restarts
    or has too much to do, it is sent again, in order, and the answer that the service has it already counts as its
    acknowledgement. A reading without them is sent once; if the connection is lost before its answer, `ConnectionLost`.

    Calls may overlap (`asyncio.gather`): their frames are sent in the order of the calls without waiting for answers.
    Cancelling a call does not take back a reading that was handed over. Leaving the block waits for all of them.
    A worker that cannot be reached holds up its own sessions, and calls that name them, and no others.
    """

    def __init__(
        self, channels: Sequence[Channel], dealer: Dealer, stand: Callable[[str], Awaitable[Session]], fills: bool
    ) -> None:
        self._stand = stand
        self._fills = fills
        self._channels = channels
        self._dealer = dealer
        self._open = AsyncExitStack()

    @property
    def connected(self) -> bool:
        """False while it tries to come back, to any of the workers."""
        return all(channel.connected for channel in self._channels)

    async def observe(
        self,
        session: str | Session,
        y: Number,
        *,
        step: int | None = None,
        ds: When | None = None,
        covariates: Mapping[str, Number] | None = None,
        future: Future | None = None,
    ) -> Acknowledgement:
        """Records one reading (None or NaN: it is missing) and returns its acknowledgement with the new forecast.

        `future` is what is known of the steps ahead, where the model wants to know it (`Model.future`).
        `GatecastError` where the service refuses it, or it cannot be delivered.
        """
        name = session if isinstance(session, str) else session.name
        frame = Frame([Reading(name, y, step, ds, covariates, future)], many=False, fills=self._fills)
        await self._hand_over([(self._channels[self._dealer.worker(name)], [frame])])
        (outcome,) = await asyncio.shield(frame.settled)
        if isinstance(outcome, GatecastError):
            raise outcome
        return outcome

    async def observe_many(self, readings: Iterable[Reading]) -> list[Outcome]:
        """Records many readings of any sessions; for each, in their order, its acknowledgement or its error.

        One that is refused does not hold up those of other sessions. The newest of each session in a frame of
        1,024 readings carries the forecast; ValueError where it lacks the `future` that a later one of it carries.
        """
        all_ = list(readings)
        posts, placed = [], []
        for worker, places in self._dealer.places([reading.session for reading in all_]):
            _check_futures(all_, places)
            frames = [(cut, Frame([all_[at] for at in cut], True, self._fills)) for cut in _cuts(places)]
            posts.append((self._channels[worker], [frame for _, frame in frames]))
            placed += frames
        await self._hand_over(posts)
        outcomes: dict[int, Outcome] = {}
        for cut, frame in placed:
            outcomes.update(zip(cut, await asyncio.shield(frame.settled), strict=True))
        return [outcomes[at] for at in range(len(all_))]

    async def observe_columns(
        self,
        sessions: Sequence[str | Session],
        y: Column,
        steps: Sequence[int] | Numbers,
        *,
        covariates: Mapping[str, Column] | None = None,
    ) -> Observed:
        """Records many readings of any sessions, one of each column: for thousands a second, at a fraction of the cost.

        Columns are lists, or anything of numbers that NumPy or `array` hold; all carry steps, so that all may be sent
        again. Each frame of 1,024 readings is answered as in `observe_many`. A model that knows covariates ahead
        takes no columns, unless the stream was opened with `every="none"`.
        """
        names = [each if isinstance(each, str) else each.name for each in sessions]
        known = {name: doubles(f"covariates.{name}", column) for name, column in (covariates or {}).items()}
        values, numbers = doubles("y", y), counts(steps)
        aligned(len(values), {"sessions": names, "steps": numbers, **known})
        observed = Observed(len(values))
        posts = []
        for worker, places in self._dealer.places(names):
            channel = self._channels[worker]
            frames = []
            for cut in _cuts(places):
                some = {name: _picked(column, cut) for name, column in known.items()}
                own = [names[at] for at in cut], _picked(values, cut), _picked(numbers, cut)
                frames.append(ColumnFrame(observed, cut, *own, some, channel.handles, self._fills))
            posts.append((channel, frames))
        await self._hand_over(posts)
        for _, frames in posts:
            for frame in frames:
                await asyncio.shield(frame.settled)
        return observed

    async def resume(self, session: str | Session) -> Session:
        """Where a session stands, for a producer that begins again: go on from its `next_step`, or after its `last_ds`.

        It has the stream's patience, if the service is just away. `unknown_session` is the error where nobody made it.
        """
        return await self._stand(session if isinstance(session, str) else session.name)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            for channel in self._channels:
                await opening.enter_async_context(channel)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.__aexit__(kind, error, traceback)

    async def _hand_over(self, posts: Sequence[tuple[Channel, Sequence[Posted]]]) -> None:
        """Frames to their channels. Where there are several, each is a task of its own, in the order of the calls: one
        that has no room, or delivers nothing any more, does not hold up the others.
        """
        if len(self._channels) > 1:
            await asyncio.gather(*(channel.deliver(frames) for channel, frames in posts))
            return
        for channel, frames in posts:
            for frame in frames:
                await channel.hand_over(frame)


def _cuts(places: Sequence[int]) -> Iterator[Sequence[int]]:
    """Those of each frame."""
    for at in range(0, len(places), READINGS_PER_FRAME):
        yield places[at : at + READINGS_PER_FRAME]


def _picked(column: array[Any], places: Sequence[int]) -> array[Any]:
    return array(column.typecode, map(column.__getitem__, places))


def _check_futures(readings: Sequence[Reading], places: Sequence[int]) -> None:
    """The last reading of a session in each frame is answered with a forecast, though it may not be in the call."""
    wanted: set[str] = set()  # sessions of which a later reading carries what is known ahead
    for cut in reversed([*_cuts(places)]):
        newest = {readings[at].session: at for at in cut}
        for session, at in newest.items():
            if session in wanted and not readings[at].future:
                raise ValueError(
                    f"readings are sent in frames of {READINGS_PER_FRAME}, and the last one of a session in a frame is "
                    f"answered with a forecast: give reading {at} its `future` too, with None where a value is unknown"
                )
        wanted.update(readings[at].session for at in cut if readings[at].future)
