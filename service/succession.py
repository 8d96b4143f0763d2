"""One model after another under live traffic: a candidate follows the one that serves, and takes its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from service.core import Core, Surroundings
from service.faults import again
from service.fitting import check_fit
from service.follower import Follower, Role
from service.kept import Short, check_warm_up, look_on, oldest_kept
from service.links import Links
from service.refusals import (
    CandidateFailed,
    CandidateNotReady,
    DeployUnderWay,
    NoCandidate,
    NoRollback,
    NotBetter,
)
from service.replies import Caller
from service.runtimes import Runtime
from service.serving import Serving


@dataclass(frozen=True)
class Gate:
    """What a promotion is bound to: over at least `readings`, an error of at most `max_ratio` of the current one's."""

    max_ratio: float
    readings: int


@dataclass(frozen=True)
class Succession:
    """Each call runs in the engine's thread, between two batches; None means that the caller is answered later."""

    serving: Serving
    around: Surroundings

    def begin(self, runtime: Runtime, probe: Callable[[], None] | None) -> None:
        """The first model."""
        core = Core(runtime, self.around)
        self._introduce(core)
        self.serving.core = core
        self.around.health.probes["model"] = probe or core.model.probe

    def look_on(self, runtime: Runtime, found: Short) -> Short:
        """Whether of silent sessions too little is kept for this model, a piece of the journal further."""
        bundle = runtime.bundle
        return look_on(self.around.journal, bundle.manifest.context, bundle.digest, found)

    def follow(self, runtime: Runtime, max_resident: int | None) -> bool:
        """A candidate from now on; `AlreadyServed`, `ModelMisfit`, `WarmUpNotKept`, `DeployUnderWay`."""
        serving, leader, settings = self.serving, self.serving.core, self.around.settings
        if serving.follower is not None and serving.follower.role == "candidate":
            raise DeployUnderWay("a candidate is there already: promote it, or give it up first, then deploy this one")
        check_fit(leader.bundle, runtime.bundle)
        live = leader.cache.residents()
        last = leader.table.last_step[live]
        check_warm_up(runtime.bundle.manifest.context, oldest_kept(leader.table, live), last)
        serving.drop(NoRollback("another model was deployed since"))
        settings = replace(settings, max_resident=max_resident or settings.max_resident)
        core = Core(runtime, replace(self.around, settings=settings))
        self._introduce(core)
        newest = live[leader.table.used[live].argsort()[::-1]][: settings.max_resident]  # the first to speak again
        self._attach(Follower(core, leader, "candidate", Links(leader.table, core.table), newest.tolist()))
        serving.fallen = None
        return True

    def level(self, caller: Caller) -> bool | None:
        """True once the candidate's states are rebuilt; `NoCandidate`, `CandidateFailed`."""
        if self._candidate().level:
            return True
        self.serving.waiting.append(caller)
        return None

    def promote(self, gate: Gate | None, record: Callable[[], None], done: Callable[[], None]) -> bool:
        """The candidate serves from the next batch on, if `record` does not raise; the other one follows it.

        `done` notes it elsewhere, in the same step for all who look while nothing is moved (`Serving.steady`).
        `NoCandidate`, `CandidateFailed`, `CandidateNotReady`, `NotBetter`.
        """
        candidate = self._candidate()
        if not candidate.level:
            left = candidate.standing.left
            raise CandidateNotReady(f"{left} sessions have still to be rebuilt by this model; wait for them", left=left)
        if gate is not None:
            check_gate(gate, candidate)
        self._finish(candidate)
        record()
        with self.serving.steady:
            self._swap(candidate)
            done()
        return True

    def rollback(self, record: Callable[[], None], done: Callable[[], None]) -> bool:
        """The model before serves again from the next batch on; the one that served is let go. `NoRollback`.

        `record` and `done` as in `promote`.
        """
        previous = self.serving.follower
        if previous is None or previous.role != "previous":
            raise NoRollback(
                "the model before is not at hand: it was let go, or none was promoted since the start; deploy its "
                "version"
            )
        self._finish(previous)
        record()
        with self.serving.steady:
            self._swap(previous)
            self.serving.drop(NoRollback("it was taken back"))
            done()
        return True

    def dismiss(self, role: Role | None) -> bool:
        """Lets the follower go, candidate or previous, or only if it is in this role; `NoCandidate`."""
        follower = self.serving.follower
        if follower is None or role not in (None, follower.role):
            raise self._none()
        self.serving.drop(NoCandidate("the candidate was given up"))
        return True

    def _finish(self, follower: Follower) -> None:
        """It has followed all that was recorded; raises what it failed with."""
        follower.finish()
        if follower.error is not None:
            self.serving.drop(follower.error)
            raise again(follower.error)

    def _candidate(self) -> Follower:
        follower = self.serving.follower
        if follower is None or follower.role != "candidate":
            raise self._none()
        return follower

    def _none(self) -> NoCandidate | CandidateFailed:
        fallen = self.serving.fallen
        if fallen is not None and fallen.error is not None:
            return CandidateFailed(fallen.error.message)
        return NoCandidate("there is no candidate; deploy a version first")

    def _swap(self, follower: Follower) -> None:
        """The follower leads and the leader follows. Sessions that do not stand alike are asked of the journal."""
        serving, old, new = self.serving, self.serving.core, follower.core
        links = follower.links
        new.registry.forget(links.strangers())
        new.registry.tail = old.registry.tail
        old.peeks.release()
        old.replays.settled = False
        self.around.queue.release()
        follower.end(NoCandidate("the candidate was promoted"))
        old.followed.by = None
        serving.core = new
        new.checkpoints.silence(False)
        new.fault = self.around.health.note
        self.around.health.probes["model"] = new.model.probe
        until = self.around.clock() + self.around.settings.rollback_seconds
        self._attach(Follower(old, new, "previous", links.turned(), until=until))

    def _attach(self, follower: Follower) -> None:
        core = follower.core
        core.checkpoints.silence(True)
        core.fault = follower.fail
        follower.leader.followed.by = follower.take
        self.serving.follower = follower

    def _introduce(self, core: Core) -> None:
        core.registry.changed = partial(self._changed, core)

    def _changed(self, by: Core, name: str) -> None:
        """What one core has done to a session, the others must not believe to know."""
        serving = self.serving
        if by is not serving.core:
            serving.core.registry.drop(name)
        if serving.follower is not None and by is not serving.follower.core:
            serving.follower.changed(name)


def check_gate(gate: Gate, candidate: Follower) -> None:
    """`NotBetter` with both errors, where there are too few readings or the candidate's error is too large."""
    scores = candidate.standing.scores
    if scores.leader is None or scores.follower is None or scores.readings < gate.readings:
        raise NotBetter(
            f"the errors of {gate.readings} readings were expected, there are {scores.readings} that both models have "
            "forecast; let it run on",
            readings=scores.readings,
        )
    current, new = scores.leader.quantile_loss, scores.follower.quantile_loss
    if not new <= gate.max_ratio * current:
        raise NotBetter(
            f"a quantile loss of at most {gate.max_ratio:g} times the current model's {current:.6g} was expected over "
            f"{scores.readings} readings, the candidate's is {new:.6g}; the current model stays",
            readings=scores.readings,
            current=current,
            candidate=new,
        )
