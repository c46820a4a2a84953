"""What pyproject.toml cannot say: compile the C core through cffi, and the typed leaf modules through mypyc."""

import os

from setuptools import setup

COMPILED = ["src/operant/outputs.py"]


def mypyc_modules() -> list:
    """The leaf modules of the step path as extensions; OPERANT_MYPYC=0 leaves them Python."""
    if os.environ.get("OPERANT_MYPYC", "1") == "0":
        return []
    from mypyc.build import mypycify

    return mypycify(["--follow-imports=skip", "--ignore-missing-imports", *COMPILED])


modules = mypyc_modules()
setup(
    cffi_modules=["native/build.py:ffi"],
    ext_modules=modules,
    # The core alone is abi3: one wheel for all versions. mypyc's modules are not.
    options={} if modules else {"bdist_wheel": {"py_limited_api": "cp310"}},
)
