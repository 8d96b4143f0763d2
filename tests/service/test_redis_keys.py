"""What a Redis journal touches: only keys that its scripts were given, all of one slot, and of its own prefix."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from service.journal import Beginning, Checkpoint, Export, Readings, Wanted
from tests.redis_server import RedisServer, require_redis
from tests.redis_shared import opening

DIGEST = "d" * 64
SEVERAL = {"DEL", "EXISTS"}  # commands of several keys


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    require_redis()
    made = RedisServer(tmp_path / "redis")
    made.start()
    yield made
    made.kill()


def touched(server: RedisServer, doing: Callable[[], object]) -> tuple[list[list[str]], list[str]]:
    """The keys that were passed to each script while this was done, and those that scripts touched."""
    passed: list[list[str]] = []
    used: list[str] = []
    control = Redis.from_url(server.url)
    with control.monitor() as monitor:
        doing()
        control.echo("done")
        for seen in monitor.listen():
            words = seen["command"].split(" ")
            if words[0] == "ECHO":
                return passed, used
            if words[0] == "EVALSHA":
                passed.append(words[3 : 3 + int(words[2])])
            elif seen["client_type"] == "lua" and words[0] != "TIME":
                used += words[1:] if words[0] in SEVERAL else words[1:2]
    raise AssertionError("it ended too soon")


def test_every_key_that_a_script_touches_was_passed_to_it_and_is_of_its_slot(server: RedisServer) -> None:
    journal = opening(f"{server.url}?partitions=3&prefix=mine", 1, "1h")
    heads = [journal.create(Beginning(f"s{at}", 0, "", np.zeros((4, 1)), ttl=60)) for at in range(6)]
    keys, ones = np.array([head.key for head in heads]), np.ones(6, np.int64)
    saved = [Checkpoint(step, 1, DIGEST, np.zeros(3, np.float32)) for step in (1, 2, 3)]
    key = heads[0].key
    operations: dict[str, Callable[[], object]] = {
        "create": lambda: journal.create(Beginning("more", 0, "", np.zeros((4, 1)), ttl=60), saved[2]),
        "replace": lambda: journal.replace(Beginning("more", 0, "", np.zeros((2, 1)))),
        "heads": lambda: journal.heads([head.name for head in heads]),
        "append": lambda: journal.append(Readings(keys, ones, ones * 4, np.ones((6, 1)))),
        "save": lambda: [journal.save(keys[:1], [each]) for each in saved],
        "states": lambda: journal.states(keys, DIGEST),
        "load": lambda: journal.load(key, DIGEST),
        "readings": lambda: journal.readings(key, 0, 9),
        "revise": lambda: journal.revise(key, 1, 4, 2, np.ones((1, 1)), saved[1]),
        "retain": lambda: journal.retain(key, 2, 1, [replace(saved[0], step=0)]),
        "kept, put": lambda: journal.put("copy", journal.kept(key), replace=True),
        "exported": lambda: journal.exported(key, Export(1, 2, DIGEST)),
        "listing": lambda: journal.listing(Wanted()),
        "expire": lambda: journal.expire(time.time() + 3600, 99),
        "delete": lambda: journal.delete("copy"),
    }
    for name, operation in operations.items():
        passed, used = touched(server, operation)
        assert passed, name
        assert set(used) <= {each for given in passed for each in given}, name
        for given in passed:
            assert len({each[: each.index("}")] for each in given}) == 1, name
    everything = [each.decode() for each in Redis.from_url(server.url).keys("*")]
    assert all(each.startswith("{mine:") for each in everything)


def test_of_deleted_sessions_nothing_is_left_but_the_count_of_keys(server: RedisServer) -> None:
    journal = opening(f"{server.url}?partitions=1", 1, "1h")
    empty = journal.size()
    head = journal.create(
        Beginning("s", 0, "", np.zeros((500, 1)), ttl=60), Checkpoint(499, 1, DIGEST, np.zeros(9, np.float32))
    )
    assert journal.append(Readings(*(np.array([each]) for each in (head.key, 1, 500)), np.ones((1, 1)))).all()
    journal.revise(head.key, 1, 500, 300, np.zeros((10, 1)))
    journal.retain(head.key, 2, 100, [])
    assert empty < journal.size() < empty + 5000
    journal.delete("s")
    assert journal.size() == empty
    control = Redis.from_url(server.url)
    assert sorted(control.keys("*")) == [b"{gatecast:0}journal", b"{gatecast:0}stats"]
    assert control.hgetall("{gatecast:0}stats") == {b"keys": b"1", b"bytes": b"0"}
