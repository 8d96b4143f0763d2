"""One batch of stream readings from waiting to answered: judged, run, checked, recorded, kept, answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.batching import Batch
from service.errors import GatecastError, InternalError, ModelFailed, StaleSession
from service.events import Observer
from service.express import STALE, Express
from service.faults import faults_as
from service.filled import answers_of_sent
from service.followed import Followed, Moved
from service.frame_queue import FrameQueue, Piece
from service.frames import NO_STEP, NO_TIME, Answers, join
from service.gaps import Gaps
from service.health import Health
from service.outcomes import Outcome
from service.registry import Registry
from service.replays import Replays
from service.replies import Replies
from service.running import Ran, Runner
from service.salvage import Salvage
from service.scoring import Scoring
from service.verdicts import Judge, Verdict

PATIENCE = 64  # chunks of replays that others wait for, rather than that readings of one session change places
FAILED = "the engine failed on this batch; send it again"


@dataclass(frozen=True)
class Stream:
    """Works off waiting frames, one batch a turn. A failure fails its own batch's readings and nothing else."""

    queue: FrameQueue
    express: Express
    registry: Registry
    replays: Replays
    judge: Judge
    runner: Runner
    salvage: Salvage
    gaps: Gaps
    replies: Replies
    observer: Observer
    frequency: Frequency
    limit: int  # readings of a batch, and what is charged as such
    no_forecasts: NDArray[np.float64]  # (0, horizon, quantiles)
    health: Health
    clock: Callable[[], float]
    followed: Followed
    scoring: Scoring

    def turn(self) -> bool:
        """Forms a batch of those who wait and answers it; False if nobody waits."""
        pieces = self.queue.form(self.limit)
        worked = bool(pieces)
        while pieces:
            began = self.clock()
            if self._ordinary(pieces, began):
                break
            outcome = Outcome(Batch.of(pieces))
            try:
                with faults_as(InternalError, FAILED):
                    late = self._advance(outcome)
            except GatecastError as error:
                late = set()
                self._fail(outcome, error)
            if outcome.lacking:
                self.queue.put_back(pieces)
                self.gaps.enter(outcome.lacking)
                pieces = self.queue.form(self.limit)  # it may be less of them now
                continue
            if not late:
                self._answer(outcome, began)
                break
            pieces = self.queue.put_aside(pieces, late) or self.queue.form(self.limit)  # others may fill its place
        return worked

    def _ordinary(self, pieces: list[Piece], began: float) -> bool:
        """Answers a batch in which nothing is out of the ordinary; False, and nothing was done, if it is another."""
        answers = None
        try:
            with faults_as(InternalError, FAILED):
                batch = self.express.take(pieces)
                answers = None if batch is None else self.express.run(batch, pieces)
        except GatecastError as error:
            outcome = Outcome(Batch.of(pieces))
            outcome.rows = self.registry.table.find(outcome.batch.sessions)
            self._fail(outcome, error)
            self._answer(outcome, began)
            return True
        if answers is None:
            return False
        readings = sum(len(part.steps) for part in answers)
        self._send(pieces, answers)
        self.observer.batch(readings, readings, self.clock() - began)
        return True

    def _advance(self, outcome: Outcome, again: bool = False, looked: bool = False) -> set[str]:
        """Does all that a batch takes; if states are late, nothing yet, and returns the names of their sessions.

        Nothing yet, either, where missing readings have to enter first: `outcome.lacking`. What another process was
        faster with is taken once more, unless this is `again`; so it is looked for once where it moved sessions.
        """
        batch, table, shared = outcome.batch, self.registry.table, self.registry.journal.shared
        self._find(outcome)
        filling = self.gaps.of(batch)
        verdict = self.judge.judge(batch, outcome.rows, outcome.errors, None if shared else filling)
        if shared:
            moved = self._doubted(outcome, verdict)
            if moved:
                self._find(outcome)
            if moved or filling is not None:
                verdict = self.judge.judge(batch, outcome.rows, outcome.errors, filling)
        if filling is not None and filling.counts.any():
            outcome.lacking = filling.lacking()
            return set()
        lost, late = self.replays.bring(verdict.turns.rows)
        if shared and lost and not looked:
            names = {batch.sessions[at] for at in np.flatnonzero(np.isin(outcome.rows, list(lost)))}
            if self.registry.refresh(names):
                return self._advance(outcome, again, looked=True)
        if late:
            return {table.name(row) for row in late}
        outcome.accept(verdict)
        turns = verdict.turns
        if lost:
            turns = turns.keep(~np.isin(turns.rows, list(lost)))
            for row, error in lost.items():
                outcome.fail(outcome.taken_of(row).tolist(), error)
        taken = outcome.steps != NO_STEP
        steps = np.where(taken, outcome.steps, 0)
        outcome.times = np.where(taken, self.frequency.times(table.start[outcome.rows], steps), NO_TIME)
        times = np.append(outcome.times, 0)  # (readings + 1,) as the batch's values: the last one is padding's
        ran = self.runner.run(turns, batch.values, times, batch.futures, batch.gated)
        self._record(outcome, [kept for each in ran for kept in self.salvage.split(outcome, times, each)], again)
        return set()

    def _find(self, outcome: Outcome) -> None:
        """Where the batch's sessions stand, as far as is known here."""
        sessions = outcome.batch.sessions
        outcome.rows = self.registry.find(sessions)
        for item in np.flatnonzero(outcome.rows < 0).tolist():
            outcome.errors[item] = outcome.errors[item] or self.registry.unknown(sessions[item])

    def _doubted(self, outcome: Outcome, verdict: Verdict) -> bool:
        """Of a shared journal: whether a session that does not simply go on has been moved by another process."""
        odd = verdict.repeated.copy()
        for item, (before, error) in enumerate(zip(outcome.errors, verdict.errors, strict=True)):
            odd[item] |= before is None and error is not None
        return bool(odd.any()) and self.registry.refresh({outcome.batch.sessions[item] for item in np.flatnonzero(odd)})

    def _record(self, outcome: Outcome, ran: list[Ran], again: bool) -> None:
        """First the journal, then the states and the table: so neither is ever ahead of it."""
        registry, values = self.registry, outcome.batch.values
        refused = np.empty(0, np.int64)
        readings = np.concatenate([np.empty(0, np.int64), *(each.turns.readings for each in ran)])
        if len(readings):
            began = self.clock()
            rows = outcome.rows[readings]
            accepted = registry.record(rows, outcome.steps[readings], values[readings])
            self.health.journal_works()
            self.observer.appended(int(accepted.sum()), self.clock() - began)
            if not accepted.all():
                stale, refused = np.unique(rows[~accepted]), np.sort(readings[~accepted])
                outcome.fail(refused.tolist(), StaleSession(STALE))
                ran = [each.only(~np.isin(each.turns.rows, stale)) for each in ran]
                registry.forget(stale)
        for each in ran:
            self.runner.keep(each)
            some = each.turns.lengths > 0
            moved = each.turns.keep(some)
            registry.table.advance(moved.rows, outcome.steps[moved.last], values[moved.last])
            registry.checkpoints.moved(moved.rows)
            if self.followed.by is not None and len(moved):
                times, futures = np.append(outcome.times, 0), outcome.batch.futures
                self.followed.by(Moved.of(registry.table, moved, values, times, futures, each.forecasts[some]))
            outcome.forecast(each)
            self.scoring.take(each, outcome.times)
            if (regimes := self.runner.regimes(each.turns)) is not None:
                outcome.regimes.append(regimes)
            if outcome.batch.told and (qualities := self.runner.qualities(each.turns)) is not None:
                outcome.qualities.append(qualities)
        if len(refused) and registry.journal.shared and not again:
            self._take_again(outcome, refused)

    def _take_again(self, outcome: Outcome, items: NDArray[np.int64]) -> None:
        """Readings of sessions that another process has moved on, once more from where they stand now."""
        part = Outcome(outcome.batch.only(items))
        try:
            with faults_as(InternalError, FAILED):
                if self._advance(part, again=True):
                    self.replays.hasten(PATIENCE)
                    part = Outcome(part.batch)
                    if self._advance(part, again=True):
                        part.fail_all(StaleSession(STALE))  # its state takes long to come: who asks again finds it
        except GatecastError as error:
            self._fail(part, error)
        outcome.absorb(items, part)

    def _fail(self, outcome: Outcome, error: GatecastError) -> None:
        self.health.note(error)
        outcome.fail_all(error)
        if not isinstance(error, ModelFailed):  # what the journal has is not sure: it is asked when they speak again
            self.registry.forget(np.unique(outcome.rows[outcome.rows >= 0]))

    def _answer(self, outcome: Outcome, began: float) -> None:
        rows = outcome.rows
        last_steps = np.where(rows >= 0, self.registry.table.last_step[rows], NO_STEP)
        answers = outcome.answers(last_steps, self.registry.journal.durable, self.no_forecasts)
        self._send(outcome.batch.pieces, answers)
        self.observer.batch(len(rows), outcome.turns, self.clock() - began)
        if any(outcome.errors):
            for code, count in outcome.refused().items():
                self.observer.refused(code, count)

    def _send(self, pieces: Sequence[Piece], answers: Sequence[Answers]) -> None:
        """Each frame of which this was the last piece is answered."""
        for piece, part in zip(pieces, answers, strict=True):
            frame = piece.frame
            sent = frame.observations
            if sent.fill:
                self.gaps.room.owed.note(sent, piece.first, frame.added, part)
            frame.parts.append(part)
            if piece.stop == len(sent.sessions):
                whole = join(frame.parts, sent.sessions)
                added = frame.added
                self.replies.answer(frame.caller, whole if added is None else answers_of_sent(whole, added))
        self.replies.send()
