"""Sessions that begin in SQLite, new or anew: their rows, their readings, and the states that come with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from service.errors import JournalError
from service.journal.checkpoints import drop_checkpoints, save_checkpoints, set_bases
from service.journal.heads import MOST_KEYS
from service.journal.protocol import FIRST_REVISION, NO_READING, Beginning, Checkpoint, Head, Kept
from service.journal.rows import insert_session, last_of, update_session
from service.journal.segments import drop_readings, put_readings
from service.journal.store import Store


def begin(store: Store, begun: Beginning, checkpoints: Sequence[Checkpoint], kept: Kept | None = None) -> Head:
    """A new session; `kept`: of what it is made, where that is not a beginning."""
    begun, place = _checked(store, begun), _place(begun, kept)
    seen = store.clock()
    with store.transaction("create a session"):
        key = insert_session(store.database, begun, seen, *place)
        if key > MOST_KEYS:
            raise JournalError(f"the journal {store.path} has had {MOST_KEYS} sessions: begin another one")
        _write(store, key, FIRST_REVISION, begun, kept, checkpoints)
    return _stand(store, _head(store, key, FIRST_REVISION, begun, seen, place))


def begin_anew(
    store: Store, pairs: Sequence[tuple[Head, Beginning]], checkpoints: Sequence[Checkpoint], kept: Kept | None = None
) -> list[Head]:
    """Sessions that are there, and what they begin with now, under the next revision of each: all of them or none."""
    pairs = [(head, _checked(store, begun)) for head, begun in pairs]
    seen = store.clock()
    with store.transaction("replace a session"):
        for head, begun in pairs:
            place = _place(begun, kept)
            update_session(store.database, head.key, head.revision + 1, begun, seen, *place, head.exports)
            drop_readings(store.database, head.key)
            drop_checkpoints(store.database, head.key)
            _write(store, head.key, head.revision + 1, begun, kept, checkpoints)
    heads = [
        replace(_head(store, head.key, head.revision + 1, begun, seen, _place(begun, kept)), exports=head.exports)
        for head, begun in pairs
    ]
    return [_stand(store, head) for head in heads]


def _checked(store: Store, begun: Beginning) -> Beginning:
    return replace(begun, values=store.heads.checked(begun.values, begun.origin))


def _place(begun: Beginning, kept: Kept | None) -> tuple[int, str]:
    """First step and parent."""
    return (0, begun.parent) if kept is None else (int(kept.first_step), kept.parent)


def _write(
    store: Store, key: int, revision: int, begun: Beginning, kept: Kept | None, checkpoints: Sequence[Checkpoint]
) -> None:
    first, _ = _place(begun, kept)
    last = first + len(begun.values) - 1
    put_readings(store.database, key, first, begun.values, store.segment_rows)
    lowest = NO_READING if kept is None else first
    own = [replace(each, revision=revision) for each in checkpoints if lowest <= each.step <= last]
    save_checkpoints(store.database, [(key, each) for each in sorted(own, key=lambda each: each.step)])
    bases = [each for each in checkpoints if first and each.step == first - 1]
    if bases:
        set_bases(store.database, key, revision, bases)


def _head(store: Store, key: int, revision: int, begun: Beginning, seen: float, place: tuple[int, str]) -> Head:
    (values,) = np.frombuffer(last_of(begun.values), "<f8").reshape(1, store.heads.width)
    first, parent = place
    return Head(
        key,
        begun.name,
        int(begun.start),
        revision,
        first + len(begun.values) - 1,
        values.astype(np.float64),
        begun.origin,
        dict(begun.static),
        bool(begun.regime),
        first,
        int(begun.ttl),
        seen,
        parent=parent,
        calibrate=bool(begun.calibrate),
        quality=bool(begun.quality),
    )


def _stand(store: Store, head: Head) -> Head:
    store.stand([head])
    return head
