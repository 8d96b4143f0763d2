"""What is counted cheaply is told as Prometheus' own counters and histograms tell it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from service.tallies import Spread, Tally

BOUNDS = (0.0001, 0.5, 1.0, 2.5, 16.0)


def told(registry: CollectorRegistry) -> list[str]:
    """Its samples, but for when they began."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(st.lists(st.one_of(st.floats(0, 100), st.sampled_from(BOUNDS))))
def test_a_spread_is_a_histogram(numbers: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread, histogram = Spread("s", "Words.", BOUNDS, ours), Histogram("s", "Words.", buckets=BOUNDS, registry=theirs)
    for number in numbers:
        spread.observe(number)
        histogram.observe(number)
    assert told(ours) == told(theirs)


@given(st.lists(st.sampled_from(["json", "msgpack"])))
def test_a_tally_is_a_counter(forms: list[str]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    plain, labelled = Tally("n", "Words.", ours), Tally("f", "Words.", ours, "form")
    counter, by_form = Counter("n", "Words.", registry=theirs), Counter("f", "Words.", ["form"], registry=theirs)
    for form in forms:
        plain.add(3)
        counter.inc(3)
        labelled.add(of=form)
        by_form.labels(form).inc()
    assert told(ours) == told(theirs)
