"""The installed MuJoCo: its module, and the addresses of its functions and arrays. Nothing is linked or bundled."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled

from operant._native import ffi, lib

FUNCTIONS = {
    "step": "mj_step",
    "forward": "mj_forward",
    "reset": "mj_resetData",
    "post": "mj_rnePostConstraint",
    "get_state": "mj_getState",
    "set_state": "mj_setState",
    "set_const": "mj_setConst",
}
INSTALL = "pip install 'operant[mujoco]'"
OLDEST = (2, 3, 7)
PARTS = ("__version__", "MjModel", "MjData")
"""Some names of the module `mujoco`: another file of that name lacks them."""


@functools.cache
def mujoco_module(env_id: str) -> Any:
    """The module `mujoco`.

    Raises:
        gymnasium.error.DependencyNotInstalled: it is missing, damaged or too old.
    """
    try:
        import mujoco

        if mujoco.__file__ is None:  # a folder that an uninstalled package, or its user, left
            raise ImportError(f"{next(iter(mujoco.__path__))} is empty")
        lacking = [name for name in PARTS if not hasattr(mujoco, name)]
        if lacking and not hasattr(mujoco, "__path__"):
            raise DependencyNotInstalled(f"{env_id} needs MuJoCo, which {mujoco.__file__} hides: rename that file")
        if lacking:
            raise ImportError(f"{mujoco.__file__} has no {lacking[0]}")
    except ImportError as problem:
        why = "MuJoCo" if problem.name == "mujoco" else f"MuJoCo, which is damaged here ({problem})"
        raise DependencyNotInstalled(f"{env_id} needs {why}: {INSTALL}") from None
    if version_of(mujoco) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise DependencyNotInstalled(f"{env_id} needs MuJoCo {oldest} or newer, not {mujoco.__version__}: {INSTALL}")
    return mujoco


def version_of(mujoco: Any) -> tuple[int, ...]:
    """The version of the module `mujoco`, such as (3, 3, 7)."""
    return tuple(int(part) for part in mujoco.__version__.split(".")[:3] if part.isdigit())


@functools.cache
def addresses(env_id: str) -> dict[str, Any]:
    """The pointers of an operant_mujoco to functions of libmujoco, by member: the library that `mujoco` has loaded."""
    folder = Path(mujoco_module(env_id).__file__).parent
    found = sorted(
        path for pattern in ("libmujoco*.so*", "libmujoco*.dylib", "mujoco.dll") for path in folder.glob(pattern)
    )
    if not found:
        raise DependencyNotInstalled(f"{env_id}: {folder} holds no libmujoco: {INSTALL}")
    try:
        library = ctypes.CDLL(str(found[0]))
        pointers = {member: _address(getattr(library, name)) for member, name in FUNCTIONS.items()}
        logs = getattr(library, "mju_setLogHandler", None)
        pointers["set_log_handler"] = ffi.NULL if logs is None else _address(logs)
        error = ctypes.c_void_p.in_dll(library, "mju_user_error")
    except (OSError, AttributeError, ValueError) as problem:
        raise DependencyNotInstalled(f"{env_id}: {found[0]} is damaged ({problem}): {INSTALL}") from None
    pointers["user_error"] = ffi.cast("void *", ctypes.addressof(error))
    pointers["time"] = variable_address(library, "mjcb_time")
    return pointers


def clock_variable(env_id: str) -> ctypes.c_void_p:
    """MuJoCo's variable mjcb_time, the clock of its timers."""
    return ctypes.c_void_p.from_address(int(ffi.cast("uintptr_t", addresses(env_id)["time"])))


def variable_address(library: ctypes.CDLL, name: str) -> Any:
    """The address of a global variable of a library; NULL if it has none of this name."""
    try:
        variable = ctypes.c_void_p.in_dll(library, name)
    except ValueError:
        return ffi.NULL
    return ffi.cast("void *", ctypes.addressof(variable))


def _address(function: Any) -> Any:
    return ffi.cast("void *", ctypes.cast(function, ctypes.c_void_p).value)


def array_address(array: np.ndarray) -> int:
    """Where an array's numbers begin."""
    return int(array.__array_interface__["data"][0])


@functools.cache
def numpy_fuses() -> bool:
    """True if NumPy's dot product of doubles fuses multiply and add here, as its BLAS does on some CPUs.

    Norms are computed with it, and decide the last bits of some rewards.
    """
    vectors = np.random.default_rng(0).normal(size=(200, 3))
    return all(x.dot(x) == lib.operant_dot(ffi.from_buffer("double[]", x), 3, 1) for x in vectors)
