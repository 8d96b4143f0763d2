"""How many examples a property draws: few in every run, twenty times as many where `make fuzz` asks for it."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

USUAL = 100  # of a profile that says nothing


def examples(short: int, **others: object) -> settings:
    """`short` in an ordinary run; the same share of what the profile says in another."""
    return settings(
        max_examples=max(1, settings().max_examples * short // USUAL),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **others,  # type: ignore[arg-type]
    )
