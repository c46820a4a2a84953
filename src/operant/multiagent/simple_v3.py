"""simple_v3: one agent goes to one landmark."""

from functools import partial

from operant.environments.parallel import OperantParallelEnv, aec_env
from operant.multiagent import make_vector

parallel_env = partial(OperantParallelEnv, "simple_v3")
env = partial(aec_env, "simple_v3")
vector_env = partial(make_vector, "simple_v3")
