"""The progress bar, on a terminal of any width and without one."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios

import pytest

from operant.models import PPO
from operant.models.algorithms import progress

SCRIPT = """
from operant.models.algorithms import progress
progress.DRAWN = 0.0
with progress.ProgressBar(1000) as bar:
    for steps in (100, 200, 300):
        input()
        bar.update({"steps": steps, "episode_return": 21.5})
    input()
"""


def lines_at(widths):
    """The last line that is drawn on a terminal of each of these widths, which follow each other."""
    ours, theirs = pty.openpty()

    def resize(columns):
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    resize(widths[0])
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stderr=theirs)
    found = []
    for steps, columns in zip((100, 200, 300), widths, strict=True):
        resize(columns)
        process.stdin.write(b"\n")
        process.stdin.flush()
        text = b""
        while f"{steps}/".encode() not in text or select.select([ours], [], [], 0.2)[0]:
            text += os.read(ours, 4096)
        found.append(text.decode().rpartition("\r")[2].removesuffix("\033[K"))
    process.communicate(b"\n")
    os.close(ours)
    os.close(theirs)
    return found


def test_it_is_as_wide_as_the_terminal_also_after_a_change():
    wide, narrow, wider = lines_at([100, 40, 120])
    assert re.fullmatch(r" 10%\|█+[▏▎▍▌▋▊▉]? *\| 100/1\.00k \[\d\d:\d\d<.*, return 21\.5, .*steps/s\]", wide)
    assert narrow.startswith(" 20%|") and " 200/1.00k [00:0" in narrow
    assert [len(wide), len(narrow), len(wider)] == [99, 39, 119]  # in the last column the cursor would wrap


def test_learn_shows_one_on_request(capsys):
    config = PPO.Config(num_envs=4, rollout_steps=8, epochs=1, minibatches=1)
    PPO("operant/CartPole-v1", config).learn(40).close()
    assert capsys.readouterr().err == ""
    algorithm = PPO("operant/CartPole-v1", config).learn(40, progress=True)  # ends with 64 steps
    algorithm.close()
    last = capsys.readouterr().err.strip().rpartition("\r")[2]
    assert last.startswith("100%|") and "| 40.0/40.0 [" in last and "return " in last


def test_without_tqdm_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"a progress bar needs tqdm: pip install 'operant\[train\]'"):
        progress.ProgressBar(1)
