"""What every journal in the registry promises: what follows is recorded, nothing else is, and all of it comes back."""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalError, UnknownSession
from service.journal import JOURNALS, Beginning, Journal, Readings, Subject, open_journal
from tests.contracts.journals import FREQUENCY, WIDTH, checkpoint, follow, readings, rows, url_of


def test_many_sessions_are_looked_up_at_once_as_they_would_be_one_by_one(journal: Journal) -> None:
    names = [f"s{at}" for at in range(300)]
    for at, name in enumerate(names):
        journal.create(Beginning(name, at, f"{at}", rows(*range(at % 3)), static={"area": at} if at % 2 else {}))
    journal.delete("s7")
    asked = ["s0", "nobody", "s7", *reversed(names), ""]
    for found, name in zip(journal.heads(asked), asked, strict=True):
        np.testing.assert_equal(found and vars(found), (alone := journal.head(name)) and vars(alone))
    first = journal.heads(asked)[:4]
    assert [head and (head.name, head.start) for head in first] == [("s0", 0), None, None, ("s299", 299)]
    assert journal.heads([]) == []


def test_a_late_append_for_a_deleted_session_is_refused_though_the_name_is_there_again(journal: Journal) -> None:
    old = journal.create(Beginning("taxi", 0, "", rows(1, 2)))
    journal.delete("taxi")
    new = journal.create(Beginning("taxi", 0, "", rows(1, 2)))
    assert new.key != old.key
    assert journal.append(readings((old.key, old.revision, 2, 3))).tolist() == [False]
    assert len(journal.readings(new.key, 0, 9)) == 2


def test_a_stale_owner_cannot_go_on_from_a_dead_history(journal: Journal) -> None:
    old = journal.create(Beginning("taxi", 0, "", rows(1, 2)))
    new = journal.replace(Beginning("taxi", 0, "", rows(5, 6)))
    assert journal.append(readings((old.key, old.revision, 2, 3), (new.key, new.revision, 2, 7))).tolist() == [
        False,
        False,  # a later row of the same session, too
    ]
    assert journal.append(readings((new.key, new.revision, 2, 7))).all()
    np.testing.assert_array_equal(journal.readings(new.key, 0, 9), rows(5, 6, 7))


def test_the_first_bad_row_stops_its_own_session_and_no_other(journal: Journal) -> None:
    one, two = (journal.create(Beginning(name, 0, "", rows())) for name in ("one", "two"))
    batch = [(one.key, 1, 0, 10), (two.key, 1, 0, 20), (one.key, 1, 2, 11), (two.key, 1, 1, 21), (one.key, 1, 1, 12)]
    assert journal.append(readings(*batch)).tolist() == [True, True, False, True, False]
    np.testing.assert_array_equal(journal.readings(one.key, 0, 9), rows(10))
    np.testing.assert_array_equal(journal.readings(two.key, 0, 9), rows(20, 21))


def test_a_batch_of_which_nothing_follows_writes_nothing(journal: Journal) -> None:
    head = journal.create(Beginning("taxi", 0, "", rows(1)))
    waiting = journal.fold(0)
    assert not journal.append(readings((head.key, 1, 0, 5), (head.key, 1, 5, 5), (-3, 1, 0, 5), (2**40, 1, 0, 5))).any()
    assert journal.fold(0) == waiting
    np.testing.assert_array_equal(journal.readings(head.key, 0, 9), rows(1))


def test_several_sessions_start_anew_together_or_not_at_all(journal: Journal) -> None:
    for name in "abc":
        journal.create(Beginning(name, 0, "", rows(1, 2)), checkpoint(1))
    anew = [Beginning(name, 7, "x", rows(*numbers)) for name, numbers in (("a", (5.0,)), ("b", ()))]
    for more in (Beginning("nobody", 0, "", rows(1)), Beginning("c", 0, "", np.zeros((1, WIDTH + 1)))):
        with pytest.raises((UnknownSession, ValueError)):
            journal.replace_all([*anew, more])
    assert [(journal.head(name).revision, journal.head(name).last_step) for name in "abc"] == [(1, 1)] * 3
    heads = journal.replace_all(anew)
    assert [(head.name, head.start, head.revision, head.last_step) for head in heads] == [
        ("a", 7, 2, 0),
        ("b", 7, 2, -1),
    ]
    for head, values in zip(heads, (rows(5), rows()), strict=True):
        found, after = journal.load(head.key)
        assert found is None
        np.testing.assert_array_equal(after, values)
    assert journal.replace_all([]) == []


def test_what_is_static_stays_with_its_session_until_it_is_replaced(journal: Journal) -> None:
    area = {"area": 12.5, "floor": float("nan")}
    one = journal.create(Beginning("one", 0, "", rows(1), static=area))
    journal.create(Beginning("two", 0, "", rows(1)))
    area["area"] = 0
    follow(journal, one, 2, 3)
    journal.fold(99)
    for name, expected in (("one", {"area": 12.5, "floor": float("nan")}), ("two", {})):
        head = journal.head(name)
        assert head is not None
        np.testing.assert_equal(dict(head.static), expected)
    for replaced, expected in (
        (lambda: journal.replace(Beginning("one", 0, "", rows())), {}),
        (lambda: journal.replace(Beginning("one", 0, "", rows(), static={"area": 7.0})), {"area": 7.0}),
        (lambda: journal.replace_all([Beginning("one", 0, "", rows(1), {"floor": 3.0})])[0], {"floor": 3.0}),
    ):
        assert replaced().static == expected
        assert journal.head("one").static == expected
    journal.delete("one")
    assert journal.create(Beginning("one", 0, "", rows())).static == {}


def test_whether_a_session_is_watched_stays_with_it_until_it_is_replaced_or_deleted(journal: Journal) -> None:
    one = journal.create(Beginning("one", 0, "", rows(1), regime=True))
    journal.create(Beginning("two", 0, "", rows(1)))
    follow(journal, one, 2, 3)
    journal.fold(99)
    assert [journal.head(name).regime for name in ("one", "two")] == [True, False]
    assert journal.replace_all([Beginning("one", 0, "", rows(1), {}, True)])[0].regime
    assert not journal.replace(Beginning("one", 0, "", rows(1))).regime
    assert journal.replace(Beginning("one", 0, "", rows(1), regime=True)).regime
    journal.delete("one")
    assert not journal.create(Beginning("one", 0, "", rows())).regime


def test_whether_a_session_is_calibrated_stays_with_it_beside_whether_it_is_watched(journal: Journal) -> None:
    asked = [(False, False), (True, False), (False, True), (True, True)]

    def told() -> list[tuple[bool, bool]]:
        heads = journal.heads([f"s{at}" for at in range(4)])
        return [(head.regime, head.calibrate) for head in heads if head is not None]

    for at, (regime, calibrate) in enumerate(asked):
        head = journal.create(Beginning(f"s{at}", 0, "", rows(1), regime=regime, calibrate=calibrate))
        assert (head.regime, head.calibrate) == (regime, calibrate)
        follow(journal, head, 2, 3)
    assert told() == asked
    journal.fold(99)
    assert told() == asked
    for at, (regime, calibrate) in enumerate(reversed(asked)):
        head = journal.replace(Beginning(f"s{at}", 0, "", rows(1), regime=regime, calibrate=calibrate))
        assert (head.regime, head.calibrate) == (regime, calibrate)
    assert told() == asked[::-1]
    begun = Beginning("s3", 0, "", rows(1), calibrate=True, revision=2)
    assert [head and head.calibrate for head in journal.replace_all([begun])] == [True]
    assert not journal.replace(Beginning("s3", 0, "", rows(1))).calibrate


def test_whether_a_session_is_scored_stays_with_it_beside_all_else_that_it_was_made_with(journal: Journal) -> None:
    asked = list(product((False, True), repeat=3))

    def told() -> list[tuple[bool, bool, bool]]:
        heads = journal.heads([f"s{at}" for at in range(8)])
        return [(head.regime, head.calibrate, head.quality) for head in heads if head is not None]

    for at, (regime, calibrate, quality) in enumerate(asked):
        begun = Beginning(f"s{at}", 0, "", rows(1), regime=regime, calibrate=calibrate, quality=quality)
        follow(journal, journal.create(begun), 2, 3)
    assert told() == asked
    journal.fold(99)
    assert told() == asked
    begun = Beginning("s0", 0, "", rows(1), quality=True, revision=1)
    assert [head and (head.quality, head.regime) for head in journal.replace_all([begun])] == [(True, False)]
    assert not journal.replace(Beginning("s0", 0, "", rows(1))).quality


def test_what_the_caller_does_to_its_arrays_later_changes_nothing(journal: Journal) -> None:
    values, made = rows(1), checkpoint(1, fill=4)
    head = journal.create(Beginning("taxi", 0, "", values))
    batch = readings((head.key, 1, 1, 2))
    assert journal.append(batch).all()
    journal.save(np.array([head.key]), [made])
    for array in (values, batch.values, batch.steps, made.body):
        array[:] = 0
    found = journal.head("taxi")
    assert found is not None
    found.last_values[:] = 0
    journal.readings(head.key, 0, 9)[:] = 0
    loaded, _ = journal.load(head.key)
    assert loaded is not None
    assert loaded.body.tolist() == [4] * 5
    np.testing.assert_array_equal(journal.readings(head.key, 0, 9), rows(1, 2))
    again = journal.head("taxi")
    assert again is not None
    np.testing.assert_array_equal(again.last_values, rows(2)[0])


def test_values_come_back_bit_for_bit(journal: Journal) -> None:
    odd = np.array([[np.nan, -0.0], [5e-324, np.inf], [-np.inf, 1e8 + 1e-7], [1 / 3, np.pi]])
    head = journal.create(Beginning("taxi", 0, "", odd))
    assert journal.append(Readings(np.full(4, head.key), np.ones(4, np.int64), np.arange(4, 8), odd)).all()
    for _ in range(2):
        assert journal.readings(head.key, 0, 7).tobytes() == odd.tobytes() * 2
        journal.fold(99)


def test_folding_in_another_thread_disturbs_no_append(journal: Journal) -> None:
    heads = [journal.create(Beginning(f"s{i}", 0, "", rows())) for i in range(20)]
    done = threading.Event()

    def fold() -> None:
        while not done.is_set():
            journal.fold(37)

    folding = threading.Thread(target=fold)
    folding.start()
    try:
        for step in range(150):
            assert journal.append(readings(*((head.key, 1, step, step) for head in heads))).all()
            assert len(journal.readings(heads[step % 20].key, 0, step)) == step + 1
    finally:
        done.set()
        folding.join()
    for head in heads:
        np.testing.assert_array_equal(journal.readings(head.key, 0, 999), rows(*range(150)))


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 3)])
def test_values_of_another_width_are_a_fault_of_the_caller(journal: Journal, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected values of shape"):
        journal.create(Beginning("taxi", 0, "", np.zeros(shape)))
    three = np.arange(3)
    with pytest.raises(ValueError, match="expected values of shape"):
        journal.append(Readings(three, three, three, np.zeros(shape)))
    assert journal.count() == 0


def test_many_sessions_come_and_go_and_each_keeps_its_own(journal: Journal) -> None:
    for turn in range(3):
        heads = [journal.create(Beginning(f"s{i}", i, "", rows(turn))) for i in range(40)]
        for head in heads[::3]:
            follow(journal, head, head.start)
        for head in heads:
            tail = [head.start] if head.start % 3 == 0 else []
            np.testing.assert_array_equal(journal.readings(head.key, 0, 9), rows(turn, *tail))
        for head in heads:
            journal.delete(head.name)
    assert journal.count() == 0


@pytest.mark.parametrize("kind", sorted(JOURNALS))
def test_no_journal_gives_readings_to_a_model_that_takes_them_for_others(tmp_path: Path, kind: str) -> None:
    def opened(*covariates: str) -> Journal:
        subject = Subject("load", covariates, None)
        return open_journal(url_of(kind, tmp_path / "journal"), 3, FREQUENCY, "process", subject)

    first = opened("price", "rain")
    first.create(Beginning("meter", 0, "", np.zeros((5, 3))))
    first.close()
    with suppress(JournalError):  # it is refused, or there is nothing in it
        second = opened("rain", "price")
        assert second.count() == 0
        second.close()


def test_an_unknown_journal_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(JournalError, match="memory"):
        open_journal("papyrus:/tmp/x", 1, FREQUENCY)


def test_one_beginning_makes_a_session_and_makes_it_anew_whatever_revision_it_names(journal: Journal) -> None:
    begun = Beginning("s", 7, "o", rows(1, 2), {"area": 1.5}, regime=True, ttl=60, revision=9)
    made = journal.create(begun, checkpoint(1))
    anew = journal.replace(begun, checkpoint(0))
    for head, revision in ((made, 1), (anew, 2)):
        told = head.key, head.name, head.start, head.origin, head.revision, head.last_step, head.regime, head.ttl
        assert told == (made.key, "s", 7, "o", revision, 1, True, 60)
        assert dict(head.static) == {"area": 1.5}
    found, after = journal.load(made.key)
    assert found is not None
    assert (found.step, found.revision) == (0, 2)
    np.testing.assert_array_equal(after, rows(2))
    assert journal.replace_all([begun]) == [None]
