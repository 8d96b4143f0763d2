"""All forecasters of other libraries that stand beside ours."""

from __future__ import annotations

from collections.abc import Sequence

from bench.accuracy.contender import Contender
from bench.peers.environment import Environment

STATSFORECAST, NEURALFORECAST, GLUONTS = map(Environment, ("statsforecast", "neuralforecast", "gluonts"))


def _of(environment: Environment, name: str, *arguments: str) -> Contender:
    title = f"{name} ({environment.name} {environment.version(environment.name)})"
    program = ("-m", f"bench.peers.{environment.name}.accuracy", *arguments)
    return Contender(name, title, program, environment)


PEERS: Sequence[Contender] = (
    _of(STATSFORECAST, "AutoETS", "AutoETS"),
    _of(STATSFORECAST, "AutoTheta", "AutoTheta"),
    _of(NEURALFORECAST, "GRU"),
    _of(GLUONTS, "DeepAR"),
)
