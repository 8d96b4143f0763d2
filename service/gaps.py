"""Steps that were left out, where a frame asks that they enter as missing: which of them may, and how many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.frequency import Frequency
from service.batching import Batch
from service.errors import Gap, GatecastError, Overloaded
from service.filled import Filled, fill
from service.owed import Place, comes_again, wanted
from service.waiting import Frame, WaitingRoom


@dataclass(frozen=True)
class Gaps:
    """What may be filled: at most `steps` before one reading, in all of a frame what may wait, if there is room."""

    steps: int
    room: WaitingRoom
    frequency: Frequency

    def of(self, batch: Batch) -> Filling | None:
        """For the judge of a batch; None where no frame of it asks."""
        return None if batch.fills is None else Filling(self, batch)

    def enter(self, lacking: list[tuple[Frame, Filled]]) -> None:
        """Frames become what they are with their missing readings; none of them is taken at this moment."""
        for frame, filled in lacking:
            frame.observations, frame.wrong, frame.added = filled.observations, filled.wrong, filled.added
            self.room.widen(frame, filled.count)


class Filling:
    """The gaps of one batch, as the judge meets them: nothing changes by it but what is noted here."""

    def __init__(self, gaps: Gaps, batch: Batch) -> None:
        assert batch.fills is not None
        self._gaps = gaps
        self._pieces = batch.pieces
        self._sessions = batch.sessions
        self._may = batch.fills
        sizes = [piece.stop - piece.first for piece in batch.pieces]
        self._begins = np.cumsum([0, *sizes])
        self._piece_of = np.repeat(np.arange(len(sizes)), sizes)
        self._of_frame = [piece.frame.filled for piece in batch.pieces]  # readings that went in, by piece
        self._all = 0
        self._refused: dict[str, list[Place]] = {}  # of this batch: its frames are told when it is over
        self.counts = np.zeros(len(batch), np.int64)  # missing readings that go in before each
        self.firsts = np.zeros(len(batch), np.int64)  # the step of the first of them

    def take(self, item: int, start: int, first: int, step: int, gap: Gap) -> GatecastError | None:
        """Notes that the steps from `first` on enter before a reading of `step`; else the error: `gap`, or more."""
        gaps, name = self._gaps, self._sessions[item]
        missing = first, step, start, gaps.frequency
        if not self._may[item] or wanted(self._refused.get(name, ()), *missing):
            return gap
        if gaps.room.owed.within(name, *missing):
            return gap
        skipped, piece = step - first, int(self._piece_of[item])
        if skipped > gaps.steps:
            return _too_long(gap, skipped, f"at most {gaps.steps} before one reading", gaps.steps)
        most = gaps.room.most_filled
        if self._of_frame[piece] + skipped > most:
            return _too_long(gap, skipped, f"at most {most} in all of a frame", most)
        try:
            gaps.room.check_filled(self._all, skipped)
        except Overloaded as full:
            return full
        self._of_frame[piece] += skipped
        self._all += skipped
        self.counts[item], self.firsts[item] = skipped, first
        return None

    def refuse(self, item: int, error: GatecastError) -> None:
        """Notes that a reading was refused, before those of its session that follow in the batch are judged."""
        piece = self._pieces[self._piece_of[item]]
        sent, at = piece.frame.observations, piece.first + item - int(self._begins[self._piece_of[item]])
        new = piece.frame.added is not None and bool(piece.frame.added[at])
        if sent.fill and not new and comes_again(error):
            place = int(sent.steps[at]), int(sent.times[at])
            self._refused.setdefault(self._sessions[item], []).append(place)

    def lacking(self) -> list[tuple[Frame, Filled]]:
        """The frames that have gaps, each with what it becomes."""
        found = []
        for at, piece in enumerate(self._pieces):
            part = slice(self._begins[at], self._begins[at + 1])
            if self.counts[part].any():
                found.append((piece.frame, fill(piece, self.counts[part], self.firsts[part])))
        return found


def _too_long(gap: Gap, skipped: int, most: str, limit: int) -> Gap:
    return Gap(
        f"{gap.message.partition(';')[0]}: {skipped} steps would enter as missing, {most}; send what lies between in "
        "several frames, with nulls, or make the session anew from a history (replace=true)",
        **gap.facts,
        limit=limit,
    )
