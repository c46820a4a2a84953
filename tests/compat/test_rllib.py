"""operant.compat.rllib where Ray is missing or too old; tests/compat/own_environment/rllib has the tests with Ray."""

import sys
from importlib import import_module
from types import ModuleType

import pytest


def test_a_missing_ray_is_named_with_the_extra_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"needs ray, which is not installed: pip install 'operant\[rllib\]'"):
        import_module("operant.compat.rllib")


def test_an_old_ray_is_named_with_its_version(monkeypatch):
    old = ModuleType("ray")
    old.__version__ = "2.51.1"
    monkeypatch.setitem(sys.modules, "ray", old)
    with pytest.raises(ImportError, match=r"needs ray 2\.52 or newer, not 2\.51\.1"):
        import_module("operant.compat.rllib")


def test_a_gymnasium_without_autoreset_modes_is_named_with_its_version(monkeypatch):
    monkeypatch.delattr("gymnasium.vector.AutoresetMode")
    monkeypatch.setattr("gymnasium.__version__", "1.0.0")
    for name in ("operant.environments.vector", "operant.environments.vector_base"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImportError, match=r"need gymnasium 1\.1 or newer, not 1\.0\.0: upgrade gymnasium"):
        import_module("operant.compat.rllib")
