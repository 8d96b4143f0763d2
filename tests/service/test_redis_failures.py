"""A Redis that fails: each failure is an error with what to do, and the journal works again when the server does."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import redis
from redis import Redis
from redis.exceptions import BusyLoadingError, ClusterDownError, ResponseError, TryAgainError

from service.errors import JournalDamaged, JournalError
from service.journal import Beginning, Head, Journal, Readings
from service.journal.redis_address import read_address
from service.journal.redis_faults import explained
from tests.redis_server import RedisServer, require_redis
from tests.redis_shared import opening

QUICK = 500  # milliseconds until a server is held to be silent, where it is to be found so


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    require_redis()
    made = RedisServer(tmp_path / "redis")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def journal(server: RedisServer) -> Iterator[Journal]:
    made = opening(server.url, 1, "1h")
    yield made
    made.close()


def admin(server: RedisServer) -> Redis:
    return Redis.from_url(server.url)


def append(journal: Journal, head: Head, step: int) -> bool:
    one = np.ones(1, np.int64)
    recorded = journal.append(Readings(head.key * one, head.revision * one, step * one, np.full((1, 1), float(step))))
    return bool(recorded[0])


def meter(journal: Journal, count: int = 1) -> Head:
    return journal.create(Beginning("meter", 0, "", np.zeros((count, 1))))


def eventually(works: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it works within that time; what the service does that probes its journal."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return works()
        except JournalError:
            time.sleep(0.02)
    return False


def test_a_server_that_is_gone_and_comes_back_has_all_it_acknowledged(server: RedisServer, journal: Journal) -> None:
    head = meter(journal)
    assert append(journal, head, 1)
    server.kill()
    for _ in range(2):
        with pytest.raises(JournalError, match=r"could not record readings: .*See that Redis runs at this address"):
            append(journal, head, 2)
    with pytest.raises(JournalError, match="could not look sessions up"):
        journal.head("meter")
    server.start()
    assert append(journal, head, 2)
    assert journal.head("meter").last_step == 2


def test_a_server_that_was_gone_while_nobody_asked_is_told_of_before_anything_is_done(
    server: RedisServer, journal: Journal
) -> None:
    """It may have lost what was acknowledged, and have got other readings in its place, of the same steps."""
    head = meter(journal)
    assert not journal.renewed()
    server.kill()
    with pytest.raises(JournalError, match="See that Redis runs at this address"):
        journal.renewed()
    server.start()
    assert journal.renewed()
    assert not journal.renewed()
    assert append(journal, head, 1)
    server.kill()
    server.start()
    with pytest.raises(JournalError, match="was started again, or another server has taken over"):
        append(journal, head, 2)
    assert journal.renewed(), "so that whoever asks next is told, too"
    assert journal.head("meter").last_step == 1
    assert append(journal, head, 2)


def test_a_connection_that_was_lost_and_made_again_to_the_same_server_is_not_noticed(
    server: RedisServer, journal: Journal
) -> None:
    head = meter(journal)
    for step in (1, 2):
        admin(server).client_kill_filter(_type="normal")
        assert step == 1 or not journal.renewed()
        assert append(journal, head, step)


def test_a_silent_server_is_not_waited_for_longer_than_was_said(server: RedisServer, journal: Journal) -> None:
    head = meter(journal)
    journal = opening(f"{server.url}?timeout_ms={QUICK}")
    server.pause()
    began = time.monotonic()
    with pytest.raises(JournalError, match=r"did not answer in time.*timeout_ms"):
        append(journal, head, 1)
    assert time.monotonic() - began < 10
    server.resume()
    # What was sent before the silence was noticed may still be done when that ends, before or after it is sent again.
    assert eventually(lambda: append(journal, head, 1) or journal.head("meter").last_step == 1)
    assert append(journal, head, 2)
    np.testing.assert_array_equal(journal.readings(head.key, 0, 9), [[0.0], [1.0], [2.0]])


def test_scripts_that_the_server_has_forgotten_are_told_it_again(server: RedisServer, journal: Journal) -> None:
    head = meter(journal)
    admin(server).script_flush()
    assert append(journal, head, 1)


def test_a_full_memory_refuses_readings_and_lets_sessions_be_read_and_deleted(
    server: RedisServer, journal: Journal
) -> None:
    head = meter(journal, 1000)
    admin(server).config_set("maxmemory", 1)
    for write in (lambda: append(journal, head, 1000), lambda: journal.revise(head.key, 1, 999, 5, np.zeros((1, 1)))):
        with pytest.raises(JournalError, match="no memory left: raise its maxmemory"):
            write()
    assert len(journal.readings(head.key, 0, 5000)) == 1000
    assert journal.head("meter").revision == 1
    assert journal.retain(head.key, 1, 990, [])
    assert len(journal.readings(head.key, 0, 5000)) == 10
    journal.delete("meter")
    admin(server).config_set("maxmemory", 0)
    assert append(journal, meter(journal), 1)


def test_a_primary_that_becomes_a_replica_takes_nothing_until_it_is_primary_again(
    server: RedisServer, journal: Journal
) -> None:
    head = meter(journal)
    admin(server).replicaof("127.0.0.1", 1)
    with pytest.raises(JournalError, match="give the address that always leads to the primary"):
        append(journal, head, 1)
    with pytest.raises(JournalError, match="it is a replica"):
        append(journal, head, 1)
    with pytest.raises(JournalError, match="it is a replica"):
        journal.head("meter")  # which might be behind
    admin(server).replicaof("NO", "ONE")
    assert append(journal, head, 1)


def test_a_primary_without_the_replicas_that_it_wants_takes_nothing(server: RedisServer, journal: Journal) -> None:
    head = meter(journal)
    admin(server).config_set("min-replicas-to-write", 1)
    with pytest.raises(JournalError, match="min-replicas-to-write"):
        append(journal, head, 1)
    admin(server).config_set("min-replicas-to-write", 0)
    assert append(journal, head, 1)


def test_a_server_that_cannot_write_to_its_disk_takes_nothing(server: RedisServer, journal: Journal) -> None:
    head = meter(journal)
    control = admin(server)
    control.config_set("save", "3600 1000")
    (server.folder / "dump.rdb").mkdir()  # a file cannot take its place
    control.bgsave()
    assert eventually(lambda: control.info("persistence")["rdb_last_bgsave_status"] == "err" or _raise())
    with pytest.raises(JournalError, match="cannot write to its disk"):
        append(journal, head, 1)
    assert journal.head("meter").last_step == 0
    shutil.rmtree(server.folder / "dump.rdb")
    control.config_set("save", "")
    control.bgsave()
    assert eventually(lambda: append(journal, head, 1))


def _raise() -> bool:
    raise JournalError("not yet")


def test_less_durable_than_was_promised_is_told_and_not_acknowledged(server: RedisServer, journal: Journal) -> None:
    assert journal.durable == "disk"
    head = meter(journal)
    admin(server).config_set("appendfsync", "everysec")
    admin(server).client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(JournalError, match=r"durable to process now .*appendfsync everysec"):
        append(journal, head, 1)
    admin(server).config_set("appendfsync", "always")
    assert append(journal, head, 1)


def test_a_server_that_has_forgotten_everything_is_this_journal_s_again(server: RedisServer, journal: Journal) -> None:
    head = meter(journal)
    control = admin(server)
    control.flushall()
    control.client_kill_filter(_type="normal", skipme=True)
    assert not append(journal, head, 1)
    assert journal.head("meter") is None
    with pytest.raises(JournalError, match="readings of 1 values"):
        opening(server.url, 2, "1h")


def test_another_model_s_journal_behind_the_same_address_is_not_written_to(
    server: RedisServer, journal: Journal
) -> None:
    meter(journal)
    control = admin(server)
    control.flushall()
    opening(server.url, 2, "1h").close()
    control.client_kill_filter(_type="normal", skipme=True)
    journal.count()  # the first one to come back
    with pytest.raises(JournalError, match="readings of 2 values"):
        meter(journal)


def test_a_session_of_which_a_part_is_gone_is_damage_by_name(server: RedisServer, journal: Journal) -> None:
    head = meter(journal)
    other = journal.create(Beginning("other", 0, "", np.zeros((1, 1))))
    (key,) = admin(server).keys(f"*r{head.key}")
    admin(server).delete(key)
    for what in (lambda: journal.head("meter"), lambda: journal.replace(Beginning("meter", 0, "", np.zeros((1, 1))))):
        with pytest.raises(JournalDamaged, match=r"'meter'|session \d+"):
            what()
    assert not append(journal, head, 1)
    assert append(journal, other, 1)
    journal.delete("meter")
    assert append(journal, meter(journal), 1)


def test_readings_of_half_a_number_are_damage(server: RedisServer, journal: Journal) -> None:
    head = meter(journal)
    (key,) = admin(server).keys(f"*r{head.key}")
    admin(server).append(key, "abc")
    with pytest.raises(JournalDamaged):
        journal.head("meter")
    assert not append(journal, head, 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (BusyLoadingError("Redis is loading the dataset in memory"), "will answer when it has: wait"),
        (ClusterDownError("The cluster is down"), "Not all of the cluster works"),
        (TryAgainError("Multiple keys request during rehashing of slot"), "moves this partition"),
        (redis.TimeoutError("Timeout reading from socket"), "raise timeout_ms"),
        (ResponseError("BUSY Redis is busy running a script."), "busy with a script"),
        (ResponseError("ERR something new"), "See Redis's log"),
        (OSError("no route"), "See that Redis runs"),
    ],
)
def test_every_fault_says_what_to_do(fault: Exception, said: str) -> None:
    with pytest.raises(JournalError) as told, explained(read_address("redis://me:secret@host"), "do this"):
        raise fault
    assert told.value.message.startswith("the journal redis://host:6379/0?prefix=gatecast could not do this: ")
    assert said in told.value.message
    assert told.value.__cause__ is fault
