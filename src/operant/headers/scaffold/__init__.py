"""`operant new`: writes a small working environment to start from, a copy of lander.h and lander.toml beside this."""

from __future__ import annotations

import re
from pathlib import Path

from operant.files.atomic import disk_errors, write_atomically

TEMPLATE = "lander"


def write_scaffold(name: str, folder: Path) -> tuple[Path, Path]:
    """Writes `name`.h and `name`.toml into a folder; returns their paths.

    Raises:
        ValueError: the name is not a C identifier.
        FileExistsError: one of the files exists; nothing is written.
        OSError: a file cannot be written; neither is kept.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise ValueError(f"{name!r} must be a C identifier, such as lander or moon_lander: functions begin with it")
    header, descriptor = folder / f"{name}.h", folder / f"{name}.toml"
    for path in (header, descriptor):
        if path.exists():
            raise FileExistsError(f"{path} already exists: choose another name, or remove it")
    with disk_errors("write to", folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        for path in (header, descriptor):
            text = (Path(__file__).parent / f"{TEMPLATE}{path.suffix}").read_text(encoding="utf-8")
            write_atomically(path, re.sub(rf"\b{TEMPLATE}(?=[_.-])", name, text).encode())
    except BaseException:
        header.unlink(missing_ok=True)
        raise
    return header, descriptor
