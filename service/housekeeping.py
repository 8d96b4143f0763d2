"""What an engine does beside its callers' work: retention where it is asked for, expiry, forgetting, usage."""

from __future__ import annotations

from collections.abc import Callable

from service.chores import Chore, Chores
from service.engine_settings import EngineSettings
from service.events import Observer
from service.expiry import Expiry
from service.forgetting import Forgetting
from service.histories import Histories
from service.holidays import KnownHolidays
from service.keeping import Keeping
from service.registry import Registry
from service.replays import Replays
from service.retention import Retention
from service.usage import Usage


def housekeeping(
    registry: Registry,
    replays: Replays,
    histories: Histories,
    holidays: KnownHolidays,
    settings: EngineSettings,
    observer: Observer,
    clock: Callable[[], float],
    wall: Callable[[], float],
    alone: Callable[[], bool],
) -> Chores:
    """`wall` is the time of day in seconds since 1970, `clock` one that never jumps. `SettingsError`.

    `alone` tells whether this model serves and no other one follows it: else nothing is let go of.
    """
    chores: list[Chore] = []
    keeping = Keeping.of(settings, replays.pasts.frequency)
    if keeping is not None:
        chores.append(Retention(keeping, registry, replays, histories, settings, observer, clock, alone))
    chores.append(Expiry(registry, observer, wall))
    chores.append(Forgetting(registry, settings))
    chores.append(holidays)
    chores.append(Usage(registry.journal, observer, settings.usage_seconds, clock))
    return Chores(*chores)
