"""Gradients of several batches as if they were one: each batch weighs by how many targets it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor


def accumulate(
    parts: Iterable[tuple[Tensor, int]], weights: Sequence[Tensor], scale: Callable[[Tensor], Tensor]
) -> float:
    """Leaves in the `weights` the gradient of the mean loss over all parts' targets, and returns that loss.

    `parts` are (mean loss, targets), made one after the other, so that only one graph is held at a time; `scale` is
    what a loss goes through before its gradient is taken. What is there already is weighed down as more comes, so the
    gradients keep the size of a mean throughout; a single part is a plain backward pass.
    """
    targets, mean = 0, 0.0
    for loss, count in parts:
        before, targets = targets, targets + count
        part = loss
        if before:
            for weight in weights:
                if weight.grad is not None:
                    weight.grad.mul_(before / targets)
            part = loss * (count / targets)
            mean *= before / targets
        scale(part).backward()  # type: ignore[no-untyped-call]
        mean += float(part.detach())
    return mean
