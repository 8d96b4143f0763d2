"""Which sessions advance by step, told before the batch they will be in is formed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import GatecastError, InternalError
from service.faults import faults_as
from service.serving import Serving
from service.sessions import UNKNOWN


@dataclass(frozen=True)
class WatchedSessions:
    """Asks the model that serves, so that a session which has not spoken since a restart is known as well."""

    serving: Serving

    def __call__(self, sessions: list[str]) -> NDArray[np.bool_] | None:
        """(sessions,) whether each advances by step; None if none does."""
        registry = self.serving.core.registry
        table = registry.table
        if registry.cache.monitors.never:
            return None
        rows = table.find(sessions)
        unknown = rows == UNKNOWN
        if unknown.any():
            # A fault here must not keep the batch from being formed: it asks again, and then its callers are told.
            with suppress(GatecastError), faults_as(InternalError, "the sessions of a batch could not be looked up"):
                rows = registry.find(sessions)
            unknown = rows == UNKNOWN
        steps = table.steps[rows]
        return steps & ~unknown if steps.any() else None
