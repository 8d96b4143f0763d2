"""Gatecast itself, as users start it, over a journal on the disk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from bench.load import sessions
from bench.load.setting import HORIZON, LEVELS
from bench.peers.peer import SESSIONS, Peer
from bench.peers.process import ROOT, Launch
from bench.peers.speech import Speech

_PATH = f"/v1/stream?quantiles={','.join(map(str, LEVELS))}&horizon={HORIZON}"


def _launch(durable: str) -> Callable[[Path, Path], Launch]:
    def launch(bundle: Path, folder: Path) -> Launch:
        journal = folder / f"journal-{durable}.sqlite"
        peer = next(each for each in PEERS if each.name == f"gatecast-{durable}")
        if not journal.exists():
            made = {peer.prefix(speech, name): count for speech in SPEECHES for name, count in SESSIONS.items()}
            sessions.write(journal, bundle, made)
        command = [sys.executable, "-m", "commands.main", "serve", str(bundle), "--port", "{port}"]
        journaled = ["--journal", f"sqlite:{journal}", "--durable", durable, "--log-level", "warning"]
        path = f"{ROOT}:{ROOT / 'client'}"
        return Launch([*command, *journaled], "/ready", {"PYTHONWARNINGS": "ignore", "PYTHONPATH": path})

    return launch


SPEECHES = (
    Speech("websocket, JSON", form="json", path=_PATH, layout_of_many="columns"),
    Speech("websocket, MessagePack", form="msgpack", path=_PATH, layout_of_many="columns"),
)
PEERS = tuple(
    Peer(f"gatecast-{durable}", f"Gatecast, journal `{durable}`", SPEECHES, _launch(durable))
    for durable in ("process", "disk")
)
