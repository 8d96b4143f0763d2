"""Buckets: what comes within the rate passes, one more is told when, and a bound is never passed on average."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.limit_errors import RateLimited
from service.rates import Bucket, Rates
from service.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_whole_burst_passes_and_one_more_does_not() -> None:
    clock = Clock()
    bucket = Bucket(2.0, 10.0, clock)
    assert bucket.take(10) == 0.0
    assert bucket.take(1) == 0.5
    clock.now += 0.4999
    assert bucket.take(1) > 0.0
    clock.now += 0.0001
    assert bucket.take(1) == 0.0
    assert bucket.take(1) == pytest.approx(0.5)
    clock.now += 1_000
    assert bucket.take(10) == 0.0, "no more than a burst is saved up"
    assert bucket.take(1) > 0.0


def test_what_is_larger_than_a_burst_passes_a_full_bucket_and_is_paid_off() -> None:
    clock = Clock()
    bucket = Bucket(2.0, 10.0, clock)
    assert bucket.take(1) == 0.0
    assert bucket.take(30) == pytest.approx(0.5)
    clock.now += 0.5
    assert bucket.take(30) == 0.0
    assert bucket.take(1) == pytest.approx(10.5)


@given(
    st.floats(0.1, 1e5),
    st.floats(0.01, 60.0),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5000)), max_size=50),
)
def test_no_more_passes_than_rate_and_burst_allow_and_who_waits_passes(
    rate: float, seconds: float, sent: list[tuple[float, int]]
) -> None:
    clock = Clock()
    burst = max(1.0, rate * seconds)
    bucket = Bucket(rate, burst, clock)
    passed, largest, began = 0, 1, clock.now
    for pause, count in sent:
        clock.now += pause
        later = bucket.take(count)
        if later:
            clock.now += later
            assert bucket.take(count) == 0.0
        passed, largest = passed + count, max(largest, count)
        allowed = burst + (clock.now - began) * rate
        assert passed <= allowed * (1 + 1e-6) + largest


def test_each_tenant_has_a_rate_of_its_own_and_one_without_is_none() -> None:
    clock = Clock()
    rates = Rates(Settings(bundle=Path("unused"), readings_per_second=3, burst_seconds=1), clock)
    ours, others = rates.readings("acme"), rates.readings("beta")
    assert ours is not None
    assert others is not None
    assert rates.readings("acme") is ours
    assert rates.requests("acme") is None
    ours.take(3)
    with pytest.raises(RateLimited) as limited:
        ours.take(1)
    assert limited.value.facts == {"retry_after_seconds": 0.334}
    clock.now += 0.334
    ours.take(1)
    others.take(3)
