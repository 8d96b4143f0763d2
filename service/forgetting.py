"""Sessions that were silent for long leave the session table: should they speak, the journal says where they stand."""

from __future__ import annotations

import numpy as np

from service.engine_settings import EngineSettings
from service.registry import Registry
from service.sessions import NOWHERE

RESIDENTS = 4  # times as many sessions as may have their states at hand are known, at least
AT_ONCE = 1024  # that leave in one piece


class Forgetting:
    """Keeps the table within its bound. Those whose states are at hand stay; of the others the longest silent go."""

    def __init__(self, registry: Registry, settings: EngineSettings) -> None:
        self._registry = registry
        self._most = max(settings.max_known, RESIDENTS * settings.max_resident)

    def seconds(self) -> float | None:
        """Until one too many is known; only those who ask for sessions bring that about."""
        return 0.0 if len(self._registry.table) > self._most else None

    def piece(self) -> None:
        """Some of them go, those that are too many and as many more as make the next look worth its while."""
        table = self._registry.table
        absent = np.flatnonzero((table.key > 0) & (table.slot == NOWHERE))
        count = min(len(table) - self._most + self._most // 16, AT_ONCE)
        if count < len(absent):
            absent = absent[np.argpartition(table.used[absent], count)[:count]]
        self._registry.forget(absent)
