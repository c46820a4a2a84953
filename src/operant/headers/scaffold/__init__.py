"""`operant new`: writes a small working environment to start from, a copy of the files beside this."""

from __future__ import annotations

import re
from pathlib import Path

from operant.files.atomic import disk_errors, write_atomically

TEMPLATES = {"": ("lander", (".h", ".toml")), "mujoco": ("walker", (".h", ".toml", ".xml"))}
"""The name of each template, by the engine of the environment, and the endings of its files."""


def write_scaffold(name: str, folder: Path, engine: str = "") -> list[Path]:
    """Writes `name`.h and `name`.toml into a folder, with an engine its model `name`.xml too; returns their paths.

    Raises:
        ValueError: the name is not a C identifier.
        FileExistsError: one of the files exists; nothing is written.
        OSError: a file cannot be written; none is kept.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise ValueError(f"{name!r} must be a C identifier, such as lander or moon_lander: functions begin with it")
    template, endings = TEMPLATES[engine]
    paths = [folder / f"{name}{ending}" for ending in endings]
    for path in paths:
        if path.exists():
            raise FileExistsError(f"{path} already exists: choose another name, or remove it")
    with disk_errors("write to", folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        for path in paths:
            text = (Path(__file__).parent / f"{template}{path.suffix}").read_text(encoding="utf-8")
            write_atomically(path, re.sub(rf"\b{template}(?=[_.,-])", name, text).encode())
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
    return paths
