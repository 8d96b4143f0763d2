"""Frames with the missing readings that were put into them, and the way back: answers for the readings sent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.attached import NONE, Attached
from service.errors import Gap, GatecastError
from service.frame_queue import Piece
from service.frames import NO_STEP, NO_TIME, Answers, Observations
from service.futures import Futures


@dataclass(frozen=True, eq=False)
class Filled:
    """What a frame has become."""

    observations: Observations
    wrong: dict[int, GatecastError]
    added: NDArray[np.bool_]  # (readings,) those that no client has sent
    count: int  # of those that are new


def fill(piece: Piece, counts: NDArray[np.int64], firsts: NDArray[np.int64]) -> Filled:
    """A frame with `counts` (readings of the piece,) missing readings before each, whose steps begin at `firsts`."""
    frame, sent = piece.frame, piece.frame.observations
    before = np.zeros(len(sent.sessions), np.int64)
    begins = np.zeros(len(sent.sessions), np.int64)
    before[piece.first : piece.stop], begins[piece.first : piece.stop] = counts, firsts
    own = np.cumsum(before + 1) - 1  # where each reading is now
    source = np.repeat(np.arange(len(before)), before + 1)  # (readings now,) the reading that each belongs to
    new = np.ones(len(source), np.bool_)
    new[own] = False
    along = np.arange(len(source)) - (own - before)[source]
    steps = np.where(new, begins[source] + along, sent.steps[source])
    values = sent.values[source]
    values[new] = np.nan
    observations = replace(
        sent,
        sessions=[sent.sessions[at] for at in source.tolist()],
        steps=steps,
        times=np.where(new, NO_TIME, sent.times[source]),
        values=values,
        futures=None if sent.futures is None else _futures(sent.futures, source, new),
    )
    added = new if frame.added is None else new | frame.added[source]
    wrong = {int(own[at]): error for at, error in frame.wrong.items()}
    return Filled(observations, wrong, added, int(before.sum()))


def answers_of_sent(answers: Answers, added: NDArray[np.bool_]) -> Answers:
    """The answers of a frame without those of the readings `added` to it; the others say how many were filled."""
    sent = np.flatnonzero(~added)
    owner = np.cumsum(~added)  # of a reading that was added: the next one that was sent
    recorded = added & (answers.steps != NO_STEP) & ~answers.repeated
    errors = [answers.errors[at] for at in sent.tolist()]
    failed = [at for at in np.flatnonzero(added).tolist() if answers.errors[at] is not None]
    for at in reversed(failed):  # a gap that could not be filled says why: the first reason is left at the end
        if isinstance(errors[owner[at]], Gap):
            errors[owner[at]] = answers.errors[at]
    part = sent.tolist()
    forecasts = Attached(answers.rows, answers.quantiles).cut(part)
    return Answers(
        steps=answers.steps[sent],
        times=answers.times[sent],
        last_steps=answers.last_steps[sent],
        repeated=answers.repeated[sent],
        keyed=answers.keyed[sent],
        rows=forecasts.rows,
        quantiles=forecasts.values,
        errors=errors,
        durable=answers.durable,
        gates=None if answers.gates is None else answers.gates.cut(part),
        regimes=None if answers.regimes is None else answers.regimes.cut(part),
        qualities=None if answers.qualities is None else answers.qualities.cut(part),
        filled=np.bincount(owner[recorded], minlength=len(sent)),
    )


def _futures(futures: Futures, source: NDArray[np.int64], new: NDArray[np.bool_]) -> Futures:
    return Futures.of(np.where(new, NONE, futures.attached.rows[source]), futures.attached.values)
