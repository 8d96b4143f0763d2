"""Opening a Redis journal: the right one on a server that can keep it, and else what to do, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from service.errors import JournalDamaged, JournalError
from service.journal import Beginning, Checkpoint, Durable, Journal, Subject, Wanted, open_journal
from service.journal.redis_address import read_address, without_password
from tests.redis_server import RedisServer, require_redis
from tests.redis_shared import opening

SUBJECT = Subject("load", ("wind",), "Europe/Berlin")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    require_redis()
    made = RedisServer(tmp_path / "redis")
    made.start()
    yield made
    made.kill()


def opened(
    server: RedisServer, options: str = "", width: int = 2, frequency: str = "1h", durable: Durable | None = None,
    subject: Subject | None = SUBJECT,
) -> Journal:  # fmt: skip
    return opening(f"{server.url}{options}", width, frequency, durable, subject)


def admin(server: RedisServer) -> Redis:
    return Redis.from_url(server.url)


def test_what_was_written_is_there_when_it_is_opened_again(server: RedisServer) -> None:
    first = opened(server, "?partitions=5")
    head = first.create(Beginning("meter", 7, "x", np.ones((3, 2)), static={"area": 3.5}))
    first.close()
    first.close()
    again = opened(server)
    found = again.head("meter")
    assert (found.key, found.start, found.last_step, found.static) == (head.key, 7, 2, {"area": 3.5})
    assert again.shared


def test_a_base_that_is_damaged_is_never_taken_for_none(server: RedisServer) -> None:
    journal = opened(server)
    head = journal.create(Beginning("meter", 0, "", np.ones((9, 2))))
    bases = [Checkpoint(3, 1, digest, np.ones(5, np.float32)) for digest in ("mine", "other")]
    assert journal.retain(head.key, 1, 4, bases)
    redis = admin(server)
    (saved,) = [key for key in redis.scan_iter() if redis.type(key) == b"hash" and redis.hexists(key, "b:3:mine")]
    redis.hset(saved, "b:3:mine", redis.hget(saved, "b:3:mine")[:-1] + b"x")
    with pytest.raises(JournalDamaged, match="does not match its checksum"):
        journal.load(head.key, "mine")
    with pytest.raises(JournalDamaged):
        journal.kept(head.key)
    assert journal.load(head.key, "other")[0].step == 3


def test_a_name_that_leads_nowhere_is_damage(server: RedisServer) -> None:
    journal = opened(server)
    journal.create(Beginning("meter", 0, "", np.ones((9, 2))))
    redis = admin(server)
    (readings,) = [
        key for key in redis.scan_iter() if redis.type(key) == b"string" and redis.strlen(key) == 32 + 9 * 16
    ]
    redis.delete(readings)
    with pytest.raises(JournalDamaged, match="nothing is found of session 'meter'"):
        journal.head("meter")


def test_prefixes_are_journals_of_their_own(server: RedisServer) -> None:
    one, two = (opened(server, f"?prefix={prefix}") for prefix in ("one", "two"))
    one.create(Beginning("meter", 0, "", np.zeros((0, 2))))
    assert (one.count(), two.count()) == (1, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 3}, "readings of 2 values .* this model has 3"),
        ({"frequency": "30min"}, "steps of 1h, this model has steps of 30min"),
        ({"subject": Subject("price", ("wind",), "Europe/Berlin")}, "target load, this model has the target price"),
        ({"subject": Subject("load", ("rain",), "Europe/Berlin")}, "covariates"),
        ({"subject": Subject("load", ("wind",), None)}, "time zone"),
        ({"options": "?partitions=3"}, "16 partitions, and their number stays"),
    ],
)
def test_a_journal_of_others_is_refused_by_name(server: RedisServer, change: dict[str, object], said: str) -> None:
    opened(server).close()
    with pytest.raises(JournalError, match=said):
        opened(server, **change)  # type: ignore[arg-type]
    opened(server).close()


def test_a_journal_that_was_opened_without_its_subject_is_that_of_the_first_who_names_it(server: RedisServer) -> None:
    opened(server, subject=None).close()
    opened(server).close()
    with pytest.raises(JournalError, match="time zone"):
        opened(server, subject=Subject("load", ("wind",), None))


def test_a_newer_format_is_refused(server: RedisServer) -> None:
    opened(server).close()
    admin(server).hset("{gatecast:0}journal", "format", 2)
    with pytest.raises(JournalError, match="format 2, this version reads format 1: run the version"):
        opened(server)


def test_a_server_that_may_drop_readings_is_refused_with_what_to_set(server: RedisServer) -> None:
    admin(server).config_set("maxmemory-policy", "allkeys-lru")
    opened(server).close()  # at no limit nothing is dropped
    admin(server).config_set("maxmemory", 2**30)
    with pytest.raises(JournalError, match="CONFIG SET maxmemory-policy noeviction"):
        opened(server)
    admin(server).config_set("maxmemory-policy", "noeviction")
    opened(server).close()


def test_it_promises_what_the_server_gives(server: RedisServer) -> None:
    assert [opened(server, durable=asked).durable for asked in (None, "disk", "process")] == ["disk", "disk", "process"]
    admin(server).config_set("appendfsync", "everysec")
    assert [opened(server, durable=asked).durable for asked in (None, "process")] == ["process", "process"]
    with pytest.raises(JournalError, match=r"appendonly yes, appendfsync everysec.*give it appendonly yes and"):
        opened(server, durable="disk")
    admin(server).config_set("appendonly", "no")
    with pytest.raises(JournalError, match="appendonly no"):
        opened(server, durable="disk")


def test_where_settings_may_not_be_asked_for_it_promises_less(server: RedisServer) -> None:
    admin(server).acl_setuser("app", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"],
                              commands=["-config"])  # fmt: skip
    url = server.url.replace("://", "://app:secret@")
    journal = opening(url, 2, "1h")
    assert journal.durable == "process"
    journal.create(Beginning("meter", 0, "", np.zeros((1, 2))))
    admin(server).config_set("maxmemory", 2**30)
    admin(server).config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(JournalError, match="noeviction"):
        opening(url, 2, "1h")


def test_a_user_with_no_more_rights_than_it_needs_is_enough(server: RedisServer) -> None:
    rights = ["+@read", "+@write", "+@scripting", "+@connection", "+info", "+time", "+wait", "+config|get"]
    admin(server).execute_command("ACL", "SETUSER", "app", "on", ">secret", "~{mine:*", "-@all", *rights)
    journal = opening(f"{server.url.replace('://', '://app:secret@')}?prefix=mine", 2)
    assert journal.durable == "disk"
    head = journal.create(Beginning("meter", 0, "", np.zeros((3, 2)), ttl=60))
    assert journal.revise(head.key, 1, 2, 1, np.ones((1, 2))).last_step == 1
    assert journal.retain(head.key, 2, 1, [])
    assert journal.put("copy", journal.kept(head.key)).first_step == 1
    assert [each.name for each in journal.listing(Wanted())] == ["copy", "meter"]
    assert len(journal.expire(2e10, 9)) == 2
    journal.delete("copy")
    assert (journal.count(), journal.names()) == (1, ["meter"])


@pytest.mark.parametrize("login", ["", "app:wrong@", ":wrong@"])
def test_who_may_not_enter_is_told_how_and_no_password_is_shown(server: RedisServer, login: str) -> None:
    admin(server).config_set("requirepass", "right")
    with pytest.raises(JournalError, match="Give the right user and password") as refused:
        opening(server.url.replace("://", f"://{login}"), 2, "1h")
    assert "wrong" not in refused.value.message
    opening(server.url.replace("://", "://:right@"), 2, "1h").close()


def test_a_user_without_the_rights_that_it_needs_is_told_so(server: RedisServer) -> None:
    url = server.url.replace("://", "://app:any@")
    admin(server).acl_setuser("app", enabled=True, nopass=True, keys=["*"], categories=["+@all", "-@scripting"])
    with pytest.raises(JournalError, match="ACL SETUSER"):
        opening(url, 2)
    admin(server).acl_setuser("app", enabled=True, categories=["+@all"], commands=["-time"])
    with pytest.raises(JournalError, match="ACL SETUSER"):
        opening(url, 2).create(Beginning("meter", 0, "", np.zeros((1, 2))))


def test_a_replica_is_refused(server: RedisServer) -> None:
    admin(server).replicaof("127.0.0.1", 1)
    with pytest.raises(JournalError, match="it is a replica, which takes no readings"):
        opened(server)


def test_where_nobody_answers_it_says_what_to_look_for(server: RedisServer) -> None:
    server.kill()
    with pytest.raises(JournalError, match="See that Redis runs at this address"):
        opened(server)


def test_keys_of_something_else_are_left_alone(server: RedisServer) -> None:
    admin(server).set("{gatecast:0}journal", "mine")
    with pytest.raises(JournalError, match="choose another prefix"):
        opened(server)
    assert admin(server).get("{gatecast:0}journal") == b"mine"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis:nothing", "it names no host"),
        ("redis://host/first", "its database is a number, not 'first'"),
        ("redis://host:port/0", "it cannot be read"),
        ("redis://host?prefx=a", "it has 'prefx'"),
        ("redis://host?prefix=a&prefix=b", "it sets something twice"),
        ("redis://host?prefix={a}", "its prefix is"),
        ("redis://host?partitions=0", "its partitions is a whole number from 1 to 1024, not '0'"),
        ("redis://host?wait=many", "its wait is a whole number"),
        ("redis://host?ca=/etc/ca.pem", "it has 'ca'"),
        ("rediss://host?ca=/nowhere.pem", "there is none at '/nowhere.pem'"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(url: str, said: str) -> None:
    with pytest.raises(JournalError) as refused:
        opening(url, 1, "1h")
    assert said in refused.value.message
    assert "redis://HOST:PORT/DB" in refused.value.message


def test_an_address_has_defaults_and_shows_no_password() -> None:
    plain = read_address("redis://host")
    assert (plain.port, plain.database, plain.prefix, plain.timeout_ms, plain.wait) == (6379, 0, "gatecast", 5000, 0)
    address = read_address("rediss://me:s%40cret@[::1]:7000/2?prefix=a.b&wait=1&wait_ms=50&timeout_ms=900")
    assert (address.host, address.port, address.database, address.secure) == ("::1", 7000, 2, True)
    assert (address.username, address.password, address.wait, address.wait_ms) == ("me", "s@cret", 1, 50)
    assert str(address) == "rediss://[::1]:7000/2?prefix=a.b"
    assert without_password("redis://me:secret@host/0") == "redis://***@host/0"
    assert without_password("redis://host/0?prefix=a@b") == "redis://host/0?prefix=a@b"
    assert without_password("sqlite:var/a@b.sqlite") == "sqlite:var/a@b.sqlite"
    assert without_password("other://me:sec/ret@host/0") == "other://***@host/0"


@pytest.mark.parametrize("mark", list("/?#[]:@"))
@pytest.mark.parametrize("begin", ["s3c", "123", ""])
@pytest.mark.parametrize("scheme", ["redis", "rediss", "other"])
def test_no_part_of_a_password_is_told_of_one_that_is_not_url_encoded(scheme: str, begin: str, mark: str) -> None:
    for url in (f"{scheme}://me:{begin}{mark}r3t@host:7000/0", f"{scheme}://me:{begin}{mark}r3=t@host:7000/0?wait=1"):
        try:
            shown = str(read_address(url)) if scheme != "other" else str(open_journal(url, 1, "1h"))
        except JournalError as refused:
            shown = f"{refused.message} {refused.__cause__}"
        assert "r3" not in shown
        assert not begin or begin not in shown


def test_an_at_sign_may_stand_in_the_name_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a@b.pem"
    file.write_text("")
    assert read_address(f"rediss://host/0?ca={file}").ca == str(file)
