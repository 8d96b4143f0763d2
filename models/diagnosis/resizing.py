"""Flags of `gatecast train` that make a net wider, narrower or shallower, as its architecture takes them."""

from __future__ import annotations

from collections.abc import Callable

from models.architectures import depth, uses
from models.config import ForecasterConfig

LEAST = 16  # units from which a wider net begins


def wider(config: ForecasterConfig) -> str:
    """Twice the units in every layer."""
    return _resized(config, lambda units: max(LEAST, 2 * units))


def narrower(config: ForecasterConfig) -> str:
    """Half the units in every layer."""
    return _resized(config, lambda units: max(1, units // 2))


def shallower(config: ForecasterConfig) -> str | None:
    """One layer, or None where there is but one."""
    if depth(config) == 1:
        return None
    used = uses(config)
    flags = ["--layers 1"] if "layers" in used else []
    flags += ["--stacks 1"] if "stacks" in used else []
    flags += ["--periods 1"] if "periods" in used and config.periods else []
    flags += [f"--widths {config.widths[-1]}"] if "widths" in used and config.widths else []
    return " ".join(flags)


def _resized(config: ForecasterConfig, size: Callable[[int], int]) -> str:
    used = uses(config)
    flags = []
    if "hidden" in used:
        parts = config.heads if "heads" in used else 1  # of equal size
        flags.append(f"--hidden {parts * -(-size(config.hidden) // parts)}")
    if "widths" in used and config.widths:
        flags.append(f"--widths {','.join(str(size(units)) for units in config.widths)}")
    return " ".join(flags)
