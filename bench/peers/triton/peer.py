"""Triton's server with its Python backend, as PyPI's nvidia-pytriton brings it, without a GPU."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.load.triton import GRPC_PATH, HTTP_PATH, SEQUENCE, TABLE
from bench.peers.environment import Environment
from bench.peers.held import BUNDLE
from bench.peers.peer import Peer
from bench.peers.process import Launch
from bench.peers.speech import Speech

ENVIRONMENT = Environment("triton")
# seconds; without it a request that comes before the last one of its sequence is released crashes the server within a
# few thousand steps (a segmentation fault in TRITONBACKEND_RequestRelease), with it seldom; slower clients meet it not
PAUSE = 0.5e-3
_REPOSITORY = Path(__file__).parent / "repository"


def launch(bundle: Path, folder: Path) -> Launch:
    return serving(_REPOSITORY, (SEQUENCE, TABLE), folder, {BUNDLE: str(bundle)})


def serving(repository: Path, models: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Launch:
    """The server with these models of a repository; `folder` keeps its backend."""
    server = ENVIRONMENT.packages / "pytriton" / "tritonserver"
    backends = folder / "backends"
    if not backends.exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        shutil.copytree(server / "backends" / "python", backends / "python")
        stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
        shutil.copy(stub, backends / "python")
    options = {
        "model-repository": str(repository),
        "backend-directory": str(backends),
        "model-control-mode": "explicit",
        "http-address": "127.0.0.1",
        "http-port": "{port}",
        "grpc-address": "127.0.0.1",
        "grpc-port": "{grpc}",
        "allow-metrics": "false",
        "allow-gpu-metrics": "false",
        "log-info": "false",
    }
    loaded = [f"--load-model={name}" for name in models]
    libraries = [str(sysconfig.get_config_var("LIBDIR")), str(ENVIRONMENT.packages / "nvidia_pytriton.libs")]
    return Launch(
        [str(server / "bin" / "tritonserver"), *(f"--{name}={options[name]}" for name in options), *loaded],
        "/v2/health/ready",
        {
            "LD_LIBRARY_PATH": ":".join(libraries),
            # the backend's Python ignores PYTHONPATH: it finds its packages by PATH, our own where it runs
            "PATH": f"{ENVIRONMENT.folder / 'bin'}:{os.environ['PATH']}",
            **environment,
        },
    )


PEER = Peer(
    "triton",
    f"Triton 2.51 (nvidia-pytriton {ENVIRONMENT.version('nvidia-pytriton')}), Python backend",
    (
        Speech(
            "HTTP, tensors, states in a dict", "http", "msgpack", "triton",
            HTTP_PATH.format(model=SEQUENCE), HTTP_PATH.format(model=TABLE),
        ),
        Speech(
            "gRPC stream, tensors, states in a dict, each client pausing 0.5 ms", "grpc", "msgpack", "triton",
            GRPC_PATH, port="grpc", pause=PAUSE,
        ),
    ),
    launch,
    ENVIRONMENT,
)  # fmt: skip
