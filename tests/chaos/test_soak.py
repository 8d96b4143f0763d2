"""What a soak calls level, and that it sees a service which is not; the hour is `make soak`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from service.bundle import Bundle
from tests.chaos.harness.level import Level, Sample, warm
from tests.chaos.soak import Soaked, report, soak

SECONDS = 3.0


def test_a_line_is_fitted_through_what_comes_after_the_warm_up() -> None:
    samples = [Sample(float(second), 100 + (second if second < 10 else 10), 7, 0) for second in range(41)]
    counted = warm(samples)
    assert counted[0].second == 10
    level = Level.of([each.second for each in counted], [each.memory for each in counted])
    assert (level.first, level.last, level.median) == (110, 110, 110)
    assert level.rise == pytest.approx(0, abs=1e-9)
    rising = Level.of(np.arange(10.0).tolist(), (5 + 2 * np.arange(10.0)).tolist())
    assert (rising.rise, rising.per_hour) == (pytest.approx(18), pytest.approx(7_200))


def test_a_service_under_sessions_that_come_and_go_loses_none_of_them(bundle: Bundle, tmp_path: Path) -> None:
    soaked = soak(bundle, f"sqlite:{tmp_path / 'journal.sqlite'}", SECONDS / 60)
    assert soaked.failed == []
    assert soaked.sessions > 0
    assert "handles" not in soaked.risen, soaked.samples
    assert any("readings" in line for line in report("soak", "here", soaked))


def test_a_service_that_keeps_something_of_every_batch_is_seen(bundle: Bundle, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'journal.sqlite'}"
    soaked: Soaked = soak(bundle, url, SECONDS / 60, program=("tests.chaos.leaking",))
    assert soaked.failed == []
    assert soaked.risen == ["memory", "handles"]
