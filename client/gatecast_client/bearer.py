"""The header in which a key travels."""

from __future__ import annotations


def bearer(key: str | None) -> dict[str, str]:
    """The headers of who has this key; none without one.

    What stands around it, such as the line break of the file it was read from, is left out. ValueError where it cannot
    stand in a header; it does not show the key, since errors end up in logs.
    """
    word = (key or "").strip()
    if not word:
        return {}
    if not (word.isascii() and word.isprintable()) or " " in word:
        raise ValueError(
            f"key: one word of letters, digits, - and _ was expected, as `gatecast keys create` prints it; got "
            f"{len(word)} characters with others among them"
        )
    return {"Authorization": f"Bearer {word}"}
