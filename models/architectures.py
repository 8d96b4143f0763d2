"""The architectures by name and the settings that shape each: what is known of a net before it is built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from models.config import ForecasterConfig

FEW = 3  # architectures that a message names as others to take


class Shape(NamedTuple):
    """The settings of SHAPING that an architecture uses, and those of training that it does not look at."""

    uses: tuple[str, ...] = ("hidden", "layers")
    ignores: tuple[str, ...] = ()


SHAPES: dict[str, Shape] = {
    "gru": Shape(),
    "lstm": Shape(),
    "rnn": Shape(),
    "stacks": Shape(("hidden", "stacks")),
    "residual-gru": Shape(("hidden", "layers", "widths")),
    "conv-gru": Shape(("hidden", "layers", "kernel")),
    "attention-gru": Shape(),
    "multiscale-gru": Shape(("hidden", "layers", "periods")),
    "gru-transformer": Shape(("hidden", "layers", "attended", "heads")),
    "bi-gru": Shape(ignores=("shortest", "longest", "every", "primed")),  # it learns from whole histories
    "min-gru": Shape(),
    "ensemble": Shape(("members",)),  # and what shapes its members
}
SHAPING = frozenset(name for shape in SHAPES.values() for name in shape.uses)  # not used by all


def require_architecture(name: str) -> None:
    """ValueError, which names the choices, if there is no such architecture."""
    if name not in SHAPES:
        raise ValueError(f"unknown architecture {name!r}; choose among {', '.join(SHAPES)}")


def uses(config: ForecasterConfig) -> tuple[str, ...]:
    """The settings of SHAPING that this net is shaped by."""
    if config.architecture == "residual-gru" and config.widths:
        return ("widths",)
    own = SHAPES[config.architecture].uses
    return tuple(dict.fromkeys([*own, *(name for each in members(config) for name in uses(each))]))


def members(config: ForecasterConfig) -> list[ForecasterConfig]:
    """Of an ensemble the configurations of its members; of all others none."""
    if config.architecture != "ensemble":
        return []
    return [replace(config, architecture=name) for name in config.members if name != "ensemble"]


def ignores(config: ForecasterConfig) -> tuple[str, ...]:
    """The settings of training that this net does not look at; what one member needs otherwise its ensemble does."""
    own = SHAPES[config.architecture].ignores
    return tuple(dict.fromkeys([*own, *(name for each in members(config) for name in ignores(each))]))


def depth(config: ForecasterConfig) -> int:
    """Recurrent layers one above the other; of an ensemble those of its deepest member."""
    if config.architecture == "stacks":
        return sum(config.stacks)
    if config.architecture == "residual-gru" and config.widths:
        return len(config.widths)
    return max((depth(each) for each in members(config)), default=config.layers)


def describe(config: ForecasterConfig) -> str:
    """A net in a few words, layers x units: `gru 2 x 96`, `stacks 2+1 x 96`, `residual-gru 96, 64`."""
    if config.architecture == "ensemble":
        return f"ensemble of {', '.join(map(describe, members(config)))}"
    if config.architecture == "residual-gru" and config.widths:
        return f"residual-gru {', '.join(map(str, config.widths))}"
    layers = "+".join(map(str, config.stacks)) if config.architecture == "stacks" else str(config.layers)
    return f"{config.architecture} {layers} x {config.hidden}"


def require_used(given: Iterable[str], configs: Sequence[ForecasterConfig]) -> None:
    """ValueError for a setting that was given by name and that none of these nets, nor their training, looks at."""
    names = list(dict.fromkeys(config.architecture for config in configs))
    said = " or ".join(names)
    for name in given:
        if name in SHAPING and not any(name in uses(config) for config in configs):
            why = f", which is shaped by {' and '.join(uses(configs[0]))}" if len(configs) == 1 else ""
            others = [other for other, shape in SHAPES.items() if name in shape.uses and other not in names]
            instead = f", or take a model that has it: {', '.join(others)}" if 0 < len(others) <= FEW else ""
            raise ValueError(f"{name} is not used by {said}{why}: leave it out{instead}")
        if configs and all(name in ignores(config) for config in configs):
            whole = f"learns from whole histories{_because(configs[0])}"
            raise ValueError(f"{name} is not used by {said}, which {whole}: leave it out")
        if name == "normalisation" and all(_plain(config) for config in configs):
            raise ValueError("normalisation stands between layers, and this net has one: leave it out, or add layers")


def _because(config: ForecasterConfig) -> str:
    """Of an ensemble the member that it learns from whole histories for."""
    found = [each.architecture for each in members(config) if ignores(each)]
    return f", as its member {found[0]} does" if found else ""


def _plain(config: ForecasterConfig) -> bool:
    """Whether a normalisation was chosen that has no layers to stand between."""
    return config.normalisation != "none" and depth(config) == 1
