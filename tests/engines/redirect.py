"""A pytest plugin with which Gymnasium's own tests of MuJoCo's tasks make ours: see `make test-gymnasium`."""

import re

import gymnasium
import gymnasium.envs.mujoco.mujoco_env as bases

from operant.catalog import ENGINES
from operant.environments.single import OperantEnv

make = gymnasium.make
# The tests ask for Gymnasium's base classes.
bases.MujocoEnv = bases.BaseMujocoEnv = OperantEnv


def make_ours(env_id, **options):
    """gymnasium.make, with our id in place of Gymnasium's."""
    if isinstance(env_id, str) and env_id in ENGINES:
        return make(f"operant/{env_id}", **options)
    return make(env_id, **options)


gymnasium.make = make_ours


def pytest_collection_modifyitems(config, items):
    """Leaves out the tests of ids that we do not have, v3 and v2, and those of Gymnasium's viewers, which make none."""
    other = [item for item in items if re.search(r"\bv[23]\b", item.name) or "model" in item.fixturenames]
    config.hook.pytest_deselected(items=other)
    items[:] = [item for item in items if item not in other]
