"""The client: forecasts by request, sessions, and streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal, TypeVar

from gatecast_client.answers import (
    CurrentForecast,
    Model,
    Predictions,
    SeriesForecast,
    Session,
    SessionGates,
    SessionQuality,
    SessionRegime,
    Sessions,
)
from gatecast_client.changes import Changes
from gatecast_client.channel import Channel
from gatecast_client.connection import BUSY, stream_url
from gatecast_client.errors import GatecastError
from gatecast_client.readings import (
    Future,
    History,
    Number,
    Series,
    Static,
    When,
    lists_as_sent,
    numbers_as_sent,
    time_as_sent,
)
from gatecast_client.requests import Sums, choice, chosen, given, path_of
from gatecast_client.retry import Retry, Trouble
from gatecast_client.stream import Stream
from gatecast_client.window import RESEND_READINGS
from gatecast_client.wire import Form, Wire

T = TypeVar("T")
PROTOCOL = 1


class GatecastClient(Changes):
    """Talks to one service, or to the several processes of one. Requests that ask, and `open_session` without
    `replace`, are repeated where the connection is lost; any other may be called again after `ConnectionLost`.

    Use it with `async with`, which closes its connections. Every call raises `GatecastError` where the service refuses.
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
        """`url` is the service's address, or those of all its workers in their order (`gatecast serve --workers`).

        `resend_readings` is how many acknowledged readings, of all sessions together, are kept to be sent again to a
        service whose journal has lost them; 0 keeps none. `key` is what `gatecast keys create` printed, where the
        service asks for one.
        """
        super().__init__(url, timeout_seconds, retry, resend_readings, key)

    async def model(self) -> Model:
        """What is served: frequency, horizon, quantiles, covariates, how it was trained."""
        return await self._ask(next(self._turns), "GET", "/v1/model", Model)

    async def predict(
        self,
        *series: Series,
        horizon: int | None = None,
        quantiles: Sequence[float] | None = None,
        sums: Sums | None = None,
    ) -> list[SeriesForecast]:
        """Forecasts of any number of series, in their order; nothing is kept.

        With `sums` each carries the quantiles of sums: over all its steps (True), or over the first so many.
        """
        sent = [
            {**each.as_sent(), "unique_id": str(at) if each.unique_id is None else each.unique_id}
            for at, each in enumerate(series)
        ]
        body = {"series": sent} | chosen(horizon, quantiles, sums)
        return (await self._ask(next(self._turns), "POST", "/v1/predict", Predictions, body, again=True)).series

    async def open_session(
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
        """Creates a session, with a history to begin with or empty; `start` is the time of step 0.

        `static` are the features that never change in it, all that the model knows (`Model.static`). With `regime`
        its gates are watched, and each acknowledgement says whether the regime has changed; with `calibrate` the bands
        of its forecasts are widened or narrowed until its readings lie in them as promised; with `quality` (None: as
        the service is set) its forecasts are scored by each reading. After `ttl_seconds`
        without a reading it expires (0: never; by default as the service is set): then everything that comes for it is
        the error `expired`. The same call again changes nothing and says where the session stands now. Another
        beginning is the error `session_exists`, unless `replace`: then the session starts anew.
        """
        body = given(start=None if start is None else time_as_sent(start), ttl_seconds=ttl_seconds, quality=quality)
        if regime:
            body["regime"] = True
        if calibrate:
            body["calibrate"] = True
        if static:
            body["static"] = numbers_as_sent(static)
        if history is not None:
            body["history"] = (history if isinstance(history, History) else History(history)).as_sent()
        query = {"replace": "true"} if replace else {}
        made = await self._ask(self._url(session), "PUT", path_of(session), Session, body, query, again=not replace)
        if replace:
            self._window.forget(session)
        return made

    async def session(self, session: str | Session) -> Session:
        """Where a session stands; after a disconnect, go on from its `next_step`."""
        name = session if isinstance(session, str) else session.name
        return await self._ask(self._url(name), "GET", path_of(name), Session)

    async def sessions(
        self,
        *,
        prefix: str = "",
        parent: str | None = None,
        expired: bool | None = None,
        idle_seconds: float | None = None,
        page: int = 100,
    ) -> AsyncIterator[Session]:
        """All sessions in the order of their names, those of each address in turn, asked for by the `page`.

        Those alone whose names begin with `prefix`, that are forks of `parent`, that have `expired` (True) or have
        not (False), that had no reading for `idle_seconds`.
        """
        said = None if expired is None else str(expired).lower()
        chosen = given(prefix=prefix or None, parent=parent, expired=said, idle_seconds=idle_seconds, limit=page)
        query = {name: str(value) for name, value in chosen.items()}
        for url in self.urls:
            after: dict[str, str] | None = {}
            while after is not None:
                some = await self._ask(url, "GET", "/v1/sessions", Sessions, None, {**query, **after})
                for each in some.sessions:
                    yield each
                after = None if some.next is None else {"after": some.next}

    async def forecast(
        self,
        session: str | Session,
        *,
        future: Future | None = None,
        horizon: int | None = None,
        quantiles: Sequence[float] | None = None,
        sums: Sums | None = None,
    ) -> CurrentForecast:
        """The forecast from a session's last reading, without a new one; with `sums` as of `predict`.

        `future` is what is known of the steps ahead, all covariates of `Model.future`; without such, leave it out.
        """
        name = session if isinstance(session, str) else session.name
        url, path = self._url(name), f"{path_of(name)}/forecast"
        if not future:
            return await self._ask(url, "GET", path, CurrentForecast, None, choice(horizon, quantiles, sums))
        body = {"future": lists_as_sent(future), **chosen(horizon, quantiles, sums)}
        return await self._ask(url, "POST", path, CurrentForecast, body, again=True)

    async def gates(self, session: str | Session, *, units: bool = False) -> SessionGates:
        """The gates of a session's last reading by layer and gate; with `units`, each unit too."""
        name = session if isinstance(session, str) else session.name
        query = {"units": "true"} if units else {}
        return await self._ask(self._url(name), "GET", f"{path_of(name)}/gates", SessionGates, None, query)

    async def regime(self, session: str | Session) -> SessionRegime:
        """The regime of a session that was opened with `regime`, after its last reading."""
        name = session if isinstance(session, str) else session.name
        return await self._ask(self._url(name), "GET", f"{path_of(name)}/regime", SessionRegime)

    async def quality(self, session: str | Session) -> SessionQuality:
        """How good the forecasts of a session opened with `quality` have been, and how rare its last reading is."""
        name = session if isinstance(session, str) else session.name
        return await self._ask(self._url(name), "GET", f"{path_of(name)}/quality", SessionQuality)

    async def delete_session(self, session: str | Session) -> None:
        """Forgets a session and its readings."""
        name = session if isinstance(session, str) else session.name
        await self._request(self._url(name), "DELETE", path_of(name))
        self._window.forget(name)

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
    ) -> Stream:
        """A stream, for `async with`; its forecasts hold `horizon` steps and these `quantiles` (by default all), and
        the `sums` that are asked for, as of `predict`.

        With `gates`, answers with a forecast carry the gates of their reading, in a few numbers or unit by unit.
        With `every`, only the readings of every so many-th step are answered with a forecast, or none at all.
        With `gaps="missing"` steps that are left out before a reading enter as missing, and are no error: those that
        this client left out, not those that it knows to have been acknowledged.
        With `quality` and `anomaly` (or the rate of false alarms at which a reading is flagged) the newest reading of
        each session that is scored is answered with how good its forecasts have been, and with how rare it is.
        `form` is that of its frames, "msgpack" or "json"; up to `frames_at_once` wait for answers when calls overlap,
        at each address.
        """
        if gaps not in (None, "error", "missing"):
            raise ValueError(f'gaps: "error" or "missing" was expected, got {gaps!r}')
        more = given(gates=gates, every=None if every is None else str(every))  # frames ask for gaps, one by one
        more |= {name: str(told).lower() for name, told in (("quality", quality), ("anomaly", anomaly)) if told}
        options = {"protocol": str(PROTOCOL), **choice(horizon, quantiles, sums), **more}
        urls = [stream_url(url, options) for url in self.urls]
        channels = [
            Channel(url, Wire(form), self._retry, frames_at_once, self._window, self._headers, self._restore)
            for url in urls
        ]
        return Stream(channels, self._dealer, self._stand, gaps == "missing")

    async def _stand(self, session: str) -> Session:
        """As `session`, with the patience of a stream."""
        trouble = Trouble(self._retry)
        while True:
            try:
                return await self._ask(self._url(session), "GET", path_of(session), Session, patient=True)
            except GatecastError as error:
                if error.status not in BUSY:
                    raise
                await trouble.wait(error, True)
