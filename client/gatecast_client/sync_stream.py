"""The stream for programs without an event loop: the same calls, which block until they are answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from gatecast_client.answers import Acknowledgement, Session
from gatecast_client.columns import Observed
from gatecast_client.errors import GatecastError
from gatecast_client.frame import Outcome
from gatecast_client.loop_thread import LoopThread
from gatecast_client.readings import Column, Future, Number, Numbers, Reading, When
from gatecast_client.stream import Stream


class SyncStream:
    """A `Stream`, with its promises; made by `SyncGatecastClient.stream`, used with `with`.

    Any number of threads may use one: the readings of each keep the order of its calls. A call that is interrupted
    (Ctrl-C) does not take back a reading that was handed over.
    """

    def __init__(self, stream: Stream, thread: LoopThread) -> None:
        self._stream = stream
        self._thread = thread

    @property
    def connected(self) -> bool:
        """False while it tries to come back, to any of the workers."""
        return self._stream.connected

    def observe(
        self,
        session: str | Session,
        y: Number,
        *,
        step: int | None = None,
        ds: When | None = None,
        covariates: Mapping[str, Number] | None = None,
        future: Future | None = None,
    ) -> Acknowledgement:
        """As `Stream.observe`: records one reading and returns its acknowledgement with the new forecast."""
        asked = self._stream.observe(session, y, step=step, ds=ds, covariates=covariates, future=future)
        return self._thread.call(asked)

    def observe_many(self, readings: Iterable[Reading]) -> list[Outcome]:
        """As `Stream.observe_many`: for each reading, in their order, its acknowledgement or its error."""
        return self._thread.call(self._stream.observe_many([*readings]))

    def observe_columns(
        self,
        sessions: Sequence[str | Session],
        y: Column,
        steps: Sequence[int] | Numbers,
        *,
        covariates: Mapping[str, Column] | None = None,
    ) -> Observed:
        """As `Stream.observe_columns`: one reading of each column, for thousands a second."""
        return self._thread.call(self._stream.observe_columns(sessions, y, steps, covariates=covariates))

    def resume(self, session: str | Session) -> Session:
        """As `Stream.resume`: where a session stands, for a producer that begins again."""
        return self._thread.call(self._stream.resume(session))

    def __enter__(self) -> Self:
        self._thread.call(self._stream.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._thread.call(self._stream.__aexit__(kind, error, traceback))
        except GatecastError as told:
            if told.code != "client_closed":  # then the stream has ended already, and every call of it knows
                raise
