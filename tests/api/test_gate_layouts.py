"""Gates around a change of models: rows of each are read as its bundle lays them out."""

from __future__ import annotations

import numpy as np

from service.api.gate_summaries import GateSummaries
from service.runtimes.fake import UNITS, fake_bundle


def test_rows_of_both_models_are_read_by_their_own_layouts() -> None:
    old, new = fake_bundle().manifest, fake_bundle(gates=("1.r", "1.z", "2.r", "2.z")).manifest
    summaries = GateSummaries()
    summaries.serve(old)
    summaries.expect(new)
    few, many = (np.full((1, count * UNITS), 0.5, np.float32) for count in (2, 4))
    assert list(summaries.write(few, "summary")[0]) == ["1.r", "1.z"]
    assert list(summaries.write(many, "summary")[0]) == ["1.r", "1.z", "2.r", "2.z"]
    summaries.serve(new)
    assert list(summaries.write(few, "summary")[0]) == ["1.r", "1.z"]  # answered by the old one a moment ago
    assert [name for name, _, _ in summaries.gates.slices] == ["1.r", "1.z", "2.r", "2.z"]
