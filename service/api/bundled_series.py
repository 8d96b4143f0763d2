"""The example series that come with Gatecast, as the page finds them: a list, and each as the CSV that it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources.abc import Traversable
from itertools import islice

from datasets.frequency import Frequency
from service.api import problems
from service.api.assets import Asset

LIST = "series.json"
_FOLDER = "series/"
_KIND = ".csv"


def bundled_series(folder: Traversable) -> dict[str, Asset]:
    """`series.json`, and each CSV of the folder as `series/NAME.csv`."""
    files = {each.name: each for each in folder.iterdir() if each.name.endswith(_KIND)}
    found = {f"{_FOLDER}{name}": Asset(name, files[name]) for name in sorted(files)}
    return {LIST: Asset(LIST, _List(files)), **found}


@dataclass(frozen=True)
class _List:
    """Names, paths and frequencies, which the first two rows of each file tell."""

    files: Mapping[str, Traversable]

    def read_bytes(self) -> bytes:
        return problems.encode([self._entry(name, self.files[name]) for name in sorted(self.files)])

    @staticmethod
    def _entry(name: str, file: Traversable) -> dict[str, object]:
        with file.open(encoding="utf-8") as lines:
            first, second = (datetime.fromisoformat(line.partition(",")[0]) for line in islice(lines, 1, 3))
        frequency = Frequency("second", round((second - first).total_seconds()))
        return {"name": name.removesuffix(_KIND), "path": f"/page/{_FOLDER}{name}", "frequency": frequency.alias}
