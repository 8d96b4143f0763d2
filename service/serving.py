"""Which model serves: the one core that takes what comes, named by those who must ask at every turn."""

from __future__ import annotations

from service.core import Core


class Serving:
    """Holds the core that serves now. Only the engine's thread changes it, and only between two batches."""

    core: Core  # set before the engine starts
