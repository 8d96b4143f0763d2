"""Copies of sessions: forks for what-if questions, files to be taken elsewhere, and an end that reaches them all."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from datasets.frequency import FIRST_SECOND, LAST_SECOND
from service.bundle import Bundle
from service.errors import JournalError, NoReadings, SessionExists
from service.faults import faults_as
from service.frames import LARGEST_TIME, MOST_READINGS, NO_TIME, SessionView, check_history
from service.journal import Export, Head, Kept, Wanted
from service.journal.lineage import lineage, parent_of
from service.journal.statics import encode as encode_static
from service.names import outside
from service.past_errors import InvalidExport
from service.places import Places
from service.portable import Meaning, decode, encode
from service.reach import Reach
from service.registry import BROKEN, Registry

PAGE = 1000  # forks that are looked up at once


@dataclass(frozen=True)
class Erased:
    """What is gone, and the copies that left the service before: those are for people to delete."""

    sessions: list[str]
    exports: list[tuple[str, Export]]  # with the session that each was made of


@dataclass(frozen=True)
class Copies:
    """Each call runs in the engine's thread."""

    registry: Registry
    places: Places
    meaning: Meaning
    reach: Reach
    longest: int  # readings that an imported session may have
    state_sizes: tuple[int, ...]  # numbers in a whole row of this bundle, with what may stand beside a state
    digest: str
    clock: Callable[[], float] = time.time

    @classmethod
    def of(cls, registry: Registry, places: Places, bundle: Bundle, longest: int) -> Copies:
        """Of the sessions that this bundle serves."""
        sizes, meaning = registry.cache.monitors.sizes, Meaning.of(bundle.manifest)
        return cls(registry, places, meaning, places.reach, longest, sizes, bundle.digest)

    def fork(self, name: str, other: str, step: int | None) -> SessionView:
        """A session `other` that has what `name` has, up to `step`; the same fork again is found as it stands.

        `UnknownSession`, `SessionExists`, `TooManySessions`, `Gap`, `HistoryGone`.
        """
        registry = self.registry
        row = registry.row(name)
        if step is not None:
            self.places.check_kept(row, step)
        key = int(registry.table.key[row])
        origin = hashlib.sha256(f"fork of {key} {registry.table.revision[row]} {step}".encode()).hexdigest()
        there = registry.head(other)
        if there is not None:
            if (parent_of(there.parent), there.origin, there.expired) == (name, origin, False):
                return registry.view(registry.row(other))
            raise SessionExists(
                f"there is a session {outside(other)!r} already; choose another name for the fork, or delete it first",
                last_step=there.last_step,
                revision=there.revision,
            )
        kept = self._kept(row)
        kept = replace(kept, origin=origin, parent=lineage(name, kept.parent))
        return self._put(other, kept if step is None else _until(kept, step), False)

    def export(self, name: str, shown: str) -> bytes:
        """The session as a file, in which it is called `shown`; that it was handed out is noted. `UnknownSession`."""
        registry = self.registry
        row = registry.row(name)
        key, last = int(registry.table.key[row]), int(registry.table.last_step[row])
        data = encode(shown, self._kept(row), self.meaning)
        digest, there = hashlib.sha256(data).hexdigest(), registry.head(name)
        if there is None or digest not in [each.digest for each in there.exports]:  # else it is the same copy
            with faults_as(JournalError, BROKEN):
                registry.journal.exported(key, Export(int(self.clock()), last, digest))
        return data

    def take_in(self, name: str, data: bytes, replace: bool) -> SessionView:
        """A session from a file; the same file again finds it, as long as it stands as it did then.

        `InvalidExport`, `SessionExists`, `TooManySessions`, `HistoryTooLong`, `InvalidValue`, `InvalidTime`.
        """
        kept = self._checked(decode(data, self.meaning))
        there = self.registry.head(name)
        if there is not None and not replace:
            if self._stands(there, kept):
                return self.registry.view(self.registry.row(name))
            raise SessionExists(
                f"there is another session {outside(name)!r}; choose another name, or replace it (replace=true)",
                last_step=there.last_step,
                revision=there.revision,
            )
        return self._put(name, kept, replace)

    def erase(self, name: str) -> Erased:
        """Deletes a session and all forks of it, and of those; tells which copies were handed out. `UnknownSession`.

        So it does where the session itself, or one between it and a fork, is no more.
        """
        doomed = [name, *self._forks(name)]
        heads = [self.registry.head(each) for each in doomed]
        if heads[0] is None and len(doomed) == 1:
            raise self.registry.unknown(name)
        found = [head for head in heads if head is not None]
        for head in reversed(found):  # the forks first: what is left after a fault is found again by the same call
            self.registry.delete(head.name)
        return Erased([head.name for head in found], [(head.name, each) for head in found for each in head.exports])

    def _forks(self, name: str) -> list[str]:
        found: list[str] = []
        parents = [name]
        while parents:
            parent, after = parents.pop(), ""
            while True:
                with faults_as(JournalError, BROKEN):
                    page = self.registry.journal.listing(Wanted(ancestor=parent, after=after, limit=PAGE))
                new = [head.name for head in page if head.name != name and head.name not in found]
                found += new
                parents += new
                if len(page) < PAGE:
                    break
                after = page[-1].name
        return found

    def _kept(self, row: int) -> Kept:
        """All of a session, its state as it stands among it where that is at hand."""
        registry = self.registry
        registry.checkpoints.save(registry.cache.bodies, np.array([row]))
        with faults_as(JournalError, BROKEN):
            return registry.journal.kept(int(registry.table.key[row]))

    def _stands(self, there: Head, kept: Kept) -> bool:
        """Whether a session is just what is kept in a file."""
        last = kept.first_step + len(kept.values) - 1
        place = there.start, there.origin, there.first_step, there.last_step, there.ttl, there.expired
        told = kept.start, kept.origin, kept.first_step, last, kept.ttl, False
        made = there.regime, there.calibrate, there.quality
        alike = made == (kept.regime, kept.calibrate, kept.quality)
        if place != told or not alike or encode_static(there.static) != encode_static(kept.static):
            return False
        values = self.registry.recorded(there.key, kept.first_step, last)
        return np.array_equal(values, kept.values, equal_nan=True)

    def _put(self, name: str, kept: Kept, replace: bool) -> SessionView:
        registry = self.registry
        new = registry.head(name) is None
        row = registry.begin(name, new, lambda: registry.journal.put(name, kept, replace))
        return registry.view(row, created=True)

    def _checked(self, kept: Kept) -> Kept:
        """Of a file that somebody sent: sound numbers, and of its states those alone that can be ours."""
        check_history(kept.values, self.longest)
        calendar = self.reach.frequency.has_calendar
        unborn = calendar and kept.start == NO_TIME and not kept.first_step and not len(kept.values)
        if not unborn:
            least, most = (FIRST_SECOND, LAST_SECOND) if calendar else (-LARGEST_TIME, LARGEST_TIME)
            if not least <= kept.start <= most or kept.first_step > MOST_READINGS:
                raise InvalidExport("the file has a start or a step that no session can have")
            self.reach.check(kept.start, kept.first_step + max(len(kept.values) - 1, 0))
        if kept.first_step and not len(kept.values):
            raise NoReadings("the file is of a session of which no reading is kept; there is nothing to go on from")
        last = kept.first_step + len(kept.values) - 1
        ours = tuple(
            each
            for each in kept.checkpoints
            if (each.digest, len(each.body)) in {(self.digest, size) for size in self.state_sizes}
            and kept.first_step - 1 <= each.step <= last
        )
        return replace(kept, checkpoints=ours, parent="")


def _until(kept: Kept, step: int) -> Kept:
    """What would be kept if `step` were the last one."""
    values = kept.values[: step + 1 - kept.first_step]
    return replace(kept, values=values, checkpoints=tuple(each for each in kept.checkpoints if each.step <= step))
