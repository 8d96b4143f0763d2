"""Which runtimes can run where the tests run: all of them, unless there is no C compiler to build our own step with."""

from __future__ import annotations

import shutil
import sysconfig

from service.runtimes import RUNTIMES
from service.runtimes.native import Kernel

COMPILER = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0])
BUILT = Kernel is not None


def real_runtimes_here() -> list[str]:
    """Those of them that answer for a model."""
    return [name for name in runtimes_here() if name != "fake"]


def runtimes_here() -> list[str]:
    """The registry's, less `native` where it was not built; tests/contracts/test_native.py says when that may be."""
    return sorted(set(RUNTIMES) - (set() if BUILT else {"native"}))
