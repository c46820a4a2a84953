"""The script that judges operant on a machine with a GPU."""

import os
import sys

import check
import pytest


def test_without_wheels_it_names_the_command_that_makes_them(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "FOLDER", tmp_path)
    with pytest.raises(SystemExit, match="has no wheel: run `make cuda-wheels`"):
        check.unpack_wheels()


def test_a_part_that_takes_too_long_is_stopped_and_what_it_printed_is_kept():
    slow = "import time; print('begun', flush=True); time.sleep(60)"
    assert check.run([sys.executable, "-c", slow], 5, dict(os.environ)) == ("stopped after 5 s", "begun\n")
    assert check.run([sys.executable, "-c", "print('done')"], 4, dict(os.environ)) == ("no time was left", "")
    assert check.run(["no-such-program"], 60, dict(os.environ)) == ("not found", "")
    assert check.run([sys.executable, "-c", "print(1); raise SystemExit(3)"], 60, dict(os.environ)) == (3, "1\n")
