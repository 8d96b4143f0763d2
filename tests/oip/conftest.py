"""The server that the contract is held against: ours in this process, or with GATECAST_OIP=triton a real Triton."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.api.conftest import behind, http, open_inside
from tests.oip.ways import Asking, Target

__all__ = ["asking", "http", "open_inside", "target"]  # fixtures

REAL = os.environ.get("GATECAST_OIP") == "triton"


@pytest.fixture(scope="session")
def target() -> Iterator[Target]:
    if REAL:
        from tests.oip.triton import served

        with served() as there:
            yield there
        return
    with behind({"grpc_port": 0}, frequency="1") as running:
        assert running.service.rpc is not None
        yield Target(running.address, f"127.0.0.1:{running.service.rpc.port}")


@pytest.fixture
def asking(target: Target, request: pytest.FixtureRequest) -> Asking:
    """`target`, asked in the way that the test is run for."""
    return Asking(target, request.param)
