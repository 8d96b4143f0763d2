"""The client for programs without an event loop: the same calls, which block until they are answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

from gatecast_client.answers import (
    CurrentForecast,
    Erased,
    Model,
    Revised,
    SeriesForecast,
    Session,
    SessionGates,
    SessionQuality,
    SessionRegime,
)
from gatecast_client.client import GatecastClient
from gatecast_client.loop_thread import LoopThread
from gatecast_client.readings import Future, History, Number, Reading, Series, Static, When
from gatecast_client.requests import Sums
from gatecast_client.retry import Retry
from gatecast_client.sync_stream import SyncStream
from gatecast_client.window import RESEND_READINGS
from gatecast_client.wire import Form


class SyncGatecastClient:
    """A `GatecastClient` in a thread of its own, with its promises and errors. Any number of threads may use one.

    Use it with `with`, which closes its connections and ends its thread. It does not outlive a fork.
    """

    def __init__(
        self,
        url: str | Sequence[str] = "http://127.0.0.1:8000",
        *,
        timeout_seconds: float = 30.0,
        retry: Retry | None = None,
        resend_readings: int = RESEND_READINGS,
        key: str | None = None,
    ) -> None:
        """As `GatecastClient`."""
        self._client = GatecastClient(
            url, timeout_seconds=timeout_seconds, retry=retry, resend_readings=resend_readings, key=key
        )  # fmt: skip
        self.urls = self._client.urls
        self.url = self._client.url
        self._thread = LoopThread()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends its connections, and its streams too: calls that still wait are `client_closed`."""
        self._thread.close(self._client.close)

    def model(self) -> Model:
        """What is served: frequency, horizon, quantiles, covariates, how it was trained."""
        return self._thread.call(self._client.model())

    def predict(
        self,
        *series: Series,
        horizon: int | None = None,
        quantiles: Sequence[float] | None = None,
        sums: Sums | None = None,
    ) -> list[SeriesForecast]:
        """As `GatecastClient.predict`: forecasts of any number of series; nothing is kept."""
        return self._thread.call(self._client.predict(*series, horizon=horizon, quantiles=quantiles, sums=sums))

    def open_session(
        self,
        session: str,
        *,
        history: History | Iterable[Number] | None = None,
        start: When | None = None,
        static: Static | None = None,
        regime: bool = False,
        calibrate: bool = False,
        quality: bool | None = None,
        ttl_seconds: int | None = None,
        replace: bool = False,
    ) -> Session:
        """As `GatecastClient.open_session`: creates a session, or says where it stands."""
        asked = self._client.open_session(
            session,
            history=history,
            start=start,
            static=static,
            regime=regime,
            calibrate=calibrate,
            quality=quality,
            ttl_seconds=ttl_seconds,
            replace=replace,
        )
        return self._thread.call(asked)

    def session(self, session: str | Session) -> Session:
        """Where a session stands; after a disconnect, go on from its `next_step`."""
        return self._thread.call(self._client.session(session))

    def sessions(
        self,
        *,
        prefix: str = "",
        parent: str | None = None,
        expired: bool | None = None,
        idle_seconds: float | None = None,
        page: int = 100,
    ) -> Iterator[Session]:
        """As `GatecastClient.sessions`: all of them, by name."""
        found = self._client.sessions(
            prefix=prefix, parent=parent, expired=expired, idle_seconds=idle_seconds, page=page
        )

        async def following() -> Session | None:
            return await anext(found, None)

        while (each := self._thread.call(following())) is not None:
            yield each

    def correct(
        self,
        session: str | Session,
        readings: Mapping[int, Number] | Iterable[Reading],
        *,
        gaps: Literal["error", "missing"] = "error",
    ) -> Revised:
        """As `GatecastClient.correct`: other values for readings, late ones, further ones."""
        return self._thread.call(self._client.correct(session, readings, gaps=gaps))

    def rewind(self, session: str | Session, step: int) -> Revised:
        """Takes back all readings after `step`; -1 takes back all."""
        return self._thread.call(self._client.rewind(session, step))

    def fork(self, session: str | Session, name: str, *, step: int | None = None) -> Session:
        """A copy of a session called `name`, up to `step`, for what-if questions; the same fork again is found."""
        return self._thread.call(self._client.fork(session, name, step=step))

    def export_session(self, session: str | Session) -> bytes:
        """All that is kept of a session as one file."""
        return self._thread.call(self._client.export_session(session))

    def import_session(self, name: str, file: bytes, *, replace: bool = False) -> Session:
        """A session called `name` from such a file."""
        return self._thread.call(self._client.import_session(name, file, replace=replace))

    def erase(self, session: str | Session) -> Erased:
        """Deletes a session and all its forks; says which files of them were exported before."""
        return self._thread.call(self._client.erase(session))

    def forecast(
        self,
        session: str | Session,
        *,
        future: Future | None = None,
        horizon: int | None = None,
        quantiles: Sequence[float] | None = None,
        sums: Sums | None = None,
    ) -> CurrentForecast:
        """As `GatecastClient.forecast`: from a session's last reading, without a new one."""
        asked = self._client.forecast(session, future=future, horizon=horizon, quantiles=quantiles, sums=sums)
        return self._thread.call(asked)

    def gates(self, session: str | Session, *, units: bool = False) -> SessionGates:
        """The gates of a session's last reading by layer and gate; with `units`, each unit too."""
        return self._thread.call(self._client.gates(session, units=units))

    def regime(self, session: str | Session) -> SessionRegime:
        """The regime of a session that was opened with `regime`, after its last reading."""
        return self._thread.call(self._client.regime(session))

    def quality(self, session: str | Session) -> SessionQuality:
        """How good the forecasts of a session opened with `quality` have been, and how rare its last reading is."""
        return self._thread.call(self._client.quality(session))

    def delete_session(self, session: str | Session) -> None:
        """Forgets a session and its readings."""
        self._thread.call(self._client.delete_session(session))

    def stream(
        self,
        *,
        horizon: int | None = None,
        quantiles: Sequence[float] | None = None,
        sums: Sums | None = None,
        gates: Literal["summary", "units"] | None = None,
        every: int | Literal["none"] | None = None,
        gaps: Literal["error", "missing"] | None = None,
        quality: bool = False,
        anomaly: bool | float = False,
        form: Form = "msgpack",
        frames_at_once: int = 32,
    ) -> SyncStream:
        """As `GatecastClient.stream`, for `with`."""
        stream = self._client.stream(
            horizon=horizon,
            quantiles=quantiles,
            sums=sums,
            gates=gates,
            every=every,
            gaps=gaps,
            quality=quality,
            anomaly=anomaly,
            form=form,
            frames_at_once=frames_at_once,
        )
        return SyncStream(stream, self._thread)
