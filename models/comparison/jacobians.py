"""How an error now was caused long ago: the Jacobian of a recurrent network's output over many steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jacrev, vjp, vmap

Step = Callable[[Tensor, Tensor], Tensor]  # features (inputs,), state (state,) -> the next state (state,)
Output = Callable[[Tensor], Tensor]  # state (state,) -> what it puts out (output,)


def jacobian_norms(step: Step, output: Output, features: Tensor, start: Tensor) -> Tensor:
    """Spectral norms of dh_T/ds_t by lag T - t, (rows, time + 1) from lag 0 on.

    `features` (rows, time, inputs), `start` (rows, state). h is what the network puts out at its last step and s its
    whole state: for an LSTM its cell too, without which the way that was made for gradients would be left out. The
    product of the Jacobians of single steps (Bengio et al. 1994; Pascanu et al. 2013, arXiv:1211.5063, equation 5)::

        dh_T/ds_t = dh_T/ds_T * ds_T/ds_(T-1) * … * ds_(t+1)/ds_t

    Each factor is exact (reverse mode on one step), and so is the product up to rounding in float64. The largest
    singular value is by how much the worst small change of the state is carried on: the norm of those papers' bounds.
    """
    features, start = features.double(), start.double()
    before = [start]
    with torch.no_grad():
        for place in range(features.size(1)):
            before.append(vmap(step)(features[:, place], before[-1]))
    carried = vmap(jacrev(output))(before[-1])  # (rows, output, state)
    norms = [_largest(carried)]

    def back(given: Tensor, state: Tensor, rows: Tensor) -> Tensor:
        """rows (output, state) times the step's Jacobian, without writing that down."""
        pull = vjp(lambda before: step(given, before), state)[1]
        pulled: Tensor = vmap(lambda row: pull(row)[0])(rows)
        return pulled

    for place in reversed(range(features.size(1))):
        carried = vmap(back)(features[:, place], before[place], carried)
        norms.append(_largest(carried))
    return torch.stack(norms, 1)


def _largest(matrices: Tensor) -> Tensor:
    """The largest singular value of each, (rows,), from the smaller of the two Gram matrices."""
    detached = matrices.detach()
    wide = detached.size(1) <= detached.size(2)
    gram = detached @ detached.mT if wide else detached.mT @ detached
    values: Tensor = torch.linalg.eigvalsh(gram)
    return values[:, -1].clamp(min=0).sqrt()
