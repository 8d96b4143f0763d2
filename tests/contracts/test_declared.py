"""What is declared of the target is held by every architecture and every runtime, and by nothing that was not asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.golden import Stretch
from export.step_weights import step_weights
from export.verify import Verification
from export.writer import Description, write_bundle
from models.forecaster import Forecaster
from models.gru import GRUForecaster
from models.registry import build
from models.support import Support
from service.bundle import GOLDEN, MANIFEST, STEP_WEIGHTS, Bundle, write_manifest
from service.runtimes import open_runtime
from tests.conftest import HOUR, START, daily_wave, small_config, taught
from tests.nets import NETS

BOTH = Support(non_negative=True, integer=True)


def near_zero(seed: int, length: int = 1_100) -> np.ndarray:
    """Counts that are often none, (length, 1)."""
    return np.round(np.maximum(daily_wave(length, seed, level=0.0) / 4, 0.0))[:, None]


def declaring(free: Forecaster, **which: bool) -> Forecaster:
    """The same weights, with that declared."""
    model = build(replace(free.config, **which))
    model.load_state_dict(free.state_dict())
    return model.eval()


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_every_architecture_ends_in_what_was_declared_and_its_state_is_the_same(name: str) -> None:
    torch.manual_seed(0)
    free = build(small_config(**NETS[name])).eval()
    model = declaring(free, non_negative=True, integer=True)
    values = torch.from_numpy(np.stack([near_zero(row, 40) for row in range(3)]))
    times, lengths = START + HOUR * torch.arange(40).repeat(3, 1), torch.tensor([40, 17, 1])
    start = free.initial().repeat(3, 1)
    expected, state = free.sequence(values, times, lengths, start)
    found, after = model.sequence(values, times, lengths, start)
    assert torch.equal(found, BOTH.hold(expected))
    assert torch.equal(after.nan_to_num(), state.nan_to_num())
    fork, plain = (each.fork(values, times, lengths, start, origins=None) for each in (model, free))
    level, scale = plain.level[:, :, None, None], plain.scale[:, :, None, None]
    assert torch.equal(fork.transform.undo(level + scale * fork.quantiles), BOTH.hold(level + scale * plain.quantiles))
    if model.streams:
        stepped = [each.step(values[:, 0], times[:, 0], state)[0] for each in (model, free)]
        assert torch.equal(stepped[0], BOTH.hold(stepped[1]))


@pytest.fixture(scope="module")
def taught_on_counts() -> Forecaster:
    torch.manual_seed(0)
    return taught(build(small_config()))


@pytest.fixture(scope="module")
def counting(taught_on_counts: Forecaster, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of whole numbers from zero on."""
    model = declaring(taught_on_counts, non_negative=True, integer=True)
    stretches = [Stretch(START, near_zero(row)) for row in range(2)]
    path = tmp_path_factory.mktemp("declared") / "counts.bundle"
    return write_bundle(model, Description("counts", "y", None, {}, {}), stretches, path)


@pytest.mark.parametrize("runtime", ["native", "onnx", "torchscript"])
def test_every_runtime_answers_with_whole_numbers_and_passes_the_golden_answers(counting: Bundle, runtime: str) -> None:
    assert counting.manifest.integer
    assert counting.manifest.non_negative
    opened = open_runtime(runtime, counting)
    assert [check for check in Verification(counting).run(opened) if not check.passed] == []
    golden = counting.golden()
    before = golden["whole.unrounded"]
    assert (before != np.round(before)).any()
    states = opened.states(golden["chain.start"])
    answered, _ = opened.step(golden["values"][:, 24].copy(), golden["times"][:, 24].copy(), states)
    assert (answered == np.round(answered)).all()
    assert (answered == 0).any()
    assert not np.signbit(answered).any()


def test_whole_numbers_may_differ_by_one_only_where_the_tolerance_reaches_over_a_half(counting: Bundle) -> None:
    verification = Verification(counting)
    scale = np.ones((1, 1, 1))
    near, far = 2.5 + 1e-5, 2.5 + 1e-3
    for before, answered, passes in (
        (near, 3.0, True), (near, 2.0, True), (far, 3.0, True),
        (far, 2.0, False), (near, 2.5, False), (near, 4.0, False),
    ):  # fmt: skip
        found, golden = np.full((1, 1, 1), answered), np.full((1, 1, 1), before)
        expected = verification._expected(found, golden, scale)
        assert np.array_equal(expected, found) is passes


@pytest.mark.parametrize("change", [{"integer": False}, {"non_negative": False, "integer": False}])
def test_a_manifest_that_says_something_else_than_the_graphs_do_is_caught(
    counting: Bundle, tmp_path: Path, change: dict[str, bool]
) -> None:
    for file in counting.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = json.loads((tmp_path / MANIFEST).read_text())
    write_manifest(tmp_path, json.dumps({**text, **change}))
    changed = Bundle.open(tmp_path)
    assert not all(check.passed for check in Verification(changed).run(open_runtime("onnx", changed)))


def test_a_model_that_declares_nothing_is_written_as_ever(bundle: Bundle, forecaster: Forecaster) -> None:
    assert isinstance(forecaster, GRUForecaster)
    assert "support" not in step_weights(forecaster)
    assert not [name for name in bundle.golden() if name.endswith("unrounded")]
    assert {STEP_WEIGHTS, GOLDEN} <= set(bundle.manifest.files)
    assert (bundle.manifest.integer, bundle.manifest.non_negative) == (False, False)
