"""operant.multiagent: PettingZoo's module form of the environments of several agents.

from operant.multiagent import simple_spread_v3

env = simple_spread_v3.parallel_env(N=3)      # pettingzoo.ParallelEnv
env = simple_spread_v3.env(N=3)               # pettingzoo.AECEnv
envs = simple_spread_v3.vector_env(4096)      # gymnasium.vector.VectorEnv; its rows are (environment, agent) pairs
"""
