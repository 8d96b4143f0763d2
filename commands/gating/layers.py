"""The recurrent layers of a bundle: where each has its gates and its hidden units, by the names in the manifest."""

from __future__ import annotations

from dataclasses import dataclass

from commands.gating.refusal import Refusal
from service.bundle import Manifest, StateSlice


@dataclass(frozen=True)
class Layer:
    """One layer: `name` is 1, 2, …, of an ensemble 1/1, 1/2, … (member/layer)."""

    name: str
    gates: dict[str, slice]  # by letter: places in a row of gates
    hidden: slice  # places in a state row


def layers_of(manifest: Manifest) -> list[Layer]:
    """The layers in order; `Refusal` for a bundle that has no steps, or does not name its gates."""
    if not manifest.streams:
        raise Refusal(
            f"the bundle {manifest.name} does not stream: its architecture {manifest.architecture} reads whole "
            "histories, so there is no step whose gates could be shown; train one that streams, with --model gru say"
        )
    if not manifest.gate_slices:
        raise Refusal(f"the bundle {manifest.name} does not name its gates: export the run again")
    gates: dict[str, dict[str, slice]] = {}
    for part in manifest.gate_slices:
        layer, _, letter = part.name.rpartition(".")
        gates.setdefault(layer, {})[letter] = slice(part.start, part.stop)
    return [Layer(name, found, _hidden(manifest, name, gates)) for name, found in gates.items()]


def choose_layer(layers: list[Layer], name: str | None) -> Layer:
    """The layer of that name, else the first, which the input reaches first."""
    if name is None:
        return layers[0]
    for layer in layers:
        if layer.name == name:
            return layer
    names = ", ".join(layer.name for layer in layers)
    raise Refusal(f"--layer: expected one of the layers {names}, got {name!r}")


def _hidden(manifest: Manifest, layer: str, gates: dict[str, dict[str, slice]]) -> slice:
    """A layer's own slice of the state, or its part of the blocks that hold several layers one after the other."""
    member, number = _split(layer)
    slices = {part.name: part for part in manifest.state.slices}
    found = slices.get(f"{member}hidden.{number}")
    if found is not None:
        return slice(found.start, found.stop)
    blocks: list[StateSlice] = [part for name, part in slices.items() if name.startswith(f"{member}block.")]
    if not blocks:
        raise Refusal(
            f"the bundle {manifest.name} has gates of the layer {layer} and no state of that name: export the run again"
        )
    start = blocks[0].start
    for name, letters in gates.items():
        width = next(iter(letters.values()))
        size = width.stop - width.start
        if name == layer:
            return slice(start, start + size)
        start += size if _split(name)[0] == member else 0
    raise AssertionError("a layer is one of those that have gates")


def _split(layer: str) -> tuple[str, str]:
    """ "1/2" -> ("1/", "2"); "2" -> ("", "2")."""
    member, slash, number = layer.rpartition("/")
    return member + slash, number
