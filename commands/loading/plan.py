"""What a load test is to do, and what of it makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from gatecast_client import Model

MOST_SECONDS = 3600.0
MOST_FRAMES = 50_000.0  # a second; one process of Python does not reach it
PREFIX = "loadtest"

Form = Literal["msgpack", "json"]
Arrivals = Literal["chance", "even"]


class Nonsense(ValueError):
    """What was expected, what came, what to do."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` readings a second in frames of `frame`, to sessions of its own, over some connections; times in seconds.

    Each frame goes to the next `frame` sessions, so each session has its turn. The `warm_up` does not count.
    """

    rate: float = 100.0
    frame: int = 1
    sessions: int = 100
    connections: int = 4  # to each address
    seconds: float = 30.0
    warm_up: float = 3.0
    grace: float = 10.0  # that answers may take when all is sent
    form: Form = "msgpack"
    columns: bool = False  # else an object for each reading
    arrivals: Arrivals = "chance"
    horizon: int | None = None  # of the forecasts; None: all that was trained
    seed: int = 0

    @property
    def frames_per_second(self) -> float:
        return self.rate / self.frame

    @property
    def whole(self) -> float:
        """Seconds from the first reading to the last."""
        return self.warm_up + self.seconds

    def check(self) -> None:
        """`Nonsense` where no service could do this."""
        for name, least in (("frame", 1), ("sessions", 1), ("connections", 1), ("warm_up", 0), ("grace", 0)):
            if getattr(self, name) < least:
                raise Nonsense(f"{_option(name)}: {least} or more was expected, got {getattr(self, name)}")
        if not 0 < self.rate < float("inf"):
            raise Nonsense(f"--rate: readings a second, above 0, were expected, got {self.rate:g}")
        if not 0 < self.whole <= MOST_SECONDS or self.seconds <= 0:
            raise Nonsense(
                f"--seconds: above 0 and, with --warm-up, at most {MOST_SECONDS:g} were expected, got "
                f"{self.seconds:g} and {self.warm_up:g}; a service is tested for longer by several runs"
            )
        if self.sessions < self.frame:
            raise Nonsense(
                f"--sessions: a frame of {self.frame} readings goes to as many sessions, got {self.sessions}; "
                "give more sessions or a smaller --frame"
            )
        if self.sessions % self.frame:
            raise Nonsense(
                f"--sessions: a multiple of --frame {self.frame} was expected, got {self.sessions}; "
                f"{self.sessions - self.sessions % self.frame} would do"
            )
        if self.frames_per_second > MOST_FRAMES:
            raise Nonsense(
                f"--rate: at most {MOST_FRAMES:g} frames a second can be sent from here, this would be "
                f"{self.frames_per_second:g}; send larger frames (--frame)"
            )
        if self.frames_per_second * self.whole < 1:
            raise Nonsense(
                f"--rate: not one frame of {self.frame} readings would be sent in {self.whole:g} s at {self.rate:g} "
                "readings a second; raise --rate or --seconds"
            )

    def check_with(self, model: Model) -> None:
        """`Nonsense` where this service cannot."""
        if not model.streams:
            raise Nonsense("this service's model keeps no state, so it cannot be streamed to")
        most = model.limits.get("readings_per_frame")
        if most is not None and self.frame > most:
            raise Nonsense(f"--frame: this service takes at most {most} readings in a frame, got {self.frame}")
        most = model.limits.get("sessions_per_tenant")
        if most is not None and self.sessions > most:
            raise Nonsense(f"--sessions: this service lets a key have at most {most}, got {self.sessions}")
        if self.horizon is not None and not 1 <= self.horizon <= model.horizon:
            raise Nonsense(f"--horizon: 1 to {model.horizon} was expected, as trained, got {self.horizon}")
        if self.columns and model.future:
            raise Nonsense(
                "--columns: this model knows covariates ahead, and frames by columns carry none; leave it out"
            )


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"
