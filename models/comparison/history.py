"""How the error depends on how much of its history a forecast may know."""

from __future__ import annotations

import numpy as np

from models.comparison.accuracy import HeldOut
from models.evaluation.panel import Stretch
from models.evaluation.rolling import Span, roll
from models.forecaster import Forecaster

SHARES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)  # of the model's window
ORIGINS = 64  # in all, evenly spread over the held-out end


def lengths_of(held: HeldOut, window: int) -> list[int]:
    """Histories to try, in steps: those that at least one series has before its held-out end."""
    longest = max(span.first + 1 for span in held.spans)
    return sorted({max(1, round(share * window)) for share in SHARES if round(share * window) <= longest})


def errors_by_history(model: Forecaster, held: HeldOut, lengths: list[int]) -> dict[int, float]:
    """The mean scaled error by length of the history, the same origins and targets for all.

    A forecast gets exactly so many readings, from a new state on: as a client does who sends a short history.
    """
    horizon, median = model.config.horizon, model.config.quantiles.index(0.5)
    origins = [
        (number, origin)
        for number, span in enumerate(held.spans)
        if span.first + 1 >= max(lengths)
        for origin in range(span.first, span.last + 1)
    ]
    chosen = np.unique(np.linspace(0, len(origins) - 1, min(ORIGINS, len(origins))).round().astype(int))
    wanted = [origins[place] for place in chosen]
    found = {}
    for length in lengths:
        spans = [_last(held.spans[number].stretch, origin, length, horizon) for number, origin in wanted]
        errors = []
        for piece in roll(model, spans):
            number, _ = wanted[piece.span]
            target = spans[piece.span].stretch.values[length:, 0]
            error = np.abs(target - piece.in_units().numpy()[0, :, median]) / held.scales[number]
            errors.append(error[~np.isnan(error)])
        flat = np.concatenate(errors)
        if flat.size:
            found[length] = float(flat.mean())
    return found


def _last(stretch: Stretch, origin: int, length: int, horizon: int) -> Span:
    """A series that begins `length` readings before what is forecast."""
    part = slice(origin + 1 - length, origin + 1 + horizon)
    return Span(Stretch(stretch.values[part], stretch.times[part], stretch.static), length - 1, length - 1)
