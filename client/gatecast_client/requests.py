"""Requests to a service, or to the several processes of one: where they go, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from gatecast_client.bearer import bearer
from gatecast_client.connection import OPEN_SECONDS, nobody, problem, seconds_of
from gatecast_client.dealing import Dealer
from gatecast_client.errors import ConnectionLost, GatecastError, closed
from gatecast_client.retry import Retry, Trouble
from gatecast_client.window import Window

T = TypeVar("T")
JSON = "application/json"
# A connection that waits for longer is not used again. The service ends those that are idle, after 5 s unless it is set
# otherwise: one that is taken up at that very moment has its request lost.
IDLE_SECONDS = 2.0
_POOL = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS)
_STALE = 5  # attempts more, where somebody else moved the session on at that very moment, and nothing was done
_RESTARTING = ("draining", "not_ready")


class Requests:
    """Use it with `async with`, which closes its connections."""

    def __init__(
        self,
        url: str | Sequence[str],
        timeout_seconds: float,
        retry: Retry | None,
        resend_readings: int,
        key: str | None,
    ) -> None:
        urls = [url] if isinstance(url, str) else list(url)
        wrong = [each for each in urls if not each.startswith(("http://", "https://"))]
        if wrong or not urls:
            raise ValueError(
                f"url: the service's address was expected, such as http://127.0.0.1:8000, got {(wrong or urls)!r}"
            )
        self.urls = [each.rstrip("/") for each in urls]
        self.url = self.urls[0]
        self._dealer = Dealer(len(urls))
        self._turns = cycle(self.urls)  # for what any of them can answer
        self._retry = retry or Retry()
        self._met: set[str] = set()  # addresses at which a service was
        self._window = Window(resend_readings)
        self._headers = bearer(key)
        timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, OPEN_SECONDS))
        self._http = httpx.AsyncClient(timeout=timeout, limits=_POOL, headers=self._headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connections of requests; streams end with their own block."""
        await self._http.aclose()

    def _url(self, session: str) -> str:
        """Of the service that has it."""
        return self.urls[self._dealer.worker(session)]

    async def _ask(
        self,
        url: str,
        method: str,
        path: str,
        answer: type[T],
        body: dict[str, Any] | bytes | None = None,
        query: Mapping[str, str] | None = None,
        kind: str = JSON,
        again: bool | None = None,
        patient: bool = False,
    ) -> T:
        content = await self._request(url, method, path, body, query, kind, again, patient)
        try:
            return msgspec.json.decode(content, type=answer)
        except msgspec.DecodeError as wrong:
            raise GatecastError(
                "unexpected_answer", f"{url} was expected to be a Gatecast service, it answered otherwise: {wrong}"
            ) from wrong

    async def _request(
        self,
        url: str,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        query: Mapping[str, str] | None = None,
        kind: str = JSON,
        again: bool | None = None,
        patient: bool = False,
    ) -> bytes:
        """The body of the answer. `again`: to make it twice is to make it once (by default of GET), so it is repeated
        where its answer is lost; `patient` is as patient as a stream even with a service that nobody has met yet.
        """
        again = method == "GET" if again is None else again
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": kind}
        strange, known, stale = Trouble(self._retry, self._retry.connect_seconds), Trouble(self._retry), 0
        while True:
            if self._http.is_closed:
                raise closed()
            try:
                response = await self._http.request(
                    method, f"{url}{path}", params=query or {}, content=content, headers=headers
                )
            except (httpx.ConnectError, httpx.ConnectTimeout) as gone:  # nothing was sent
                away = known if patient or (again and url in self._met) else strange
                await away.wait(nobody(url, gone), True)
                continue
            except httpx.TransportError as gone:
                reason = str(gone) or type(gone).__name__
                lost = ConnectionLost(f"no answer from {url}: {reason}; the request may be made again", {"url": url})
                if not again or isinstance(gone, httpx.TimeoutException):  # it may be too much for the service
                    raise lost from gone
                self._met.add(url)
                await known.wait(lost, True)
                continue
            self._met.add(url)
            if response.is_success:
                return response.content
            error = problem(response.status_code, response.content)
            if error.code == "stale_session" and stale < _STALE:
                stale += 1
            elif not (again and error.code in _RESTARTING):
                raise error
            await known.wait(error, True, seconds_of(response.headers.get("Retry-After")))


def path_of(session: str) -> str:
    """The path of a session; `GatecastError` for none, whose path would be another one."""
    if not session:
        raise GatecastError("invalid_session", "a session's name has 1 to 200 characters, this one has none")
    # A dot is escaped too, since "/.." in an address means the folder above.
    return f"/v1/sessions/{quote(session, safe='').replace('.', '%2E')}"


Sums = bool | Sequence[int]  # of a forecast: True, over all its steps; or over the first so many each


def choice(horizon: int | None, quantiles: Sequence[float] | None, sums: Sums | None = None) -> dict[str, str]:
    """What of a forecast is asked for, as a query."""
    chosen = None if quantiles is None else ",".join(map(str, quantiles))
    summed = str(sums).lower() if isinstance(sums, bool) else ",".join(map(str, sums or ())) or None
    return given(horizon=None if horizon is None else str(horizon), quantiles=chosen, sums=summed)


def chosen(horizon: int | None, quantiles: Sequence[float] | None, sums: Sums | None) -> dict[str, Any]:
    """The same, as fields of a body."""
    levels = None if quantiles is None else list(quantiles)
    return given(horizon=horizon, quantiles=levels, sums=sums if sums is None or isinstance(sums, bool) else list(sums))


def given(**options: Any) -> dict[str, Any]:
    """Those options that are not None."""
    return {name: value for name, value in options.items() if value is not None}
