"""The nets that suites over all architectures run over: each of the registry, and an ensemble of whole histories."""

from __future__ import annotations

from typing import Any

from models.registry import ARCHITECTURES

WHOLE = "lstm+bi-gru"  # an ensemble with a member that does not stream
NETS: dict[str, dict[str, Any]] = {
    **{name: {"architecture": name} for name in sorted(ARCHITECTURES)},
    WHOLE: {"architecture": "ensemble", "members": ("lstm", "bi-gru")},
}
REST_ONLY = ("bi-gru", WHOLE)
