"""The client: forecasts by request, sessions, and streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from gatecast_client.connection import problem, stream_url
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
from gatecast_client.retry import Retry
from gatecast_client.stream import Stream
from gatecast_client.wire import Form, Wire

T = TypeVar("T")
PROTOCOL = 1


class GatecastClient:
    """Talks to one service. Requests are not repeated by themselves: each may be called again after `ConnectionLost`.

    Use it with `async with`, which closes its connections. Every call raises `GatecastError` where the service refuses.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8000", *, timeout_seconds: float = 30.0, retry: Retry | None = None
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"expected the service's address, such as http://127.0.0.1:8000, got {url!r}")
        self.url = url.rstrip("/")
        self._retry = retry or Retry()
        self._http = httpx.AsyncClient(timeout=timeout_seconds)

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
        return await self._ask("GET", "/v1/model", Model)

    async def predict(
        self, *series: Series, horizon: int | None = None, quantiles: Sequence[float] | None = None
    ) -> list[SeriesForecast]:
        """Forecasts of any number of series, in their order; nothing is kept."""
        sent = [
            {**each.as_sent(), "unique_id": str(at) if each.unique_id is None else each.unique_id}
            for at, each in enumerate(series)
        ]
        body = {"series": sent} | _given(horizon=horizon, quantiles=None if quantiles is None else list(quantiles))
        return (await self._ask("POST", "/v1/predict", Predictions, body)).series

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
        return await self._ask("PUT", _path(session), Session, body, {"replace": "true"} if replace else {})

    async def session(self, session: str) -> Session:
        """Where a session stands; after a disconnect, go on from its `next_step`."""
        return await self._ask("GET", _path(session), Session)

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
        path = f"{_path(name)}/forecast"
        if not future:
            return await self._ask("GET", path, CurrentForecast, None, _choice(horizon, quantiles))
        body = _given(horizon=horizon, quantiles=None if quantiles is None else list(quantiles))
        return await self._ask("POST", path, CurrentForecast, {"future": lists_as_sent(future), **body})

    async def gates(self, session: str | Session, *, units: bool = False) -> SessionGates:
        """The gates of a session's last reading by layer and gate; with `units`, each unit too."""
        name = session if isinstance(session, str) else session.name
        return await self._ask("GET", f"{_path(name)}/gates", SessionGates, None, {"units": "true"} if units else {})

    async def regime(self, session: str | Session) -> SessionRegime:
        """The regime of a session that was opened with `regime`, after its last reading."""
        name = session if isinstance(session, str) else session.name
        return await self._ask("GET", f"{_path(name)}/regime", SessionRegime)

    async def delete_session(self, session: str) -> None:
        """Forgets a session and its readings."""
        await self._request("DELETE", _path(session), None, {})

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
        `form` is that of its frames, "msgpack" or "json"; up to `frames_at_once` wait for answers when calls overlap.
        """
        chosen = _given(gates=gates, every=None if every is None else str(every))
        options = {"protocol": str(PROTOCOL), **_choice(horizon, quantiles), **chosen}
        return Stream(stream_url(self.url, options), Wire(form), self._retry, frames_at_once)

    async def _ask(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: dict[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        content = await self._request(method, path, body, query or {})
        try:
            return msgspec.json.decode(content, type=answer)
        except msgspec.DecodeError as wrong:
            raise GatecastError(
                "unexpected_answer", f"{self.url} was expected to be a Gatecast service, it answered otherwise: {wrong}"
            ) from wrong

    async def _request(self, method: str, path: str, body: dict[str, Any] | None, query: Mapping[str, str]) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            response = await self._http.request(
                method, f"{self.url}{path}", params=query, content=content, headers=headers
            )
        except httpx.TransportError as gone:
            reason = str(gone) or type(gone).__name__
            raise ConnectionLost(f"no answer from {self.url}: {reason}") from gone
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
