"""Tests that need a GPU. `pytest tests/cuda` skips them on a machine without one."""

import contextlib
import warnings
from contextlib import closing

import numpy as np
import pytest
import torch

from operant.batch.core import trajectory_hash
from operant.catalog import header_names, specs_by_header
from operant.cuda.certificate import cuda_trajectory_hash
from operant.environments.cuda_vector import CudaVectorEnv
from operant.models import PPO
from operant.models.algorithms.ppo import PPOConfig

DEVICE = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("header", header_names())
def test_a_gpu_has_the_certificate_of_the_cpu(header):
    assert cuda_trajectory_hash(specs_by_header()[header], DEVICE) == trajectory_hash(header, "scalar")


def make(num_envs=5000, **options):
    envs = CudaVectorEnv("CartPole-v1", num_envs, device=DEVICE, autoreset_mode="SameStep", **options)
    observations, _ = envs.reset(seed=0)
    return envs, observations


def test_steps_in_a_cuda_graph_are_steps():
    envs, observations = make(copy=False)
    actions = torch.zeros(envs.num_envs, dtype=torch.int64, device=envs.device)
    envs.step(actions)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(8):
            actions.copy_(observations[:, 2] > 0)
            envs.step(actions)
    for _ in range(10):
        graph.replay()
    envs.check()

    twin, observations = make()
    twin.step(torch.zeros_like(actions))
    observations = twin.batch.observe()
    for _ in range(80):
        observations, *_ = twin.step((observations[:, 2] > 0).long())
    assert np.array_equal(envs.get_state(), twin.get_state())


def test_a_rollout_is_recorded_and_equals_steps():
    envs, _ = make(max_episode_steps=20)
    twin, observations = make(max_episode_steps=20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not recorded
        for _ in range(6):
            tensors = envs.rollout(lambda x: (x[:, 2] > 0).long(), 8).tensors
    for _ in range(48):
        observations, *_ = twin.step((observations[:, 2] > 0).long())
    assert torch.equal(tensors.observations[-1], observations)


def test_other_libraries_can_read_the_tensors():
    envs, observations = make(8)
    interface = observations.__cuda_array_interface__
    assert interface["shape"] == (8, 4) and interface["data"][0] == observations.data_ptr()
    assert torch.utils.dlpack.from_dlpack(observations.__dlpack__()).data_ptr() == observations.data_ptr()
    envs.close()


def test_work_goes_to_the_stream_that_is_current():
    envs, observations = make()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(20):
            observations, *_ = envs.step((observations[:, 2] > 0).long())
    torch.cuda.current_stream().wait_stream(stream)
    twin, expected = make()
    for _ in range(20):
        expected, *_ = twin.step((expected[:, 2] > 0).long())
    assert torch.equal(observations, expected)


def train(**options):
    config = PPOConfig(num_envs=512, rollout_steps=32, device=DEVICE, learning_rate=3e-3, gamma=0.98, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # not recorded, or gradients that go to another stream
        algorithm = PPO("operant/CartPole-v1", config, seed=1)
        metrics = list(algorithm.iterate(40 * 512 * 32))
    return algorithm, metrics


@pytest.mark.parametrize("options", [{}, {"tf32": True}, {"amp": True}, {"lstm": 32}], ids=str)
def test_training_is_recorded_and_learns(options):
    _, metrics = train(**options)
    assert metrics[-1]["episode_return"] > 200


def test_a_deterministic_run_has_the_same_weights_again():
    with contextlib.ExitStack() as stack:
        stack.callback(torch.use_deterministic_algorithms, False)
        (one, _), (other, _) = train(deterministic=True), train(deterministic=True)
    assert torch.equal(one.parameters, other.parameters)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are not two GPUs")
def test_a_second_gpu_computes_and_records_like_the_first():
    states = []
    for device in ("cuda:0", "cuda:1"):
        with closing(CudaVectorEnv("CartPole-v1", 300, device=device, autoreset_mode="SameStep")) as envs:
            envs.reset(seed=0)
            for _ in range(6):
                envs.rollout(lambda x: (x[:, 2] > 0).long(), 8)
            states.append(envs.get_state())
    assert np.array_equal(*states)
