"""LitServe, as its server script starts it."""

from __future__ import annotations

from pathlib import Path

from bench.peers.environment import Environment
from bench.peers.held import BUNDLE
from bench.peers.peer import Peer
from bench.peers.process import Launch
from bench.peers.speech import Speech

ENVIRONMENT = Environment("litserve")


def launch(bundle: Path, folder: Path) -> Launch:  # noqa: ARG001
    return Launch(
        [str(ENVIRONMENT.python), "-m", "bench.peers.litserve.server", "{port}"], "/health", {BUNDLE: str(bundle)}
    )


PEER = Peer(
    "litserve",
    f"LitServe {ENVIRONMENT.version('litserve')}",
    (Speech("HTTP, JSON, states in a dict", "http", path="/predict"),),
    launch,
    ENVIRONMENT,
)
