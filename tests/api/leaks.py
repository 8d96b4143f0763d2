"""What no client may be told: where things lie, what the code is like, how names are kept, what others have."""

from __future__ import annotations

import re

SECRET = "hunter2"  # stands for any word that only the inside knows
PLACE = f"/srv/{SECRET}/journal.sqlite"
INSIDE = f"{SECRET}\x1fmeter"  # another tenant's session

_SIGNS = re.compile(
    rf"{SECRET}|Traceback|most recent call|File \"|\.py\b|site-packages|\\u001f|\x1f|0x[0-9a-f]{{6,}}"
    r"|/(?:srv|root|home|tmp|usr|etc|var|opt)/|[A-Za-z]+Error\b|sqlite|onnxruntime|uvicorn|starlette|pydantic"
)


def assert_nothing_leaks(text: str) -> None:
    found = _SIGNS.search(text)
    assert found is None, f"{found[0]!r} in {text}"
