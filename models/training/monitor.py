"""What a training step looked like from inside: gradients by part, weights, gates, units and the scale of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.forecaster import Forecaster, Fork
from models.recurrent import RecurrentForecaster

NEAR = 1 / 256  # a gate so near its end keeps (or drops) 255 parts of 256: a memory beyond the longest crop
DEAD = 1e-3  # deviation over the rows of a batch below which a unit tells them apart no more; activities reach to 1
ROWS = 4  # that a batch needs for that to be seen
UNITS = ("hidden", "cell", "block", "forward", "backward")  # slices of a state that hold recurrent units
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
    """Looks at a model three times a step: at the batch (`watch`), `before` its update, when gradients are there and
    not yet clipped, and `after`.

    It draws nothing at random and changes nothing, so that a run with it comes to the same weights as one without.
    """

    def __init__(self, model: Forecaster) -> None:
        self.model = model
        self._parts: dict[str, list[Tensor]] = {}
        for name, parameter in model.named_parameters():
            self._parts.setdefault(part_of(name), []).append(parameter)
        self._weights = torch.empty(0)
        self._seen: dict[str, Any] = {}
        self._batch: tuple[list[Fork], Tensor] | None = None

    def watch(self, forks: list[Fork], lengths: Tensor) -> None:
        """The forks that are trained, one for each member of an ensemble, and the rows' lengths (batch,).

        Of several batches in a step the last is looked at.
        """
        self._batch = ([_detached(fork) for fork in forks], lengths)

    def before(self) -> None:
        """After the backward pass."""
        assert self._batch is not None
        forks, lengths = self._batch
        self._weights = self._flat()
        bodies = list(zip(self.model.bodies(), forks, strict=True))
        found = [_recurrence(body, fork, lengths) for body, fork in bodies]
        several = len(found) > 1
        carries = [carry for carry, _, _ in found if carry is not None]
        dead = [share for _, _, share in found if share is not None]
        self._seen = {
            "parts": {name: _norm(parameters) for name, parameters in self._parts.items()},
            **_input(forks[0], lengths),
            "carry": max(carries, default=None),
            "gates": {
                f"{at + 1}/{name}" if several else name: ends
                for at, (_, gates, _) in enumerate(found)
                for name, ends in gates.items()
            },
            "dead": sum(dead) / len(dead) if dead else None,
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


def _detached(fork: Fork) -> Fork:
    """What of a fork is looked at later, without the graph that it hangs on."""
    assert fork.features is not None
    return fork._replace(features=fork.features.detach(), state=fork.state.detach())


def _input(fork: Fork, lengths: Tensor) -> dict[str, float]:
    assert fork.features is not None
    features = fork.features[:, : int(lengths.min())]
    return {
        "input_max": _figure(features.abs().amax()),
        "input_deviation": _figure(features[:, :, 0].square().mean().sqrt()),
    }


def _recurrence(
    body: RecurrentForecaster, fork: Fork, lengths: Tensor
) -> tuple[float | None, dict[str, tuple[float, float]], float | None]:
    """From one step more: each row's last reading once again, on the state that it led to.

    How much of an error is carried back over it, the gates' ends, and the share of units that hardly vary.
    """
    hidden = fork.state[:, : body.recurrent]
    units = [part for part in body.layout if part.name.startswith(UNITS)]
    spread = torch.cat([hidden[:, part.start : part.stop] for part in units], 1).std(0, unbiased=False)
    dead = _figure((spread < DEAD).to(torch.float32).mean()) if lengths.size(0) >= ROWS else None
    if not body.streams:
        return None, {}, dead
    assert fork.features is not None
    rows = torch.arange(lengths.size(0), device=lengths.device)
    features = fork.features[rows, lengths - 1].float()  # (batch, inputs)
    with torch.enable_grad():
        start = hidden.float().requires_grad_()
        new, gates = body.recur_step(features, start)
        probe = torch.zeros_like(new)
        for part in units:
            probe[:, part.start : part.stop] = signs(probe[:, part.start : part.stop])
        (back,) = torch.autograd.grad(new, start, probe)
    carried = torch.cat([back[:, part.start : part.stop] for part in units], 1)
    ends = {part.name: _ends(part.name, gates.detach()[:, part.start : part.stop]) for part in body.gate_layout}
    return _figure(carried.norm() / probe.norm()), ends, dead


def part_of(name: str) -> str:
    """The part of the model that a weight is of: up to its first number, such as `stack.layers.0`, or its first word."""
    words = name.split(".")
    place = next((at for at, word in enumerate(words) if word.isdigit()), 0)
    return ".".join(words[: place + 1])


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
