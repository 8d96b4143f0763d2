"""One private redis-server for all tests that need nothing of their own of it; each place on it has its own prefix."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from functools import cache
from pathlib import Path

from service.journal import Durable, Journal, Subject, open_journal
from tests.redis_server import RedisServer


@cache
def shared_server() -> RedisServer:
    """Started by the first test that asks, ended with the tests."""
    folder = Path(tempfile.mkdtemp(prefix="gatecast-redis-"))
    server = RedisServer(folder, "no")
    server.start()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.kill)
    return server


_opened: list[Journal] = []


def opening(
    url: str, width: int = 1, frequency: str = "1h", durable: Durable | None = None, subject: Subject | None = None
) -> Journal:
    """As `open_journal`; it is closed at the end of the test (tests/service/conftest.py)."""
    _opened.append(open_journal(url, width, frequency, durable, subject))
    return _opened[-1]


def close_all() -> None:
    while _opened:
        _opened.pop().close()


def redis_url(path: Path, **options: object) -> str:
    """A journal that belongs to a path: the same one for the same path."""
    options = {"prefix": hashlib.sha1(str(path).encode()).hexdigest()[:12], "partitions": 3} | options
    return f"{shared_server().url}?{'&'.join(f'{name}={value}' for name, value in options.items())}"
