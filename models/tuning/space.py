"""The space that a study searches: which settings may be tuned, how a file declares them, and the built-in one."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from optuna.distributions import BaseDistribution

from models.config import ForecasterConfig
from models.training.settings import TrainingSettings
from models.tuning.dimension import POINTS, Choices, Dimension, Range

DEFAULT = """\
# name = { low, high }      a range, both ends included; log = true spreads it evenly in the logarithm
# name = { choices = [] }   any of these
# name = value              the same in every trial
# A grid takes three points of a range, or as many as `points` says.
rate = { low = 0.001, high = 0.02, log = true }
hidden = { low = 16, high = 128, log = true }
layers = { low = 1, high = 2 }
dropout = { low = 0.0, high = 0.3 }
decay = { low = 0.001, high = 0.1, log = true }
longest = { choices = [128, 256, 512] }
"""
Part = Literal["model", "training"]
PARTS: dict[Part, type] = {"model": ForecasterConfig, "training": TrainingSettings}
# Settings that are no matter of taste, each with what decides it.
DECIDED = {
    "frequency": "the data decide it",
    "horizon": "--horizon decides it",
    "covariates": "--covariates decides them",
    "future": "--future decides them",
    "static": "--static decides them",
    "non_negative": "the target decides it: gatecast train --non-negative",
    "integer": "the target decides it: gatecast train --integer",
    "spread": "the readings imply it",
    "calendar_zone": "--zone decides it",
    "holidays": "--holidays decides them",
    "precision": "workers train in float32 on the CPU",
    "quantiles": "losses over other quantiles cannot be compared",
    "seed": "--seed decides it, and a search over seeds chooses luck",
    "validate_every": "it follows from --steps, for trials are compared at the same steps",
}
KEYS = ("low", "high", "log", "points")


class SpaceError(ValueError):
    """A space that cannot be searched; the message says where, what was expected and what there is."""


@dataclass(frozen=True)
class Space:
    """The dimensions by the names of their settings, in the order in which they are sampled."""

    dimensions: dict[str, Dimension]

    @classmethod
    def read(cls, path: Path) -> Space:
        """The space that a TOML file declares; SpaceError if it is none."""
        try:
            return cls.parse(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as fault:
            said = getattr(fault, "strerror", None) or fault
            raise SpaceError(f"{path} cannot be read ({said}): give a TOML file, --print-space shows one") from fault

    @classmethod
    def parse(cls, text: str, source: str = "the space") -> Space:
        try:
            declared = tomllib.loads(text)
        except tomllib.TOMLDecodeError as fault:
            raise SpaceError(f"{source} is no TOML ({fault}): --print-space shows an example") from fault
        return cls.from_dict(declared, source)

    @classmethod
    def from_dict(cls, declared: Mapping[str, Any], source: str = "the space") -> Space:
        if not declared:
            raise SpaceError(f"{source} declares nothing to tune. {_there_are()}")
        return cls({name: _dimension(f"{source}, {name}", name, value) for name, value in declared.items()})

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return {name: dimension.distribution for name, dimension in self.dimensions.items()}

    @property
    def grid(self) -> dict[str, list[Any]]:
        """The points of each dimension on a grid, as a study keeps them."""
        return {name: dimension.grid() for name, dimension in self.dimensions.items()}

    @property
    def combinations(self) -> int:
        """How many trials the whole grid takes."""
        return math.prod(len(points) for points in self.grid.values())

    def stored(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those values that lie in the space, as a study keeps them."""
        inside = {name: dimension for name, dimension in self.dimensions.items() if dimension.holds(values.get(name))}
        return {name: dimension.stored(values[name]) for name, dimension in inside.items()}

    def chosen(self, stored: Mapping[str, Any]) -> dict[Part, dict[str, Any]]:
        """The settings that stored values stand for, by the part they belong to."""
        parts: dict[Part, dict[str, Any]] = {part: {} for part in PARTS}
        for name, value in stored.items():
            parts[tunable()[name][0]][name] = self.dimensions[name].value(value)
        return parts

    def chosen_values(self, name: str) -> list[Any]:
        """All values of a setting that may come up, of a range its points on a grid; empty if it is not tuned."""
        dimension = self.dimensions.get(name)
        return [] if dimension is None else [dimension.value(stored) for stored in dimension.grid()]

    def to_dict(self) -> dict[str, Any]:
        return {name: dimension.to_dict() for name, dimension in self.dimensions.items()}


def tunable() -> dict[str, tuple[Part, Any]]:
    """The settings that may be tuned: the part each belongs to, and its type."""
    return {
        name: (part, _plain(hint))
        for part, owner in PARTS.items()
        for name, hint in get_type_hints(owner).items()
        if name not in DECIDED
    }


def _plain(hint: Any) -> Any:
    """The type of a setting that may also be left open."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if isinstance(hint, UnionType) and len(kinds) == 1 else hint


def _dimension(place: str, name: str, declared: Any) -> Dimension:
    if name in DECIDED:
        raise SpaceError(f"{place} cannot be tuned: {DECIDED[name]}. {_there_are()}")
    if name not in tunable():
        raise SpaceError(f"{place} is no setting. {_there_are()}")
    hint = tunable()[name][1]
    if not isinstance(declared, dict):
        return _choices(place, hint, [declared])
    if "choices" in declared:
        if len(declared) > 1 or not isinstance(declared["choices"], list) or not declared["choices"]:
            raise SpaceError(f"{place}: expected {{ choices = [a, b, …] }}, got {declared}")
        return _choices(place, hint, declared["choices"])
    return _range(place, hint, declared)


def _choices(place: str, hint: Any, values: list[Any]) -> Choices:
    for value in values:
        if not _fits(hint, value):
            raise SpaceError(f"{place}: expected {_words(hint)}, got {value!r}")
    plain = tuple(tuple(value) if isinstance(value, list) else value for value in values)
    if len(set(plain)) < len(plain):
        raise SpaceError(f"{place}: the choices {values} hold one value twice")
    return Choices(plain)


def _range(place: str, hint: Any, declared: dict[str, Any]) -> Range:
    unknown = sorted(set(declared) - set(KEYS))
    if unknown or not {"low", "high"} <= set(declared):
        raise SpaceError(f"{place}: expected {{ low, high }} and perhaps log or points, or {{ choices }}: {declared}")
    if hint not in (int, float):
        raise SpaceError(f"{place}: only a number has a range, and this is {_words(hint)}: give choices")
    low, high, log = declared["low"], declared["high"], declared.get("log", False)
    points = declared.get("points", POINTS)
    for value in (low, high):
        if not _fits(hint, value):
            raise SpaceError(f"{place}: expected {_words(hint)}, got {value!r}")
    if not low < high:
        raise SpaceError(f"{place}: low must be below high, got {low} and {high}")
    if not isinstance(log, bool) or (log and low <= 0):
        raise SpaceError(f"{place}: log is true or false, and true needs a low above 0; got low = {low}, log = {log}")
    if not _fits(int, points) or points < 2:
        raise SpaceError(f"{place}: points must be a whole number of at least 2, got {points!r}")
    return Range(low, high, log, points, whole=hint is int)


def _fits(hint: Any, value: Any) -> bool:
    """Whether a value read from TOML is of a setting's type; True and False are no numbers."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(_fits(get_args(hint)[0], part) for part in value)
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(hint, type) and isinstance(value, hint)


def _words(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return f"a list, each of it {_words(get_args(hint)[0])}"
    return {int: "a whole number", float: "a number", str: "a text"}.get(hint, f"a value of {hint}")


def _there_are() -> str:
    lists = [f"{part}: {', '.join(sorted(n for n, (of, _) in tunable().items() if of == part))}" for part in PARTS]
    return f"What can be tuned is of the {'; of the '.join(lists)}"
