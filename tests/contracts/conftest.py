"""Where there is no C compiler there is no kernel to test; test_auto.py tests what is done then."""

from tests.contracts.compiled import BUILT, COMPILER

collect_ignore = [] if BUILT or COMPILER else ["test_native.py", "test_native_bundles.py"]
