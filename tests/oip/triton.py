"""A real Triton, from the package that the benchmarks install, with the two models of the contract."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.process import Running
from bench.peers.triton.peer import ENVIRONMENT, serving
from tests.oip.ways import Target

REPOSITORY = Path(__file__).parent / "repository"


@contextmanager
def served() -> Iterator[Target]:
    """The server until the end; installs it where it is not (GATECAST_PEERS says where, .peers unless it does)."""
    ENVIRONMENT.install()
    with tempfile.TemporaryDirectory(prefix="triton") as folder:
        launch = serving(REPOSITORY, ("fake", "fake.predict"), Path(folder), {})
        with Running(launch) as running:
            yield Target(f"127.0.0.1:{running.port}", f"127.0.0.1:{running.ports['grpc']}", ours=False)
