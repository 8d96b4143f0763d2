"""Lists as they are typed: names and numbers with commas between them."""

from __future__ import annotations


def names_in(text: str | None) -> list[str] | None:
    """The names in "a,b"; "none" names none."""
    if text is None:
        return None
    return [] if text.strip() in ("", "none") else [name.strip() for name in text.split(",")]


def members_in(text: str | None) -> tuple[str, ...] | None:
    """The architectures in "gru,lstm", in their order."""
    found = names_in(text)
    return None if found is None else tuple(found)


def numbers_in(flag: str, text: str | None) -> tuple[int, ...] | None:
    """The whole numbers in "96,64"; ValueError, which names the flag, for anything else."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{flag} takes whole numbers, 24,168 say, not {text!r}") from None


def lags_in(text: str | None) -> tuple[int, ...] | None:
    """The steps in "24,168", ascending; ValueError for anything else."""
    found = numbers_in("--lags", text)
    return None if found is None else tuple(sorted(set(found)))
