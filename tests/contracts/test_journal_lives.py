"""What every journal promises of the life of its sessions: listed by name, forked, handed out, expired."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from service.errors import SessionExists, UnknownSession
from service.journal import Beginning, Export, Journal, Release, Wanted
from service.journal.lineage import AND, MOST, descends, lineage, parent_of
from service.past_errors import SessionExpired
from tests.contracts.journals import DIGESTS, checkpoint, follow, readings, rows

HOUR = 3600.0


def listed(journal: Journal, **wanted: object) -> list[str]:
    return [head.name for head in journal.listing(Wanted(**wanted))]  # type: ignore[arg-type]


def test_sessions_are_listed_by_name_page_by_page(journal: Journal) -> None:
    names = ["b/1", "a", "b", "b/2", "ä", "b/10", "B", "b0", "z\U0001f600", "b/\uffff"]
    for name in names:
        journal.create(Beginning(name, 0, "", rows(1)))
    assert listed(journal) == sorted(names)
    assert listed(journal, limit=3) == sorted(names)[:3]
    assert listed(journal, limit=3, after=sorted(names)[2]) == sorted(names)[3:6]
    assert listed(journal, prefix="b/") == ["b/1", "b/10", "b/2", "b/\uffff"]
    assert listed(journal, prefix="b/", after="b/1", limit=1) == ["b/10"]
    assert listed(journal, prefix="b/", after="a") == ["b/1", "b/10", "b/2", "b/\uffff"]
    assert listed(journal, prefix="nobody") == []
    np.testing.assert_equal(vars(journal.listing(Wanted(prefix="a"))[0]), vars(journal.head("a")))


def test_names_are_no_patterns(journal: Journal) -> None:
    for name in ("100%", "1000", "a_b", "aXb", "a*", "[a]", "\x7f?"):
        journal.create(Beginning(name, 0, "", rows()))
    assert listed(journal, prefix="100%") == ["100%"]
    assert listed(journal, prefix="a_") == ["a_b"]
    assert listed(journal, prefix="a*") == ["a*"]
    assert listed(journal, prefix="[") == ["[a]"]


def test_forks_are_found_by_their_parent(journal: Journal) -> None:
    made = journal.create(Beginning("taxi", 0, "", rows(1, 2)))
    kept = replace(journal.kept(made.key), parent="taxi")
    for name in ("what if 2", "what if 1"):
        journal.put(name, kept)
    assert listed(journal, parent="taxi") == ["what if 1", "what if 2"]
    assert listed(journal, parent="taxi", prefix="what if 2") == ["what if 2"]
    assert listed(journal, parent="") == ["taxi"]
    journal.delete("what if 1")
    assert listed(journal, parent="taxi") == ["what if 2"]


def test_forks_of_forks_are_found_by_all_that_they_are_of(journal: Journal) -> None:
    made = journal.create(Beginning("acme\x1ftaxi", 0, "", rows(1, 2)))
    kept = journal.kept(made.key)
    for name, of, before in (("b", "a", ""), ("c", "b", "a"), ("d", "c", lineage("b", "a")), ("e", "aa", "")):
        journal.put(f"acme\x1f{name}", replace(kept, parent=lineage(of, before)))
    assert [listed(journal, parent=of) for of in ("a", "b", "c", "aa")] == [
        ["acme\x1fb"], ["acme\x1fc"], ["acme\x1fd"], ["acme\x1fe"],
    ]  # fmt: skip
    assert listed(journal, ancestor="a") == ["acme\x1fb", "acme\x1fc", "acme\x1fd"]
    assert listed(journal, ancestor="b") == ["acme\x1fc", "acme\x1fd"]
    assert listed(journal, ancestor="b", prefix="acme\x1fd") == ["acme\x1fd"]
    assert listed(journal, ancestor="") == []
    assert listed(journal, parent="") == ["acme\x1ftaxi"]
    assert listed(journal, ancestor="taxi") == []


def test_a_session_that_begins_anew_is_a_fork_if_its_beginning_says_so(journal: Journal) -> None:
    journal.create(Beginning("fork", 0, "", rows()))
    assert journal.replace_all([Beginning("fork", 0, "", rows(1), parent="taxi")])[0].parent == "taxi"
    assert listed(journal, parent="taxi") == ["fork"]
    assert journal.replace(Beginning("fork", 0, "", rows())).parent == ""


def test_of_a_long_lineage_the_nearest_are_known_and_the_first_of_all() -> None:
    text = ""
    for number in range(100):
        text = lineage(f"s{number}", text)
    assert len(text.split(AND)) == MOST
    assert parent_of(text) == "s99"
    assert all(descends(text, name) for name in ("s99", "s98", "s70", "s0"))
    assert not descends(text, "s1")


def test_copies_that_were_handed_out_are_remembered(journal: Journal) -> None:
    made = journal.create(Beginning("taxi", 0, "", rows(1)))
    first, second = Export(100, 0, "a" * 64), Export(200, 0, "b" * 64)
    journal.exported(made.key, first)
    journal.exported(made.key, second)
    assert journal.head("taxi").exports == (first, second)
    assert journal.replace(Beginning("taxi", 0, "", rows())).exports == (first, second)
    assert journal.put("taxi", journal.kept(made.key), replace=True).exports == (first, second)
    journal.delete("taxi")
    assert journal.create(Beginning("taxi", 0, "", rows())).exports == ()
    with pytest.raises(UnknownSession):
        journal.exported(made.key, first)


def test_a_session_that_nobody_writes_to_expires_and_says_so(journal: Journal) -> None:
    now = time.time()
    made = journal.create(Beginning("taxi", 3, "x", rows(1, 2, 3), ttl=3600), checkpoint(2, fill=2))
    journal.create(Beginning("bus", 0, "", rows(1)))
    assert abs(made.seen - now) < 60
    assert journal.expire(now + 0.5 * HOUR, 9) == []
    (gone,) = journal.expire(now + 2 * HOUR, 9)
    assert (gone.name, gone.key, gone.expired, gone.last_step, gone.revision, gone.start) == (
        "taxi", made.key, True, 2, 2, 3,
    )  # fmt: skip
    assert journal.expire(now + 99 * HOUR, 9) == [], "once"
    found = journal.head("taxi")
    assert (found.expired, found.last_step, found.ttl, found.origin) == (True, 2, 3600, "x")
    assert not journal.append(readings((made.key, 1, 3, 4))).any()
    assert len(journal.readings(made.key, 0, 99)) == 0
    assert journal.load(made.key)[0] is None
    assert listed(journal, expired=True) == ["taxi"]
    assert listed(journal, expired=False) == ["bus"]
    assert listed(journal) == ["bus", "taxi"]
    assert journal.count() == 2
    with pytest.raises(SessionExists):
        journal.create(Beginning("taxi", 0, "", rows()))


def test_nothing_is_done_to_a_session_that_has_expired(journal: Journal) -> None:
    made = journal.create(Beginning("taxi", 3, "x", rows(1, 2, 3), ttl=3600))
    (gone,) = journal.expire(time.time() + 2 * HOUR, 9)
    for revision in (1, gone.revision):
        assert not journal.append(readings((made.key, revision, 3, 4))).any()
        assert not journal.retain(made.key, revision, 3, [])
        assert journal.retain_all([Release(made.key, revision, 3, [])]) == [False]
        with pytest.raises(SessionExpired) as refused:
            journal.revise(made.key, revision, 2, 3, rows(4))
        assert refused.value.facts["last_step"] == 2
        journal.save(np.array([made.key]), [checkpoint(2, revision)])
    assert journal.load(made.key)[0] is None
    assert journal.states(np.array([made.key]), DIGESTS[0]) == [None]
    found = journal.head("taxi")
    assert (found.last_step, found.revision, found.first_step, found.expired) == (2, gone.revision, 3, True)
    stale = [Beginning("taxi", 5, "", rows(1), revision=1)]
    assert journal.replace_all(stale) == [None]
    assert journal.replace_all([replace(stale[0], revision=gone.revision)])[0].revision == gone.revision + 1


def test_an_expired_session_begins_anew_only_if_it_is_replaced(journal: Journal) -> None:
    made = journal.create(Beginning("taxi", 3, "x", rows(1, 2, 3), ttl=60))
    assert len(journal.expire(time.time() + HOUR, 9)) == 1
    anew = journal.replace(Beginning("taxi", 4, "y", rows(5), ttl=120))
    assert (anew.key, anew.revision, anew.expired, anew.last_step, anew.ttl) == (made.key, 3, False, 0, 120)
    follow(journal, anew, 6)
    np.testing.assert_array_equal(journal.readings(made.key, 0, 9), rows(5, 6))
    assert len(journal.expire(time.time() + HOUR, 9)) == 1
    journal.delete("taxi")
    assert journal.head("taxi") is None


def test_as_many_expire_at_a_time_as_were_asked_for(journal: Journal) -> None:
    for at in range(5):
        journal.create(Beginning(f"s{at}", 0, "", rows(1), ttl=60))
    later = time.time() + HOUR
    assert [len(journal.expire(later, 2)) for _ in range(4)] == [2, 2, 1, 0]


def test_readings_keep_a_session_alive(journal: Journal) -> None:
    made = journal.create(Beginning("taxi", 0, "", rows(1), ttl=3600))
    follow(journal, made, 2)
    journal.fold(99)
    assert abs(journal.head("taxi").seen - time.time()) < 60
    assert listed(journal, idle_since=time.time() - 60) == []
    assert listed(journal, idle_since=time.time() + 60) == ["taxi"]


def test_what_it_takes_is_told_in_bytes(journal: Journal) -> None:
    journal.create(Beginning("small", 0, "", rows(1)))
    before = journal.size()
    journal.create(Beginning("large", 0, "", rows(*range(20_000))))
    assert journal.size() >= before + 200_000


def test_sessions_are_counted_by_what_their_names_begin_with_and_do_not_hold(journal: Journal) -> None:
    names = ["", "a", "acme", "acme\x1f", "acme\x1fa", "acme\x1fb", "acme2\x1fa", "acm\x1fz", "é\x1fa", "z", "zeta"]
    heads = [journal.create(Beginning(name, 0, "", rows(1), ttl=60 if name == "acme\x1fb" else 0)) for name in names]
    assert [head.name for head in heads] == names
    assert len(journal.expire(time.time() + HOUR, 9)) == 1
    for prefix in ("", "acme\x1f", "acme", "é\x1f", "nobody\x1f", "z"):
        for without in ("", "\x1f", "e"):
            wanted = sum(name.startswith(prefix) and not (without and without in name) for name in names)
            assert journal.count(prefix, without) == wanted, (prefix, without)
    journal.delete("acme\x1fa")
    assert (journal.count("acme\x1f"), journal.count("", "\x1f")) == (2, 5)
