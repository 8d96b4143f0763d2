"""The configuration of a forecaster: all that is needed to build it again, as plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from datasets.frequency import Frequency
from datasets.holidays import Holidays
from models.architectures import require_architecture

QUANTILES = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
MISSING = ("mask", "forward", "linear")
SCALINGS = ("standard", "min-max", "mean-absolute", "none")
NORMALISATIONS = ("none", "layer", "batch")
DECLARED = ("non_negative", "integer")  # of the target; no weight depends on them
DECODERS = ("plain", "local")
IMPLIED = ("calendar", "offset", "spread")  # settings that the training part implies where they are left open (None)
BEFORE = {"offset": 0.0}  # settings whose default is not what was done before they could be written down
SHORTEST_WINDOW = 24  # steps that statistics need, whatever the seasons are
YEAR = 31_556_952  # seconds of the mean Gregorian year


@dataclass(frozen=True)
class ForecasterConfig:
    """What a forecaster is made of. `lags` are in steps, ascending; `calendar` names features of models/calendar.py."""

    frequency: str
    horizon: int
    lags: tuple[int, ...]
    architecture: str = "gru"
    quantiles: tuple[float, ...] = QUANTILES
    covariates: tuple[str, ...] = ()  # observed with each reading
    future: tuple[str, ...] = ()  # those of them whose values are known ahead
    static: tuple[str, ...] = ()  # features that are constant for a series
    calendar: tuple[str, ...] | None = ()  # None: implied
    calendar_zone: str | None = None  # whose clock the calendar is read from; times are then UTC. None: times are it
    holidays: Holidays | None = None  # of the day of each reading and each step ahead, by the same clock
    hidden: int = 96
    layers: int = 2
    dropout: float = 0.1
    offset: float | None = (
        None  # of the logarithm values are learned under (models/transform.py); 0: none; None: implied
    )
    non_negative: bool = False  # no forecast below zero (models/support.py)
    integer: bool = False  # forecasts are whole numbers
    decoder: str = "plain"  # of models/decoder.py; what was trained before there was a choice is plain
    scaling: str = "standard"  # of models/scaling.py
    # deviation that a window will come to, assumed while it is young: a share of its level's size, and in any case so
    # much, under the curve (models/scaling.py); zeros: a tenth of the first reading; None: implied
    spread: tuple[float, float] | None = (0.0, 0.0)
    missing: str = "mask"  # of models/missing.py
    normalisation: str = "none"  # between layers, of models/layers/norm.py
    zoneout: float = 0.0  # share of units that keep their state at a step of training
    # of some architectures alone:
    stacks: tuple[int, ...] = (1, 1)  # stacks: layers of each block
    widths: tuple[int, ...] = ()  # residual-gru: of each layer; else all `hidden`
    kernel: int = 5  # conv-gru: steps that the convolution sees
    periods: tuple[int, ...] = ()  # multiscale-gru: steps between two ticks of each layer; else 1, 4, 16, …
    attended: int = 32  # gru-transformer: outputs that attention looks back on
    heads: int = 4  # gru-transformer
    members: tuple[str, ...] = ("gru", "lstm")  # ensemble: an architecture each

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise ValueError(f"the horizon must be at least 1 step, not {self.horizon}")
        if not self.lags or any(lag < 1 for lag in self.lags) or list(self.lags) != sorted(set(self.lags)):
            raise ValueError(f"lags must be ascending whole numbers from 1 on, not {self.lags}")
        if 0.5 not in self.quantiles or list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError(f"quantiles must be ascending and hold 0.5, not {self.quantiles}")
        if self.quantiles[0] <= 0 or self.quantiles[-1] >= 1:
            raise ValueError(f"quantiles must lie between 0 and 1, not {self.quantiles}")
        require_architecture(self.architecture)
        for what, name, names in (
            ("way with missing readings", self.missing, MISSING),
            ("scaling", self.scaling, SCALINGS),
            ("normalisation", self.normalisation, NORMALISATIONS),
            ("decoder", self.decoder, DECODERS),
        ):
            if name not in names:
                raise ValueError(f"unknown {what} {name!r}; choose among {', '.join(names)}")
        if self.offset is not None and not 0 <= self.offset < float("inf"):
            raise ValueError(f"the offset of the logarithm must be 0 (none) or more, and finite, not {self.offset}")
        if self.spread is not None and not all(0 <= each < float("inf") for each in self.spread):
            raise ValueError(f"the spread must be two numbers of 0 or more, and finite, not {self.spread}")
        if not 0 <= self.zoneout < 1 or not 0 <= self.dropout < 1:
            raise ValueError(f"zoneout and dropout are shares below 1, not {self.zoneout} and {self.dropout}")
        if min(self.hidden, self.layers) < 1:
            raise ValueError(f"hidden and layers must be at least 1, not {self.hidden} and {self.layers}")
        if list(self.future) != [name for name in self.covariates if name in self.future]:
            raise ValueError(f"known ahead are some of the covariates {self.covariates}, in order, not {self.future}")
        if self.holidays is not None and not Frequency.parse(self.frequency).has_days:
            raise ValueError(f"holidays want steps of a day or shorter, not {self.frequency}: leave them out")

    @property
    def window(self) -> int:
        """Steps of the ring of past values: whole longest seasons, and enough of them for statistics."""
        longest = self.lags[-1]
        return longest * -(-SHORTEST_WINDOW // longest)

    @property
    def season(self) -> int:
        """Readings up to which a window is young: a season, and enough of them for statistics."""
        return max(self.lags[0], SHORTEST_WINDOW)

    @property
    def width(self) -> int:
        """Values of one reading: the target and the covariates."""
        return 1 + len(self.covariates)

    @property
    def open(self) -> tuple[str, ...]:
        """The settings that are left for the training part to imply."""
        return tuple(name for name in IMPLIED if getattr(self, name) is None)

    @property
    def known(self) -> list[int]:
        """Places in a reading of the covariates that are known ahead."""
        return [1 + self.covariates.index(name) for name in self.future]

    @property
    def holiday_flags(self) -> int:
        """Flags of one time: of its own day and of the days that its seasons repeat, each by source."""
        return 0 if self.holidays is None else len(self.holidays.names) * (1 + len(self.lags))

    @property
    def ahead(self) -> int:
        """Numbers that the decoder is told of each step ahead."""
        return 2 * len(self.future) + self.holiday_flags

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ForecasterConfig:
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ValueError(f"unknown settings {unknown}; this version knows {sorted(known)}")
        settings: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in {**BEFORE, **data}.items()
        }
        if isinstance(settings.get("holidays"), dict):
            settings["holidays"] = Holidays.from_dict(settings["holidays"])
        return cls(**settings)


def implied_calendar(frequency: Frequency, span: float) -> tuple[str, ...]:
    """Calendar features that a frequency implies; the time of year only where `span` seconds show it twice."""
    if not frequency.has_calendar:
        return ()
    names = []
    if frequency.seconds < 86_400:
        names.append("time_of_day")
    if frequency.seconds < 7 * 86_400:
        names.append("day_of_week")
    if span >= 2 * YEAR:
        names.append("time_of_year")
    return tuple(names)


def implied_config(
    frequency: Frequency, horizon: int, span: float | None, covariates: Sequence[str] = (), **chosen: Any
) -> ForecasterConfig:
    """The default configuration: nothing tuned but what the frequency implies; `chosen` overrides by name.

    `span` are the seconds or counts of the longest series; None leaves the calendar open, for a training to imply.
    """
    implied: dict[str, Any] = {
        "frequency": frequency.alias,
        "horizon": horizon,
        "lags": frequency.seasons(),
        "covariates": tuple(covariates),
        "calendar": None if span is None else implied_calendar(frequency, span),
        "spread": None,
        "decoder": "local",
    }
    return ForecasterConfig(**{**implied, **{key: value for key, value in chosen.items() if value is not None}})
