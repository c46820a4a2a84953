"""EventFile: TensorBoard's file of scalars.

It is a sequence of records, each the length (uint64), the length's checksum, the bytes of an `Event` and their checksum
(uint32 each, all little-endian). An `Event` is a Protocol Buffers message of tensorflow/core/util/event.proto.
"""

from __future__ import annotations

import math
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

FORMAT = b"brain.Event:2"
# Keys of a message's fields: the field's number times 8, plus 0 for a varint, 1 for 8 bytes, 2 for a length and bytes,
# and 5 for 4 bytes.
TIME, STEP, VERSION, SUMMARY, SESSION = 0x09, 0x10, 0x1A, 0x2A, 0x3A  # of an Event
VALUE, TAG, NUMBER = 0x0A, 0x0A, 0x15  # of a Summary, and of a value in it
STATUS, START = 0x08, 1  # of a SessionLog


class EventFile:
    """An event file in `folder`; `suffix` distinguishes it from others of the same second. Rows are buffered."""

    def __init__(self, folder: Path, suffix: str):
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}{suffix}"
        self._file = open(folder / name, "wb")  # noqa: SIM115 - `close` closes it
        self._write(_event(time.time(), 0, bytes([VERSION, len(FORMAT)]) + FORMAT))

    def start(self, step: int) -> None:
        """Makes TensorBoard hide the events of earlier files from `step` on."""
        self._write(_event(time.time(), step, bytes([SESSION, 2, STATUS, START])))

    def add(self, when: float, step: int, scalars: Mapping[str, float]) -> None:
        """Adds numbers by their tags, at a time in seconds since 1970."""
        values = b"".join(bytes([VALUE]) + _counted(_value(tag, number)) for tag, number in scalars.items())
        self._write(_event(when, step, bytes([SUMMARY]) + _counted(values)))

    def flush(self) -> None:
        """Passes all rows to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Flushes and closes the file."""
        self._file.close()

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self._file.write(length + _checksum(length) + event + _checksum(event))


def _event(when: float, step: int, content: bytes) -> bytes:
    return struct.pack("<Bd", TIME, when) + bytes([STEP]) + _varint(step) + content


def _value(tag: str, number: float) -> bytes:
    try:
        packed = struct.pack("<Bf", NUMBER, number)
    except OverflowError:  # beyond the largest float32
        packed = struct.pack("<Bf", NUMBER, math.copysign(math.inf, number))
    return bytes([TAG]) + _counted(tag.encode()) + packed


def _counted(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """A number of at least 0 in groups of 7 bits, the lowest first."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _table() -> list[int]:
    """The remainders of all bytes for CRC-32C, whose polynomial is 0x82F63B78 with the lowest bit first."""
    remainders = list(range(256))
    for _ in range(8):
        remainders = [(each >> 1) ^ (0x82F63B78 if each & 1 else 0) for each in remainders]
    return remainders


_REMAINDERS = _table()


def _checksum(content: bytes) -> bytes:
    """The CRC-32C, rotated and offset, because it is stored beside what it is of."""
    crc, remainders = 0xFFFFFFFF, _REMAINDERS
    for byte in content:
        crc = remainders[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
