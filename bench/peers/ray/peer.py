"""Ray Serve on a cluster of its own, of this machine."""

from __future__ import annotations

from pathlib import Path

from bench.peers.environment import Environment
from bench.peers.held import BUNDLE
from bench.peers.peer import Peer
from bench.peers.process import Launch
from bench.peers.speech import Speech

ENVIRONMENT = Environment("ray")


_HAPROXY = "{folder}/haproxy"


def launch(bundle: Path, folder: Path) -> Launch:  # noqa: ARG001
    command = [str(ENVIRONMENT.python), "-m", "bench.peers.ray.server", "{port}", "{folder}"]
    # what its documentation advises for high throughput; a replica then answers its clients without Ray's own proxy
    tuned = {"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"}
    here = {
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{_HAPROXY}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{_HAPROXY}/admin.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": _HAPROXY,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{_HAPROXY}/server-state",
        "RAY_SERVE_HAPROXY_STATS_PORT": "{spare}",
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # of this machine alone: its parts talk over 127.0.0.1
        "RAY_AUTH_MODE": "disabled",  # else it leaves a token in the home folder
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    return Launch(command, "/ready", {BUNDLE: str(bundle), **tuned, **here})


PEER = Peer(
    "ray",
    f"Ray Serve {ENVIRONMENT.version('ray')}",
    (
        Speech("websocket behind HAProxy, JSON, states in a dict"),
        Speech("… with `@serve.batch`", path="/batched"),
    ),
    launch,
    ENVIRONMENT,
)
