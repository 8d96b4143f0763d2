"""The batch in which nothing is out of the ordinary: one reading of each session, the next one, its state at hand.

Nearly every batch is one, and a few columns tell. Any other goes the long way (stream.py), to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import LAST_SECOND
from service.errors import GatecastError, StaleSession
from service.events import Observer
from service.frame_queue import Piece
from service.frames import NO_STEP, NO_TIME, Answers
from service.health import Health
from service.padding import PaddedRuntime
from service.reach import Reach
from service.registry import Registry
from service.runtimes import States
from service.sessions import UNKNOWN

STALE = "the session was moved on by someone else; ask for its last step and go on from there"

Column = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ordinary:
    """Such a batch: rows of the session table, all different, and the reading that each of them takes."""

    rows: Column
    slots: Column
    steps: Column
    times: Column
    values: NDArray[np.float64]  # (readings, width)
    keyed: NDArray[np.bool_]


class Express:
    """Runs ordinary batches, of models that take nothing known ahead; records before it moves, as the stream does."""

    def __init__(
        self,
        registry: Registry,
        model: PaddedRuntime,
        reach: Reach,
        observer: Observer,
        health: Health,
        clock: Callable[[], float],
    ) -> None:
        frequency = reach.frequency
        self._registry = registry
        self._model = model
        self._observer = observer
        self._health = health
        self._clock = clock
        self._frequency = frequency
        self._fits = frequency.unit != "month" and not registry.known.future
        # What is known here of the sessions of a shared journal may be out of date: the long way asks again.
        self._fits = self._fits and not registry.journal.shared
        self._last = LAST_SECOND - reach.horizon * frequency.size if frequency.has_calendar else np.iinfo(np.int64).max

    def take(self, pieces: Sequence[Piece]) -> Ordinary | None:
        """The batch that these pieces make, or None: it is to go the long way. Nothing is changed yet."""
        if not self._fits or any(piece.frame.wrong or piece.frame.observations.gates for piece in pieces):
            return None
        sessions, sent_steps, sent_times, values = _columns(pieces)
        if len(sessions) > 1 and len(set(sessions)) < len(sessions):
            return None
        table = self._registry.table
        rows = table.find(sessions)
        if rows.min() == UNKNOWN or table.odd.take(rows, axis=0).any():
            return None
        steps = table.last_step.take(rows) + 1
        times = self._frequency.times(table.start.take(rows), steps)
        keyed = sent_steps == steps
        if not keyed.all() and not (keyed | (sent_steps == NO_STEP)).all():
            return None
        dated = sent_times != NO_TIME
        if dated.any():
            if not ((sent_times == times) | ~dated).all():
                return None
            keyed |= dated
        if times.max() > self._last or len(self._registry.cache.touch(rows)):
            return None
        return Ordinary(rows, table.slot.take(rows), steps, times, values, keyed)

    def run(self, batch: Ordinary, pieces: Sequence[Piece]) -> list[Answers] | None:
        """Answers for each piece; None, and nothing was done, where a forecast is not finite."""
        registry = self._registry
        table, arena = registry.table, registry.cache.arena
        rows, steps, slots = batch.rows, batch.steps, batch.slots
        forecasts, states = self._model.rows(arena, slots, batch.values, batch.times, table.statics(rows))
        if not np.isfinite(forecasts).all():
            return None
        began = self._clock()
        accepted = registry.append(rows, steps, batch.values)
        self._health.journal_works()
        self._observer.appended(int(np.count_nonzero(accepted)), self._clock() - began)
        if not accepted.all():
            return self._in_part(batch, pieces, accepted, forecasts, states)
        arena.scatter(slots, states)
        table.advance(rows, steps, batch.values)
        registry.checkpoints.moved(rows)
        places = np.arange(len(rows))
        return _answers(pieces, batch, places, forecasts, [None] * len(rows), registry.journal.durable)

    def _in_part(
        self,
        batch: Ordinary,
        pieces: Sequence[Piece],
        accepted: NDArray[np.bool_],
        forecasts: NDArray[np.float64],
        states: States,
    ) -> list[Answers]:
        """Where the journal has refused some: it knows of readings that someone else has recorded."""
        registry, kept = self._registry, np.flatnonzero(accepted)
        registry.cache.arena.scatter(batch.slots[kept], states, kept)
        registry.table.advance(batch.rows[kept], batch.steps[kept], batch.values[kept])
        registry.checkpoints.moved(batch.rows[kept])
        registry.forget(batch.rows[~accepted])
        self._observer.refused(StaleSession.code, len(accepted) - len(kept))
        told = replace(
            batch,
            steps=np.where(accepted, batch.steps, NO_STEP),
            times=np.where(accepted, batch.times, NO_TIME),
        )
        errors: list[GatecastError | None] = [
            None if followed else StaleSession(STALE) for followed in accepted.tolist()
        ]
        places = np.where(accepted, np.arange(len(accepted)), -1)
        return _answers(pieces, told, places, forecasts, errors, registry.journal.durable)


def _columns(pieces: Sequence[Piece]) -> tuple[list[str], Column, Column, NDArray[np.float64]]:
    """Sessions, steps, times and values of the pieces; a frame that is taken whole is not copied."""
    first = pieces[0].frame.observations
    if len(pieces) == 1 and pieces[0].stop - pieces[0].first == len(first.sessions):
        return first.sessions, first.steps, first.times, first.values
    cuts = [(piece.frame.observations, slice(piece.first, piece.stop)) for piece in pieces]
    return (
        [name for frame, cut in cuts for name in frame.sessions[cut]],
        np.concatenate([frame.steps[cut] for frame, cut in cuts]),
        np.concatenate([frame.times[cut] for frame, cut in cuts]),
        np.concatenate([frame.values[cut] for frame, cut in cuts]),
    )


def _answers(
    pieces: Sequence[Piece],
    batch: Ordinary,
    places: Column,  # (readings,) of the forecasts; -1: none
    forecasts: NDArray[np.float64],
    errors: list[GatecastError | None],
    durable: str,
) -> list[Answers]:
    never = np.zeros(len(places), np.bool_)
    answers: list[Answers] = []
    first = 0
    for piece in pieces:
        stop = first + piece.stop - piece.first
        cut = slice(first, stop)
        steps = batch.steps[cut]
        own, some = _wanted(places[cut], first, steps, piece, forecasts[cut])
        part = steps, batch.times[cut], steps, never[cut], batch.keyed[cut], own, some
        answers.append(Answers(*part, errors if len(pieces) == 1 else errors[cut], durable))
        first = stop
    return answers


def _wanted(
    places: Column, first: int, steps: Column, piece: Piece, forecasts: NDArray[np.float64]
) -> tuple[Column, NDArray[np.float64]]:
    """Places of a piece's forecasts among its own, which begin at `first` of all, and those alone that are wanted."""
    every = piece.frame.observations.every
    if every == 1:
        return (places if first == 0 else np.where(places < 0, -1, places - first)), forecasts
    wanted = (places >= 0) & ((steps + 1) % every == 0) if every else np.zeros(len(places), np.bool_)
    since = piece.frame.since(piece.first, piece.stop) if every else None
    if since is not None:
        wanted |= (places >= 0) & ((steps + 1) // every > since // every)
    return np.where(wanted, np.cumsum(wanted) - 1, -1), forecasts[wanted]
