"""One session of the memory journal."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from service.journal.lineage import is_of
from service.journal.protocol import Beginning, Checkpoint, Export, Kept, Wanted


@dataclass(eq=False)
class Remembered:
    """What is kept of one session beside its head's numbers."""

    key: int
    begun: Beginning  # but for its readings
    values: array[float]  # the rows one after the other, from `first_step` on
    first_step: int = 0
    checkpoints: list[Checkpoint] = field(default_factory=list)  # the newest last
    bases: list[Checkpoint] = field(default_factory=list)
    seen: float = 0.0
    expired: bool = False
    parent: str = ""
    exports: tuple[Export, ...] = ()

    def kept(self, rows: NDArray[np.float64]) -> Kept:
        """All of it; `rows` (n, width) are its readings."""
        begun, states = self.begun, (*self.checkpoints, *self.bases)
        told = begun.start, begun.origin, dict(begun.static), begun.regime, begun.ttl
        return Kept(*told, self.first_step, rows.copy(), states, self.parent, begun.calibrate, begun.quality)

    def is_due(self, now: float) -> bool:
        """Whether its time is over."""
        return bool(self.begun.ttl) and not self.expired and self.seen + self.begun.ttl <= now

    def is_wanted(self, name: str, wanted: Wanted) -> bool:
        """Whether a listing shall have it."""
        return (
            name.startswith(wanted.prefix)
            and name > wanted.after
            and is_of(self.parent, wanted.parent, wanted.ancestor)
            and wanted.expired in (None, self.expired)
            and (wanted.idle_since is None or self.seen < wanted.idle_since)
        )

    def keep(self, new: Checkpoint) -> None:
        """The newest checkpoint and the one before stay."""
        others = [old for old in self.checkpoints if (old.step, old.digest) != (new.step, new.digest)]
        others.sort(key=lambda old: old.step)
        self.checkpoints = [*others[-1:], copied(new, new.revision)]


def sorted_checkpoints(kept: Kept, revision: int) -> tuple[list[Checkpoint], list[Checkpoint]]:
    """The two newest checkpoints, the newest last, and the bases, all of this revision."""
    last = kept.first_step + len(kept.values) - 1
    copies = [copied(each, revision) for each in sorted(kept.checkpoints, key=lambda each: each.step)]
    bases = [each for each in copies if each.step == kept.first_step - 1 and kept.first_step]
    return [each for each in copies if kept.first_step <= each.step <= last][-2:], bases


def copied(checkpoint: Checkpoint, revision: int) -> Checkpoint:
    return replace(checkpoint, revision=revision, body=np.array(checkpoint.body, np.float32))
