"""A stream of readings: acknowledged one by one, sent again after a reconnect, recorded once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gatecast_client.answers import Acknowledgement, Session
from gatecast_client.column_frame import ColumnFrame
from gatecast_client.columns import Observed, aligned, counts, doubles
from gatecast_client.connection import TryLater, ended, open_connection
from gatecast_client.errors import ConnectionLost, GatecastError
from gatecast_client.frame import Frame, Outcome
from gatecast_client.outbox import Outbox, Posted
from gatecast_client.readings import Future, Number, Reading, When
from gatecast_client.retry import Retry, Trouble
from gatecast_client.wire import Wire

READINGS_PER_FRAME = 1024


class Stream:
    """One connection for any number of sessions; made by `GatecastClient.stream`, used with `async with`.

    A reading that carries its step or ds is recorded exactly once: when the connection is lost, the service restarts
    or has too much to do, it is sent again, in order, and the answer that the service has it already counts as its
    acknowledgement. A reading without them is sent once; if the connection is lost before its answer, `ConnectionLost`.

    Calls may overlap (`asyncio.gather`): their frames are sent in the order of the calls without waiting for answers.
    Cancelling a call does not take back a reading that was handed over. Leaving the block waits for all of them.
    """

    def __init__(self, url: str, wire: Wire, retry: Retry, frames_at_once: int) -> None:
        self._url = url
        self._wire = wire
        self._outbox = Outbox()
        self._trouble = Trouble(retry)
        self._room = asyncio.Semaphore(frames_at_once)
        self._something_to_send = asyncio.Event()
        self._connection: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: GatecastError | None = GatecastError("stream_closed", "the stream is not open: use `async with`")

    @property
    def connected(self) -> bool:
        """False while it tries to come back."""
        return self._connection is not None

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
        frame = Frame([Reading(name, y, step, ds, covariates, future)], many=False)
        await self._hand_over(frame)
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
        _check_futures(all_)
        frames = [
            Frame(all_[at : at + READINGS_PER_FRAME], many=True) for at in range(0, len(all_), READINGS_PER_FRAME)
        ]
        for frame in frames:
            await self._hand_over(frame)
        return [outcome for frame in frames for outcome in await asyncio.shield(frame.settled)]

    async def observe_columns(
        self,
        sessions: Sequence[str | Session],
        y: Sequence[Number],
        steps: Sequence[int],
        *,
        covariates: Mapping[str, Sequence[Number]] | None = None,
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
        frames = []
        for first in range(0, len(values), READINGS_PER_FRAME):
            cut = slice(first, first + READINGS_PER_FRAME)
            some = {name: column[cut] for name, column in known.items()}
            handles = self._outbox.handles
            frame = ColumnFrame(observed, first, names[cut], values[cut], numbers[cut], some, handles)
            frames.append(frame)
            await self._hand_over(frame)
        for frame in frames:
            await asyncio.shield(frame.settled)
        return observed

    async def __aenter__(self) -> Self:
        try:
            self._connection = await open_connection(self._url)
        except TryLater as later:  # nothing is lost yet: whoever opens it shall know at once that nobody is there
            raise later.error from later
        self._error = None
        self._task = asyncio.create_task(self._run(self._connection))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is None:
            return
        try:
            if kind is None and len(self._outbox):
                await asyncio.wait([frame.settled for frame in self._outbox])
        finally:
            self._task.cancel()
            await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    async def _hand_over(self, frame: Posted) -> None:
        frame.encode(self._wire)  # what cannot be sent is refused here, not on its way
        await self._room.acquire()
        if self._error is not None:
            self._room.release()
            raise self._error
        frame.settled.add_done_callback(lambda _: self._room.release())
        self._outbox.add(frame)
        self._something_to_send.set()

    async def _run(self, connection: ClientConnection) -> None:
        """Keeps a connection until the stream is left, or until there is no sense in trying further."""
        why = GatecastError("stream_closed", "the stream was left before this reading was acknowledged")
        try:
            while True:
                lost = await self._converse(connection)
                self._outbox.lost(lost)
                connection = await self._reconnect(lost)
        except GatecastError as error:
            why = error
        finally:
            self._error = why
            self._connection = None
            self._outbox.fail(why)

    async def _converse(self, connection: ClientConnection) -> ConnectionLost:
        """Sends and receives until the connection is lost, and says how."""
        self._connection = connection
        sender = asyncio.create_task(self._send(connection))
        try:
            async for message in connection:
                if self._outbox.answered(self._wire.decode(message, self._outbox.expected)):
                    self._trouble.over()
                self._something_to_send.set()  # what waited for handles goes on
                if (refusal := self._outbox.refusal) is not None:
                    await self._trouble.wait(refusal, True, float(refusal.facts.get("retry_after_seconds", 0)))
                    self._outbox.again()
                    self._something_to_send.set()
        except ConnectionClosed:
            pass
        finally:
            self._connection = None
            sender.cancel()
            await asyncio.wait([sender])
            await connection.close()
        return ended(connection)

    async def _send(self, connection: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # the receiver notices it too, after the last answer that came through
            while True:
                self._something_to_send.clear()
                while (frame := self._outbox.next()) is not None:
                    await connection.send(frame.encode(self._wire))
                await self._something_to_send.wait()

    async def _reconnect(self, lost: GatecastError) -> ClientConnection:
        at_least = 0.0
        while True:
            await self._trouble.wait(lost, len(self._outbox) > 0, at_least)
            try:
                connection = await open_connection(self._url)
            except TryLater as later:
                lost, at_least = later.error, later.seconds
                continue
            if not len(self._outbox):
                self._trouble.over()
            return connection


def _check_futures(readings: Sequence[Reading]) -> None:
    """The last reading of a session in each frame is answered with a forecast, though it may not be in the call."""
    wanted: set[str] = set()  # sessions of which a later reading carries what is known ahead
    for first in reversed(range(0, len(readings), READINGS_PER_FRAME)):
        frame = readings[first : first + READINGS_PER_FRAME]
        newest = {reading.session: at for at, reading in enumerate(frame, first)}
        for session, at in newest.items():
            if session in wanted and not readings[at].future:
                raise ValueError(
                    f"readings are sent in frames of {READINGS_PER_FRAME}, and the last one of a session in a frame is "
                    f"answered with a forecast: give reading {at} its `future` too, with None where a value is unknown"
                )
        wanted.update(reading.session for reading in frame if reading.future)
