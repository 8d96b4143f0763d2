"""What every journal promises of checkpoints: the newest that fits, never one of another past or another model."""

from __future__ import annotations

import numpy as np

from service.journal import Beginning, Journal
from tests.contracts.journals import DIGESTS, WIDTH, checkpoint, follow, readings, rows


def test_states_saved_at_the_last_reading_come_back_together_and_no_others(journal: Journal) -> None:
    heads = [journal.create(Beginning(f"s{at}", 0, "", rows(1, 2))) for at in range(6)]
    keys = np.array([head.key for head in heads])
    journal.save(keys[:4], [checkpoint(1, fill=at) for at in range(4)])
    journal.save(keys[4:5], [checkpoint(0, fill=9)])  # a reading came after it
    follow(journal, heads[1], 3)
    journal.save(keys[2:3], [checkpoint(1, digest=DIGESTS[1], fill=7)])  # another model's, beside ours
    journal.replace(Beginning("s3", 0, "", rows(1, 2)))
    asked = [*keys.tolist(), keys[0] + 1_000]
    found = journal.states(np.array(asked), DIGESTS[0])
    assert [None if state is None else state.tolist() for state in found] == [[0.0] * 5, None, [2.0] * 5, *[None] * 4]
    for key, state in zip(asked[:6], found, strict=False):
        alone, after = journal.load(key, DIGESTS[0])
        assert (state is None) == (alone is None or len(after) > 0)
    journal.save(keys[:2], [checkpoint(1, fill=5), checkpoint(2, fill=6)])
    assert [state[0] for state in journal.states(keys[:2], DIGESTS[0])] == [5, 6]
    assert journal.states(np.empty(0, np.int64), DIGESTS[0]) == []


def test_of_two_bundles_each_finds_its_own_checkpoint(journal: Journal) -> None:
    head = journal.create(Beginning("taxi", 0, "", rows(*range(8))))
    journal.save(np.array([head.key]), [checkpoint(3, digest=DIGESTS[0], fill=3)])
    journal.save(np.array([head.key]), [checkpoint(6, digest=DIGESTS[1], fill=6)])
    for digest, step in ((None, 6), (DIGESTS[0], 3), (DIGESTS[1], 6)):
        found, after = journal.load(head.key, digest)
        assert found is not None
        assert (found.step, found.body.tolist()) == (step, [step] * 5)
        np.testing.assert_array_equal(after, rows(*range(step + 1, 8)))
    assert journal.load(head.key, "c" * 64)[0] is None


def test_the_newest_checkpoint_and_the_one_before_are_kept(journal: Journal) -> None:
    head = journal.create(Beginning("taxi", 0, "", rows(*range(8))))
    for step, digest in ((2, DIGESTS[0]), (4, DIGESTS[1]), (6, DIGESTS[0])):
        journal.save(np.array([head.key]), [checkpoint(step, digest=digest)])
    steps = [found.step for found, _ in (journal.load(head.key, digest) for digest in DIGESTS) if found]
    assert steps == [6, 4]


def test_saving_the_same_step_again_keeps_the_checkpoint_before(journal: Journal) -> None:
    head = journal.create(Beginning("taxi", 0, "", rows(*range(8))))
    for step, digest in ((3, DIGESTS[1]), (6, DIGESTS[0]), (6, DIGESTS[0])):
        journal.save(np.array([head.key]), [checkpoint(step, digest=digest)])
    before, _ = journal.load(head.key, DIGESTS[1])
    assert before is not None
    assert before.step == 3


def test_a_checkpoint_of_a_former_revision_is_never_used(journal: Journal) -> None:
    head = journal.create(Beginning("taxi", 0, "", rows(1, 2)), checkpoint(1))
    journal.replace(Beginning("taxi", 0, "", rows(5, 6)))
    journal.save(np.array([head.key]), [checkpoint(1, revision=head.revision)])
    found, after = journal.load(head.key)
    assert found is None
    np.testing.assert_array_equal(after, rows(5, 6))


def test_the_checkpoint_of_a_new_history_has_its_revision(journal: Journal) -> None:
    journal.create(Beginning("taxi", 0, "", rows(1, 2)))
    head = journal.replace(Beginning("taxi", 0, "", rows(5, 6)), checkpoint(1, revision=1, fill=9))
    found, after = journal.load(head.key)
    assert found is not None
    assert (found.revision, found.step, found.body.tolist()) == (2, 1, [9] * 5)
    assert after.shape == (0, WIDTH)


def test_checkpoints_of_deleted_sessions_are_passed_over_and_the_others_kept(journal: Journal) -> None:
    gone, here = (journal.create(Beginning(name, 0, "", rows(1))) for name in ("gone", "here"))
    journal.delete("gone")
    journal.save(np.array([gone.key, here.key]), [checkpoint(0), checkpoint(0)])
    assert journal.load(here.key)[0] is not None


def test_a_load_up_to_a_step_knows_nothing_of_what_is_later(journal: Journal) -> None:
    head = journal.create(Beginning("taxi", 0, "", rows(*range(5))), checkpoint(2))
    key, revision = head.key, head.revision
    journal.append(readings(*((key, revision, step, step) for step in range(5, 9))))
    journal.save(np.array([key]), [checkpoint(6)])
    for until, step in ((8, 6), (6, 6), (5, 2), (2, 2), (1, None), (-1, None), (99, 6)):
        found, after = journal.load(key, None, until)
        assert (None if found is None else found.step) == step
        np.testing.assert_array_equal(after, rows(*range(0 if step is None else step + 1, min(until, 8) + 1)))
