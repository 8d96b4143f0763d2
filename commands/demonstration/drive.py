"""Opens the session, sends reading after reading at its pace, and hands each answer on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from gatecast_client import GatecastClient, GatecastError, Model, Session
from rich.console import Console

from commands.demonstration.feed import Feed, FeedError, make_feed
from commands.demonstration.progress import Progress
from commands.demonstration.screen import print_line, shown_live

if TYPE_CHECKING:
    from datasets.table import SeriesTable

_DIGEST_SHOWN = 8


@dataclass(frozen=True)
class Wish:
    """What the command was asked for."""

    readings_per_second: float  # 0: as fast as answers come
    session: str | None
    limit: int | None
    restart: bool


async def drive(
    client: GatecastClient,
    read: Callable[[Model], SeriesTable],
    wish: Wish,
    console: Console,
    begun: Callable[[Progress], None],
) -> None:
    """Runs the demo on what `read` gives for the model that is served.

    `begun` is told of its progress before the first reading, and may look at it at any time.

    `FeedError` where data and model do not go together, `GatecastError` where the service refuses.
    """
    model = await _model(client)
    feed = make_feed(read(model), model)
    session = await _opened(client, model, feed, wish, console)
    end = len(feed) if wish.limit is None else min(len(feed), session.next_step + wish.limit)
    progress = Progress(feed, model, session, end)
    begun(progress)
    async with client.stream(quantiles=progress.quantiles) as stream:
        if session.last_step is not None:
            future = feed.future(session.last_step)
            current = await client.forecast(session, quantiles=progress.quantiles, future=future)
            progress.expect(current.forecast)
        live = shown_live(console, progress, lambda: stream.connected) if console.is_terminal else nullcontext()
        async with live:
            pace = Pace(wish.readings_per_second)
            for step in range(progress.first, end):
                await pace.wait()
                reading = feed.reading(session.name, step)
                asked = time.perf_counter()
                answer = await stream.observe(
                    session, reading.y, step=step, covariates=reading.covariates, future=reading.future
                )
                progress.take(answer, time.perf_counter() - asked)
                if not console.is_terminal:
                    print_line(console, progress)


async def _model(client: GatecastClient) -> Model:
    try:
        return await client.model()
    except GatecastError as error:
        if error.code != "unexpected_answer" and error.status != HTTPStatus.NOT_FOUND:
            raise
        raise FeedError(
            f"{client.url} does not say what it forecasts (GET /v1/model): no Gatecast service is there, or an "
            "older one. Start one with `make run`, or with `gatecast serve BUNDLE`"
        ) from error


async def _opened(client: GatecastClient, model: Model, feed: Feed, wish: Wish, console: Console) -> Session:
    """The session with its history: a new one, or where an earlier run has left it; at its end it starts anew."""
    name = wish.session or f"demo-{feed.name}-{model.digest[:_DIGEST_SHOWN]}"
    try:
        session = await client.open_session(name, history=feed.history(), static=feed.static, replace=wish.restart)
    except GatecastError as error:
        if error.code != "session_exists":
            raise
        raise FeedError(
            f"the session {name} has begun with another history: --restart begins it anew, --session takes another name"
        ) from error
    if session.created or wish.restart:
        _say(console, f"Session {name}: {feed.first:,} readings of history, then what the model has not seen.")
    elif session.next_step >= len(feed):
        _say(console, f"Session {name} has seen all readings; it starts anew.")
        session = await client.open_session(name, history=feed.history(), static=feed.static, replace=True)
    else:
        _say(console, f"Session {name} goes on at {feed.time(session.next_step)}; --restart begins it anew.")
    return session


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False)


class Pace:
    """Lets so many pass a second on average; after a hold-up it does not hurry to make up for it."""

    def __init__(self, per_second: float) -> None:
        self._seconds = 1 / per_second if per_second > 0 else 0.0
        self._next = time.monotonic()

    async def wait(self) -> None:
        """Until the next may pass."""
        now = time.monotonic()
        if self._next > now:
            await asyncio.sleep(self._next - now)
        else:
            await asyncio.sleep(0)  # the picture is drawn in the same loop
        self._next = max(self._next, now) + self._seconds
