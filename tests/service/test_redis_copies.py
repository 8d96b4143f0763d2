"""Redis in several processes: replicas that are waited for, and the nodes of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from service.errors import JournalError
from service.journal import Beginning, Checkpoint, Head, Journal, Readings, Wanted
from tests.redis_server import RedisServer, require_redis
from tests.redis_shared import opening
from tests.served import free_port

SLOTS = 2**14


class Node(RedisServer):
    """One of a cluster."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "no")
        self.bus = free_port()
        self._command += ["--cluster-enabled", "yes", "--cluster-port", str(self.bus), "--cluster-node-timeout", "5000"]


def admin(server: RedisServer) -> Redis:
    return Redis.from_url(server.url)


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


def batch(heads: list[Head], step: int) -> Readings:
    count = len(heads)
    values = np.array([[1000.0 * head.key + step] for head in heads])
    return Readings(
        np.array([head.key for head in heads]),
        np.array([head.revision for head in heads]),
        np.full(count, step),
        values,
    )


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[RedisServer]]:
    """Two, of which the second is a replica of the first."""
    require_redis()
    made = [RedisServer(tmp_path / "primary"), RedisServer(tmp_path / "replica")]
    for server in made:
        server.start()
    admin(made[0]).config_set("repl-diskless-sync-delay", 0)
    admin(made[1]).replicaof("127.0.0.1", made[0].port)
    until(lambda: admin(made[1]).info("replication")["master_link_status"] == "up")
    yield made
    for server in made:
        server.kill()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """A cluster of two, which takes two seconds to come together."""
    require_redis()
    made = [Node(tmp_path_factory.mktemp("nodes") / name) for name in ("one", "two")]
    for at, node in enumerate(made):
        node.start()
        admin(node).execute_command("CLUSTER", "ADDSLOTSRANGE", at * SLOTS // 2, (at + 1) * SLOTS // 2 - 1)
    admin(made[0]).execute_command("CLUSTER", "MEET", "127.0.0.1", made[1].port, made[1].bus)
    until(lambda: all(admin(node).cluster("INFO")["cluster_state"] == "ok" for node in made))
    until(lambda: all(admin(node).cluster("INFO")["cluster_known_nodes"] == "2" for node in made))
    yield made
    for node in made:
        node.kill()


def test_a_batch_is_acknowledged_when_the_replicas_have_it(servers: list[RedisServer]) -> None:
    journal = opening(f"{servers[0].url}?wait=1&wait_ms=20000", 1, "1h")
    heads = [journal.create(Beginning(f"s{at}", 0, "", np.zeros((0, 1)))) for at in range(20)]
    for step in range(3):
        assert journal.append(batch(heads, step)).all()
    servers[0].kill()
    admin(servers[1]).replicaof("NO", "ONE")
    other = opening(servers[1].url, 1, "1h")
    assert [head.last_step for head in other.heads([head.name for head in heads])] == [2] * 20
    again = other.heads([head.name for head in heads])
    assert other.append(batch([head for head in again if head], 3)).all()


def test_too_few_replicas_are_an_error_and_what_was_recorded_is_found_by_asking(servers: list[RedisServer]) -> None:
    head = opening(servers[0].url, 1, "1h").create(Beginning("meter", 0, "", np.zeros((0, 1))))
    journal = opening(f"{servers[0].url}?wait=1&wait_ms=100", 1, "1h")
    servers[1].pause()
    with pytest.raises(JournalError, match="only 0 of 1 replicas had it within 100 ms; the primary has it: ask"):
        journal.append(batch([head], 0))
    assert journal.head("meter").last_step == 0
    servers[1].resume()
    until(lambda: _recorded(journal, head, 1))
    np.testing.assert_array_equal(journal.readings(head.key, 0, 9), [[1000.0 * head.key], [1000.0 * head.key + 1]])


def _recorded(journal: Journal, head: Head, step: int) -> bool:
    try:
        journal.append(batch([head], step))
    except JournalError:
        return False
    return journal.head(head.name).last_step == step


def test_a_cluster_keeps_partitions_on_its_nodes(nodes: list[Node]) -> None:
    journal = opening(f"{nodes[0].url}?prefix=kept&partitions=8", 1, "1h")
    names = [f"s{at:02}" for at in range(40)]
    heads = [journal.create(Beginning(name, 0, "", np.zeros((0, 1)), ttl=60)) for name in names]
    for step in range(3):
        assert journal.append(batch(heads, step)).all()
    assert all(int(admin(node).dbsize()) > 0 for node in nodes)
    keys = np.array([head.key for head in heads])
    journal.save(keys, [Checkpoint(2, 1, "a" * 64, np.full(3, float(key), np.float32)) for key in keys])
    assert [state[0] for state in journal.states(keys, "a" * 64)] == keys.tolist()
    assert [head.name for head in journal.listing(Wanted(limit=99))] == names
    assert journal.revise(heads[0].key, 1, 2, 1, np.zeros((1, 1))).last_step == 1
    assert journal.retain(heads[1].key, 1, 2, [])
    assert journal.put("copy", journal.kept(heads[2].key)).last_step == 2
    assert len(journal.expire(time.time() + 3600, 99)) == 41
    journal.delete("copy")
    assert (journal.count(), len(journal.names())) == (40, 40)
    assert journal.size() > 0
    other = opening(f"{nodes[1].url}?prefix=kept", 1, "1h")
    assert other.head("s07").key == heads[7].key


def test_a_partition_that_moves_to_another_node_is_found_there(nodes: list[Node]) -> None:
    journal = opening(f"{nodes[0].url}?prefix=moved&partitions=1", 1, "1h")
    head = journal.create(Beginning("meter", 0, "", np.zeros((0, 1))))
    assert journal.append(batch([head], 0)).all()
    control = [admin(node) for node in nodes]
    slot = int(control[0].execute_command("CLUSTER", "KEYSLOT", "{moved:0}names"))
    names = [each.execute_command("CLUSTER", "MYID") for each in control]
    here = 0 if slot < SLOTS // 2 else 1
    there = 1 - here
    control[there].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[here])
    control[here].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[there])
    for key in control[here].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
        control[here].execute_command("MIGRATE", "127.0.0.1", nodes[there].port, key, 0, 10_000)
    for each in (control[there], control[here]):
        each.execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[there])
    assert journal.append(batch([head], 1)).all()
    assert journal.head("meter").last_step == 1


def test_a_node_that_is_gone_fails_its_own_partitions_until_it_is_back(nodes: list[Node]) -> None:
    journal = opening(f"{nodes[0].url}?prefix=gone&partitions=8&timeout_ms=2000", 1, "1h")
    heads = [journal.create(Beginning(f"s{at}", 0, "", np.zeros((0, 1)))) for at in range(8)]
    nodes[1].kill()
    with pytest.raises(JournalError):
        journal.append(batch(heads, 0))
    nodes[1].start()
    until(lambda: _all_there(journal))
    found = [head for head in journal.heads([head.name for head in heads]) if head is not None]
    assert len(found) == 8
    for head in found:
        assert journal.append(batch([head], head.last_step + 1)).all()


def _all_there(journal: Journal) -> bool:
    try:
        return journal.count() == 8
    except JournalError:
        return False


def test_a_cluster_has_one_database(nodes: list[Node]) -> None:
    with pytest.raises(JournalError, match="leave it out of the URL"):
        opening(nodes[0].url.removesuffix("0") + "1", 1, "1h")
