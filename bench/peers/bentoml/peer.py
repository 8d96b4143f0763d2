"""BentoML, as `bentoml serve` starts it."""

from __future__ import annotations

from pathlib import Path

from bench.peers.environment import Environment
from bench.peers.held import BUNDLE
from bench.peers.peer import Peer
from bench.peers.process import Launch
from bench.peers.speech import Speech

ENVIRONMENT = Environment("bentoml")


def launch(bundle: Path, folder: Path) -> Launch:
    command = [str(ENVIRONMENT.folder / "bin" / "bentoml"), "serve", "bench.peers.bentoml.service:Sessions"]
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "bentoml")}
    return Launch(
        [*command, "--host", "127.0.0.1", "--port", "{port}"], "/readyz", {BUNDLE: str(bundle), **quiet}
    )  # fmt: skip


PEER = Peer(
    "bentoml",
    f"BentoML {ENVIRONMENT.version('bentoml')}",
    (Speech("websocket, JSON, states in a dict", path="/sessions/stream"),),
    launch,
    ENVIRONMENT,
)
