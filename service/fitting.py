"""Whether a model may take over the sessions of another: what must be the same, and what is told if it is not."""

from __future__ import annotations

from service.bundle import Bundle, Manifest
from service.refusals import AlreadyServed, ModelMisfit

# By name in the manifest; what else a bundle is made of may differ: weights, architecture, state, gates, context.
SAME = (
    "target",
    "covariates",
    "future",
    "static",
    "time_zone",
    "frequency",
    "horizon",
    "quantiles",
    "streams",
)


def check_fit(serves: Bundle, new: Bundle) -> None:
    """`AlreadyServed`, or `ModelMisfit` where clients would notice more than other numbers."""
    if new.digest == serves.digest:
        raise AlreadyServed(
            f"this very model, {new.manifest.name!r} with the digest {new.digest[:12]}…, is being served",
            digest=new.digest,
        )
    differs = {name: _both(name, serves.manifest, new.manifest) for name in SAME}
    differs = {name: both for name, both in differs.items() if both["current"] != both["new"]}
    if differs:
        said = "; ".join(f"{name} is {both['current']!r}, here {both['new']!r}" for name, both in differs.items())
        raise ModelMisfit(
            f"a new version must forecast the same as the current model: {said}. Train and export it to match, or "
            "start a service of its own for it, with a journal of its own",
            differs=differs,
        )


def _both(name: str, serves: Manifest, new: Manifest) -> dict[str, object]:
    return {"current": getattr(serves, name), "new": getattr(new, name)}
