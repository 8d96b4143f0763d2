"""A session's past in SQLite: revised, let go of, kept for another one, and ended when nobody comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.journal.checkpoints import (
    bases_of,
    checkpoints_of,
    drop_checkpoints,
    keep_checkpoints,
    newest_checkpoint,
    renew_bases,
    save_checkpoints,
    set_bases,
)
from service.journal.faults import sound
from service.journal.heads import NOBODY, Heads
from service.journal.protocol import Checkpoint, Head, Kept, Release
from service.journal.revising import check_end, check_revised, ended, refuse_stale
from service.journal.rows import last_of, place_session
from service.journal.segments import add_readings, cut_readings, drop_before, drop_readings
from service.journal.sessions import due_sessions
from service.journal.store import Store
from service.names import quoted

SPOILT = "a state from which the readings of session {} are replayed does not match its checksum"


def revise(
    store: Store,
    key: int,
    seen: tuple[int, int],
    first: int,
    values: NDArray[np.float64],
    checkpoint: Checkpoint | None,
) -> None:
    """See `Journal.revise`; `seen` are the revision and the last step at which the session is expected.

    What of its readings before `first` waits in the tail goes to the segments; then the tail has nothing of the
    session's new revision, and whoever finds its rows there, now or at the next start, passes over them.
    """
    heads, slot = store.heads, store.slot(key)
    revision, last = int(heads.revision[slot]), int(heads.last_step[slot])
    if revision < 0:
        raise ended(last)
    refuse_stale((revision, last), seen)
    values = heads.checked(values, "")
    begin = int(heads.first_step[slot])
    check_revised(first, len(values), begin, last)
    before = values if len(values) else store.readings(key, first - 1, first - 1)
    end, rows = first + len(values) - 1, store.segment_rows
    with sound(store.path, "revise a session"), store.transaction("revise a session"):
        if store.settle(key, first) >= first:
            cut_readings(store.database, key, first, rows, heads.width)
        steps = np.arange(first, end + 1)
        add_readings(store.database, np.full(len(steps), key), steps, values, rows)
        keep_checkpoints(store.database, key, revision, (begin - 1, first - 1), revision + 1)
        renew_bases(store.database, key, revision, revision + 1)
        if checkpoint is not None and begin - 1 <= checkpoint.step <= end:
            save_checkpoints(store.database, [(key, replace(checkpoint, revision=revision + 1))])
        at = {"revision": revision + 1, "last_step": end, "last_values": last_of(before), "seen": store.clock()}
        place_session(store.database, key, **at)
    ends = np.frombuffer(last_of(before), "<f8")[None]
    heads.put_all(np.array([key]), np.array([revision + 1]), np.array([end]), ends, begin)


def retain(store: Store, releases: Sequence[Release]) -> list[bool]:
    """See `Journal.retain_all`. Whole segments go; of a session whose tail begins before, what waits is folded."""
    heads, slots = store.heads, store.slots(np.array([each.key for each in releases], np.int64)).tolist()
    done = [_lets_go(heads, *pair) for pair in zip(releases, slots, strict=True)]
    going = [pair for pair, goes in zip(zip(releases, slots, strict=True), done, strict=True) if goes]
    if not going:
        return done
    with sound(store.path, "let go of readings"), store.transaction("let go of readings"):
        settled = [slot for each, slot in going if _let_go(store, each, slot)]
    for slot in settled:
        store.tail.disown(int(heads.tail[slot]))
        heads.tail[slot] = -1
    for each, slot in going:
        heads.first_step[slot] = each.first
    return done


def _lets_go(heads: Heads, release: Release, slot: int) -> bool:
    """Whether a session is where it was seen."""
    last, begin = int(heads.last_step[slot]), int(heads.first_step[slot])
    if slot == NOBODY or int(heads.revision[slot]) != release.revision or release.first < begin:
        return False
    check_end(release.first, begin, last, release.bases)
    return True


def _let_go(store: Store, release: Release, slot: int) -> bool:
    """Within a transaction; whether what waits of the session went to its segments."""
    heads, key, first = store.heads, int(release.key), int(release.first)
    last, moves = int(heads.last_step[slot]), first > int(heads.first_step[slot])
    settled = store.waits(slot) and moves
    place: dict[str, object] = {"first_step": first}
    if settled:
        store.settle(key, last + 1)
        values = last_of(heads.last_values[slot][None])
        place |= {"last_step": last, "last_values": values, "seen": store.clock()}
    if moves:
        drop_before(store.database, key, first, store.segment_rows)
        keep_checkpoints(store.database, key, release.revision, (first, last))
        place_session(store.database, key, **place)
    set_bases(store.database, key, release.revision, release.bases)
    return settled


def kept(store: Store, key: int) -> Kept:
    """See `Journal.kept`."""
    head = store.under(key)
    with sound(store.path, "read checkpoints"):
        found = checkpoints_of(store.database, key, head.revision)
        bases, whole = bases_of(store.database, key, head.revision)
        if not whole:
            raise ValueError(SPOILT.format(quoted(head.name)))
    states = (*(each for each in found if each.step >= head.first_step - 1), *bases)
    told = head.start, head.origin, head.static, head.regime, head.ttl, head.first_step
    made = head.parent, head.calibrate, head.quality
    return Kept(*told, store.readings(key, head.first_step, head.last_step), states, *made)


def load(
    store: Store, key: int, digest: str | None, until: int | None, most: int | None
) -> tuple[Checkpoint | None, NDArray[np.float64]]:
    """As of a journal: the newest sound checkpoint, a base among them, and all readings after it."""
    slot = store.slot(key)
    revision, last = int(store.heads.revision[slot]), int(store.heads.last_step[slot])
    first = int(store.heads.first_step[slot])
    last = last if until is None else min(int(until), last)
    with sound(store.path, "read a checkpoint"):
        newest = newest_checkpoint(store.database, key, revision, (first - 1, last), digest)
        newest = newest or base_of(store, key, revision, last, digest)
    begin = first if newest is None else newest.step + 1
    return newest, store.readings(key, begin, last if most is None else min(last, begin + most - 1))


def base_of(store: Store, key: int, revision: int, last: int, digest: str | None) -> Checkpoint | None:
    """A base of a session, with `digest` of that bundle, unless it is of a step after `last`.

    `ValueError` if there is none that is sound and one that is not.
    """
    found, whole = bases_of(store.database, key, revision)
    base = next((each for each in found if digest in (None, each.digest) and each.step <= last), None)
    if base is None and not whole:
        raise ValueError(SPOILT.format(key))
    return base


def expire(store: Store, now: float, limit: int) -> list[Head]:
    """See `Journal.expire`. A session of which readings wait in the tail was seen just now."""
    due: list[Head] = []
    with sound(store.path, "look for sessions that expire"):
        for folded in due_sessions(store.database, now, store.heads.width):
            store.slot(folded.key)
            (head,) = store.current([folded])
            if head.seen + head.ttl <= now:
                due.append(head)
            if len(due) >= limit:
                break
    if not due:
        return []
    gone = [replace(each, revision=each.revision + 1, first_step=each.last_step + 1, expired=True) for each in due]
    with sound(store.path, "let sessions expire"), store.transaction("let sessions expire"):
        for each in gone:
            place_session(
                store.database,
                each.key,
                revision=each.revision,
                first_step=each.first_step,
                last_step=each.last_step,
                last_values=each.last_values.astype("<f8").tobytes(),
                expired=1,
            )
            drop_readings(store.database, each.key)
            drop_checkpoints(store.database, each.key)
    store.stand(gone)
    return gone
