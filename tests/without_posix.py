"""Runs operant without what Windows does not have: `python tests/without_posix.py FOLDER`.

All of operant is imported, so that other packages are complete; then the names are removed. All of operant is imported
anew, steps, trains, resumes and compiles a header. Two things that Windows refuses are refused: to open a folder, and
to replace a file that is open.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import select
import shutil
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "wheels"))
sys.path.insert(1, str(Path(__file__).parent))

OS = """
    O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_SYNC O_DSYNC O_NOCTTY chown chroot fchmod fchown fork forkpty getegid geteuid
    getgid getgroups getloadavg getpgid getpgrp getpriority getresuid getsid getuid killpg lchown mkfifo mknod nice
    openpty pathconf pipe2 posix_fadvise posix_fallocate posix_spawn pread preadv pwrite pwritev register_at_fork
    sched_getaffinity sched_setaffinity sched_yield set_blocking setpgid setpriority setsid setuid statvfs sync sysconf
    uname wait wait3 wait4 waitid
"""
SIGNALS = """
    SIGALRM SIGBUS SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH alarm pause
    pthread_kill pthread_sigmask setitimer sigwait
"""
MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")


def modules() -> list[str]:
    """Imports every module of operant whose packages are installed; returns their names."""
    import operant

    found = []
    for module in pkgutil.walk_packages(operant.__path__, "operant."):
        if module.name.endswith("__mypyc"):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as problem:
            if (problem.name or "").partition(".")[0] in ("operant", *MODULES) or problem.name is None:
                raise
            continue
        found.append(module.name)
    return found


def remove_names() -> None:
    """Removes them from this process."""
    for name in OS.split():
        delattr(os, name)
    for name in SIGNALS.split():
        delattr(signal, name)
    for name in ("poll", "epoll"):
        delattr(select, name)
    del socket.AF_UNIX
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    shutil._use_fd_functions = False  # type: ignore[attr-defined]  # as on Windows
    open_file, replace_file = os.open, os.replace

    def checked_open(path: os.PathLike[str] | str, *arguments: int, **named: int) -> int:
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied", path)
        return open_file(path, *arguments, **named)

    def checked_replace(source: os.PathLike[str] | str, target: os.PathLike[str] | str) -> None:
        held = {os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")}
        if {os.path.realpath(source), os.path.realpath(target)} & held:
            raise PermissionError(13, "The process cannot access the file because it is being used", target)
        replace_file(source, target)

    os.open, os.replace = checked_open, checked_replace  # type: ignore[assignment]


def main(folder: Path) -> None:
    first = modules()
    for name in [name for name in sys.modules if name.partition(".")[0] == "operant"]:
        if name not in ("operant._native", "operant.batch.outputs") and not name.endswith("__mypyc"):
            del sys.modules[name]
    remove_names()
    assert modules() == first, set(first) ^ set(modules())
    for module in [module for name, module in sys.modules.items() if name.startswith("operant.")]:
        if hasattr(module, "OPEN_FILES_ARE_REPLACED"):
            module.OPEN_FILES_ARE_REPLACED = False

    import gymnasium
    import smoke

    import operant
    from operant.doctor import examine
    from operant.headers.scaffold import write_scaffold
    from operant.utils import Logger

    print(smoke.steps(), smoke.trains(), smoke.resumes(), sep="\n")
    with Logger(csv_path=folder / "log.csv") as logger:
        logger.log(steps=1)
        logger.log(steps=2, reward=0.5)  # a new column: the file is replaced
        logger.log(steps=3, reward=0.25)
    print((folder / "log.csv").read_text(encoding="utf-8").split())
    header, _ = write_scaffold("lander", folder)
    envs = gymnasium.make_vec(operant.register_env(header), num_envs=4)
    print(envs.reset(seed=0)[0].shape)
    findings = examine(lambda num_envs: gymnasium.make_vec("operant/CartPole-v1", num_envs=num_envs), steps=8)
    print(*(finding.sentence for finding in findings), sep="\n")
    try:
        operant.vectorize([lambda: gymnasium.make("CartPole-v1")], workers=1)
    except NotImplementedError as refused:
        print(refused)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
