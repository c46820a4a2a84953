"""The compiled core: its targets, environments and libraries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from operant._native import ffi, lib
from operant.files.private import is_own_file
from operant.headers import library
from operant.messages import unknown
from operant.spec import EnvSpec, Parameter

AUTORESET = {"NextStep": lib.OPERANT_NEXT_STEP, "SameStep": lib.OPERANT_SAME_STEP, "Disabled": lib.OPERANT_DISABLED}
OBSERVATION_TYPES: dict[int, np.dtype] = {
    lib.OPERANT_FLOAT32: np.dtype(np.float32),
    lib.OPERANT_FLOAT64: np.dtype(np.float64),
    lib.OPERANT_INT64: np.dtype(np.int64),
    lib.OPERANT_UINT8: np.dtype(np.uint8),
}


def isas() -> dict[str, bool]:
    """The compiled targets, best first, each with True if this CPU runs it; "exact" is the float64 build."""
    names: dict[str, bool] = {}
    while (name := lib.operant_isa(len(names))) != ffi.NULL:
        names[ffi.string(name).decode()] = bool(lib.operant_isa_runs_here(len(names)))
    return names


def parameters(spec: EnvSpec) -> tuple[Parameter, ...]:
    """The parameters of an environment, in the order of its header's list; none with an engine."""
    return () if spec.engine else info_parameters(find_environment(spec)[1])


def defaults(spec: EnvSpec) -> dict[str, float]:
    """Each parameter's default by name, as the environment's header gives it."""
    return {parameter.name: parameter.default for parameter in parameters(spec)}


def info_parameters(info: Any) -> tuple[Parameter, ...]:
    """The parameters in an operant_env_info."""
    listed = [info.parameters[k] for k in range(info.param_count)]
    return tuple(
        Parameter(ffi.string(each.name).decode(), each.value, ffi.string(each.unit).decode(), each.low, each.high)
        for each in listed
    )


def find_environment(spec: EnvSpec) -> tuple[Any, Any]:
    """The library that holds an environment, NULL for the core itself, and its operant_env_info.

    A user's header is compiled, unless a compiled library exists.

    Raises:
        ValueError: the header does not compile, or its descriptor does not fit it.
    """
    if spec.source:
        loaded = load_library(library.build_checked(Path(spec.source)).path)
        info = lib.operant_library_env(loaded)
        check_descriptor(spec, info)
        return loaded, info
    for index in range(lib.operant_env_count()):
        info = lib.operant_env(index)
        if ffi.string(info.name).decode() == spec.header:
            return ffi.NULL, info
    raise ValueError(f"the compiled core has no environment {spec.header!r}: rebuild operant")


def load_library(path: Path) -> Any:
    """A compiled header as the core's operant_library.

    Raises:
        ValueError: the core cannot use it, or this user did not compile it.
    """
    return load_with(lib.operant_load, path)


def load_with(load: Any, path: Path) -> Any:
    """The result of the core's function `load` for a library; raises a ValueError as `load_library`."""
    if not is_own_file(path):
        raise ValueError(f"{path} is not a library that you compiled: remove it, and `operant build` compiles it anew")
    message = ffi.new("char[512]")
    loaded = load(os.fsencode(path), message, 512)
    if loaded == ffi.NULL:
        text = ffi.string(message).decode(errors="replace")
        raise ValueError(f"{text}: `operant build --again` compiles it anew; after an update of operant, rebuild that")
    return loaded


def check_descriptor(spec: EnvSpec, info: Any) -> None:
    """Raises a ValueError if a descriptor's sizes differ from its header's, or it names an unlisted parameter."""
    known = [parameter.name for parameter in info_parameters(info)]
    for name in sorted(spec.named_parameters - {*known}):
        raise ValueError(
            f"the descriptor of {spec.id} names a parameter that {spec.header}.h does not list: "
            f"{unknown('parameter', name, known)}"
        )
    agents, counts = max(1, len(spec.agents)), spec.action_counts
    for what, found, named in (
        ("state", info.state_size, spec.state_size),
        ("observation_size", info.observation_size, spec.observation_size),
        ("actions", info.actions, max(counts, default=0)),
        ("action_size", info.action_size, len(counts or spec.action_bounds)),
        ("agents", info.agents, agents),
    ):
        if found != named:
            where = f"{spec.header}_{what}"
            members = f"{where} has {found} members" if what == "state" else f"{where} is {found}"
            raise ValueError(
                f"{spec.header}.h and the descriptor of {spec.id} differ: {members}, but the descriptor has {named}"
            )
    if (written := OBSERVATION_TYPES[info.observation_dtype]) != (described := np.dtype(spec.number_type)):
        how = {"float32": "vf *", "int64": "vi *", "uint8": f"vi * and #define {spec.header}_observes_bytes 1"}
        raise ValueError(
            f"{spec.header}.h and the descriptor of {spec.id} differ: {spec.header}_observe writes {written}, but the "
            f"descriptor has a {spec.observation_kind} of {described}, which is written as {how[described.name]}"
        )
    if counts and (have := _choices(info)) != counts:
        raise ValueError(
            f"{spec.header}.h and the descriptor of {spec.id} differ: actions have {have} choices, but the descriptor "
            f"has {counts}"
        )


def _choices(info: Any) -> tuple[int, ...]:
    """The number of choices of each component of a discrete action; () if actions are continuous."""
    return tuple(info.action_counts[k] or info.actions for k in range(info.action_size)) if info.actions else ()


def trajectory_hash(header: str, isa: str, workers: int = 1) -> int:
    """The FNV-1a hash of a fixed trajectory of an environment on one target: `operant_certificate` in operant.h."""
    return int(lib.operant_certificate(ffi.NULL, header.encode(), isa.encode(), isa == "exact", workers))


def library_hash(path: Path, header: str, isa: str) -> int:
    """`trajectory_hash` of the environment in a compiled library."""
    return int(lib.operant_certificate(load_library(path), header.encode(), isa.encode(), isa == "exact", 1))
