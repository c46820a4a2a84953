"""simple_tag_v3: three slow adversaries chase one fast agent between obstacles."""

from functools import partial

from operant.parallel import OperantParallelEnv, aec_env
from operant.vector import OperantVectorEnv

parallel_env = partial(OperantParallelEnv, "simple_tag_v3")
env = partial(aec_env, "simple_tag_v3")
vector_env = partial(OperantVectorEnv, "simple_tag_v3")
