"""`operant new`: writes a small working environment to start from, a copy of lander.h and lander.toml beside this."""

from __future__ import annotations

import re
from pathlib import Path

TEMPLATE = "lander"


def write_scaffold(name: str, folder: Path) -> tuple[Path, Path]:
    """Writes `name`.h and `name`.toml into a folder; returns their paths.

    Raises:
        ValueError: the name is not a C identifier.
        FileExistsError: one of the files exists; nothing is written.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise ValueError(f"{name!r} must be a C identifier, such as lander or moon_lander: functions begin with it")
    header, descriptor = folder / f"{name}.h", folder / f"{name}.toml"
    for path in (header, descriptor):
        if path.exists():
            raise FileExistsError(f"{path} already exists: choose another name, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for path in (header, descriptor):
        text = (Path(__file__).parent / f"{TEMPLATE}{path.suffix}").read_text(encoding="utf-8")
        path.write_text(re.sub(rf"\b{TEMPLATE}(?=[_.-])", name, text), encoding="utf-8")
    return header, descriptor
