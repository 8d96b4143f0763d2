"""Bands as wide as the validation part asks for: weights learned by heart are surer of themselves than they may be."""

from __future__ import annotations

import torch
from torch import Tensor

from models.forecaster import Forecaster
from models.training.loss import quantile_loss
from models.training.validation import Validation

SHIFTS = tuple(0.05 * number for number in range(1, 21))  # of the gaps' raw outputs; small gaps grow by exp(shift)


@torch.no_grad()
def wider_by(model: Forecaster, validation: Validation) -> float:
    """By how much the raw gaps between quantiles should be raised for the least validation loss; 0 if not at all.

    One number for all levels and steps ahead, so that little can be learned by heart here, and never below 0: weights
    were chosen by the same readings, which makes bands look wider there than they are. It is found from one pass over
    the forecasts (of an ensemble, whose quantiles are means of such, nearly).
    """
    levels = torch.tensor(model.config.quantiles)
    median = model.config.quantiles.index(0.5)
    if len(levels) == 1:
        return 0.0
    sums = torch.zeros(1 + len(SHIFTS), dtype=torch.float64)
    for piece, target, unit in validation.pieces(model):
        for place, shift in enumerate((0.0, *SHIFTS)):
            quantiles = raised(piece.quantiles, median, shift) if shift else piece.quantiles
            loss, _ = quantile_loss(quantiles, piece.level, piece.scale, target, unit, levels, piece.transform)
            sums[place] += float(loss)
    return (0.0, *SHIFTS)[int(sums.argmin())]


def raised(quantiles: Tensor, median: int, shift: float) -> Tensor:
    """Quantiles (…, quantiles) as they would be, were the raw outputs of the gaps between them higher by `shift`.

    A gap is g = log(1 + exp(raw)), so it becomes log(1 + (exp(g) - 1) exp(shift)).
    """
    gaps = torch.log1p(torch.expm1(quantiles.diff(dim=-1).to(torch.float64)) * torch.exp(torch.tensor(shift)))
    middle = quantiles[..., median : median + 1].to(torch.float64)
    below = middle - gaps[..., :median].flip(-1).cumsum(-1).flip(-1)
    above = middle + gaps[..., median:].cumsum(-1)
    return torch.cat([below, middle, above], -1).to(quantiles.dtype)


@torch.no_grad()
def widen(model: Forecaster, shift: float) -> None:
    """Raises the gaps' raw outputs in the weights themselves: graphs and a step cost what they did."""
    for body in model.bodies():
        body.decoder.widen(shift)
