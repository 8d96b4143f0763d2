"""Where forecasts that cost nothing are better than ours: over all, at one season, or in the first steps."""

from __future__ import annotations

from models.evaluation.advice.case import Case, baselines, best, naives, ours
from models.evaluation.advice.suggestion import Suggestion

MISLEADS = 1.25  # times the better naive's error, from which another season misleads
FIRST = 1.05  # times the error of a baseline one step ahead
NEXT = 1.02  # and at the steps after it
SHORTEST = 4  # steps that a net of its own is worth training for


def beaten(case: Case) -> Suggestion | None:
    """When any baseline is better over all."""
    own, found = ours(case.metrics["overall"]), best(baselines(case.metrics["overall"]))
    if own is None or found is None or own <= found[1]:
        return None
    name, error = found
    reason = (
        f"The {case.words(name)} comes to a MASE of {error:.3f}, ours to {own:.3f}. Settings that were right for other "
        "data may be wrong for these: a search tries width, layers, rate and others on the validation part."
    )
    return Suggestion("A simple forecast is better", reason, case.again.tuned(case.config.horizon))


def misled_by_a_season(case: Case) -> Suggestion | None:
    """When the naive of one season beats ours while that of another one is much worse."""
    own, found = ours(case.metrics["overall"]), naives(case.metrics["overall"])
    if own is None or len(found) < 2:
        return None
    season = min(found, key=lambda lag: found[lag])
    worst = max(found, key=lambda lag: found[lag])
    if own <= found[season] or found[worst] <= MISLEADS * found[season]:
        return None
    why = "what stood so long ago tells little" if worst > season else "so short a season tells little"
    reason = (
        f"The {case.words(f'naive_{season}')} has a MASE of {found[season]:.3f} and beats ours ({own:.3f}), the "
        f"{case.words(f'naive_{worst}')} has {found[worst]:.3f}: {why}. Look back by the season that counts alone."
    )
    return Suggestion("One season misleads", reason, case.again.changed({"--lags": str(season)}, f"lag-{season}"))


def unknown_season(case: Case) -> Suggestion | None:
    """When times are counts, so that no season is known, and the readings show one."""
    season = case.readings.season
    if case.config.lags != (1,) or season is None:
        return None
    reason = (
        f"Times that are counted imply no season, so the model looks back by one step alone; the longest series agrees "
        f"with itself best {season:,} steps apart. (The MASE stays scaled by steps of one.)"
    )
    return Suggestion(
        "The readings have a season that nobody named",
        reason,
        case.again.changed({"--lags": str(season)}, f"lag-{season}"),
    )


def worse_at_first(case: Case) -> Suggestion | None:
    """When ours is better over all, and a baseline is better in the first steps ahead."""
    steps = case.metrics["by_horizon"]
    own, least = ours(case.metrics["overall"]), best(baselines(case.metrics["overall"]))
    if own is None or least is None or own > least[1] or len(steps) <= SHORTEST:
        return None
    count, name, errors = 0, "", (0.0, 0.0)
    for entry in steps:
        here, found = ours(entry), best(baselines(entry))
        if here is None or found is None or here <= (NEXT if count else FIRST) * found[1]:
            break
        if not count:
            name, errors = found[0], (here, found[1])
        count += 1
    if not 0 < count <= len(steps) // 2:
        return None
    horizon = min(len(steps) - 1, max(SHORTEST, 2 * count))
    first = "one step ahead" if count == 1 else f"in the first {count} steps"
    reason = (
        f"One step ahead the {case.words(name)} has an error of {errors[1]:.3f}, ours {errors[0]:.3f}. A net that is "
        f"asked for {horizon} steps alone spends all it has on them; serve it beside this one where they matter."
    )
    title = f"A simple forecast is better {first}"
    return Suggestion(title, reason, case.again.changed({"--horizon": str(horizon)}, f"first-{horizon}"))
