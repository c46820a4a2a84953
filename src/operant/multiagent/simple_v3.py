"""simple_v3: one agent goes to one landmark."""

from functools import partial

from operant.parallel import OperantParallelEnv, aec_env
from operant.vector import OperantVectorEnv

parallel_env = partial(OperantParallelEnv, "simple_v3")
env = partial(aec_env, "simple_v3")
vector_env = partial(OperantVectorEnv, "simple_v3")
