"""The import hook's action runs once its package has been imported, and never breaks that import."""

import subprocess
import sys

import pytest

REGISTERED = "print(sorted(name for name in pettingzoo.parallel_registry if name.startswith('operant/')))"
IDS = "['operant/simple-v3', 'operant/simple_spread-v3', 'operant/simple_tag-v3']\n"


def run(script, *options):
    """The standard output and error of a Python script, which must succeed."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", *options, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    "imports",
    [
        "import operant, pettingzoo",
        "import pettingzoo, operant",
        # In the way of the .pth file: from a copy, before gymnasium and operant are imported.
        "import importlib.util, operant.import_hook as ours, sys; path = ours.__file__\n"
        "ours = [name for name in sys.modules if name.startswith(('operant', 'gymnasium'))]\n"
        "for name in ours: del sys.modules[name]\n"
        "sys.meta_path[:] = [each for each in sys.meta_path if type(each).__name__ != 'AfterImport']\n"
        "spec = importlib.util.spec_from_file_location('_operant_autoload', path)\n"
        "hook = importlib.util.module_from_spec(spec); spec.loader.exec_module(hook); hook.install()\n"
        "import pettingzoo",
    ],
    ids=["operant first", "pettingzoo first", "autoload"],
)
def test_pettingzoo_gets_our_ids_in_whatever_order_things_are_imported(imports):
    assert run(f"{imports}\n{REGISTERED}")[0] == IDS


def test_operant_can_be_imported_in_a_program_without_arguments():
    assert run("import sys; sys.argv = []; import operant; print(len(operant.CATALOG) > 10)") == ("True\n", "")


def test_a_failing_registration_warns_and_the_import_goes_on():
    script = (
        "import operant.import_hook as hook\n"
        "hook.after_import('colorsys', lambda: 1 / 0)\n"
        "import colorsys; print(colorsys.rgb_to_hsv(0, 0, 0))"
    )
    output, error = run(script)
    assert output == "(0.0, 0.0, 0)\n"
    assert "operant did not register its environments with colorsys (ZeroDivisionError" in error


def test_a_finder_that_itself_asks_the_other_finders_does_no_harm():
    script = """
import importlib.util, sys
class Delegating:
    asking = False
    def find_spec(self, name, path=None, target=None):
        if name != "colorsys" or self.asking:
            return None
        self.asking = True
        try:
            return importlib.util.find_spec(name)
        finally:
            self.asking = False
import operant.import_hook as hook
sys.meta_path.insert(0, Delegating())
done = []
hook.after_import("colorsys", lambda: done.append("registered"))
import colorsys
print(done)
"""
    assert run(script)[0] == "['registered']\n"


def test_an_older_pettingzoo_without_a_registry_is_left_alone(tmp_path):
    (tmp_path / "pettingzoo.py").write_text("parallel_registry = {}")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import operant, pettingzoo; print('imported')"
    assert run(script, "-W", "error::UserWarning") == ("imported\n", "")


def test_all_names_of_the_package_can_be_imported_without_pettingzoo():
    script = "import sys; sys.modules['pettingzoo'] = None; from operant import *; print(OperantVectorEnv.__name__)"
    assert run(script)[0] == "OperantVectorEnv\n"
