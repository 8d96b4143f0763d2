"""The evaluation in a few sentences, honest where it is not good news."""

from __future__ import annotations

from models.evaluation.advice.bands import ENOUGH, PROMISES, narrowest
from models.evaluation.advice.case import ours
from models.evaluation.page.account import OURS, Account

SAME = 0.005  # of an error, below which a difference is none
FEW = 3  # folds, below which they say little


def title(account: Account) -> str:
    """What came out, in one line."""
    own, naive = ours(account.overall), account.naive
    if not account.overall[OURS]["targets"]:
        return f"{account.source}: no reading came to compare forecasts with"
    if own is None or naive is None:
        return f"{account.source}: no seasonal scale to compare errors by"
    share = beyond(own, naive[1])
    if share is None:
        return f"{account.source}: the seasonal naive made no error, and ours did"
    if abs(share) < SAME:
        return f"{account.source}: as good as the seasonal naive, and no better"
    word = "less" if share < 0 else "more"
    said = f"{account.source}: {percent(abs(share))} {word} error than the seasonal naive"
    beaten = account.rival is not None and account.rival[1] < own < naive[1]
    return f"{said}, but more than the {account.names[account.rival[0]]}" if beaten and account.rival else said


def sentences(account: Account) -> list[str]:
    """How much better or worse, how often, whether bands keep their promise, and what speaks against it all."""
    return [said for said in (_error(account), _often(account), _rival(account), _bands(account)) if said]


def scope(account: Account) -> str:
    """What was compared with what."""
    settings, own = account.metrics["settings"], account.overall[OURS]
    folds, series = account.folds, len(account.series)
    trained = "each trained on what lay before it" if settings["refit"] else "all with the weights of one run"
    window = f", the last {settings['size']:,} steps of it" if settings["size"] else ""
    window = window or (", as much as lies before the first" if settings["window"] == "sliding" else "")
    return (
        f"{plural(own['forecasts'], 'forecast')} of {account.span(account.config.horizon)} for "
        f"{plural(series, 'series', 'series')}, held against {plural(own['targets'], 'reading')} that came after them: "
        f"{plural(len(folds), 'fold')} in time from {moment(folds[0]['cutoff'])} to {moment(folds[-1]['end'])}, "
        f"{trained}{window}. Steps of {account.config.frequency}; {account.model}."
    )


def _error(account: Account) -> str:
    own, naive = ours(account.overall), account.naive
    if not account.overall[OURS]["targets"]:
        return "Nothing was compared: where the folds test, all readings are missing."
    if own is None:
        return (
            "Errors are scaled by how readings a season apart differ before each test, and here they do not differ, or "
            "no two are so far apart: compare sMAPE and quantile loss."
        )
    if naive is None:
        return f"The mean absolute scaled error (MASE) is {own:.3f}. No seasonal naive has a forecast to compare with."
    share = beyond(own, naive[1])
    said = f"The mean absolute scaled error (MASE) is {own:.3f}, that of the {account.names[naive[0]]} {naive[1]:.3f}"
    if share is None:
        return f"{said}. It does not beat what costs nothing."
    if abs(share) < SAME:
        return f"{said}: no difference worth the name."
    if share > 0:
        return f"{said}: {percent(share)} more. It does not beat what costs nothing."
    return f"{said}: {percent(-share)} less."


def _often(account: Account) -> str:
    parts = []
    for entries, one, several in (
        (account.folds, "fold", "folds"),
        (list(account.series.values()), "series", "series"),
    ):
        won, of = account.won(entries)
        if of > 1:
            parts.append(f"in {won:,} of {of:,} {several}" if one == "fold" else f"for {won:,} of {of:,} {several}")
    said = f"Ours is the smaller one {' and '.join(parts)}." if parts else ""
    if len(account.folds) < FEW:
        count = "One fold is" if len(account.folds) == 1 else "Two folds are"
        said += f" {count} little to go by: a lucky or a hard week decides."
    return said.strip()


def _rival(account: Account) -> str:
    own, rival = ours(account.overall), account.rival
    if own is None or rival is None or rival[0].startswith("naive_"):
        return ""
    name = account.names[rival[0]]
    if rival[1] < own:
        return f"But the {name}, which costs nothing either, comes to {rival[1]:.3f} and beats it."
    below = percent(abs(beyond(own, rival[1]) or 0.0))
    return f"Of all that costs nothing the {name} is best, {rival[1]:.3f}; ours is {below} below."


def _bands(account: Account) -> str:
    own = account.overall[OURS]
    said, off = [], []
    for name, (promise, allowed) in PROMISES.items():
        if own[name] is None:
            continue
        said.append(f"the {percent(promise, 0)} band held {percent(own[name])} of the readings")
        off.append((own[name] - promise, allowed))
    if not said:
        return ""
    text = " and ".join(said)
    if own["targets"] < ENOUGH:
        verdict = "which, of so few, may be chance"
    elif any(gap < -allowed for gap, allowed in off):
        verdict = "so the bands are too narrow"
    elif any(gap > allowed for gap, allowed in off):
        verdict = narrowest(account.config, own) or "so the bands are wider than they need be"
    else:
        verdict = "as they should"
    return f"{text[0].upper()}{text[1:]}, {verdict}."


def beyond(error: float, other: float) -> float | None:
    """By which share of the other error this one is larger; 0 where both are none, None where only the other is."""
    if other == 0:
        return 0.0 if error == 0 else None
    return error / other - 1


def percent(share: float, digits: int = 1) -> str:
    """A share as it is read; number and sign stay on one line."""
    return f"{100 * share:.{digits}f}\u00a0%"


def plural(count: int, one: str, several: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def moment(time: str | int) -> str:
    """A time as it is read; the seconds are left out where they say nothing."""
    if isinstance(time, int):
        return f"{time:,}"
    day, _, clock = time.partition("T")
    clock = clock.removesuffix(":00")
    return day if clock == "00:00" else f"{day} {clock}"
