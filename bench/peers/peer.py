"""What a peer is: the environment it runs in, how it is started, how it is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.load.setting import FRAME
from bench.peers.environment import Environment
from bench.peers.process import Launch
from bench.peers.speech import Speech

CLIENTS = 32
MANY = 4  # connections that send full frames
SESSIONS: Mapping[str, int] = {"one": 1, "clients": CLIENTS, "many": MANY * FRAME, "kept": 1}  # by prefix


@dataclass(frozen=True)
class Peer:
    """A server beside us, or ourselves."""

    name: str
    title: str
    speeches: Sequence[Speech]
    launch: Callable[[Path, Path], Launch]  # from the bundle and a folder that outlives a kill
    environment: Environment | None = None  # None: our own

    def prefix(self, speech: Speech, question: str) -> str:
        """Of the sessions that one question asks about."""
        return f"{self.speeches.index(speech)}-{question}-"
