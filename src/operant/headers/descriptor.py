"""Reads a user's descriptor, lander.toml or lander.py beside lander.h, as an EnvSpec.

A Python file defines SPEC. A TOML file has an EnvSpec's facts; parameters are listed in the header, with their names,
defaults, units and bounds:

    id = "lander-v0"
    max_episode_steps = 200
    actions = 2                                       # [5, 2, 3] for several discrete components; if continuous
                                                      # [[action]] low = -1, high = "max_torque" for each component
    observation_kind = "Box"                          # or "Discrete", "MultiDiscrete", "Tuple" for integers
    observation_dtype = "float32"                     # for a Box; or "uint8"
    [state]                                           # in the order of the header's struct
    height = "m"                                      # the unit; or {unit = "1", integer = true, shape = [10, 10],
                                                      # low = 0, high = 9}: other numbers in a snapshot are refused
    [observation]
    height = {low = 0, high = "ceiling"}              # a number, a parameter or "-2 * parameter"; infinite if omitted;
                                                      # for an array add shape = [10, 10, 4]
    [options]
    g = "gravity"                                     # constructor arguments that set a parameter
    [attributes]
    gravity = "g"                                     # the reference's attributes whose names differ
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from operant.files.toml import read_toml
from operant.headers.task_descriptor import task_spec
from operant.messages import as_float, unknown
from operant.spec import OBSERVATION_KINDS, Bound, EnvSpec, Observation, Quantity

REQUIRED = ("id", "max_episode_steps", "state", "observation")
KEYS = (
    *REQUIRED,
    "summary",
    "reward_threshold",
    "observation_kind",
    "observation_dtype",
    "actions",
    "action",
    "options",
    "attributes",
    "agents",
    "reference",
    "reference_arguments",
    "render_fps",
    "reset_options",
)
ID = re.compile(r"(?:[\w:-]+/)?[\w:.-]+-v\d+", re.ASCII)  # as Gymnasium registers them


class DescriptorError(ValueError):
    """Raised when a descriptor is missing or invalid, or contradicts its header; the text names the file."""


def read_descriptor(header: Path) -> EnvSpec:
    """The descriptor beside a header, checked against its state.

    Raises:
        DescriptorError: it is missing or invalid.
    """
    toml, python = header.with_suffix(".toml"), header.with_suffix(".py")
    if toml.is_file() and python.is_file():
        raise DescriptorError(f"{toml} and {python} both describe {header.name}: remove one")
    if toml.is_file():
        spec = _from_toml(toml)
    elif python.is_file():
        spec = _from_python(python)
    else:
        raise DescriptorError(f"{header} has no descriptor: write {toml.name} or {python.name} beside it")
    spec = dataclasses.replace(spec, header=header.stem, source=str(header))
    path = toml if toml.is_file() else python
    _check(path, spec)
    if not spec.engine:
        _check_state(path, spec, header.read_text(encoding="utf-8", errors="replace"))
    return spec


def is_task(header: Path) -> bool:
    """True if a header is a task on an engine, as its descriptor says, which need not be valid."""
    path = header.with_suffix(".toml")
    try:
        return path.is_file() and "engine" in _read(path)
    except DescriptorError:
        return False


def _from_python(path: Path) -> EnvSpec:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    # From the text that `trust` hashes: an import would take a compiled file beside it, whoever made that.
    exec(compile(path.read_bytes(), path, "exec"), vars(module))
    spec = getattr(module, "SPEC", None)
    if not isinstance(spec, EnvSpec):
        raise DescriptorError(f"{path} must define SPEC = operant.spec.EnvSpec(...)")
    return spec


def _from_toml(path: Path) -> EnvSpec:
    table = _read(path)
    if "engine" in table:
        try:
            return task_spec(path, table)
        except ValueError as problem:
            raise DescriptorError(f"{path}: {problem}") from None
    if "parameters" in table:
        raise DescriptorError(
            f"{path}: [parameters] belongs in the header: move units and bounds to "
            '#define PARAMETERS(P) P(name, default, "unit", low, high)'
        )
    for key in table:
        if key not in KEYS:
            raise DescriptorError(f"{path}: {unknown('key', key, KEYS)}")
    for key in REQUIRED:
        if key not in table:
            raise DescriptorError(f"{path} lacks {key!r}")
    try:
        return _spec(table)
    except ValueError as problem:
        raise DescriptorError(f"{path}: {problem}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except ModuleNotFoundError:
        raise DescriptorError(
            f"reading {path} needs tomli on Python 3.10: pip install tomli, or write {path.stem}.py with SPEC"
        ) from None
    except ValueError as problem:
        raise DescriptorError(str(problem)) from None


def _spec(table: Mapping[str, Any]) -> EnvSpec:
    actions, components = table.get("actions", 0), table.get("action", [])
    if bool(actions) == bool(components):
        raise DescriptorError(
            "give either actions = N (or [N, M] for several components) or, for each component, [[action]] with low "
            "and high"
        )
    return EnvSpec(
        id=_typed(table, "id", str),
        header="",
        summary=_typed(table, "summary", str, ""),
        state=tuple(_quantity(name, given) for name, given in _table(table, "state").items()),
        observation=tuple(_observation(name, given) for name, given in _table(table, "observation").items()),
        max_episode_steps=_typed(table, "max_episode_steps", int),
        reference=_typed(table, "reference", str, ""),
        reference_arguments=_table(table, "reference_arguments"),
        actions=_counts("actions", actions) if isinstance(actions, list) else _typed(table, "actions", int, 0),
        observation_kind=_typed(table, "observation_kind", str, "Box"),
        observation_dtype=_typed(table, "observation_dtype", str, "float32"),
        action_bounds=tuple(_action(number, given) for number, given in enumerate(components)),
        reward_threshold=_number("reward_threshold", table["reward_threshold"])
        if "reward_threshold" in table
        else None,
        render_fps=_typed(table, "render_fps", int, 30),
        options=_strings(table, "options"),
        attributes=_strings(table, "attributes"),
        reset_options=tuple((name, name) for name in _names(table, "reset_options")),
        agents=_names(table, "agents"),
    )


def _typed(table: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = table.get(key, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DescriptorError(f"{key} = {value!r} must be {'a string' if kind is str else 'an integer'}")
    return value


def _table(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise DescriptorError(f"{key} = {value!r} must be a table: [{key}]")
    return value


def _names(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise DescriptorError(f"{key} = {value!r} must be a list of names")
    return tuple(value)


def _strings(table: Mapping[str, Any], key: str) -> dict[str, str]:
    value = _table(table, key)
    for name, given in value.items():
        if not isinstance(given, str):
            raise DescriptorError(f"{key}.{name} = {given!r} must be a name")
    return value


def _counts(key: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(type(each) is int and each > 0 for each in value):
        raise DescriptorError(f"{key} = {value!r} must be a list of positive integers")
    return tuple(value)


def _shape(where: str, table: Mapping[str, Any]) -> tuple[int, ...]:
    return _counts(f"{where}.shape", table["shape"]) if "shape" in table else ()


def _number(key: str, value: Any, needed: str = "a number") -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DescriptorError(f"{key} = {value!r} must be {needed}")
    return as_float(key, value)


def _only(what: str, given: Any, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise DescriptorError(f"{what} = {given!r} must be a table such as {{low = -1, high = 1}}")
    for key in given:
        if key not in known:
            raise DescriptorError(f"{what}: {unknown('key', key, known)}")
    return given


def _quantity(name: str, given: Any) -> Quantity:
    if isinstance(given, str):
        return Quantity(name, given)
    table = _only(f"state.{name}", given, ("unit", "integer", "shape", "low", "high"))
    integer = table.get("integer", False)
    if not isinstance(integer, bool):
        raise DescriptorError(f"state.{name}.integer = {integer!r} must be true or false")
    low = _number(f"state.{name}.low", table.get("low", -math.inf))
    high = _number(f"state.{name}.high", table.get("high", math.inf))
    return Quantity(name, _typed(table, "unit", str, ""), integer, _shape(f"state.{name}", table), low, high)


def _observation(name: str, given: Any) -> Observation:
    table = _only(f"observation.{name}", given, ("low", "high", "shape"))
    where = f"observation.{name}"
    return Observation(
        name,
        _bound(f"{where}.low", table.get("low", -math.inf)),
        _bound(f"{where}.high", table.get("high", math.inf)),
        _shape(where, table),
    )


def _action(number: int, given: Any) -> tuple[Bound, Bound]:
    table = _only(f"action {number}", given, ("low", "high"))
    if set(table) != {"low", "high"}:
        raise DescriptorError(f"action {number} needs low and high")
    return _bound(f"action {number} low", table["low"]), _bound(f"action {number} high", table["high"])


def _bound(where: str, given: Any) -> Bound:
    """Reads a bound: a number, or "x", "-x" or "2.5 * x" for a parameter x."""
    if isinstance(given, str):
        found = re.fullmatch(r"(-?)\s*(?:(\d+(?:\.\d*)?)\s*\*\s*)?([A-Za-z_]\w*)", given.strip())
        if not found:
            raise DescriptorError(f'{where} = {given!r} must be a number, a parameter or "-2 * parameter"')
        return found[3], float(found[1] + (found[2] or "1"))
    return _number(where, given, 'a number, a parameter or "-2 * parameter"')


def _check(path: Path, spec: EnvSpec) -> None:
    """Raises a DescriptorError for an invalid EnvSpec, from TOML or Python."""
    for text in _texts(spec):
        if not text.isprintable():
            raise DescriptorError(f"{path}: {text!r} has characters that cannot be printed: remove them")
    if not ID.fullmatch(spec.id) or spec.id.startswith("operant/"):
        raise DescriptorError(f"{path}: id = {spec.id!r} must be a name of your own with a version, such as lander-v0")
    if spec.max_episode_steps is not None and spec.max_episode_steps < 1:
        raise DescriptorError(f"{path}: max_episode_steps = {spec.max_episode_steps} must be at least 1")
    if spec.engine:
        return  # the model says the rest
    if spec.actions and spec.action_bounds:
        raise DescriptorError(f"{path}: give actions or [[action]] bounds, not both")
    if min(spec.action_counts, default=0) < 1 and not spec.action_bounds:
        raise DescriptorError(f"{path}: actions = {spec.actions} must be at least 1, unless they have bounds")
    _check_observation(path, spec)
    if spec.reference and not re.fullmatch(r"[\w.]+:[\w.]+", spec.reference):
        raise DescriptorError(f'{path}: reference = {spec.reference!r} must be like "module:Class"')
    bounded: list[Quantity | Observation] = [*spec.state, *spec.observation]
    for part in bounded:
        if not isinstance(part.low, tuple) and not isinstance(part.high, tuple) and not part.low <= part.high:
            raise DescriptorError(f"{path}: {part.name} has low = {part.low} above high = {part.high}")


def _texts(value: Any) -> Iterator[str]:
    """Yields all strings of a descriptor, except its path."""
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            if field.name != "source":
                yield from _texts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from _texts(tuple(value.items()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _texts(part)


def _check_observation(path: Path, spec: EnvSpec) -> None:
    kind, dtype = spec.observation_kind, spec.observation_dtype
    for key, value, known in (
        ("observation_kind", kind, OBSERVATION_KINDS),
        ("observation_dtype", dtype, ("float32", "uint8")),
    ):
        if value not in known:
            raise DescriptorError(f"{path}: {key} = {value!r} must be one of {', '.join(known)}")
    if kind == "Box" and dtype == "float32":
        return
    most = 255 if kind == "Box" else 1 << 31
    for part in spec.observation:
        whole = all(isinstance(bound, float | int) and bound == int(bound) for bound in (part.low, part.high))
        if not (whole and 0 <= part.low <= part.high <= most and (kind == "Box" or part.low == 0)):  # type: ignore[operator]
            low = "from 0" if kind == "Box" else "low = 0"
            raise DescriptorError(
                f"{path}: observation {part.name} is an integer ({kind} of {'uint8' if kind == 'Box' else 'int64'}): "
                f"its bounds must be whole numbers, {low}, and at most {most}, not {part.low} and {part.high}"
            )
    if kind == "Discrete" and spec.observation_size != 1:
        raise DescriptorError(f"{path}: a Discrete observation is one number, not {spec.observation_size}")


def _check_state(path: Path, spec: EnvSpec, text: str) -> None:
    """Raises a DescriptorError if names, types or order of the state differ from the header's struct.

    Only a struct that is a plain list of vf and vi is compared. An array is one Quantity.
    """
    members = struct_members(text, f"{spec.header}_state")
    if members is None:
        return
    names = [part.name for part in spec.state]
    if [member.name for member in members] != names:
        raise DescriptorError(
            f"{path} describes the state {', '.join(names) or 'of nothing'}; {spec.header}_state in "
            f"{Path(spec.source).name} has {', '.join(member.name for member in members)}: use the same names and order"
        )
    for member, part in zip(members, spec.state, strict=True):
        if part.integer != (member.kind == "vi"):
            integer = str(member.kind == "vi").lower()
            raise DescriptorError(f"{path}: {part.name} is a {member.kind} in the header: set integer = {integer}")
        if member.shape is not None and math.prod(member.shape) != part.size:
            has = "".join(f"[{size}]" for size in member.shape) or "one number"
            raise DescriptorError(f"{path}: {part.name} is {has} in the header: set shape = {list(member.shape)}")


class Member(NamedTuple):
    """A member of a struct. `shape` is () for a single number, None if its sizes are not plain numbers."""

    name: str
    kind: str
    shape: tuple[int, ...] | None = ()


def struct_members(text: str, name: str) -> list[Member] | None:
    """The members of a struct if all are plain, such as `vf a, b[3];` and `vi c;`; else None."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
    found = re.search(r"typedef\s+struct\s*\w*\s*\{([^{}]*)\}\s*" + re.escape(name) + r"\s*;", text)
    if not found:
        return None
    members = []
    for declaration in found[1].split(";"):
        if not declaration.strip():
            continue
        plain = re.fullmatch(r"\s*(v[fi])\s+(\w+[^,]*(?:,\s*\w+[^,]*)*)", declaration)
        if not plain:
            return None
        for member in plain[2].split(","):
            found = re.fullmatch(r"\s*(\w+)\s*((?:\[[^\[\]]+\]\s*)*)", member)
            if not found:
                return None
            sizes = re.findall(r"\[([^\[\]]+)\]", found[2])
            plainly = all(size.strip().isdecimal() for size in sizes)
            members.append(Member(found[1], plain[1], tuple(int(size) for size in sizes) if plainly else None))
    return members
