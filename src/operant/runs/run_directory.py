"""RunDirectory: the files of one training run, and the search for a run by its id."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

from operant.files.atomic import disk_errors, write_atomically
from operant.files.regular import check_regular
from operant.files.toml import read_toml, write_toml
from operant.headers.trust import code_hash
from operant.runs.process import is_alive, started

FORMAT = 1
STATUSES = ("starting", "running", "finished", "interrupted", "failed")
IN_PROGRESS = ("starting", "running")
ID = re.compile(r"[A-Za-z0-9._-]+")
PACKAGES = ("operant", "torch", "numpy", "gymnasium", "mujoco")
LATEST = 1e11  # a time of creation, in seconds since 1970, that calendars still have


class RunError(ValueError):
    """Raised when a run cannot be found or read; the message is one line that says what to change."""


class RunDirectory:
    """The folder `path` of one run: config.toml, run.json, metrics.csv, metrics.bin, checkpoints/, TensorBoard's file.

    `create` makes a new one; `find`, `latest` and `all` return existing ones.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        try:
            check_regular(self.path / "run.json")
            self._record: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
            newest = int(self._record["format"])
            if newest <= FORMAT:
                _check_record(self._record)
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as problem:
            raise RunError(f"{self.path} is not a run directory: its run.json cannot be read ({problem})") from None
        if newest > FORMAT:
            raise RunError(f"{self.path} was written by a newer operant (format {newest}): update operant")
        self.id: str = self._record["id"]

    @classmethod
    def create(
        cls,
        root: str | os.PathLike[str] | None,
        name: str,
        config: dict[str, Any],
        *,
        environment: str = "",
        algorithm: str = "",
        backend: str = "",
        arithmetic: int | None = None,
        seed: int | None = None,
        total_steps: int | None = None,
    ) -> RunDirectory:
        """Makes the directory of a run that this process is starting.

        Its id is `name` with the date and the time, and with a number if another run has that id already; two processes
        never share an id. `config` becomes config.toml (nested dicts of TOML's types; None is omitted).
        """
        stem = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('-.') or 'run'}-{time.strftime('%Y%m%d-%H%M%S')}"
        folder = runs_root(root)
        with disk_errors("create a run in", folder):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / stem
            count = 1
            while True:
                try:
                    path.mkdir()
                    break
                except FileExistsError:
                    count += 1
                    path = folder / f"{stem}-{count}"
            (path / "checkpoints").mkdir()
        record = {
            "format": FORMAT,
            "id": path.name,
            "environment": environment,
            "code": code_hash(environment),
            "algorithm": algorithm,
            "backend": backend or None,
            "arithmetic": arithmetic,
            "seed": seed,
            "total_steps": total_steps,
            "command": sys.argv,
            "created": time.time(),
            "versions": versions(),
        }
        try:
            write_toml(path / "config.toml", config)
            _write_json(path / "run.json", record | _starting())
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return cls(path)

    @classmethod
    def find(cls, root: str | os.PathLike[str] | None, run_id: str) -> RunDirectory:
        """Finds a run by its id, by an unambiguous beginning of the id, or by the path of its directory.

        Raises:
            RunError: no run matches (the message names the nearest), or several do (it names them).
        """
        folder = runs_root(root)
        if os.sep in run_id and (Path(run_id) / "run.json").is_file():
            return cls(run_id)
        names = _names(folder)
        if not names:
            raise RunError(f"no runs in {folder}: start one with `operant train`, or name its folder with --runs DIR")
        matches = [run_id] if run_id in names else [name for name in names if run_id and name.startswith(run_id)]
        if len(matches) == 1:
            return cls(folder / matches[0])
        if matches:
            shown = ", ".join(matches[:5]) + (", ..." if len(matches) > 5 else "")
            raise RunError(f"run id {run_id!r} is ambiguous: choose one of {shown}")
        near = difflib.get_close_matches(run_id, names, n=1, cutoff=0.4)
        newest = [run.id for run in cls.all(root)][-1:] or names[-1:]
        hint = f"did you mean {near[0]!r}?" if near else f"the newest is {newest[0]!r}"
        raise RunError(f"no run {run_id!r} in {folder}: {hint} (`operant runs` lists them)")

    @classmethod
    def latest(cls, root: str | os.PathLike[str] | None) -> RunDirectory:
        """Returns the run that was created last; raises RunError if there is none."""
        runs = cls.all(root)
        if not runs:
            raise RunError(
                f"no runs in {runs_root(root)}: start one with `operant train`, or name its folder with --runs DIR"
            )
        return runs[-1]

    @classmethod
    def all(cls, root: str | os.PathLike[str] | None) -> list[RunDirectory]:
        """Lists all runs, the oldest first; damaged runs and other directories are omitted."""
        folder = runs_root(root)
        runs = []
        for name in _names(folder):
            with contextlib.suppress(RunError):
                runs.append(cls(folder / name))
        return sorted(runs, key=lambda run: (run.created, run.id))

    @property
    def config(self) -> dict[str, Any]:
        """The content of config.toml."""
        with disk_errors("read", self.path / "config.toml"):
            check_regular(self.path / "config.toml")
        return read_toml(self.path / "config.toml")

    @property
    def csv_path(self) -> Path:
        """The CSV file with the metrics of every update."""
        return self.path / "metrics.csv"

    @property
    def metrics_path(self) -> Path:
        """The memory-mapped file that monitors read."""
        return self.path / "metrics.bin"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def output_path(self) -> Path:
        """The file with what a run in the background printed."""
        return self.path / "output.txt"

    @property
    def created(self) -> float:
        """The time of creation, in seconds since 1970."""
        return float(self._record["created"])

    @property
    def record(self) -> dict[str, Any]:
        """The content of run.json when it was last read."""
        return dict(self._record)

    @property
    def status(self) -> str:
        """The status: starting, running, finished, interrupted or failed as in run.json, or crashed.

        A run has crashed if run.json says starting or running but its process is gone. This cannot be checked on
        another machine; there the status is that of run.json.
        """
        status = str(self._record["status"])
        if status in IN_PROGRESS and self._record["host"] == socket.gethostname():
            return status if is_alive(self._record["pid"], self._record["pid_started"]) else "crashed"
        return status

    @property
    def in_progress(self) -> bool:
        """True while the run's process is starting or training."""
        return self.status in IN_PROGRESS

    def refresh(self) -> None:
        """Reads run.json again."""
        self._record = type(self)(self.path).record

    def update(self, **fields: Any) -> None:
        """Changes fields of run.json, such as `status`, or a result of the run."""
        if fields.get("status", "running") not in STATUSES:
            raise ValueError(f"status {fields['status']!r} does not exist: choose from {', '.join(STATUSES)}")
        self.refresh()
        self._record |= fields
        _write_json(self.path / "run.json", self._record)

    def restart(self) -> None:
        """Records in run.json that this process starts the run, or continues it."""
        self.update(**_starting())

    def hand_over(self, pid: int) -> None:
        """Records in run.json that the run belongs to the process `pid` of this machine."""
        self.update(**_in_process(pid))

    def remove(self) -> None:
        """Deletes the directory of a run that never began."""
        shutil.rmtree(self.path, ignore_errors=True)


def runs_root(option: str | os.PathLike[str] | None = None) -> Path:
    """Returns the folder of the runs: `option`, else $OPERANT_RUNS, else ./runs."""
    return Path(option or os.environ.get("OPERANT_RUNS") or "runs")


def _check_record(record: dict[str, Any]) -> None:
    """Raises a ValueError if run.json, which may be a stranger's, has a value that `RunDirectory` does not write."""

    def is_one(name: str, *kinds: type) -> bool:
        return name in record and type(record[name]) in kinds

    valid = {
        # The id names files that are written, such as `operant export`'s.
        "id": is_one("id", str) and re.fullmatch(ID, record["id"]) is not None,
        "status": record.get("status") in STATUSES,
        "created": is_one("created", int, float) and 0 <= record["created"] <= LATEST,
        "host": is_one("host", str),
        "pid": is_one("pid", int) and 0 <= record["pid"] < 1 << 31,
        "pid_started": is_one("pid_started", str, type(None)),
        "environment": is_one("environment", str, type(None)),
        "algorithm": is_one("algorithm", str, type(None)),
        "backend": type(record.get("backend")) in (str, type(None)),
        "total_steps": is_one("total_steps", type(None))
        or (is_one("total_steps", int) and 0 <= record["total_steps"] < 1 << 63),
    }
    for name, right in valid.items():
        if not right:
            raise ValueError(f"{name} is {record.get(name)!r:.60}")


def _names(folder: Path) -> list[str]:
    """Lists the directories in `folder` that have a run.json, sorted."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(folder) if os.path.isfile(os.path.join(entry.path, "run.json")))


def _starting() -> dict[str, Any]:
    return _in_process(os.getpid()) | {"status": "starting", "started": time.time()}


def _in_process(pid: int) -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": pid, "pid_started": started(pid)}


def versions() -> dict[str, str | None]:
    """Returns the versions of what this process computes with; None for a package that it has not imported."""
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in PACKAGES}
    texts = {name: None if version is None else str(version) for name, version in found.items()}
    return {"python": sys.version.split()[0]} | texts


def _write_json(path: Path, record: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(record, indent=2) + "\n").encode())
