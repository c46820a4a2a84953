"""Trains RLlib's PPO on operant/CartPole-v1, on this machine or on a Ray cluster.

    python examples/rllib_ppo.py
    python examples/rllib_ppo.py --address 10.0.0.5:6379 --env-runners 16

Every machine of a cluster needs the operant package and nothing else from this project.
"""

import argparse
import time

import ray
from ray.rllib.algorithms.ppo import PPOConfig

from operant.compat.rllib import configure

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument(
    "--address", help="address of a Ray cluster, as printed by `ray start --head` (default: start Ray here)"
)
parser.add_argument("--env-runners", type=int, default=1, help="processes that step a batch each; 0: this process")
parser.add_argument("--envs", type=int, default=32, help="environments in each batch")
parser.add_argument("--iterations", type=int, default=6, help="largest number of policy updates")
parser.add_argument("--target", type=float, default=150.0, help="mean return at which training ends")
arguments = parser.parse_args()

config = configure(PPOConfig(), "operant/CartPole-v1", num_envs=arguments.envs)
config.env_runners(num_env_runners=arguments.env_runners)
config.training(train_batch_size_per_learner=4096, minibatch_size=512, num_epochs=8, lr=2e-3, gamma=0.98, lambda_=0.9)
config.debugging(seed=0)

here = {"include_dashboard": False, "object_store_memory": 200 * 2**20, "num_cpus": arguments.env_runners + 1}
ray.init(address=arguments.address) if arguments.address else ray.init("local", **here)
try:
    algorithm = config.build_algo()
    print(f"{arguments.env_runners} env runner(s), {len(ray.nodes())} node(s)")
    for iteration in range(1, arguments.iterations + 1):
        start = time.perf_counter()
        sampled = algorithm.train()["env_runners"]
        mean, steps = sampled["episode_return_mean"], int(sampled["num_env_steps_sampled_lifetime"])
        print(f"iteration {iteration}: {steps} steps, mean return {mean:.0f}, {time.perf_counter() - start:.1f} s")
        if mean >= arguments.target:
            break
    print("reached" if mean >= arguments.target else "not reached", f"a mean return of {arguments.target:.0f}")
    algorithm.stop()
finally:
    ray.shutdown()  # also after Ctrl-C, so that no process of Ray is left behind
