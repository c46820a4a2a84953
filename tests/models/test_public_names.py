"""operant.models loads its public names on demand, and says what to install if torch is missing."""

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


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    result = run("import operant.models; operant.models.DQN")
    assert "AttributeError: module 'operant.models' has no attribute 'DQN'" in result.stderr


def test_without_torch_the_error_says_what_to_install():
    for line in (
        "from operant.models import A2C",
        "import operant.models.algorithms.a2c",
        "from operant.models.algorithms.a2c import A2CConfig",
    ):
        result = run(f"import sys; sys.modules['torch'] = None; {line}")
        expected = "ImportError: operant.models.algorithms.a2c needs torch: pip install 'operant[torch]'"
        assert result.stderr.splitlines()[-1] == expected


def test_options_tuned_settings_and_runs_are_read_without_torch():
    result = run(
        """if True:
        import sys
        sys.modules["torch"] = None
        import operant.buffers, operant.utils, operant.models.confidence
        from importlib import import_module
        from pathlib import Path
        import operant.runs
        from operant.cli.names import find_config
        from operant.cli.run_config import merge
        from operant.models.algorithms.options import make_config
        from operant.models.algorithms.tuned import TUNED
        for path in Path(operant.runs.__file__).parent.glob("*.py"):
            import_module(f"operant.runs.{path.stem}".removesuffix(".__init__"))
        for algorithms in TUNED.values():
            for name, options in algorithms.items():
                make_config(find_config(name), {k: v for k, v in options.items() if k != "timesteps"})
        run = merge({"environment": "cartpole", "algorithm": "a2c", "options": {"num_envs": 16}}, {})
        print(merge(run.as_toml(), {}) == run, run.options.num_envs, run.environment)
        """
    )
    assert result.stdout == "True 16 operant/CartPole-v1\n", result.stderr


def test_the_modules_that_need_no_torch_do_not_import_it():
    imports = "\n".join(f"import operant.models.{name}" for name in operant.models.NEEDS_NO_TORCH)
    assert run(f"import sys\n{imports}\nprint('torch' in sys.modules)").stdout == "False\n"
