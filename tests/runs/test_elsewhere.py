"""The parts of operant that depend on the system, as they run on Windows and macOS as far as Linux can tell."""

import ctypes
import os
import sys
from pathlib import Path

import pytest
from building import ROOT, run

from operant.runs import logger as logger_module
from operant.runs.logger import Logger
from operant.runs.process import is_alive, started


def test_all_of_operant_runs_without_the_names_that_windows_has_not(tmp_path):
    folders = {"OPERANT_CACHE": str(tmp_path / "cache"), "XDG_STATE_HOME": str(tmp_path / "state")}
    script = ROOT / "tests" / "without_posix.py"
    lines = run(sys.executable, "-W", "ignore", script, tmp_path, env=os.environ | folders).splitlines()
    assert lines[0].startswith("64 CartPoles on ")
    assert lines[1].startswith("CartPole returns ")
    assert lines[2:] == [
        "a resumed run has the weights of an uninterrupted one",
        "['steps,reward', '1,', '2,0.5', '3,0.25']",
        "(4, 2)",
        "this system cannot fork a process, in which a call may crash: actions-too-many, actions-too-few, "
        "actions-shape, actions-range, close-twice, step-after-close were not examined",
        "no episode ended in 8 steps: the end of episodes was not examined",
        "worker processes need POSIX: use workers=0, or context='thread'",
    ]


def test_a_log_that_windows_cannot_replace_is_continued_with_its_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(logger_module, "OPEN_FILES_ARE_REPLACED", False)
    log = Logger(csv_path=tmp_path / "log.csv")
    log.log(steps=1)
    monkeypatch.setattr(logger_module, "write_atomically", refuse)
    with pytest.raises(PermissionError, match="in use"):
        log.log(steps=2, reward=0.5)
    log.log(steps=3)
    log.close()
    assert Path(log.path).read_text().split() == ["steps", "1", "3"]


def refuse(path, write):
    raise PermissionError(13, "in use")


class Kernel:
    """The four functions of Windows that tell of processes. It knows number 7, which runs, and 8, which has ended."""

    class OpenProcess:
        def __call__(self, access, inherit, pid):
            return {7: 70, 8: 80}.get(pid)

    def __init__(self):
        self.OpenProcess, self.closed = Kernel.OpenProcess(), []

    def WaitForSingleObject(self, handle, milliseconds):
        return 0x102 if handle.value == 70 else 0

    def GetProcessTimes(self, handle, created, *others):
        created._obj.value = 133_000_000_000_000_000
        return 1

    def CloseHandle(self, handle):
        self.closed.append(handle.value)


def test_windows_is_asked_for_a_process_and_never_signals_it(monkeypatch):
    kernel = Kernel()
    monkeypatch.setattr(ctypes, "windll", type("windll", (), {"kernel32": kernel}), raising=False)
    monkeypatch.setattr(os, "kill", None)
    mark = "133000000000000000"
    assert started(7) == mark and started(8) is None and started(9) is None
    assert is_alive(7, mark) and is_alive(7, None) and not is_alive(7, "1") and not is_alive(8, None)
    assert set(kernel.closed) == {70, 80} and len(kernel.closed) == 6
