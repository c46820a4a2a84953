"""simple_tag_v3: three slow adversaries chase one fast agent between obstacles."""

from functools import partial

from operant.environments.parallel import OperantParallelEnv, aec_env
from operant.multiagent import make_vector

parallel_env = partial(OperantParallelEnv, "simple_tag_v3")
env = partial(aec_env, "simple_tag_v3")
vector_env = partial(make_vector, "simple_tag_v3")
