"""A real service on a port, which can be stopped and started again over the same journal."""

from __future__ import annotations

import asyncio
import io
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.api.server import DrainingServer, listen
from service.app import assemble
from service.bundle import Bundle
from service.journal import open_journal
from service.logs import open_log
from service.runtimes.fake import FakeRuntime
from service.settings import Settings


class LiveService:
    """One service over one bundle and one journal on disk, at the same port across restarts."""

    def __init__(self, bundle: Bundle, journal: Path, **limits: int) -> None:
        self._bundle = bundle
        self._limits = limits
        self._journal = f"sqlite:{journal}"
        self._server: DrainingServer | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Returns when connections are taken and forecasts can be had."""
        listening = threading.Event()

        async def announce() -> None:
            while not service.edge.engine.ready:
                await asyncio.sleep(0.005)
            listening.set()

        journal = open_journal(self._journal, self._bundle.width, self._bundle.manifest.frequency, "process")
        settings = Settings(bundle=Path("unused"), runtime="fake", journal=self._journal, **self._limits)  # type: ignore[arg-type]
        log = open_log("error", "json", io.StringIO())
        service = assemble(settings, FakeRuntime(self._bundle), journal, log)
        bound = listen("127.0.0.1", self.port)
        self.port = bound.getsockname()[1]
        self._server = DrainingServer(service.app, settings, log, service.drain, announce)
        self._thread = threading.Thread(target=self._server.run, args=([bound],))
        self._thread.start()
        assert await asyncio.to_thread(listening.wait, 20)

    async def stop(self) -> None:
        """As SIGTERM does: answers what was accepted, tells every stream to come back later, and ends."""
        server, thread, self._server, self._thread = self._server, self._thread, None, None
        if server is not None and thread is not None:
            server.should_exit = True
            await asyncio.to_thread(thread.join, 30)
            assert not thread.is_alive()

    def recorded(self, session: str) -> NDArray[np.float64]:
        """What the journal of a stopped service holds of a session, (time, values)."""
        journal = open_journal(self._journal, self._bundle.width, self._bundle.manifest.frequency, "process")
        try:
            head = journal.head(session)
            assert head is not None
            return journal.readings(head.key, 0, head.last_step)
        finally:
            journal.close()
