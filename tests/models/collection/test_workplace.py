"""Opening a workplace: the kernels and the collector are those of the memory that the environments are in."""

import pytest
from toys import Countdown, vector

from operant.environments.cuda_vector import CudaVectorEnv
from operant.models.collection.collector import Collector
from operant.models.collection.device_collector import DeviceCollector
from operant.models.collection.workplace import open_workplace
from operant.models.machine.kernels import CpuKernels, DeviceKernels
from operant.models.networks.actor_critic import ActorCritic

PLAIN = {"gamma": 0.9, "normalize_observations": False, "normalize_rewards": False, "seed": 0}
ON_THE_CPU, ON_A_GPU = (CpuKernels, Collector), (DeviceKernels, DeviceCollector)


def kinds(place):
    """The classes of the kernels and of the collector, which collects a rollout."""
    environments = place.environments
    policy = ActorCritic(environments.observation_space, environments.action_space, hidden=(4,), seed=0)
    collector = place.make_collector(policy, 3, **PLAIN)
    assert collector.collect() is collector.rollout and collector.rollout.rewards.shape == (3, 2)
    environments.close()
    return type(place.kernels), type(collector)


@pytest.mark.parametrize(
    ("env", "device", "explores", "expected"),
    [
        ("operant/CartPole-v1", "cpu", False, ON_THE_CPU),
        ("operant/CartPole-v1", "emulated", False, ON_A_GPU),
        ("operant/CartPole-v1", "emulated", True, ON_THE_CPU),
        ("CartPole-v1", "emulated", False, ON_THE_CPU),
    ],
)
def test_operants_environments_are_on_the_device_unless_a_policy_explores(env, device, explores, expected):
    assert kinds(open_workplace(env, 2, {}, device, explores=explores)) == expected


def test_a_vector_env_stays_where_it_is():
    on_gpu = CudaVectorEnv("operant/CartPole-v1", 2, device="emulated", autoreset_mode="SameStep")
    assert kinds(open_workplace(on_gpu, 9, {}, "cpu")) == ON_A_GPU
    assert kinds(open_workplace(vector(Countdown, Countdown), 9, {}, "emulated")) == ON_THE_CPU


def test_exploration_with_environments_on_a_gpu_is_an_error():
    on_gpu = CudaVectorEnv("operant/CartPole-v1", 2, device="emulated", autoreset_mode="SameStep")
    with pytest.raises(ValueError, match="exploration needs environments on the CPU: give their id instead of a Cuda"):
        open_workplace(on_gpu, 2, {}, "emulated", explores=True)


def test_a_policy_on_another_device_than_the_environments_is_an_error():
    on_gpu = CudaVectorEnv("operant/CartPole-v1", 2, device="emulated", autoreset_mode="SameStep")
    with pytest.raises(ValueError, match=r"the environments are on cpu, but device='meta' is the policy's"):
        open_workplace(on_gpu, 2, {}, "meta")
