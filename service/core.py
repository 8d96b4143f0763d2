"""Everything that belongs to one model: its runtime, where its sessions stand, their states, and what works on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.frequency import Frequency
from service.arena_cache import ArenaCache
from service.beside import Beside
from service.checkpoints import Checkpoints
from service.copies import Copies
from service.engine_settings import EngineSettings
from service.errors import GatecastError
from service.events import Observer
from service.express import Express
from service.followed import Followed
from service.frame_queue import FrameQueue
from service.gaps import Gaps
from service.health import Health
from service.histories import Histories
from service.holidays import KnownHolidays
from service.housekeeping import housekeeping
from service.intake import Intake
from service.journal import Journal
from service.known import Known
from service.lifecycle import Lifecycle
from service.listing import Listing
from service.padding import PaddedRuntime
from service.peeks import Peeks
from service.places import Places
from service.quota import Quota
from service.reach import Reach
from service.registry import Registry
from service.replays import Replays
from service.replies import Replies
from service.revisions import Revisions
from service.running import Runner
from service.runtimes import Runtime
from service.salvage import Salvage
from service.scoring import Overall, Scoring
from service.sessions import SessionTable
from service.share import Share
from service.shown import Shown
from service.stepping import Stepper
from service.stream import Stream
from service.verdicts import Judge
from service.waiting import WaitingRoom


@dataclass(frozen=True)
class Surroundings:
    """What the cores of one engine have in common: all that is no model's."""

    journal: Journal
    settings: EngineSettings
    observer: Observer
    share: Share
    room: WaitingRoom
    queue: FrameQueue
    replies: Replies
    health: Health
    clock: Callable[[], float]
    wall: Callable[[], float]  # seconds since 1970, by which sessions expire
    alone: Callable[[Core], bool]  # whether it serves and no other model follows it
    quota: Quota
    overall: Overall


class Core:
    """One model over the journal. Nothing runs by itself: the engine's thread drives the parts."""

    def __init__(self, runtime: Runtime, around: Surroundings) -> None:
        bundle, settings, health = runtime.bundle, around.settings, around.health
        manifest, observer, clock = bundle.manifest, around.observer, around.clock
        self.frequency = frequency = Frequency.parse(manifest.frequency)
        self.settings = settings
        self.runtime = runtime
        self.bundle = bundle
        self.fault: Callable[[GatecastError], None] = health.note  # told of failures in long histories
        self.model = model = PaddedRuntime(runtime)
        self.known = known = Known.of(manifest)
        self.limit = limit = min(settings.max_batch, settings.max_resident)  # all of a batch must fit into the arena
        self.no_forecasts = np.empty((0, manifest.horizon, len(manifest.quantiles)))
        beside, reach = Beside.of(manifest), Reach(frequency, manifest.horizon)
        self.stepper = stepper = Stepper(model, beside)
        self.followed = followed = Followed()
        self.intake = Intake.of(bundle, settings, known, beside, reach)
        self.table = table = SessionTable(bundle.width, len(known.static))
        self.checkpoints = Checkpoints(around.journal, table, settings, observer, bundle.digest)
        self.cache = ArenaCache(runtime, table, self.checkpoints, observer, settings, beside)
        self.registry = registry = Registry(
            around.journal,
            table,
            self.cache,
            self.checkpoints,
            frequency,
            known,
            around.share,
            around.quota,
            around.room.owed,
        )
        self.clock = clock
        self.histories = histories = Histories(
            model, stepper, settings, observer, lambda error: self.fault(error), clock
        )
        self.replays = replays = Replays(model, stepper, registry, histories, settings, observer, frequency)
        self.runner = runner = Runner(model, stepper, self.cache, table)
        self.stream = Stream(
            queue=around.queue,
            express=Express(registry, model, reach, observer, health, clock, followed),
            registry=registry,
            replays=replays,
            judge=Judge(table, reach, registry.recorded),
            runner=runner,
            salvage=Salvage(runner, table, frequency),
            gaps=Gaps(settings.gap_steps, around.room, frequency),
            replies=around.replies,
            observer=observer,
            health=health,
            frequency=frequency,
            limit=limit,
            no_forecasts=self.no_forecasts,
            clock=clock,
            followed=followed,
            scoring=Scoring(beside, bundle.digest, table, around.overall),
        )
        self.peeks = Peeks(around.room.peeks, registry, replays, runner, around.replies, limit, health.note)
        ttl = settings.session_ttl_seconds or 0
        made = bundle.initial, bundle.digest, ttl, settings.quality
        self.lifecycle = Lifecycle(registry, histories, around.replies, frequency, *made)
        self.listing = Listing(registry, frequency, around.wall)
        self.holidays = holidays = KnownHolidays(manifest, table, observer, clock)
        self.chores = housekeeping(
            registry, replays, histories, holidays, settings, observer, clock, around.wall, lambda: around.alone(self)
        )
        self.shown = Shown(model, registry, replays, histories, around.replies, around.room, settings.checkpoint_every)
        places = Places(table, reach, settings.max_history)
        self.revisions = Revisions(registry, replays, histories, around.replies, around.room, places, bundle.digest)
        self.copies = Copies.of(registry, places, bundle, settings.max_history)
