"""`operant new`: writes a start for a user's own environment."""

from __future__ import annotations

from pathlib import Path

from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.cli.names import short_name
from operant.cli.parser import Parser
from operant.headers.scaffold import write_scaffold

DESCRIPTION = """\
Writes a small working environment: NAME.h holds the physics, NAME.toml describes its numbers. Comments say what to
change. docs/add-an-environment.md explains both files. With --mujoco it is a task on MuJoCo: NAME.xml is the model, and
NAME.h holds the reward, the observation and the end of an episode; docs/mujoco.md explains them.
"""
PROGRAM = "operant new"


def command(argv: list[str]) -> int:
    """Writes the files; the exit code is 0, or 1 if one of them exists already."""
    parser = Parser(PROGRAM, description=DESCRIPTION)
    parser.add_argument("name", metavar="NAME", help="prefix of its functions and of its id, such as lander")
    parser.add_argument(
        "--folder", metavar="DIR", type=Path, default=Path(), help="folder of the files (default: the current one)"
    )
    parser.add_argument("--mujoco", action="store_true", help="a task on MuJoCo, with a model")
    options = parser.parse(argv)
    if short_name(options.name) in map(
        short_name, (*CATALOG, *ENGINES, *MULTIAGENT)
    ):  # `train NAME` would take that one
        parser.error(f"{options.name!r} is a built-in environment: choose another name, such as my_{options.name}")
    try:
        paths = write_scaffold(options.name, options.folder, "mujoco" if options.mujoco else "")
    except ValueError as problem:
        parser.error(str(problem))
    header = paths[0]
    print(f"wrote {', '.join(map(str, paths[:-1]))} and {paths[-1]}")
    print(f"next: operant build {header}; operant check {header}; operant train {header}")
    return 0
