"""What is declared of the target is held by every architecture and every runtime, and by nothing that was not asked."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from export.golden import Stretch
from export.graphs import Graphs, example
from export.step_weights import step_weights
from export.verify import Verification
from export.writer import Description, write_bundle
from models.ensemble import EnsembleForecaster
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


TWO = {"architecture": "ensemble", "members": ("gru", "gru"), "layers": 1, "integer": True, "non_negative": True}


@torch.no_grad()
def test_an_ensemble_answers_with_whole_numbers_in_torchscript_too_and_its_members_stay_free() -> None:
    """Of ONNX, and of the golden answers, tests/exports asks: an export takes half a minute."""
    torch.manual_seed(0)
    model = build(small_config(**TWO, hidden=4)).eval()
    given = {name: tuple(inputs.values()) for name, inputs in example(model).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's own
        traced = torch.jit.trace_module(Graphs(model), given, check_trace=False)
    values = torch.from_numpy(np.stack([near_zero(row, 60) for row in range(3)]))
    times, state = START + HOUR * torch.arange(60).repeat(3, 1), model.initial().repeat(3, 1)
    for at in range(60):
        found, after, _ = traced.step(values[:, at], times[:, at], state)
        expected, state, _ = model.step(values[:, at], times[:, at], state)
        torch.testing.assert_close(after, state, equal_nan=True)
        assert torch.equal(found, expected)
        assert torch.equal(found, BOTH.hold(found))
    whole, _ = traced.sequence(values, times, torch.full((3,), 60), model.initial().repeat(3, 1))
    assert torch.equal(whole, found)
    assert isinstance(model, EnsembleForecaster)
    nothing = values[:, :1], times[:, :1], torch.zeros(3, dtype=torch.int64)
    free = torch.stack([each.sequence(*nothing, part)[0] for each, part in model._with(state)])
    assert (free != torch.round(free)).any()
    torch.testing.assert_close(BOTH.hold(free.mean(0)), found)


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
