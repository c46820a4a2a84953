"""operant.models gives its public names when they are asked for, and says what to install where torch is missing."""

import subprocess
import sys

import operant.models


def run(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_every_public_name_is_a_class_of_that_name():
    for name in operant.models.__all__:
        assert getattr(operant.models, name).__name__ == name
    assert set(operant.models.__all__) <= set(dir(operant.models))


def test_the_package_alone_does_not_import_torch():
    assert run("import sys, operant.models; print('torch' in sys.modules)").stdout.strip() == "False"


def test_another_name_is_an_attribute_error_that_names_it():
    result = run("import operant.models; operant.models.DQN")
    assert "AttributeError: module 'operant.models' has no attribute 'DQN'" in result.stderr


def test_without_torch_the_error_says_what_to_install():
    for line in ("from operant.models import PPO", "import operant.models.networks.actor_critic"):
        result = run(f"import sys; sys.modules['torch'] = None; {line}")
        assert result.stderr.splitlines()[-1] == "ImportError: operant.models needs torch: pip install 'operant[train]'"
