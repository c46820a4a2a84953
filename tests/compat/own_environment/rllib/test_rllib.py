"""operant.compat.rllib under RLlib itself: in one process, and with env runners spread over two nodes of a cluster."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import ray
from gymnasium.vector import AutoresetMode
from ray.cluster_utils import Cluster
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from snippets import run_snippets

from operant.compat.rllib import configure
from operant.environments.vector import OperantVectorEnv

EXAMPLES = Path(__file__).parents[4] / "examples"
OBJECT_STORE = 100 * 2**20  # bytes, of each node

# For Ray's own processes and the example's too.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}


def env_runner(env_id, num_envs=8, **options):
    """An env runner in this process."""
    config = configure(PPOConfig(), env_id, num_envs=num_envs, **options)
    return SingleAgentEnvRunner(config=config.env_runners(num_env_runners=0).debugging(seed=3))


def output_of(name, *arguments):
    command = [sys.executable, EXAMPLES / name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def cluster():
    """Two nodes on this machine, each with two processors."""
    node = {"num_cpus": 2, "object_store_memory": OBJECT_STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    cluster.wait_for_nodes()  # raises, where training would wait forever
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_the_environment_is_one_native_batch_and_every_sampled_episode_is_whole():
    runner = env_runner("operant/CartPole-v1")
    envs = runner.env.unwrapped
    assert isinstance(envs, OperantVectorEnv)
    assert envs.num_envs == 8
    assert envs.autoreset_mode == AutoresetMode.NEXT_STEP
    episodes = runner.sample(num_timesteps=1000, random_actions=True)
    ended = [episode for episode in episodes if episode.is_done]
    assert len(ended) > 20
    for episode in ended:
        observations = np.array(episode.get_observations())
        assert episode.is_terminated and episode.get_return() == len(episode)
        assert len(observations) == len(episode) + 1
        assert (np.abs(observations[0]) <= 0.05).all()  # where CartPole starts
        assert abs(observations[-1, 0]) > 2.4 or abs(observations[-1, 2]) > np.float32(12 * np.pi / 180)  # its end
    runner.stop()


def test_a_time_limit_truncates():
    runner = env_runner("operant/Pendulum-v1", max_episode_steps=20)
    ended = [e for e in runner.sample(num_timesteps=400, random_actions=True) if e.is_done]
    assert len(ended) == 16
    assert all(len(e) == 20 and e.is_truncated and not e.is_terminated for e in ended)
    runner.stop()


def test_mujocos_tasks_are_sampled():
    runner = env_runner("operant/HalfCheetah-v5", 4, max_episode_steps=20, workers=2)
    assert runner.env.unwrapped.batch.spec.engine == "mujoco"
    ended = [e for e in runner.sample(num_timesteps=200, random_actions=True) if e.is_done]
    assert len(ended) >= 8
    assert all(len(e) == 20 and np.array(e.get_observations()).shape == (21, 17) for e in ended)
    runner.stop()


@pytest.mark.parametrize("env_id", ["CartPole-v1", "operant/CartPole-v1", "operant:operant/CartPole-v1", "CartPole_v1"])
def test_the_id_names_the_module_that_registers_it(env_id):
    config = configure(PPOConfig(), env_id, num_envs=4, precision="float64")
    assert config.env == "operant:operant/CartPole-v1"
    assert config.env_config == {"precision": "float64"}
    assert config.gym_env_vectorize_mode == "vector_entry_point"
    assert config.num_envs_per_env_runner == 4


def test_the_configs_own_env_config_reaches_the_batch_too():
    config = PPOConfig().environment(env_config={"params": {"gravity": 3.7}, "workers": 2, "precision": "float64"})
    configure(config, "operant/CartPole-v1", num_envs=4, params={"force": 5.0}, workers=1)
    assert config.env_config == {"params": {"force": 5.0}, "workers": 1, "precision": "float64"}
    runner = SingleAgentEnvRunner(config=config.env_runners(num_env_runners=0))
    batch = runner.env.unwrapped
    assert batch.parameter("gravity").tolist() == [9.8] * 4 and batch.parameter("force").tolist() == [5.0] * 4
    runner.stop()


def test_options_reach_the_batch():
    runner = env_runner("operant/CartPole-v1", 3, params={"gravity": 3.7}, workers=2, episode_statistics=True)
    assert runner.env.unwrapped.parameter("gravity").tolist() == pytest.approx([3.7] * 3)
    runner.sample(num_timesteps=100, random_actions=True)
    runner.stop()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"autoreset_mode": "SameStep"}, ValueError, "autoreset_mode='SameStep' is not supported.*'NextStep'"),
        ({"autoreset_mode": AutoresetMode.DISABLED}, ValueError, "DISABLED.*is not supported"),
        ({"copy": False}, ValueError, "copy=False is not an option under RLlib"),
        ({"wrappers": []}, ValueError, "wrappers=.*connectors"),
        ({"vector_kwargs": {}}, ValueError, "vector_kwargs=.*directly"),
        ({"vectorization_mode": "sync"}, ValueError, "vectorization_mode='sync' is not an option under RLlib"),
        ({"num_envs_per_env_runner": 3}, ValueError, "use configure's num_envs"),
        ({"prcision": "float64"}, TypeError, "did you mean 'precision'"),
        ({"num_envs": 0}, ValueError, "num_envs=0 must be from 1"),
        ({"env_id": "operant/CartPol-v1"}, ValueError, "did you mean 'CartPole-v1'"),
        ({"config": {"env": None}}, TypeError, "must be an AlgorithmConfig, such as PPOConfig.., not dict"),
        (
            {
                "config": AlgorithmConfig().api_stack(
                    enable_rl_module_and_learner=False, enable_env_runner_and_connector_v2=False
                )
            },
            ValueError,
            "old API stack.*config.api_stack",
        ),
        ({"env_id": "operant/simple_spread-v3"}, ValueError, "operant.compat.rllib is for one agent"),
        ({"env_id": "simple_tag_v3"}, ValueError, "simple_tag-v3 .* is for one agent"),
        ({"env_id": None}, TypeError, "env_id=None must be a str"),
        (
            {"config": PPOConfig().environment(env_config={"prcision": "float64"})},
            TypeError,
            "did you mean 'precision'.*; config.env_config already held {'prcision': 'float64'}",
        ),
        (
            {"config": PPOConfig().environment(env_config={"workers": 0}), "params": {"gravity": 1.0}},
            ValueError,
            "workers=0 must be .*; config.env_config already held {'workers': 0}",
        ),
        (
            {"config": PPOConfig().environment(env_config={"copy": False})},
            ValueError,
            "copy=False is not an option under RLlib",
        ),
        (
            {"config": PPOConfig().environment(env_config={"num_envs": 3})},
            ValueError,
            "num_envs=3 is not an option under RLlib: it is an argument of configure",
        ),
        ({"config": PPOConfig().multi_agent(policies={"a", "b"})}, ValueError, "multi-agent"),
    ],
)
def test_an_unsupported_option_is_refused_by_name(options, kind, message):
    with pytest.raises(kind, match=message):
        configure(**{"config": PPOConfig(), "env_id": "operant/CartPole-v1", "num_envs": 2, **options})


def test_env_runners_on_two_nodes_step_a_batch_each(cluster):
    config = configure(PPOConfig(), "operant/CartPole-v1", num_envs=16)
    config.env_runners(num_env_runners=2, num_cpus_per_env_runner=2)  # a whole node each
    config.training(train_batch_size_per_learner=1024, minibatch_size=256, num_epochs=4, lr=2e-3)
    config.resources(num_cpus_for_main_process=0)
    algorithm = config.build_algo()
    try:
        found = algorithm.env_runner_group.foreach_env_runner(
            lambda runner: (
                ray.get_runtime_context().get_node_id(),
                type(runner.env.unwrapped).__name__,
                runner.env.num_envs,
            ),
            local_env_runner=False,
        )
        nodes, kinds, sizes = zip(*found, strict=True)
        assert set(nodes) == {node["NodeID"] for node in ray.nodes()}
        assert len(set(nodes)) == 2
        assert kinds == ("OperantVectorEnv",) * 2
        assert sizes == (16, 16)
        returns = [algorithm.train()["env_runners"]["episode_return_mean"] for _ in range(4)]
    finally:
        algorithm.stop()
    assert 10 < returns[0] < 35  # of an untrained policy
    assert returns[-1] > 1.5 * returns[0]


def test_the_example_trains_on_the_cluster_whose_address_it_is_given(cluster):
    printed = output_of("rllib_ppo.py", "--address", cluster.address, "--env-runners", "2", "--iterations", "1")
    assert "2 env runner(s), 2 node(s)" in printed
    assert re.search(r"iteration 1: \d{4} steps, mean return [12]\d,", printed)


def test_the_example_trains_here():
    printed = output_of("rllib_ppo.py", "--env-runners", "0", "--iterations", "2", "--target", "25")
    assert "0 env runner(s), 1 node(s)" in printed
    assert "\nreached a mean return of 25" in printed


def test_the_snippets_of_the_documentation_run():
    assert run_snippets("RLlib")["config"].env == "operant:operant/CartPole-v1"
