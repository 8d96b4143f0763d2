"""What every journal promises of a past that changes: corrected, added behind, taken back, under the next revision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service.errors import SessionExists, StaleSession, UnknownSession
from service.journal import NO_READING, Beginning, Head, Journal, Release
from service.past_errors import HistoryGone
from tests.contracts.journals import DIGESTS, checkpoint, follow, readings, rows


def begun(journal: Journal, *numbers: float) -> Head:
    """A session that was created with the first of them and then read the others, some of them folded."""
    head = journal.create(Beginning("taxi", 7, "x", rows(*numbers[:1])))
    for at, number in enumerate(numbers[1:]):
        follow(journal, head, number)
        if at % 4 == 1:
            journal.fold(3)
    found = journal.head("taxi")
    assert found is not None
    return found


def everything(journal: Journal, key: int) -> np.ndarray:
    return journal.readings(key, 0, 10**6)


def test_a_reading_is_corrected_and_the_revision_rises(journal: Journal) -> None:
    head = begun(journal, 0, 1, 2, 3, 4, 5)
    revised = journal.revise(head.key, 1, 5, 2, rows(20, 3, 4, 5))
    assert (revised.key, revised.revision, revised.last_step, revised.start) == (head.key, 2, 5, 7)
    np.testing.assert_array_equal(everything(journal, head.key), rows(0, 1, 20, 3, 4, 5))
    assert journal.head("taxi").revision == 2
    assert not journal.append(readings((head.key, 1, 6, 6))).any(), "of a past that is no more"
    assert journal.append(readings((head.key, 2, 6, 6))).all()
    journal.fold(99)
    np.testing.assert_array_equal(everything(journal, head.key), rows(0, 1, 20, 3, 4, 5, 6))


def test_readings_are_added_behind_and_taken_back(journal: Journal) -> None:
    head = begun(journal, 0, 1, 2)
    longer = journal.revise(head.key, 1, 2, 3, rows(3, 4))
    assert longer.last_step == 4
    np.testing.assert_array_equal(longer.last_values, rows(4)[0])
    shorter = journal.revise(head.key, 2, 4, 1, rows())
    assert (shorter.revision, shorter.last_step) == (3, 0)
    np.testing.assert_array_equal(shorter.last_values, rows(0)[0])
    empty = journal.revise(head.key, 3, 0, 0, rows())
    assert empty.last_step == NO_READING
    assert np.isnan(empty.last_values).all()
    assert journal.append(readings((head.key, 4, 0, 9))).all()
    np.testing.assert_array_equal(everything(journal, head.key), rows(9))


def test_checkpoints_before_the_change_stay_and_those_after_go(journal: Journal) -> None:
    head = begun(journal, 0, 1, 2, 3, 4, 5)
    journal.save(np.array([head.key, head.key]), [checkpoint(1, fill=1), checkpoint(4, fill=4)])
    journal.revise(head.key, 1, 5, 4, rows(40, 5))
    found, after = journal.load(head.key)
    assert found is not None
    assert (found.step, found.revision, found.body[0]) == (1, 2, 1)
    np.testing.assert_array_equal(after, rows(2, 3, 40, 5))
    journal.save(np.array([head.key]), [checkpoint(4, revision=1, fill=9)])
    assert journal.load(head.key)[0].step == 1, "a state of the old past is none of the new one"
    journal.save(np.array([head.key]), [checkpoint(4, revision=2, fill=8)])
    assert journal.load(head.key)[0].body[0] == 8


def test_the_state_after_the_change_comes_with_it(journal: Journal) -> None:
    head = begun(journal, 0, 1, 2, 3)
    journal.save(np.array([head.key]), [checkpoint(3, fill=3)])
    journal.revise(head.key, 1, 3, 1, rows(10, 2, 3), checkpoint(3, revision=77, fill=30))
    found, after = journal.load(head.key)
    assert (found.step, found.revision, found.body[0], len(after)) == (3, 2, 30, 0)
    assert journal.states(np.array([head.key]), DIGESTS[0])[0][0] == 30


@pytest.mark.parametrize(("revision", "last_step"), [(1, 2), (1, 4), (0, 3), (2, 3)])
def test_who_saw_the_session_elsewhere_changes_nothing(journal: Journal, revision: int, last_step: int) -> None:
    head = begun(journal, 0, 1, 2, 3)
    with pytest.raises(StaleSession):
        journal.revise(head.key, revision, last_step, 1, rows(9))
    np.testing.assert_array_equal(everything(journal, head.key), rows(0, 1, 2, 3))
    assert journal.head("taxi").revision == 1


def test_a_step_that_is_not_there_is_a_fault_of_the_caller(journal: Journal) -> None:
    head = begun(journal, 0, 1)
    for first in (-1, 3):
        with pytest.raises((ValueError, HistoryGone)):
            journal.revise(head.key, 1, 1, first, rows(9))
    with pytest.raises(ValueError, match="expected values of shape"):
        journal.revise(head.key, 1, 1, 1, np.zeros((1, 5)))
    np.testing.assert_array_equal(everything(journal, head.key), rows(0, 1))
    journal.delete("taxi")
    with pytest.raises(UnknownSession):
        journal.revise(head.key, 1, 1, 1, rows(9))


def test_a_neighbour_is_not_touched(journal: Journal) -> None:
    other = journal.create(Beginning("bus", 0, "", rows(100, 101)))
    head = begun(journal, *range(9))
    follow(journal, other, 102)
    journal.revise(head.key, 1, 8, 0, rows(-1))
    journal.fold(99)
    follow(journal, other, 103)
    np.testing.assert_array_equal(everything(journal, other.key), rows(100, 101, 102, 103))
    np.testing.assert_array_equal(everything(journal, head.key), rows(-1))


def test_what_was_let_go_of_cannot_be_changed(journal: Journal) -> None:
    head = begun(journal, *range(10))
    assert journal.retain(head.key, 1, 6, [checkpoint(5, fill=5)])
    with pytest.raises(HistoryGone) as refused:
        journal.revise(head.key, 1, 9, 5, rows(9))
    assert refused.value.facts["first_step"] == 6
    with pytest.raises(ValueError, match="at least one"):
        journal.revise(head.key, 1, 9, 6, rows())
    revised = journal.revise(head.key, 1, 9, 6, rows(60))
    assert (revised.first_step, revised.last_step) == (6, 6)
    found, after = journal.load(head.key)
    assert (found.step, found.revision, found.body[0]) == (5, 2, 5)
    np.testing.assert_array_equal(after, rows(60))


def test_a_session_lets_go_of_its_oldest_readings(journal: Journal) -> None:
    head = begun(journal, *range(10))
    journal.save(np.array([head.key, head.key]), [checkpoint(2, fill=2), checkpoint(8, fill=8)])
    assert journal.retain(head.key, 1, 5, [checkpoint(4, fill=4), checkpoint(4, 1, DIGESTS[1], 14)])
    assert journal.head("taxi").first_step == 5
    np.testing.assert_array_equal(everything(journal, head.key), rows(*range(5, 10)))
    np.testing.assert_array_equal(journal.readings(head.key, 3, 6), rows(5, 6))
    assert len(journal.readings(head.key, 0, 4)) == 0
    assert journal.load(head.key)[0].step == 8
    found, after = journal.load(head.key, None, 6)
    assert (found.step, found.body[0] in (4, 14)) == (4, True)
    np.testing.assert_array_equal(after, rows(5, 6))
    found, after = journal.load(head.key, DIGESTS[1])
    assert (found.step, found.body[0], len(after)) == (4, 14, 5)
    follow(journal, head, 10)
    journal.fold(99)
    np.testing.assert_array_equal(everything(journal, head.key), rows(*range(5, 11)))


def test_newer_checkpoints_do_not_push_out_what_the_rest_is_replayed_from(journal: Journal) -> None:
    head = begun(journal, *range(10))
    assert journal.retain(head.key, 1, 2, [checkpoint(1, fill=1)])
    for step in range(2, 9):
        journal.save(np.array([head.key]), [checkpoint(step, fill=step)])
    found, after = journal.load(head.key, DIGESTS[0], 3)
    assert (found.step, found.body[0], len(after)) == (1, 1, 2)
    assert journal.retain(head.key, 1, 2, [checkpoint(1, 1, DIGESTS[1], 11)]), "another model takes over"
    assert journal.load(head.key, DIGESTS[0], 3)[0] is None
    assert journal.load(head.key, DIGESTS[1], 3)[0].body[0] == 11


def test_several_sessions_let_go_together_and_each_is_judged_for_itself(journal: Journal) -> None:
    heads = [journal.create(Beginning(f"s{at}", 0, "", rows(*range(4)))) for at in range(4)]
    for head in heads:
        follow(journal, head, 4, 5, 6)
    journal.delete("s1")
    journal.replace(Beginning("s2", 0, "", rows(9)))
    wanted = [Release(head.key, 1, 2 + at, [checkpoint(1 + at, fill=at)]) for at, head in enumerate(heads)]
    assert journal.retain_all(wanted) == [True, False, False, True]
    assert journal.retain_all([]) == []
    for at in (0, 3):
        assert journal.head(f"s{at}").first_step == 2 + at
        np.testing.assert_array_equal(everything(journal, heads[at].key), rows(*range(2 + at, 7)))
        assert journal.load(heads[at].key)[0].body[0] == at
        follow(journal, heads[at], 7)
    assert journal.head("s2").first_step == 0
    with pytest.raises(ValueError, match="expected"):
        journal.retain_all([Release(heads[0].key, 1, 4, [checkpoint(2)])])
    journal.fold(99)
    np.testing.assert_array_equal(everything(journal, heads[3].key), rows(*range(5, 8)))


def test_a_state_from_before_the_kept_readings_is_not_kept(journal: Journal) -> None:
    head = begun(journal, *range(10))
    assert journal.retain(head.key, 1, 5, [])
    for step in (0, 3):
        journal.save(np.array([head.key]), [checkpoint(step, fill=step)])
        found, after = journal.load(head.key)
        assert found is None
        np.testing.assert_array_equal(after, rows(*range(5, 10)))
    journal.revise(head.key, 1, 9, 9, rows(9))
    fork = journal.put("fork", journal.kept(head.key))
    for key, revision in ((head.key, 2), (fork.key, 1)):
        journal.save(np.array([key]), [checkpoint(3, revision, fill=3)])
        assert journal.load(key)[0] is None


def test_it_lets_go_of_nothing_where_it_is_not_what_was_seen(journal: Journal) -> None:
    head = begun(journal, *range(6))
    assert not journal.retain(head.key, 2, 3, [checkpoint(2)])
    assert journal.retain(head.key, 1, 3, [checkpoint(2)])
    assert not journal.retain(head.key, 1, 2, [checkpoint(1)])
    for first, base in ((6, 5), (4, 2)):
        with pytest.raises(ValueError, match="expected"):
            journal.retain(head.key, 1, first, [checkpoint(base)])
    assert journal.head("taxi").first_step == 3


def test_replaced_it_begins_at_its_first_step_again(journal: Journal) -> None:
    head = begun(journal, *range(6))
    assert journal.retain(head.key, 1, 3, [checkpoint(2)])
    anew = journal.replace(Beginning("taxi", 0, "", rows(1, 2)))
    assert (anew.first_step, anew.last_step) == (0, 1)
    np.testing.assert_array_equal(everything(journal, head.key), rows(1, 2))
    assert journal.load(head.key)[0] is None


def test_what_is_kept_of_a_session_makes_another_one(journal: Journal) -> None:
    made = journal.create(
        Beginning("taxi", 7, "x", rows(0, 1), static={"area": 3.0}, regime=True, ttl=60, calibrate=True, quality=True)
    )
    follow(journal, made, 2, 3, 4)
    assert journal.retain(made.key, 1, 2, [checkpoint(1, fill=1)])
    journal.save(np.array([made.key]), [checkpoint(4, fill=4)])
    kept = journal.kept(made.key)
    assert (kept.start, kept.origin, kept.static, kept.regime, kept.ttl) == (7, "x", {"area": 3.0}, True, 60)
    copy = journal.put("what if", replace(kept, parent="taxi"))
    assert copy.key != made.key
    assert (copy.revision, copy.first_step, copy.last_step, copy.parent) == (1, 2, 4, "taxi")
    assert (copy.start, copy.origin, copy.static, copy.regime, copy.ttl) == (7, "x", {"area": 3.0}, True, 60)
    assert (kept.calibrate, copy.calibrate, kept.quality, copy.quality) == (True, True, True, True)
    follow(journal, copy, 50)
    np.testing.assert_array_equal(everything(journal, copy.key), rows(2, 3, 4, 50))
    np.testing.assert_array_equal(everything(journal, made.key), rows(2, 3, 4))
    assert [journal.load(copy.key, None, until)[0].body[0] for until in (4, 3)] == [4, 1]
    assert [journal.load(copy.key, None, until)[0].revision for until in (4, 3)] == [1, 1]


def test_a_session_is_put_in_the_place_of_another_one_only_if_that_was_asked(journal: Journal) -> None:
    one = journal.create(Beginning("one", 0, "", rows(1, 2)))
    two = journal.create(Beginning("two", 5, "", rows(7)))
    with pytest.raises(SessionExists):
        journal.put("two", journal.kept(one.key))
    np.testing.assert_array_equal(everything(journal, two.key), rows(7))
    put = journal.put("two", journal.kept(one.key), replace=True)
    assert (put.key, put.revision, put.start) == (two.key, 2, 0)
    np.testing.assert_array_equal(everything(journal, two.key), rows(1, 2))
    assert journal.put("three", journal.kept(one.key), replace=True).revision == 1


def test_of_two_who_begin_a_session_anew_one_wins(journal: Journal) -> None:
    for name in ("one", "two"):
        journal.create(Beginning(name, 0, "", rows()))
    seen = [Beginning(name, 5, "", rows(1), revision=1) for name in ("one", "two")]
    assert [head.revision for head in journal.replace_all(seen[:1])] == [2]
    first, second = journal.replace_all([replace(each, values=rows(7)) for each in seen])
    assert first is None
    assert (second.revision, second.last_step) == (2, 0)
    np.testing.assert_array_equal(everything(journal, journal.head("one").key), rows(1))
    assert journal.replace_all([Beginning("one", 6, "", rows(8))])[0].revision == 3, "whatever it has"


def test_who_begins_a_session_anew_means_that_one_and_no_other_of_its_name(journal: Journal) -> None:
    seen = journal.create(Beginning("one", 0, "", rows()))
    begun = Beginning("one", 5, "", rows(1), revision=seen.revision, key=seen.key)
    journal.delete("one")
    assert journal.replace_all([begun]) == [None], "it is gone"
    made = journal.create(Beginning("one", 0, "", rows(7, 8)))
    assert made.revision == seen.revision
    assert journal.replace_all([begun]) == [None], "another one has its name"
    np.testing.assert_array_equal(everything(journal, made.key), rows(7, 8))
    (anew,) = journal.replace_all([replace(begun, key=made.key)])
    assert (anew.key, anew.revision, anew.last_step) == (made.key, 2, 0)
