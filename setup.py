"""The one part that is compiled: our own step. Where there is no C compiler the install goes on without it."""

from setuptools import Extension, setup

KERNEL = "service/runtimes/kernel"

setup(
    ext_modules=[
        Extension(
            "service.runtimes._kernel",
            sources=[f"{KERNEL}/{name}.c" for name in ("module", "load", "plain", "avx2", "avx512")],
            depends=[f"{KERNEL}/{name}.h" for name in ("net", "load", "vectors", "product", "step")],
            # each file names its processor itself, so one build runs on any; fused products are meant
            extra_compile_args=["-std=c11", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"],
            optional=True,
        )
    ]
)
