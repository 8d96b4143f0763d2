"""One private redis-server for all tests that need nothing of their own of it; each place on it has its own prefix."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.redis_server import RedisServer

MISSING = (
    "redis-server is missing, and the Redis journal is tested with a real one: apt-get install redis-server, or "
    "brew install redis (7.0 or newer)"
)


def require_redis() -> None:
    """Fails with what to install where there is no Redis."""
    if shutil.which("redis-server") is None:
        raise AssertionError(MISSING)


@cache
def shared_server() -> RedisServer:
    """Started by the first test that asks, ended with the tests."""
    require_redis()
    folder = Path(tempfile.mkdtemp(prefix="gatecast-redis-"))
    server = RedisServer(folder, "no")
    server.start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.kill)
    return server


def redis_url(path: Path, **options: object) -> str:
    """A journal that belongs to a path: the same one for the same path."""
    options = {"prefix": hashlib.sha1(str(path).encode()).hexdigest()[:12], "partitions": 3} | options
    return f"{shared_server().url}?{'&'.join(f'{name}={value}' for name, value in options.items())}"
