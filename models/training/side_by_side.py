"""One step on several cores: each thread takes a part of the batch's rows, and their gradients are added up.

A step of a small net is many small operations, which gain little from more threads each. Whole parts of a batch are
long enough, and torch holds no lock while it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

Part = Callable[[], tuple[Tensor, int]]  # the mean loss of some rows, and over how many targets it was taken


class SideBySide:
    """As many threads as there are parts; closed with it."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="training")

    def close(self) -> None:
        """Lets the threads end."""
        self._pool.shutdown()

    def learn(self, batches: Iterable[Sequence[Part]], weights: Sequence[Tensor]) -> float:
        """Leaves in the `weights` the gradient of the mean loss over all parts' targets, and returns that loss.

        Whoever is first, the parts are added in their order, so the same parts come to the same bits.
        """

        def found(part: Part) -> tuple[float, int, tuple[Tensor | None, ...]]:
            loss, count = part()
            gradients = torch.autograd.grad(loss, weights, allow_unused=True)
            return float(loss.detach()), count, gradients

        total, loss = 0, 0.0
        sums: list[Tensor | None] = [None] * len(weights)
        for parts in batches:
            for mean, count, gradients in self._pool.map(found, parts):
                total, loss = total + count, loss + mean * count
                for place, gradient in enumerate(gradients):
                    if gradient is not None:
                        so_far = sums[place]
                        sums[place] = gradient * count if so_far is None else so_far.add_(gradient, alpha=count)
        for weight, each in zip(weights, sums, strict=True):
            weight.grad = None if each is None else each.div_(max(1, total))
        return loss / max(1, total)
