"""The example data that comes with the package; see bundled/README.md for where it is from."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "bundled"


def bundled(name: str) -> Path:
    """The CSV file of "nyc_taxi" or "machine_temperature"; ValueError lists the names there are."""
    names = sorted(path.stem for path in _FOLDER.glob("*.csv"))
    if name not in names:
        raise ValueError(f"expected one of the bundled data sets {', '.join(names)}, got {name!r}")
    return _FOLDER / f"{name}.csv"
