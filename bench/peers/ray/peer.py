"""Ray Serve on a cluster of its own, of this machine."""

from __future__ import annotations

from pathlib import Path

from bench.peers.environment import Environment
from bench.peers.held import BUNDLE
from bench.peers.peer import Peer
from bench.peers.process import Launch
from bench.peers.speech import Speech

ENVIRONMENT = Environment("ray")


def launch(bundle: Path, folder: Path) -> Launch:  # noqa: ARG001
    command = [str(ENVIRONMENT.python), "-m", "bench.peers.ray.server", "{port}", "{folder}"]
    tuned = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    return Launch(command, "/ready", {BUNDLE: str(bundle), **tuned})


PEER = Peer(
    "ray",
    f"Ray Serve {ENVIRONMENT.version('ray')}",
    (Speech("websocket, JSON, states in a dict"),),
    launch,
    ENVIRONMENT,
)
