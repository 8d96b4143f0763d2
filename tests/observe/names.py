"""Which metrics an expression of Prometheus asks for."""

from __future__ import annotations

import re

_NAME = re.compile(r"\b(?:gatecast|process|up)(?:_[a-z_]+)?\b")


def names_of(expression: str) -> set[str]:
    """Names of metrics of ours, of the process, and `up`; not those inside braces or text."""
    bare = re.sub(r"\{[^}]*\}", "", expression)
    return set(_NAME.findall(bare))
