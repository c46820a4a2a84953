"""simple_spread_v3: N agents cover N landmarks without bumping into each other."""

from functools import partial

from operant.environments.parallel import OperantParallelEnv, aec_env
from operant.multiagent import make_vector

parallel_env = partial(OperantParallelEnv, "simple_spread_v3")
env = partial(aec_env, "simple_spread_v3")
vector_env = partial(make_vector, "simple_spread_v3")
