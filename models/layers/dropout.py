"""Dropout, and the generator that a forward pass of training draws from: one's own, where threads work side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

_own: ContextVar[torch.Generator | None] = ContextVar("own", default=None)


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """All that this thread draws within comes from `generator`; torch's own is shared by all threads."""
    token = _own.set(generator)
    try:
        yield
    finally:
        _own.reset(token)


def own_generator() -> torch.Generator | None:
    """What this thread draws from; None: torch's own."""
    return _own.get()


class Dropout(nn.Module):
    """Sets a share of what it is given to zero and enlarges the rest, in training alone (Srivastava et al. 2014)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, given: Tensor) -> Tensor:
        """Of the same shape."""
        if not self.training or self.share == 0:
            return given
        generator = own_generator()
        if generator is None:
            return nn.functional.dropout(given, self.share)
        kept = torch.empty_like(given).bernoulli_(1 - self.share, generator=generator)
        return given * kept.div_(1 - self.share)
