"""All that stand beside each other in the tables."""

from __future__ import annotations

from collections.abc import Sequence

from bench.peers import gatecast
from bench.peers.bentoml.peer import PEER as BENTOML
from bench.peers.environment import Environment
from bench.peers.fastapi.peer import PEER as FASTAPI
from bench.peers.litserve.peer import PEER as LITSERVE
from bench.peers.peer import Peer
from bench.peers.ray.peer import PEER as RAY
from bench.peers.singles import Library
from bench.peers.triton.peer import PEER as TRITON

_NEURALFORECAST, _DARTS = Environment("neuralforecast"), Environment("darts")

OURS = gatecast.PEERS
SERVERS: Sequence[Peer] = (FASTAPI, TRITON, BENTOML, LITSERVE, RAY)
OURS_ALONE = Library("ours", "Gatecast")
LIBRARIES: Sequence[Library] = (
    Library("neuralforecast", f"neuralforecast {_NEURALFORECAST.version('neuralforecast')}", _NEURALFORECAST),
    Library("darts", f"Darts {_DARTS.version('darts')}", _DARTS),
)
