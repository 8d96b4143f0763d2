"""The web server and its end: it stops accepting, answers all that was accepted, tells every stream, and leaves."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from service.api.protocols import protocols
from service.errors import SettingsError
from service.logs import Log
from service.settings import Settings

_LOOK = 0.1  # seconds between two looks at whether a second signal has come


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A bound socket that does not accept yet; `SettingsError` says why the address cannot be had, and which `option`
    would be another one.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as fault:
        raise SettingsError(f"{host} is no address to listen on: {fault.strerror}; choose another --host") from fault
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as fault:
        bound.close()
        raise SettingsError(
            f"cannot listen on {host} port {port}: {(fault.strerror or str(fault)).lower()}. "
            f"Stop what uses it, or choose another {option}"
        ) from fault
    return bound


def address_of(bound: socket.socket, scheme: str = "http") -> str:
    """Where people find the service: http://HOST:PORT, or https."""
    host, port = bound.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class DrainingServer(uvicorn.Server):
    """Uvicorn, whose own end would close every stream before its answers are sent.

    `drain` answers what was accepted; `listening` runs once connections are taken. A second signal, or
    `settings.drain_seconds`, ends it anyway: `clean` is False then, and `cut_short` is called at the very end.
    `refused` is told the code of what was refused before it was a request.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        log: Log,
        drain: Callable[[], Awaitable[None]],
        listening: Callable[[], Awaitable[None]] | None = None,
        cut_short: Callable[[], None] | None = None,
        tls: ssl.SSLContext | None = None,
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        requests, streams = protocols(settings, log, refused)  # on httptools, and on websockets without its I/O
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=requests,
                ws=streams,
                ws_max_size=settings.frame_bytes,
                ws_ping_interval=settings.ping_seconds,
                ws_ping_timeout=3 * settings.ping_seconds,
                ws_per_message_deflate=False,  # numbers gain little and every frame would wait for it
                timeout_keep_alive=settings.keep_alive_seconds,  # type: ignore[arg-type]  # seconds of a timer
                lifespan="on",
                log_config=None,
                access_log=False,  # it prints paths, and paths hold names of sessions
                server_header=False,
                ssl_context_factory=None if tls is None else lambda _, __: tls,
            )
        )
        self._seconds = settings.drain_seconds
        self._log = log
        self._drain = drain
        self._listening = listening
        self._cut_short = cut_short
        self._announcing: asyncio.Task[None] | None = None
        self.clean = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._listening is not None:
            self._announcing = asyncio.ensure_future(self._listening())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn's own, after everything that was accepted is answered."""
        if self._announcing is not None:
            self._announcing.cancel()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        self._log.info("draining", seconds=self._seconds)
        for server in self.servers:
            server.close()
        draining = asyncio.ensure_future(self._drain())
        while not (draining.done() or self.force_exit) and loop.time() < deadline:
            await asyncio.wait({draining}, timeout=min(_LOOK, max(0.0, deadline - loop.time())))
        if draining.done():
            draining.result()
        else:
            second = self.force_exit
            self.clean = False
            draining.cancel()
            self.force_exit = True  # nothing is waited for any more
            self._log.warning("ended before everything was answered", second_signal=second)
        self.config.timeout_graceful_shutdown = max(1, math.ceil(deadline - loop.time()))
        await super().shutdown(sockets)
        if not self.clean and self._cut_short is not None:
            self._cut_short()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (the signal handler's)
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, does not raise the signal again at the end: a service that drained exits with 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
