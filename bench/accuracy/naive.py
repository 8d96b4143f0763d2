"""The seasonal naive on the windows of a protocol: its figures are published, so they prove the measures."""

from __future__ import annotations

from bench.accuracy.measures import Figures, written
from bench.accuracy.protocol import Protocol
from bench.accuracy.score import Score
from models.evaluation.baselines import seasonal_naive


def naive(protocol: Protocol) -> Figures:
    """Its figures as a point forecast."""
    score = Score(protocol, (0.5,))
    for series, (stretch, at) in enumerate(zip(protocol.panel.series, protocol.origins, strict=True)):
        forecast = seasonal_naive(stretch.values[:, 0], at, protocol.horizon, protocol.season)
        score.add(series, at, forecast[:, :, None])
    return score.figures


def checked_naive(protocol: Protocol) -> Figures:
    """The same; AssertionError where it differs in a digit from what it is known to come to."""
    figures = naive(protocol)
    for measure, expected in protocol.naive.items():
        found = written(measure, figures[measure])
        if found != expected:
            raise AssertionError(
                f"{protocol.title}: the seasonal naive came to {measure} {found}, published is {expected}: "
                "the data or the measures are not those of the table"
            )
    return figures
