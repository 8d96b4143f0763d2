"""From a forecaster trained in memory to a bundle: what `gatecast export` makes of a run's folder."""

from __future__ import annotations

from pathlib import Path

from export.description import Description
from export.golden import Stretch
from export.writer import write_bundle
from models.training.fitted import Fitted
from service.bundle import Bundle


def bundle_of(fitted: Fitted, out: Path | str, name: str | None = None) -> Bundle:
    """Writes the bundle to `out`, which must not exist or be a bundle; its name is that of the folder, or `name`.

    It is not proved yet: `Verification` holds a runtime against its golden answers.
    """
    out = Path(out)
    description = Description.of(name or out.stem, fitted.data, fitted.settings, fitted.metrics, fitted.dependence)
    stretches = [Stretch(int(one.times[0]), one.values, one.static) for one in fitted.stretches]
    return write_bundle(fitted.forecaster, description, stretches, out)
