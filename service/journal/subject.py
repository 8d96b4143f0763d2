"""What the numbers of a journal's readings are: another model may take as many of them and mean others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

ADVICE = {
    "target": "serve a model of that target",
    "covariates": "serve a model trained with those covariates, in that order",
    "time_zone": "serve a model of that time zone",
}


@dataclass(frozen=True)
class Subject:
    """The columns of a reading, in their order, and the zone of its times."""

    target: str
    covariates: tuple[str, ...]
    time_zone: str | None

    def entries(self) -> dict[str, str]:
        """As text by name, to be kept beside the readings: equal texts, equal subjects."""
        return {
            "target": self.target,
            "covariates": json.dumps(self.covariates, ensure_ascii=False),
            "time_zone": self.time_zone or "none",
        }

    def misfit(self, kept: Mapping[str, object]) -> str | None:
        """In which entry a journal with these differs, in words with what to do; None where it does not.

        An entry that was not kept differs in nothing.
        """
        for name, ours in self.entries().items():
            theirs = kept.get(name, ours)
            if theirs != ours:
                what = name.replace("_", " ")
                return (
                    f"was made for the {what} {theirs}, this model has the {what} {ours}: {ADVICE[name]}, "
                    "or choose another journal"
                )
        return None
