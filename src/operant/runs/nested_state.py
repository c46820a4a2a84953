"""Converts nested states of arrays and numbers to JSON and named arrays, and back."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.files.safetensors import DTYPES

KIND = "__kind__"  # marks a JSON object that stands for something that JSON has not


def flatten(state: dict[str, Any]) -> tuple[str, dict[str, np.ndarray]]:
    """Returns the state as JSON, and its arrays by the names that stand for them, such as "policy.0.weight".

    Arrays have the dtypes of safetensors files; others become bytes, and the JSON describes their dtype.

    Raises:
        TypeError: the state holds something else than `save_checkpoint` says; the message names the place.
    """
    arrays: dict[str, np.ndarray] = {}
    return json.dumps(_encode(state, (), arrays)), arrays


def unflatten(text: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns the state of which `flatten` made `text` and `arrays`; raises a ValueError for anything else."""
    try:
        state = _decode(json.loads(text), arrays)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as problem:
        raise ValueError(f"not a state: {problem}") from None
    if not isinstance(state, dict):
        raise ValueError(f"not a state, but a {type(state).__name__}")
    return state


def _encode(value: Any, place: tuple[str | int, ...], arrays: dict[str, np.ndarray]) -> Any:
    """Returns `value` in JSON's types. Its arrays are put into `arrays`, under the name that stands for them.

    `place` has the keys and indices that lead to the value.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, dict):
        if wrong := [key for key in value if type(key) not in (str, int)]:
            raise TypeError(
                f"a checkpoint cannot hold the key {wrong[0]!r} in {_shown(place)}: only strings and integers"
            )
        items = {key: _encode(item, (*place, key), arrays) for key, item in value.items()}
        if KIND in items or any(type(key) is int for key in items):
            return {KIND: "dict", "items": list(items.items())}
        return items
    if type(value) in (list, tuple):
        parts = [_encode(item, (*place, k), arrays) for k, item in enumerate(value)]
        return parts if type(value) is list else {KIND: "tuple", "items": parts}
    if type(value) is bytes:
        return {KIND: "bytes", "hex": value.hex()}
    array = _as_array(value, place)
    described: dict[str, Any] = {KIND: "scalar" if isinstance(value, np.generic) else "array"}
    if array.dtype not in DTYPES.values():
        try:
            described |= {"dtype": _description(np.lib.format.dtype_to_descr(array.dtype)), "shape": array.shape}
        except ValueError:
            raise TypeError(f"a checkpoint cannot hold {_shown(place)}, an array of {array.dtype}") from None
        array = np.frombuffer(array.tobytes(), np.uint8)
    name = ".".join(map(str, place))
    while name in arrays or name == "__metadata__":
        name += "_"
    arrays[name] = array
    return described | {"name": name}


def _as_array(value: Any, place: tuple[str | int, ...]) -> np.ndarray:
    torch = sys.modules.get("torch")  # imported, if there is a tensor
    if torch is not None and isinstance(value, torch.Tensor):
        try:
            value = value.detach().cpu().numpy()
        except TypeError:
            raise TypeError(
                f"a checkpoint cannot hold {_shown(place)}, a tensor of {value.dtype}: convert it to float32"
            ) from None
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return np.asarray(value)
    raise TypeError(
        f"a checkpoint cannot hold {_shown(place)}, a {type(value).__name__}: convert it to arrays and numbers"
    )


def _shown(place: tuple[str | int, ...]) -> str:
    return "state" + "".join(f"[{key!r}]" for key in place)


def _decode(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Returns what `_encode` was given; raises errors of many types for anything else."""
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(KIND)
    if kind is None:
        return {key: _decode(item, arrays) for key, item in value.items()}
    if kind == "dict":
        return {key: _decode(item, arrays) for key, item in value["items"]}
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in value["items"])
    if kind == "bytes":
        return bytes.fromhex(value["hex"])
    array = arrays[value["name"]]
    if "dtype" in value:
        dtype, content = np.lib.format.descr_to_dtype(_description(value["dtype"])), bytearray(array.tobytes())
        array = np.ndarray(value["shape"], dtype, content)
        if min(value["shape"], default=0) < 0 or array.nbytes != len(content) or not _booleans_are_valid(array):
            raise ValueError
    return {"array": array, "scalar": array[()]}[kind]


def _description(dtype: Any) -> Any:
    """Returns NumPy's description of a dtype of numbers, strings, bytes, and structures of them, also from JSON.

    Raises ValueError for all others: a dtype of Python objects would make pointers of a file's bytes.
    """
    if isinstance(dtype, str):
        if not re.fullmatch(r"[<>|][biufcSUV]\d{1,9}", dtype):
            raise ValueError(dtype)
        return dtype
    return [(name, _description(part), *map(tuple, shape)) for name, part, *shape in dtype]


def _booleans_are_valid(array: np.ndarray) -> bool:
    if array.dtype.names is not None:
        return all(_booleans_are_valid(array[name]) for name in array.dtype.names)
    return array.dtype != np.bool_ or not (array.view(np.uint8) > 1).any()
