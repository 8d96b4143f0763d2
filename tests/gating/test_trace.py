"""What is shown of a step is what the runtime does at that step, whatever came in before it and how."""

from __future__ import annotations

import numpy as np
import pytest

from commands.gating import trace as tracing
from commands.gating.excerpt import Excerpt, excerpt_of
from commands.gating.layers import Layer, layers_of
from commands.gating.refusal import Refusal
from commands.gating.trace import trace
from datasets.frequency import Frequency
from datasets.table import Series, SeriesTable
from service.bundle import Bundle
from service.runtimes import open_runtime
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.conftest import HOUR, START, daily_wave

LENGTH = 90


def table(*names: str, covariates: tuple[str, ...] = (), **known: tuple[str, ...]) -> SeriesTable:
    series = []
    for seed, name in enumerate(names or ("a",)):
        values = np.stack([daily_wave(LENGTH, seed + column) for column in range(1 + len(covariates))], axis=1)
        static = np.arange(1.0, 1 + len(known.get("static", ())))
        series.append(Series(name, START, values, static))
    return SeriesTable("data/a.csv", Frequency.parse("1h"), None, "y", covariates, tuple(series), (), **known)


def hour(step: int) -> str:
    return str(np.datetime64(START + HOUR * step, "s"))


def test_gates_and_units_are_those_of_stepping_by_hand(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "CHUNK", 16)  # so that what came before goes in by several chunks
    runtime, manifest = open_runtime("onnx", bundle), bundle.manifest
    layer = layers_of(manifest)[1]
    excerpt = excerpt_of(manifest, table(), None, hour(40), hour(49))
    found = trace(runtime, excerpt, layer)
    states = runtime.states(bundle.initial[None])
    for step in range(50):
        values, times = excerpt.values[[step]], excerpt.times[[step]]
        gates = runtime.gates(values, times, states)[0]
        forecast, states = runtime.step(values, times, states)
        if step < 40:
            before = forecast[0, 0]
            continue
        row = step - 40
        np.testing.assert_allclose(found.forecasts[row], before, rtol=1e-5)
        for letter, part in layer.gates.items():
            np.testing.assert_allclose(found.gates[letter][row], gates[part], atol=1e-5)
        np.testing.assert_allclose(found.hidden[row], states[0, layer.hidden], atol=1e-5)
        before = forecast[0, 0]
    assert len(found.hidden) == 10


def test_what_is_known_ahead_and_static_goes_in_with_each_step() -> None:
    names = {"covariates": ("price", "wind"), "future": ("price",), "static": ("floor",)}
    bundle = fake_bundle(**names)  # type: ignore[arg-type]
    # The table has more than the bundle takes, in another order.
    data = table(covariates=("wind", "rain", "price"), future=("price",), static=("area", "floor"))
    excerpt = excerpt_of(bundle.manifest, data, None, hour(5), hour(LENGTH - 1))
    np.testing.assert_array_equal(excerpt.values, data.series[0].values[:, [0, 3, 1]])
    found = trace(FakeRuntime(bundle), excerpt, Layer("1", {"z": slice(0, 1)}, slice(0, 2)))
    runtime, states = FakeRuntime(bundle), bundle.initial[None]
    for step in range(LENGTH - 1):
        ahead = np.full((1, 3, 1), np.nan)
        prices = data.series[0].values[step + 1 : step + 4, 3]
        ahead[0, : len(prices), 0] = prices
        quantiles, states = runtime.step(
            excerpt.values[[step]], excerpt.times[[step]], states, ahead, np.array([[2.0]])
        )
        if step >= 4:
            np.testing.assert_array_equal(found.forecasts[step - 4], quantiles[0, 0])


def test_the_first_reading_of_a_series_was_forecast_by_nobody(bundle: Bundle) -> None:
    excerpt = excerpt_of(bundle.manifest, table(), None, hour(0), hour(5))
    found = trace(open_runtime("onnx", bundle), excerpt, layers_of(bundle.manifest)[0])
    assert np.isnan(found.forecasts[0]).all()
    assert np.isfinite(found.forecasts[1:]).all()


def span(excerpt: Excerpt) -> tuple[int, int]:
    return excerpt.first, excerpt.stop


def test_the_span_is_two_of_the_longest_seasons_unless_it_is_named(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert manifest.context == 24
    assert span(excerpt_of(manifest, table())) == (LENGTH - 48, LENGTH)
    assert span(excerpt_of(manifest, table(), None, None, hour(59))) == (12, 60)
    assert span(excerpt_of(manifest, table(), None, hour(80))) == (80, LENGTH)
    assert span(excerpt_of(manifest, table(), None, "2014-07-01T00:30", "2014-07-01T05:30")) == (1, 6)
    assert span(excerpt_of(manifest, table(), None, None, hour(10))) == (0, 11)


def test_a_series_is_chosen_by_its_name(bundle: Bundle) -> None:
    assert excerpt_of(bundle.manifest, table("a", "b"), "b").series == "b"
    with pytest.raises(Refusal, match=r"has no series 'c', it has a, b$"):
        excerpt_of(bundle.manifest, table("a", "b"), "c")


@pytest.mark.parametrize(
    ("begin", "end", "says"),
    [
        ("2013-01-01", None, "--from: the series goes from 2014-07-01T00:00:00 to 2014-07-04T17:00:00"),
        (None, "2015-01-01", "--to: the series goes from"),
        ("2014-07-02", "2014-07-02", "two steps or more from --from to --to, got 1"),
        ("2014-07-03", "2014-07-02", "two steps or more from --from to --to, got 0"),
        ("yesterday", None, "--from: a time such as"),
    ],
)
def test_a_span_outside_the_data_is_refused(bundle: Bundle, begin: str | None, end: str | None, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        excerpt_of(bundle.manifest, table(), None, begin, end)


def test_data_of_another_step_are_refused() -> None:
    with pytest.raises(Refusal, match=r"expects a reading every 30min, data/a\.csv has one every 1h"):
        excerpt_of(fake_bundle(frequency="30min").manifest, table())


def test_counted_steps_are_named_by_their_numbers() -> None:
    counted = SeriesTable("a.csv", Frequency.parse("1"), None, "y", (), (Series("a", 7, np.ones((60, 1))),), ())
    manifest = fake_bundle(frequency="1").manifest
    assert span(excerpt_of(manifest, counted, None, "10", "12")) == (3, 6)
    with pytest.raises(Refusal, match="--from: a whole number was expected, got 'ten'"):
        excerpt_of(manifest, counted, None, "ten")
