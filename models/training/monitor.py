"""What a training step looked like from inside: gradients by part, weights, gates, units and the scale of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.forecaster import Forecaster, Fork

NEAR = (
    1 / 256
)  # a gate so near its end keeps (or drops) 255 parts of 256: a memory beyond the longest crop of 256 steps
DEAD = 1e-3  # deviation over the rows of a batch below which a unit tells them apart no more; activities reach to 1
ROWS = 4  # that a batch needs for that to be seen
CANDIDATES = frozenset({"n", "g"})  # gates between -1 and 1, not 0 and 1


@dataclass(frozen=True)
class Vitals:
    """The figures of one step, beside loss and gradient norm; taken before the update but for the first two.

    A figure that could not be taken is None. `gates` come from one more step of the net on the batch's last readings.
    """

    weight_norm: float
    update_ratio: float  # size of the update over the size of the weights
    parts: dict[str, float]  # gradient norm, before clipping, by part of the model
    carry: float | None  # of an error one step back: its size there over its size here, root mean square over units
    gates: dict[str, tuple[float, float]]  # by name, layer.gate: shares near its lower and its upper end
    dead: float | None  # share of recurrent units that hardly vary over the batch
    input_max: float  # the largest absolute feature
    input_deviation: float  # root mean square of the reading as the net sees it; near 1 where it is scaled


class Monitor:
    """Looks at a model twice a step: `before` its update, when gradients are there and not yet clipped, and `after`.

    It draws nothing at random and changes nothing, so that a run with it comes to the same weights as one without.
    """

    def __init__(self, model: Forecaster) -> None:
        self.model = model
        self._parts: dict[str, list[Tensor]] = {}
        for name, parameter in model.named_parameters():
            self._parts.setdefault(part_of(name), []).append(parameter)
        self._gates = gate_slices(model)
        self._weights = torch.empty(0)
        self._seen: dict[str, Any] = {}

    def before(self, fork: Fork, lengths: Tensor) -> None:
        """Of a batch after its backward pass: the fork that was trained and the rows' lengths (batch,)."""
        self._weights = self._flat()
        self._seen = {
            "parts": {name: _norm(parameters) for name, parameters in self._parts.items()},
            **self._input(fork.features[:, : int(lengths.min())]),
            **self._recurrence(fork, lengths),
        }

    def after(self) -> Vitals:
        """After the update, or after it was skipped."""
        now = self._flat()
        size = now.norm()
        return Vitals(
            weight_norm=_figure(size), update_ratio=_figure((now - self._weights).norm() / size), **self._seen
        )

    def _flat(self) -> Tensor:
        return torch.cat([parameter.detach().reshape(-1) for parameter in self.model.parameters()])

    @staticmethod
    def _input(features: Tensor) -> dict[str, float]:
        now = features.detach()[:, :, 0]
        return {
            "input_max": _figure(features.detach().abs().amax()),
            "input_deviation": _figure(now.square().mean().sqrt()),
        }

    def _recurrence(self, fork: Fork, lengths: Tensor) -> dict[str, Any]:
        """From one step more: each row's last reading once again, on the state that it led to."""
        rows = torch.arange(lengths.size(0), device=lengths.device)
        features = fork.features.detach()[rows, lengths - 1]  # (batch, inputs)
        hidden = fork.state.detach()[:, : self.model.recurrent].requires_grad_()
        with torch.enable_grad():
            new, gates = self.model.recur_step(features, hidden)
            probe = signs(new)
            (back,) = torch.autograd.grad(new, hidden, probe)
        ends = {name: _ends(name, gates.detach()[:, start:stop]) for name, (start, stop) in self._gates.items()}
        spread = hidden.detach().std(0, unbiased=False)  # (recurrent,)
        dead = _figure((spread < DEAD).to(torch.float32).mean()) if lengths.size(0) >= ROWS else None
        return {"carry": _figure(back.norm() / probe.norm()), "gates": ends, "dead": dead}


def part_of(name: str) -> str:
    """The part of the model that a weight is of: `layers.0.weight_hh_l0` -> `layers.0`, `decoder.mix` -> `decoder`."""
    first, _, rest = name.partition(".")
    second = rest.partition(".")[0]
    return f"{first}.{second}" if second.isdigit() else first


def gate_slices(model: Forecaster) -> dict[str, tuple[int, int]]:
    """Where each group of a row of gates stands, by layer.gate: `1.r`, `1.z`, …; layers count from 1."""
    names: tuple[str, ...] = model.gate_names
    layers = model.gate_count // (len(names) * model.config.hidden)
    size = model.config.hidden
    labels = [f"{layer}.{name}" for layer in range(1, layers + 1) for name in names]
    return {label: (place * size, (place + 1) * size) for place, label in enumerate(labels)}


def signs(like: Tensor) -> Tensor:
    """A fixed pattern of +1 and -1, (batch, units), as good as random (Hutchinson 1990): E |J' v|^2 = |J|^2."""
    place = torch.arange(like.numel(), dtype=torch.int64, device=like.device)
    mixed = (place * 2_654_435_761) ^ ((place * 40_503) >> 3)
    return (((mixed >> 13) & 1) * 2 - 1).to(like.dtype).reshape(like.shape)


def _ends(name: str, gate: Tensor) -> tuple[float, float]:
    low = -1.0 if name.rpartition(".")[2] in CANDIDATES else 0.0
    near = NEAR * (1.0 - low)
    return (
        _figure((gate < low + near).to(torch.float32).mean()),
        _figure((gate > 1.0 - near).to(torch.float32).mean()),
    )


def _norm(parameters: list[Tensor]) -> float:
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return _figure(torch.stack(torch._foreach_norm(grads)).norm()) if grads else 0.0


def _figure(value: Tensor) -> float:
    return float(f"{float(value):.5g}")  # so many digits keep the log short
