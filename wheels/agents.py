"""Trains the agents of agents.toml: `make agents`, or `python wheels/agents.py`, with names for some of them.

Each is trained by `operant train` and judged by `operant eval`. Of its run, what a player needs stays: the
configuration, the record, and the policy of the last checkpoint. Those of [wheel] are in src/operant/agents, those of
[release] in build/operant-agents.tar.gz. An agent that has the same weights as before stays as it is.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from operant.files.toml import read_toml, write_toml
from operant.messages import unknown
from operant.runs.checkpoint import CheckpointFolder, load_checkpoint, save_checkpoint
from operant.runs.run_directory import RunDirectory

ROOT = Path(__file__).parents[1]
RECIPES = Path(__file__).with_name("agents.toml")
WHEEL = ROOT / "src" / "operant" / "agents"
BUILD = ROOT / "build" / "agents"
EPISODES = 1000
POLICY = ("algorithm", "backend", "config", "seed", "env_id", "env_options", "counters", "policy")
"""The parts of a checkpoint that a player needs, besides the statistics of observations."""
RECORD = (
    *("format", "environment", "code", "algorithm", "backend", "arithmetic", "seed", "total_steps", "created"),
    *("versions", "status", "updates", "weights"),
)
"""The keys of run.json that are kept: none that tells about the machine."""


def operant(*arguments: str) -> str:
    """Runs a command of operant's, and returns what it prints."""
    command = [sys.executable, "-m", "operant.cli.main", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def train(name: str, recipe: dict[str, Any]) -> RunDirectory:
    """Trains an agent in a folder of its own."""
    runs = BUILD / "runs" / name
    shutil.rmtree(runs, ignore_errors=True)
    runs.mkdir(parents=True)
    write_toml(runs / "recipe.toml", {"environment": name, **recipe})
    operant("train", "--config", str(runs / "recipe.toml"), "--runs", str(runs), "--no-tensorboard", "--quiet")
    return RunDirectory.latest(runs)


def keep(run: RunDirectory, folder: Path) -> None:
    """Writes what a player needs of a run into a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "checkpoints").mkdir(parents=True)
    shutil.copy(run.path / "config.toml", folder)
    nowhere = {"id": folder.name, "host": "", "pid": 0, "pid_started": None}
    record = nowhere | {name: run.record[name] for name in RECORD}
    (folder / "run.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    last = CheckpointFolder(run.checkpoints).latest()
    state = load_checkpoint(last)
    policy = {name: state[name] for name in POLICY}
    save_checkpoint(
        folder / "checkpoints" / last.name, {**policy, "collector": {"normalizer": state["collector"]["normalizer"]}}
    )


def make(name: str, recipe: dict[str, Any], folder: Path) -> None:
    """Makes an agent, and prints a row of the table in docs/agents.md."""
    run = train(name, recipe)
    same = (folder / "run.json").exists() and RunDirectory(folder).record["weights"] == run.record["weights"]
    if not same:
        keep(run, folder)
    result = json.loads(operant("eval", f"{folder}/", "--episodes", str(EPISODES), "--json"))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1000
    numbers = f"{result['mean']:.2f} | {result['steps']:,} | {run.record['seed']} | {size:.0f} kB"
    print(f"| `{name}` | `{result['environment']}` | {numbers} | {'the same' if same else 'new'} |", flush=True)


def main(chosen: list[str]) -> int:
    """Makes the agents with these names, or all of them and the file of the release."""
    recipes = read_toml(RECIPES)
    known = [*recipes["wheel"], *recipes["release"]]
    for name in chosen:
        if name not in known:
            sys.exit(unknown("agent", name, known))
    for where, folder in (("wheel", WHEEL), ("release", BUILD / "release")):
        for name, recipe in recipes[where].items():
            if not chosen or name in chosen:
                make(name, recipe, folder / name)
    if not chosen:
        pack(ROOT / "build" / "operant-agents.tar.gz", recipes["release"])
    return 0


def pack(file: Path, names: Iterable[str]) -> None:
    """Writes the file of the release."""
    with tarfile.open(file, "w:gz") as archive:
        for name in names:
            archive.add(BUILD / "release" / name, name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
