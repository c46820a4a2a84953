"""TUILogger is a Logger with a line in the terminal."""

import os
import pty
import subprocess
import sys

import numpy as np
import pytest

from operant.utils import Logger, TUILogger

SCRIPT = """
import time
import numpy as np
from operant.utils import TUILogger
with TUILogger(csv_path="log.csv") as logger:
    logger.log(steps=8192, reward=np.float32(21.512345), length=21.5)
    time.sleep(0.15)
    logger.log(steps=np.int64(16384), reward=3)
    logger.log(steps=1, other=2)
    logger.log(steps=24576, reward=1e9)
"""
WRITTEN = "steps,reward,length,other\n8192,21.512344360351562,21.5,\n16384,3,,\n1,,,2\n24576,1000000000.0,,\n"


def on_a_terminal(script, folder, columns):
    """The standard error of a script as a terminal gets it."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns)}
    with subprocess.Popen([sys.executable, "-c", script], stderr=theirs, cwd=folder, env=environment) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                text += os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0, text
    return text.decode()


@pytest.mark.parametrize("columns", [80, 20])
def test_the_last_row_is_one_line_that_is_replaced_in_place(tmp_path, columns):
    shown = on_a_terminal(SCRIPT, tmp_path, columns)
    assert (tmp_path / "log.csv").read_text() == WRITTEN
    rows = ["steps 8,192  reward 21.51  length 21.5", "steps 16,384  reward 3", "steps 24,576  reward 1e+09"]
    first, second, last = (row[: columns - 1] for row in rows)
    assert shown == f"\r{first}\r{second:{len(first)}}\r{last:{len(second)}}\r\n"


def test_without_a_terminal_it_is_a_logger(tmp_path, capfd):
    with TUILogger(csv_path=tmp_path / "log.csv") as logger:
        assert isinstance(logger, Logger)
        logger.log(steps=1, reward=np.float64(0.5))
        with pytest.raises(TypeError, match="reward='high' is not a number"):
            logger.log(reward="high")
    logger.close()
    assert (tmp_path / "log.csv").read_text() == "steps,reward\n1,0.5\n"
    assert capfd.readouterr() == ("", "")
