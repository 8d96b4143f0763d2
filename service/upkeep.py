"""What is put off until answers are sent: checkpoints in groups, and the journal's tail folded in slices."""

from __future__ import annotations

from collections.abc import Callable

from service.chores import Chores
from service.engine_settings import EngineSettings
from service.errors import GatecastError, JournalError
from service.events import Observer
from service.faults import faults_as
from service.health import Health
from service.registry import Registry
from service.serving import Serving

CHORE_SECONDS = 0.01  # under load, from one piece of a chore to the next
LOADED = 4  # a slice under load is at least so many idle ones: a fold's cost is mostly that of the sessions it touches


class Upkeep:
    """Each call does one small piece, so that the next reading never waits for more than that."""

    def __init__(
        self,
        serving: Serving,
        settings: EngineSettings,
        observer: Observer,
        health: Health,
        clock: Callable[[], float],
    ) -> None:
        self._serving = serving
        self._settings = settings
        self._observer = observer
        self._health = health
        self._clock = clock
        self._next_chore = clock()
        self._slice = self._smallest = LOADED * settings.fold_slice

    @property
    def _registry(self) -> Registry:
        return self._serving.core.registry

    @property
    def _chores(self) -> Chores:
        return self._serving.core.chores

    @property
    def pending(self) -> bool:
        """Whether an idle moment could be used."""
        return not self._health.broken("journal") and (
            self._registry.tail > 0 or self._registry.checkpoints.due or self._chores.seconds() == 0
        )

    def seconds(self) -> float | None:
        """How long until time alone brings something to do; None if it does not."""
        return None if self._health.broken("journal") else self._chores.seconds()

    def between_batches(self) -> None:
        """What must not wait for an idle moment: a whole group of checkpoints, a tail that is too long, now and then
        a piece of the chores.
        """
        if self._health.broken("journal"):
            return
        try:
            self._registry.checkpoints.save_due(self._registry.cache.bodies, idle=False)
            if self._registry.tail > self._settings.max_tail:
                self._fold_under_load()
            if self._clock() >= self._next_chore:
                self._next_chore = self._clock() + CHORE_SECONDS
                self._chores.piece()
        except GatecastError as error:
            self._health.note(error)

    def when_idle(self) -> None:
        """One piece of what is pending."""
        try:
            if self._registry.checkpoints.save_due(self._registry.cache.bodies, idle=True):
                return
            if self._registry.tail > 0:
                self._fold(self._settings.fold_slice)
            else:
                self._chores.piece()
        except GatecastError as error:
            self._health.note(error)

    def finish(self) -> None:
        """All states that moved are saved, all of the tail is folded, the journal is closed."""
        registry = self._registry
        try:
            registry.checkpoints.save_all(registry.cache.bodies, registry.cache.residents())
            while registry.tail > 0:
                self._fold(self._settings.max_tail)
        except GatecastError as error:  # the readings are safe: the next start replays them
            self._health.note(error)
        try:
            with faults_as(JournalError, "the journal could not be closed"):
                registry.journal.close()
        except GatecastError as error:
            self._health.note(error)

    def probe(self) -> None:
        """Writes something to the journal that changes nothing; `JournalError` if it cannot."""
        registry = self._registry
        if registry.journal.renewed():
            self._serving.forget_all()
        registry.checkpoints.save(registry.cache.bodies, registry.cache.residents()[:1], again=True)
        registry.checkpoints.save_nobodys()
        self._fold(self._settings.fold_slice)

    def _fold_under_load(self) -> None:
        """A slice of whatever size takes about as long as the stream may be held up: large ones cost less a reading."""
        began = self._clock()
        self._fold(self._slice)
        seconds = self._clock() - began
        if seconds > self._settings.fold_seconds:
            self._slice = max(self._slice // 2, self._smallest)
        elif seconds < self._settings.fold_seconds / 2:
            self._slice = min(self._slice * 2, self._settings.max_tail)

    def _fold(self, readings: int) -> None:
        with faults_as(JournalError, "the journal could not fold its tail"):
            self._registry.tail = self._registry.journal.fold(readings)
        self._observer.folded(self._registry.tail)
