"""Reads and writes safetensors files that hold a checksum of themselves.

The format (https://github.com/huggingface/safetensors#format) is the length of the header (8 bytes, little-endian), the
header as JSON, and the arrays' bytes. It has no checksum, so the first entry of the header's `__metadata__` is ours:
the SHA-256 of the file with 64 zeros in its place. It finds damage; it does not say who wrote a file. So everything
else is checked, too.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from operant.files.atomic import write_atomically
from operant.files.regular import check_regular

DTYPES = {
    "BOOL": np.dtype("|b1"),
    "U8": np.dtype("|u1"),
    "I8": np.dtype("|i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
}
"""The dtypes of arrays, by the format's names."""

_START = b'{"__metadata__":{"sha256":"'
_BLANK = b"0" * 64
_DIGEST = slice(8 + len(_START), 8 + len(_START) + len(_BLANK))


def write_safetensors(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Replaces the file at `path` atomically by one with these arrays, of dtypes in DTYPES, and these strings.

    Raises:
        TypeError: an array has another dtype.
        OSError: the file cannot be written; the message names it and the remedy.
    """
    names = {dtype: name for name, dtype in DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": {"sha256": _BLANK.decode(), **metadata}}
    parts, end = [], 0
    for name in sorted(arrays, key=lambda name: -arrays[name].itemsize):  # so that each is aligned
        array = arrays[name]
        if array.dtype not in names:
            raise TypeError(f"a safetensors file cannot hold {name}, an array of {array.dtype}")
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": names[array.dtype], "shape": array.shape, "data_offsets": [begin, end]}
        parts.append(array.tobytes())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    start = bytearray(len(text).to_bytes(8, "little") + text)
    digest = hashlib.sha256(start)
    for part in parts:
        digest.update(part)
    start[_DIGEST] = digest.hexdigest().encode()

    def write(file: Any) -> None:
        for part in (start, *parts):
            file.write(part)

    write_atomically(path, write)


def read_safetensors(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Returns the arrays and the strings of a file written by `write_safetensors`; `kind` names it in errors.

    Raises:
        ValueError: the file is missing, damaged, or another program's; the message is one line that names it.
    """
    whole = _read(path)

    def refuse(problem: str) -> NoReturn:
        raise ValueError(f"{os.fspath(path)} {problem}")

    if not whole:
        refuse("is empty")
    if not _START.startswith(whole[8 : 8 + len(_START)]):
        refuse(f"is not a {kind} of operant")
    given = bytes(whole[_DIGEST])
    whole[_DIGEST] = _BLANK
    if given != hashlib.sha256(whole).hexdigest().encode():
        refuse(f"is truncated or corrupt: use an earlier {kind}")
    try:
        return _parse(whole)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as problem:
        refuse(f"is not a {kind} of operant: {' '.join(str(problem).split())[:80]}")


def _read(path: str | os.PathLike[str]) -> bytearray:
    try:
        check_regular(path)
        return bytearray(Path(path).read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{os.fspath(path)} does not exist") from None
    except OSError as problem:
        raise ValueError(f"{os.fspath(path)} cannot be read: {problem.strerror}") from None


def _parse(whole: bytearray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads a file whose checksum is right. Anything can have been written with it, so errors have many types."""
    size = int.from_bytes(whole[:8], "little")
    header, data = json.loads(whole[8 : 8 + size].decode()), memoryview(whole)[8 + size :]
    metadata = header.pop("__metadata__")
    del metadata["sha256"]
    if not all(isinstance(value, str) for value in metadata.values()):
        raise TypeError("its metadata are not all strings")
    arrays, expected = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, shape, (begin, end) = DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        if any(type(number) is not int or number < 0 for number in (*shape, begin, end)):
            raise ValueError(f"the shape or place of {name!r} is impossible")
        if begin != expected or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{name!r} does not begin or end where it should")
        expected = end
        arrays[name] = np.frombuffer(data[begin:end], dtype).reshape(shape).copy()
        if dtype == np.bool_ and (arrays[name].view(np.uint8) > 1).any():
            raise ValueError(f"{name!r} has values that are neither true nor false")
    if expected != len(data):
        raise ValueError("its data are not all described")
    return arrays, metadata
