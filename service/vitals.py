"""How the engine stands at the moment that somebody asks: what waits, what is at hand, what is not written down yet."""

from __future__ import annotations

from dataclasses import dataclass

from service.engine_settings import EngineSettings
from service.health import PARTS, Health
from service.serving import Serving
from service.waiting import WaitingRoom


@dataclass(frozen=True)
class Vitals:
    """Read from any thread without a lock, so that asking holds up nobody: each number was true a moment ago."""

    settings: EngineSettings  # its bounds
    room: WaitingRoom
    serving: Serving
    health: Health

    @property
    def resident(self) -> int:
        """Sessions whose state is in the arena."""
        return len(self.serving.core.cache)

    @property
    def resident_bytes(self) -> int:
        """What their states take."""
        return self.resident * self.serving.core.bundle.initial.nbytes

    @property
    def known(self) -> int:
        """Sessions of which is known here where they stand, so that the journal need not be asked."""
        return len(self.serving.core.table)

    @property
    def tail(self) -> int:
        """Readings that the journal has not folded yet."""
        return self.serving.core.registry.tail

    @property
    def unsaved(self) -> int:
        """Sessions whose state is to be saved to the journal."""
        return self.serving.core.checkpoints.waiting

    @property
    def failed(self) -> dict[str, bool]:
        """Whether model and journal have failed and not passed a probe since."""
        return {part: self.health.broken(part) for part in PARTS}
