"""`gatecast loadtest`: readings at a chosen rate against a service, and a report of what it made of them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from commands.loading.plan import Plan
    from commands.loading.result import Result

_Url = Annotated[str, typer.Argument(help="The service's address; of several workers all, with commas.")]
_Key = Annotated[
    str | None,
    typer.Option(
        envvar="GATECAST_KEY",
        help="Where the service asks for one, with the scopes read and write; better by its variable.",
        show_default=False,
    ),
]
_Rate = Annotated[float, typer.Option(help="Readings a second.")]
_Frame = Annotated[int, typer.Option(help="Readings in a frame, each of another session.")]
_Sessions = Annotated[int, typer.Option(help="Sessions, made for the test and deleted after it.")]
_Connections = Annotated[int, typer.Option(help="Streams to each address.")]
_Seconds = Annotated[float, typer.Option(help="How long it counts.")]
_WarmUp = Annotated[float, typer.Option(help="Seconds before that, which do not.")]
_Form = Annotated[Literal["msgpack", "json"], typer.Option(help="Form of the frames.")]
_Columns = Annotated[bool, typer.Option("--columns", help="Frames by columns, for many readings in each.")]
_Arrivals = Annotated[
    Literal["chance", "even"], typer.Option(help="chance: as many clients that know nothing of each other.")
]
_Horizon = Annotated[int | None, typer.Option(help="Steps of the forecasts; all by default.", show_default=False)]
_Out = Annotated[Path | None, typer.Option(help="A folder for report.html and report.json.", show_default=False)]
_Replace = Annotated[bool, typer.Option("--replace", help="Overwrite a report that is there.")]


def loadtest(
    url: _Url,
    key: _Key = None,
    rate: _Rate = 100.0,
    frame: _Frame = 1,
    sessions: _Sessions = 100,
    connections: _Connections = 4,
    seconds: _Seconds = 30.0,
    warm_up: _WarmUp = 3.0,
    form: _Form = "msgpack",
    columns: _Columns = False,
    arrivals: _Arrivals = "chance",
    horizon: _Horizon = None,
    out: _Out = None,
    replace: _Replace = False,
) -> None:
    """Load a service of yours with readings on a schedule, and see how long each waits from when it was due.

    Nothing waits for an answer before the next reading is sent, so a service that is too slow shows it. Sessions are
    the test's own; no other session is touched.
    """
    console = Console()
    if not find_spec("gatecast_client"):
        _end(console, "a load test needs the client, which is not installed here: pip install ./client")
    from commands.loading.plan import Nonsense, Plan

    plan = Plan(
        rate=rate,
        frame=frame,
        sessions=sessions,
        connections=connections,
        seconds=seconds,
        warm_up=warm_up,
        form=form,
        columns=columns,
        arrivals=arrivals,
        horizon=horizon,
    )
    try:
        plan.check()
    except Nonsense as wrong:
        _end(console, str(wrong))
    if out is not None and (out / "report.json").exists() and not replace:
        _end(console, f"--out: there is a report in {out} already; choose another folder, or --replace")
    found, trouble = _run(console, url, key, plan)
    if found is not None:
        from commands.loading.screen import print_result

        print_result(console, found)
        if out is not None:
            _write(found, out)
            console.print(f"{escape(str(out / 'report.html'))}, {escape(str(out / 'report.json'))}", soft_wrap=True)
    if trouble is not None:
        _end(console, trouble)


def _run(console: Console, url: str, key: str | None, plan: Plan) -> tuple[Result | None, str | None]:
    """What was found, also where it was broken off, and what went wrong."""
    import asyncio

    from gatecast_client import ConnectionLost, GatecastClient, GatecastError

    from commands.loading.plan import Nonsense
    from commands.loading.trial import Trial

    try:
        client = GatecastClient(url.split(","), key=key)
    except ValueError as error:
        return None, str(error)
    trial, trouble = Trial(client, key, plan, console), None
    try:
        asyncio.run(trial.run())
    except KeyboardInterrupt:
        pass
    except ConnectionLost as error:
        trouble = error.message
    except (GatecastError, Nonsense) as error:
        trouble = str(error)
    return trial.result(), trouble


def _write(found: Result, out: Path) -> None:
    import msgspec

    from commands.loading.page import page

    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    (out / "report.html").write_text(page(found), encoding="utf-8")


def _end(console: Console, message: str) -> None:
    console.print(f"[red]✗[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(1)
