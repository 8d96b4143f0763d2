"""Each layer's gates and hidden units are found by the names in a manifest, whatever the architecture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from commands.gating.layers import Layer, choose_layer, layers_of
from commands.gating.refusal import Refusal
from commands.gating.wording import conventions, shown
from models.forecaster import Forecaster, Slice
from models.registry import ARCHITECTURES, build
from service.bundle import Manifest, StateLayout, StateSlice
from service.runtimes.fake import fake_bundle
from tests.conftest import HOUR, START, daily_wave, small_config

STREAMING = sorted(set(ARCHITECTURES) - {"bi-gru"})


def named(parts: Sequence[Slice]) -> list[StateSlice]:
    return [StateSlice(name=part.name, start=part.start, stop=part.stop) for part in parts]


def manifest_of(model: Forecaster) -> Manifest:
    layout = StateLayout(size=model.state_size, slices=named(model.layout), initial="")
    changes = {"architecture": model.config.architecture, "state": layout, "gate_slices": named(model.gate_layout)}
    return fake_bundle().manifest.model_copy(update=changes)


def stepped(model: Forecaster) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States before and after a step, and its gates. All layers of the multiscale GRU tick at it."""
    values = torch.from_numpy(daily_wave(17)[None, :, None])
    times = START + HOUR * torch.arange(17)[None]
    with torch.inference_mode():
        start = model.initial()[None]
        _, before = model.sequence(values[:, :16], times[:, :16], torch.tensor([16]), start)
        _, after, gates = model.step(values[:, 16], times[:, 16], before)
    return before[0].numpy(), after[0].numpy(), gates[0].numpy()


@pytest.mark.parametrize("architecture", STREAMING)
def test_gates_and_hidden_units_of_a_layer_belong_together(architecture: str) -> None:
    torch.manual_seed(0)
    periods = (1, 4) if architecture == "multiscale-gru" else ()
    model = build(small_config(architecture=architecture, stacks=(2, 1), periods=periods)).eval()
    before, after, gates = stepped(model)
    layers = layers_of(manifest_of(model))
    assert len(layers) >= 2
    for layer in layers:
        gate = {letter: gates[part] for letter, part in layer.gates.items()}
        old, new = before[layer.hidden], after[layer.hidden]
        if "z" in gate:
            wanted = (1 - gate["z"]) * gate["n"] + gate["z"] * old
        elif "f" in gate:
            width = layer.hidden.stop - layer.hidden.start  # the cell stands behind what a layer puts out
            cell = before[layer.hidden.stop : layer.hidden.stop + width]
            wanted = gate["o"] * np.tanh(gate["f"] * cell + gate["i"] * gate["g"])
        else:
            wanted = gate["n"]
        np.testing.assert_allclose(new, wanted, atol=1e-5)


def test_a_model_that_reads_whole_histories_is_refused() -> None:
    with pytest.raises(Refusal, match="does not stream"):
        layers_of(fake_bundle(streams=False).manifest)


def test_a_bundle_that_does_not_name_its_gates_is_refused() -> None:
    with pytest.raises(Refusal, match="does not name its gates: export the run again"):
        layers_of(fake_bundle().manifest.model_copy(update={"gate_slices": []}))


def test_the_first_layer_is_shown_unless_another_is_named() -> None:
    layers = [Layer(name, {"z": slice(0, 1)}, slice(0, 1)) for name in ("1/1", "2/1")]
    assert choose_layer(layers, None) is layers[0]
    assert choose_layer(layers, "2/1") is layers[1]
    with pytest.raises(Refusal, match=r"expected one of the layers 1/1, 2/1, got '3'"):
        choose_layer(layers, "3")


@pytest.mark.parametrize(
    ("gates", "drawn", "said"),
    [
        ("rzn", ["r", "z"], "z near 1 keeps the past (h' = (1-z)·n + z·h)"),
        ("zn", ["z"], "has no reset gate"),
        ("ifgo", ["f", "i"], "f near 1 keeps the past (c' = f·c + i·g)"),
        ("n", [], "has no reset or update gate"),
    ],
)
def test_the_convention_is_that_of_the_gates_there_are(gates: str, drawn: list[str], said: str) -> None:
    assert shown(gates) == drawn
    assert said in " ".join(conventions(gates, "some-gru"))
