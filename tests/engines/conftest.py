"""Tests of engines run in a folder of their own, because MuJoCo writes its warnings into MUJOCO_LOG.TXT."""

import pytest


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path
