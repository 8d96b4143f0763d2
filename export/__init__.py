"""From a trained run to a bundle that has been proved by the code that will serve it.

The names below are the library; each is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.description import Description
    from export.fitted import bundle_of
    from export.verify import Verification
    from export.writer import write_bundle
else:
    _HOMES = {
        "Description": "export.description",
        "Verification": "export.verify",
        "bundle_of": "export.fitted",
        "write_bundle": "export.writer",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"export has no {name!r}; it offers {', '.join(_HOMES)}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = ["Description", "Verification", "bundle_of", "write_bundle"]
