"""Whole bundles of every net, held against every runtime. Run by `make exports` alone: it takes minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.holidays import Holidays
from export.golden import Stretch
from export.verify import Verification
from export.writer import Description, write_bundle
from models.registry import build
from service.runtimes import open_runtime
from tests.conftest import START, daily_wave, small_config, taught
from tests.nets import NETS, REST_ONLY

# With an example of 5 steps, a horizon of 6 is where a wrong shape of the exporter's agreed with a right one.
HORIZONS = (6, 5, 4, 3, 2)
HOLIDAYS = {"holidays": Holidays(("US",), (("2014-07-04", "2014-07-21"),), "2014-12-31"), "calendar_zone": "Asia/Tokyo"}
NAMES = {"covariates": ("price",), "future": ("price",), "static": ("area",)}


@pytest.mark.parametrize(("at", "name"), list(enumerate(NETS)))
def test_every_runtime_answers_for_every_architecture_as_torch_does(at: int, name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    horizon, missing = HORIZONS[at % len(HORIZONS)], "linear" if name in REST_ONLY else ("mask", "forward")[at % 2]
    normalisation, scaling = (
        ("none", "layer", "batch")[at % 3],
        ("standard", "min-max", "mean-absolute", "none")[at % 4],
    )
    config = small_config(
        **NETS[name],
        **{"horizon": horizon, "missing": missing, "normalisation": normalisation, "scaling": scaling},
        **NAMES,
        **(HOLIDAYS if at % 2 else {}),
    )
    model = taught(build(config), steps=10)
    random = np.random.default_rng(0)
    waves = [daily_wave(1_100, seed=row) for row in range(2)]
    if scaling == "none":  # which is for series of one size, near one
        waves = [(wave - 50) / 10 for wave in waves]
    stretches = [
        Stretch(START, np.stack([wave, random.normal(20, 5, 1_100)], 1), np.array([3.0 + row]))
        for row, wave in enumerate(waves)
    ]
    bundle = write_bundle(model, Description(name, "y", None, {}, {}), stretches, tmp_path / "a.bundle")
    for runtime in ("onnx", "torchscript"):
        checks = list(Verification(bundle).run(open_runtime(runtime, bundle)))
        assert len(checks) == (4 if name in REST_ONLY else 9)
        assert [check for check in checks if not check.passed] == []


def test_an_ensemble_of_a_declared_target_answers_for_it_in_every_runtime(tmp_path: Path) -> None:
    torch.manual_seed(0)
    declared = {"architecture": "ensemble", "members": ("gru", "gru"), "integer": True, "non_negative": True}
    model = taught(build(small_config(**declared, layers=1)), steps=10)
    counts = [np.round(np.maximum(daily_wave(1_100, row, level=0.0) / 4, 0.0))[:, None] for row in range(2)]
    stretches = [Stretch(START, count) for count in counts]
    bundle = write_bundle(model, Description("counts", "y", None, {}, {}), stretches, tmp_path / "a.bundle")
    golden = bundle.golden()
    for name in ("onnx", "torchscript"):
        runtime = open_runtime(name, bundle)
        checks = list(Verification(bundle).run(runtime))
        assert len(checks) == 9
        assert [check for check in checks if not check.passed] == []
        states = runtime.states(golden["chain.start"])
        answered, _ = runtime.step(golden["values"][:, 24].copy(), golden["times"][:, 24].copy(), states)
        assert (answered == np.round(answered)).all()
        assert (answered >= 0).all()
