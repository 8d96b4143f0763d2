"""The client: forecasts by request, sessions, and streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from gatecast_client.answers import (
    CurrentForecast,
    Model,
    Predictions,
    SeriesForecast,
    Session,
    SessionGates,
    SessionRegime,
)
from gatecast_client.channel import Channel
from gatecast_client.connection import BUSY, OPEN_SECONDS, nobody, problem, stream_url
from gatecast_client.dealing import Dealer
from gatecast_client.errors import ConnectionLost, GatecastError
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
from gatecast_client.retry import Retry, Trouble
from gatecast_client.stream import Stream
from gatecast_client.window import RESEND_READINGS, Window
from gatecast_client.wire import Form, Wire

T = TypeVar("T")
PROTOCOL = 1


class GatecastClient:
    """Talks to one service, or to the several processes of one. Requests are not repeated by themselves: each may be
    called again after `ConnectionLost`.

    Use it with `async with`, which closes its connections. Every call raises `GatecastError` where the service refuses.
    """

    def __init__(
        self,
        url: str | Sequence[str] = "http://127.0.0.1:8000",
        *,
        timeout_seconds: float = 30.0,
        retry: Retry | None = None,
        resend_readings: int = RESEND_READINGS,
    ) -> None:
        """`url` is the service's address, or those of all its workers in their order (`gatecast serve --workers`).

        `resend_readings` is how many acknowledged readings, of all sessions together, are kept to be sent again to a
        service whose journal has lost them; 0 keeps none.
        """
        urls = [url] if isinstance(url, str) else list(url)
        wrong = [each for each in urls if not each.startswith(("http://", "https://"))]
        if wrong or not urls:
            raise ValueError(f"expected the service's address, such as http://127.0.0.1:8000, got {(wrong or urls)!r}")
        self.urls = [each.rstrip("/") for each in urls]
        self.url = self.urls[0]
        self._dealer = Dealer(len(urls))
        self._turns = cycle(self.urls)  # for what any of them can answer
        self._retry = retry or Retry()
        self._window = Window(resend_readings)
        timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, OPEN_SECONDS))
        self._http = httpx.AsyncClient(timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connections of requests; streams end with their own block."""
        await self._http.aclose()

    async def model(self) -> Model:
        """What is served: frequency, horizon, quantiles, covariates, how it was trained."""
        return await self._ask(next(self._turns), "GET", "/v1/model", Model)

    async def predict(
        self, *series: Series, horizon: int | None = None, quantiles: Sequence[float] | None = None
    ) -> list[SeriesForecast]:
        """Forecasts of any number of series, in their order; nothing is kept."""
        sent = [
            {**each.as_sent(), "unique_id": str(at) if each.unique_id is None else each.unique_id}
            for at, each in enumerate(series)
        ]
        body = {"series": sent} | _given(horizon=horizon, quantiles=None if quantiles is None else list(quantiles))
        return (await self._ask(next(self._turns), "POST", "/v1/predict", Predictions, body)).series

    async def open_session(
        self,
        session: str,
        *,
        history: History | Iterable[Number] | None = None,
        start: When | None = None,
        static: Static | None = None,
        regime: bool = False,
        replace: bool = False,
    ) -> Session:
        """Creates a session, with a history to begin with or empty; `start` is the time of step 0.

        `static` are the features that never change in it, all that the model knows (`Model.static`). With `regime`
        its gates are watched, and each acknowledgement says whether the regime has changed. The same call
        again changes nothing and says where the session stands now. Another beginning is the error
        `session_exists`, unless `replace`: then the session starts anew.
        """
        body = _given(start=None if start is None else time_as_sent(start))
        if regime:
            body["regime"] = True
        if static:
            body["static"] = numbers_as_sent(static)
        if history is not None:
            body["history"] = (history if isinstance(history, History) else History(history)).as_sent()
        query = {"replace": "true"} if replace else {}
        made = await self._ask(self._url(session), "PUT", _path(session), Session, body, query)
        if replace:
            self._window.forget(session)
        return made

    async def session(self, session: str) -> Session:
        """Where a session stands; after a disconnect, go on from its `next_step`."""
        return await self._ask(self._url(session), "GET", _path(session), Session)

    async def forecast(
        self,
        session: str | Session,
        *,
        future: Future | None = None,
        horizon: int | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> CurrentForecast:
        """The forecast from a session's last reading, without a new one.

        `future` is what is known of the steps ahead, all covariates of `Model.future`; without such, leave it out.
        """
        name = session if isinstance(session, str) else session.name
        url, path = self._url(name), f"{_path(name)}/forecast"
        if not future:
            return await self._ask(url, "GET", path, CurrentForecast, None, _choice(horizon, quantiles))
        body = _given(horizon=horizon, quantiles=None if quantiles is None else list(quantiles))
        return await self._ask(url, "POST", path, CurrentForecast, {"future": lists_as_sent(future), **body})

    async def gates(self, session: str | Session, *, units: bool = False) -> SessionGates:
        """The gates of a session's last reading by layer and gate; with `units`, each unit too."""
        name = session if isinstance(session, str) else session.name
        query = {"units": "true"} if units else {}
        return await self._ask(self._url(name), "GET", f"{_path(name)}/gates", SessionGates, None, query)

    async def regime(self, session: str | Session) -> SessionRegime:
        """The regime of a session that was opened with `regime`, after its last reading."""
        name = session if isinstance(session, str) else session.name
        return await self._ask(self._url(name), "GET", f"{_path(name)}/regime", SessionRegime)

    async def delete_session(self, session: str) -> None:
        """Forgets a session and its readings."""
        await self._request(self._url(session), "DELETE", _path(session), None, {})
        self._window.forget(session)

    def stream(
        self,
        *,
        horizon: int | None = None,
        quantiles: Sequence[float] | None = None,
        gates: Literal["summary", "units"] | None = None,
        every: int | Literal["none"] | None = None,
        form: Form = "msgpack",
        frames_at_once: int = 32,
    ) -> Stream:
        """A stream, for `async with`; its forecasts hold `horizon` steps and these `quantiles` (by default all).

        With `gates`, answers with a forecast carry the gates of their reading, in a few numbers or unit by unit.
        With `every`, only the readings of every so many-th step are answered with a forecast, or none at all.
        `form` is that of its frames, "msgpack" or "json"; up to `frames_at_once` wait for answers when calls overlap,
        at each address.
        """
        chosen = _given(gates=gates, every=None if every is None else str(every))
        options = {"protocol": str(PROTOCOL), **_choice(horizon, quantiles), **chosen}
        urls = [stream_url(url, options) for url in self.urls]
        channels = [Channel(url, Wire(form), self._retry, frames_at_once, self._window) for url in urls]
        return Stream(channels, self._dealer, self._stand)

    async def _stand(self, session: str) -> Session:
        """As `session`, with the patience of a stream."""
        trouble = Trouble(self._retry)
        while True:
            try:
                return await self.session(session)
            except GatecastError as error:
                if not isinstance(error, ConnectionLost) and error.status not in BUSY:
                    raise
                await trouble.wait(error, True)

    def _url(self, session: str) -> str:
        """Of the service that has it."""
        return self.urls[self._dealer.worker(session)]

    async def _ask(
        self,
        url: str,
        method: str,
        path: str,
        answer: type[T],
        body: dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        content = await self._request(url, method, path, body, query or {})
        try:
            return msgspec.json.decode(content, type=answer)
        except msgspec.DecodeError as wrong:
            raise GatecastError(
                "unexpected_answer", f"{url} was expected to be a Gatecast service, it answered otherwise: {wrong}"
            ) from wrong

    async def _request(
        self, url: str, method: str, path: str, body: dict[str, Any] | None, query: Mapping[str, str]
    ) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        trouble = Trouble(self._retry, self._retry.connect_seconds)
        response: httpx.Response | None = None
        while response is None:
            try:
                response = await self._http.request(
                    method, f"{url}{path}", params=query, content=content, headers=headers
                )
            except (httpx.ConnectError, httpx.ConnectTimeout) as gone:  # nothing was sent
                await trouble.wait(nobody(url, gone), True)
            except httpx.TransportError as gone:
                reason = str(gone) or type(gone).__name__
                raise ConnectionLost(
                    f"no answer from {url}: {reason}; the request may be made again", {"url": url}
                ) from gone
        if not response.is_success:
            raise problem(response.status_code, response.content)
        return response.content


def _path(session: str) -> str:
    # A dot is escaped too, since "/.." in an address means the folder above.
    return f"/v1/sessions/{quote(session, safe='').replace('.', '%2E')}"


def _choice(horizon: int | None, quantiles: Sequence[float] | None) -> dict[str, str]:
    chosen = None if quantiles is None else ",".join(map(str, quantiles))
    return _given(horizon=None if horizon is None else str(horizon), quantiles=chosen)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
