"""`gatecast serve`: a bundle on a port, until it is told to end."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from commands.lasting import LastingConsole

if TYPE_CHECKING:
    from ssl import SSLContext

    from service.api.edge import Edge
    from service.logs import Log
    from service.settings import Settings
console = LastingConsole()
_LOOK = 0.05  # seconds between two looks at whether the service is ready

# An option that is left out leaves the word to its variable, GATECAST_<OPTION>, and then to its default.
_Bundle = Annotated[
    Path | None,
    typer.Argument(help="The folder that `gatecast export` wrote, or one with several of them.", show_default=False),
]
_Models = Annotated[
    Path | None,
    typer.Option(help="A folder of bundles, DIR/VERSION, that can be deployed while serving.", show_default=False),
]
_Runtime = Annotated[
    str | None,
    typer.Option(
        help="auto (the default: native where it can, else onnx), native, onnx, torchscript.", show_default=False
    ),
]
_Device = Annotated[str | None, typer.Option(help="cpu (the default) or cuda.", show_default=False)]
_Host = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.", show_default=False)]
_Port = Annotated[int | None, typer.Option(help="8000 by default; 0 takes a free one.", show_default=False)]
_GrpcPort = Annotated[int | None, typer.Option(help="Port of gRPC; by default there is none.", show_default=False)]
_Workers = Annotated[
    int | None,
    typer.Option(
        help="Processes, one for each core, on ports from --port on; 1 by default. Sessions are dealt to them by name; "
        "over a journal in Redis any of them serves any session.",
        show_default=False,
    ),
]
_Journal = Annotated[
    str | None,
    typer.Option(
        help="sqlite:PATH (var/journal.sqlite by default), redis://HOST:PORT/DB or memory.", show_default=False
    ),
]
_Durable = Annotated[
    str | None,
    typer.Option(help="What a recorded reading survives: disk (a power cut) or process (a kill).", show_default=False),
]
_Keys = Annotated[
    Path | None,
    typer.Option(help="File of the keys that are admitted, as `gatecast keys` keeps it.", show_default=False),
]
_Anonymous = Annotated[
    bool | None,
    typer.Option("--allow-anonymous", help="Serve those without a key too, on any address.", show_default=False),
]
_Hosts = Annotated[
    str | None,
    typer.Option(help="Names that it may be called by, with commas; addresses always.", show_default=False),
]
_Origins = Annotated[
    str | None,
    typer.Option(help="Other sites whose pages may open streams, https://HOST with commas.", show_default=False),
]
_Certificate = Annotated[
    Path | None, typer.Option(help="Certificate for TLS, in PEM; with --tls-key.", show_default=False)
]
_TlsKey = Annotated[Path | None, typer.Option(help="Its key, in PEM.", show_default=False)]
_Threads = Annotated[int | None, typer.Option(help="Threads for one batch; 1 by default.", show_default=False)]
_Level = Annotated[str | None, typer.Option(help="debug, info, warning or error.", show_default=False)]
_Format = Annotated[str | None, typer.Option(help="auto, json or console.", show_default=False)]


def serve(
    bundle: _Bundle = None,
    models: _Models = None,
    runtime: _Runtime = None,
    device: _Device = None,
    host: _Host = None,
    port: _Port = None,
    grpc_port: _GrpcPort = None,
    workers: _Workers = None,
    journal: _Journal = None,
    durable: _Durable = None,
    threads: _Threads = None,
    keys: _Keys = None,
    allow_anonymous: _Anonymous = None,
    hosts: _Hosts = None,
    origins: _Origins = None,
    tls_certificate: _Certificate = None,
    tls_key: _TlsKey = None,
    log_level: _Level = None,
    log_format: _Format = None,
) -> None:
    """Serve a bundle: forecasts by request and by stream, with every reading recorded before it is acknowledged.

    Every option can also be set by its variable, such as GATECAST_PORT.
    """
    from service.errors import GatecastError

    given: dict[str, object] = {
        "bundle": bundle,
        "models": models,
        "runtime": runtime,
        "device": device,
        "host": host,
        "port": port,
        "grpc_port": grpc_port,
        "workers": workers,
        "journal": journal,
        "durable": durable,
        "threads": threads,
        "keys": keys,
        "allow_anonymous": allow_anonymous,
        "hosts": hosts,
        "origins": origins,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
        "log_level": log_level,
        "log_format": log_format,
    }
    try:
        run(given)
    except GatecastError as error:
        said = Console(stderr=True, soft_wrap=True)
        said.print(f"[red]✗[/] {escape(error.message)}")
        if error.__cause__ is not None and str(error.__cause__) not in error.message:
            said.print(f"  [dim]{escape(str(error.__cause__))}[/]", highlight=False)
        raise typer.Exit(1) from None


def run(given: dict[str, object]) -> None:
    """Serves until it is told to end; exits with 1 at once if not all that was accepted could be answered."""
    from service.exposure import concerns, refuse_strangers
    from service.logs import open_log
    from service.settings import Settings
    from service.tls import tls_context

    settings = Settings.read(**given)
    refuse_strangers(settings)
    log = open_log(settings.log_level, settings.log_format, sys.stderr)
    tls = tls_context(settings, log)
    for concern in concerns(settings, tls is not None):
        log.warning(concern)
    if settings.workers == 1:
        serve_alone(settings, log, tls)
    elif settings.worker is not None:
        serve_alone(settings, log.bind(worker=settings.worker), tls)
    else:
        serve_together(settings, log)


def serve_together(settings: Settings, log: Log) -> None:
    """The processes that share the sessions, each `serve_alone`."""
    from service.workers import Workers, command_of

    settings.share.refuse_others(settings.journal)
    welcomed = partial(welcome_together, settings)
    clean = asyncio.run(Workers(settings, command_of("commands.main", "serve"), log, welcomed).run())
    log.info("ended", clean=clean)
    if not clean:
        raise typer.Exit(1)


def serve_alone(settings: Settings, log: Log, tls: SSLContext | None) -> None:
    """One process with its port and its journal."""
    from service.api.server import DrainingServer, address_of, listen
    from service.app import open_service
    from service.exposure import refuse_strangers
    from service.logs import adopt_libraries

    adopt_libraries(log)
    if settings.supervised:
        _end_with_the_parent()
    scheme = "http" if tls is None else "https"
    if settings.grpc_port:
        listen(settings.host, settings.grpc_port, "--grpc-port").close()  # told before anything is opened
    with listen(settings.host, settings.port) as bound:
        refuse_strangers(settings, bound.getsockname()[0])  # a name may have come to stand for another address
        with console.status("Opening the bundle …"):
            service = open_service(settings, log)

        async def listening() -> None:
            while not service.edge.engine.ready:
                await asyncio.sleep(_LOOK)
            if settings.supervised:
                print(address_of(bound, scheme), flush=True)
            else:
                welcome(address_of(bound, scheme), service.edge, None if service.rpc is None else service.rpc.port)

        def cut_short() -> None:
            # Threads that still run were given their time, and the journal is sound at any moment.
            log.info("ended", clean=False)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)

        _look_for_cycles_seldom()
        refused = service.edge.metrics.problem
        DrainingServer(service.app, settings, log, service.drain, listening, cut_short, tls, refused).run([bound])
    log.info("ended", clean=True)


def _end_with_the_parent() -> None:
    """Drains as if told to when the process that started this one, and holds its standard input open, is gone."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, daemon=True).start()


def _look_for_cycles_seldom() -> None:
    """What is loaded stays, and answers are freed by their count of references: hardly anything is left to a collector
    that would else go through every object of the service some hundred times a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def welcome(address: str, edge: Edge, grpc_port: int | None = None) -> None:
    """Prints where to look and what to send first."""
    from service.api.examples import Examples
    from service.journal import without_password

    manifest = edge.bundle.manifest
    examples = Examples(manifest, edge.bundle.digest, edge.clock, edge.levels, edge.durable)
    body = json.dumps(next(iter(examples.predict.values())))
    lines = [
        f"[bold]{escape(manifest.name)}[/] on {edge.runtime.name}, {edge.runtime.device}: "
        f"{manifest.horizon} steps of {manifest.frequency} ahead, {len(manifest.quantiles)} quantiles",
        f"look at it    [link={address}/]{address}/[/link]",
        f"try it        [link={address}/docs]{address}/docs[/link]"
        if edge.access is None
        else f"keys          {len(edge.access)} valid in {escape(str(edge.settings.keys))} (gatecast keys list)",
        f"streams       {address.replace('http', 'ws', 1)}/v1/stream (docs/protocol.md)"
        + ("" if grpc_port is None else f"; gRPC on port {grpc_port} (docs/open-inference.md)"),
        f"journal       {escape(without_password(edge.settings.journal))}: an acknowledged reading survives "
        + {"none": "nothing, it is kept in memory", "process": "a killed service", "disk": "a power cut"}[edge.durable],
        f"watch it      {escape(_own_name())} demo --url {address} (in a second terminal"
        + (")" if edge.access is None else "; GATECAST_KEY=… before it)"),
        "end it        Ctrl-C; everything accepted is answered first",
    ]
    if not manifest.streams:
        lines = [line for line in lines if not line.startswith(("streams", "watch it"))]
    console.print(Panel("\n".join(lines), title="Gatecast is ready", title_align="left", expand=False))
    key = "" if edge.access is None else ' -H "Authorization: Bearer $GATECAST_KEY"'
    curl = f"curl -s {address}/v1/predict{key} -H 'Content-Type: application/json' -d '{body}'"
    console.print(curl, soft_wrap=True, highlight=False, markup=False)


def welcome_together(settings: Settings, addresses: list[str]) -> None:
    """As `welcome`, of several processes."""
    what = settings.bundle or settings.models or Path()
    dealt = settings.share.workers > 1
    lines = [
        f"[bold]{escape(what.name)}[/] in {len(addresses)} processes, from {addresses[0]} on",
        "sessions      dealt to them by name; each has a journal of its own, and their number stays"
        if dealt
        else "sessions      any process serves any of them, from the journal that they share",
        "clients       are given all addresses, in this order (client/README.md)"
        if dealt
        else "clients       are given any of the addresses, or those of all",
        "end them      Ctrl-C; everything accepted is answered first",
    ]
    console.print(Panel("\n".join(lines), title="Gatecast is ready", title_align="left", expand=False))
    console.print(f"GatecastClient({json.dumps(addresses)})", soft_wrap=True, highlight=False, markup=False)


def _own_name() -> str:
    """How this command was called, so that the next one is found in the same place."""
    called = Path(sys.argv[0])
    if called.name != "gatecast":
        return "gatecast"
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)
