"""FastAPI on uvicorn with its fast parts, one worker."""

from __future__ import annotations

from pathlib import Path

from bench.peers.environment import Environment
from bench.peers.held import BUNDLE
from bench.peers.peer import Peer
from bench.peers.process import Launch
from bench.peers.speech import Speech

ENVIRONMENT = Environment("fastapi")


def launch(bundle: Path, folder: Path) -> Launch:  # noqa: ARG001
    fast = ["--loop", "uvloop", "--http", "httptools", "--ws", "websockets-sansio", "--no-access-log"]
    where = ["--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"]
    command = [str(ENVIRONMENT.python), "-m", "uvicorn", "bench.peers.fastapi.server:app", *where, *fast]
    return Launch(command, "/ready", {BUNDLE: str(bundle)})


PEER = Peer(
    "fastapi",
    f"FastAPI {ENVIRONMENT.version('fastapi')}, uvicorn {ENVIRONMENT.version('uvicorn')}",
    (
        Speech("HTTP, JSON, a stateless replay of 512", "http", body="windows", path="/predict"),
        Speech("websocket, JSON, states in a dict"),
    ),
    launch,
    ENVIRONMENT,
)
