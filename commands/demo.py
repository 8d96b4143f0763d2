"""`gatecast demo`: streams readings that the model has not seen, and shows how well it does, live."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from commands.data import Freq, IdColumn, Snap, TargetColumn, TimeColumn, source_of

if TYPE_CHECKING:
    from gatecast_client import Model

    from commands.demonstration.drive import Wish
    from commands.demonstration.progress import Progress
    from datasets.table import SeriesTable

_BUNDLED = "nyc_taxi"
_Url = Annotated[str, typer.Option(help="The service's address; of several workers all, with commas.")]
_Data = Annotated[
    str | None, typer.Option(help="A CSV or Parquet file; the New York taxi data if left out.", show_default=False)
]
_Rate = Annotated[float, typer.Option(min=0, help="0: as fast as answers come.")]
_Name = Annotated[
    str | None, typer.Option(help="The session's name; by default that of data and model.", show_default=False)
]
_Key = Annotated[
    str | None,
    typer.Option(
        envvar="GATECAST_KEY", help="Where the service asks for one; better by its variable.", show_default=False
    ),
]
_Limit = Annotated[int | None, typer.Option(min=1, help="End after so many readings.", show_default=False)]
_Restart = Annotated[bool, typer.Option("--restart", help="Begin anew instead of going on where the last run stopped.")]


def demo(
    url: _Url = "http://127.0.0.1:8000",
    key: _Key = None,
    data: _Data = None,
    readings_per_second: _Rate = 20.0,
    session: _Name = None,
    limit: _Limit = None,
    restart: _Restart = False,
    id_column: IdColumn = None,
    time_column: TimeColumn = None,
    target_column: TargetColumn = None,
    freq: Freq = None,
    snap: Snap = False,
) -> None:
    """Stream the held-out end of a series through the websocket and watch reading, forecast band and running error.

    Of a file the columns are read that the model takes. Ended with Ctrl-C, it goes on from there the next time.
    """
    console = Console()
    missing = [
        name for name, package in (("./client", "gatecast_client"), ("polars", "polars")) if not find_spec(package)
    ]
    if missing:
        _end(console, f"the demo needs packages that are not installed here: pip install {' '.join(missing)}")
    from commands.demonstration.drive import Wish
    from commands.demonstration.feed import read_feed

    named = {"id_column": id_column, "time_column": time_column, "target_column": target_column}

    def read(model: Model) -> SeriesTable:
        return read_feed(source_of(data or _BUNDLED), model, **named, frequency=freq, snap=snap)

    progress, trouble = _run(console, url, key, read, Wish(readings_per_second, session, limit, restart))
    if progress is not None and progress.sent:
        _report(console, progress)
    if trouble is not None:
        _end(console, trouble)


def _run(
    console: Console, url: str, key: str | None, read: Callable[[Model], SeriesTable], wish: Wish
) -> tuple[Progress | None, str | None]:
    """Until the readings or the patience of whoever watches end: how far it came, and what went wrong."""
    import asyncio

    from gatecast_client import ConnectionLost, GatecastClient, GatecastError

    from commands.demonstration.drive import drive
    from commands.demonstration.feed import FeedError
    from datasets.table import DataError

    begun: list[Progress] = []
    trouble = None

    async def run() -> None:
        async with client:
            await drive(client, read, wish, console, begun.append)

    try:
        client = GatecastClient(url.split(","), key=key)
    except ValueError as error:
        return None, f"--{error}"  # it begins with what was wrong: url or key
    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        pass
    except ConnectionLost as error:
        trouble = f"{error.message}\nStart a service with `make run`, or with `gatecast serve BUNDLE`."
    except GatecastError as error:
        trouble = error.message
    except (DataError, FeedError) as error:
        trouble = str(error)
    return begun[0] if begun else None, trouble


def _report(console: Console, progress: Progress) -> None:
    from commands.demonstration import wording
    from commands.demonstration.screen import print_picture

    if console.is_terminal:
        print_picture(console, progress)
    console.print(wording.summary(progress))
    for fact in wording.facts(progress):
        console.print(fact, soft_wrap=True)
    if progress.step + 1 < len(progress.feed):
        console.print("Run it again to go on from here, or with [bold]--restart[/] to begin anew.")


def _end(console: Console, message: str) -> None:
    console.print(f"[red]✗[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(1)
