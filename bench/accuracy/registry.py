"""All data sets by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.accuracy import gift, long_horizon, m4_hourly, taxi
from bench.accuracy.protocol import Protocol

SETS: dict[str, Callable[[], Protocol]] = {
    m4_hourly.NAME: m4_hourly.protocol,
    **{name: partial(gift.protocol, name) for name in gift.PARTS},
    **{name: partial(long_horizon.protocol, name) for name in long_horizon.PARTS},
    taxi.NAME: taxi.protocol,
}
