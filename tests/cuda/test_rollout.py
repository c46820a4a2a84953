"""`CudaVectorEnv.rollout`: T steps of policy and environments in one call, the same as T calls of step."""

import numpy as np
import pytest
import torch
from tape import use_tapes

from operant.buffers import GpuBuffer
from operant.environments.cuda_vector import CudaVectorEnv
from operant.environments.vector import OperantVectorEnv
from operant.rollout.advantages import gae

N, T = 19, 7


def policy(observations):
    """Follows the pole."""
    return (observations[:, 2] > 0).long()


def make(env_id="CartPole-v1", **options):
    envs = CudaVectorEnv(env_id, N, device="emulated", autoreset_mode="SameStep", **options)
    envs.reset(seed=4)
    return envs


def test_a_rollout_equals_its_steps(monkeypatch):
    use_tapes(monkeypatch)  # the third rollout is recorded, the others after it are replayed
    envs, one = (
        make(max_episode_steps=5),
        OperantVectorEnv("CartPole-v1", N, autoreset_mode="SameStep", max_episode_steps=5),
    )
    observations, _ = one.reset(seed=4)
    for _ in range(6):
        buffer = envs.rollout(policy, T)
        tensors = buffer.tensors
        for t in range(T):
            assert np.array_equal(tensors.observations[t].numpy(), observations)
            actions = policy(torch.from_numpy(observations)).numpy()
            assert np.array_equal(tensors.actions[t].numpy(), actions)
            observations, rewards, terminated, truncated, infos = one.step(actions)
            assert np.array_equal(tensors.rewards[t].numpy(), rewards)
            assert np.array_equal(tensors.terminated[t].numpy(), terminated)
            assert np.array_equal(tensors.truncated[t].numpy(), truncated)
            for row in np.flatnonzero(truncated & ~terminated):
                final = buffer.final_observations[t // buffer.window, row]
                assert np.array_equal(final.numpy(), infos["final_obs"][row])
        assert np.array_equal(tensors.observations[T].numpy(), observations)
    assert np.array_equal(envs.get_state(), one.get_state())


def test_log_probs_and_values_from_the_policy_are_stored():
    def informed(observations):
        return policy(observations), observations[:, 0], observations[:, 1]

    tensors = make().rollout(informed, T).tensors
    assert torch.equal(tensors.log_probs, tensors.observations[:-1, :, 0])
    assert torch.equal(tensors.values, tensors.observations[:-1, :, 1])


def test_another_policy_or_length_is_another_rollout():
    envs = make()
    first = envs.rollout(policy, T)
    assert envs.rollout(policy, T) is first
    assert envs.rollout(policy, T + 1) is not first
    assert envs.rollout(lambda x: policy(x), T).steps == T


def test_parameters_that_change_between_rollouts_apply_to_the_next(monkeypatch):
    tapes = use_tapes(monkeypatch)
    envs = make()
    for _ in range(4):
        envs.rollout(policy, T)
    envs.batch.set_parameter("force", np.linspace(1, 9, N))
    state = envs.get_state()
    for _ in range(4):
        tensors = envs.rollout(policy, T).tensors
    assert len(tapes) == 2
    twin = make()
    twin.set_state(state)
    for _ in range(4):
        expected = twin.rollout(policy, T).tensors
    assert torch.equal(tensors.observations, expected.observations)


def test_advantages_are_the_cpus():
    envs = make(max_episode_steps=4)
    buffer = envs.rollout(lambda x: (policy(x), x[:, 0], x[:, 1]), T)
    tensors = buffer.tensors
    buffer.spread_final_values(buffer.final_observations[..., 1])
    tensors.last_values.copy_(tensors.observations[-1, :, 1])
    buffer.compute_advantages(gamma=0.9, lam=0.8)
    parts = (
        tensors.rewards,
        tensors.values,
        tensors.terminated,
        tensors.truncated,
        tensors.last_values,
        tensors.final_values,
    )
    advantages, returns = gae(*parts, gamma=0.9, lam=0.8)
    assert np.array_equal(tensors.advantages.numpy(), advantages)
    assert np.array_equal(tensors.returns.numpy(), returns)
    assert buffer.window == 4 and len(buffer.final_observations) == 2


def test_gpu_buffer_of_environments_on_the_device_copies_nothing():
    envs = make()
    buffer = GpuBuffer.for_batch(envs.batch, T)
    buffer.begin()
    assert torch.equal(buffer.tensors.observations[0], envs.batch.observe())
    buffer.tensors.actions[0] = policy(buffer.tensors.observations[0])
    buffer.step(0)
    assert torch.equal(buffer.tensors.observations[1], envs.batch.observe())


def test_a_rollout_needs_same_step_and_at_least_one_step():
    envs = CudaVectorEnv("CartPole-v1", N, device="emulated")
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="needs autoreset 'SameStep'"):
        envs.rollout(policy, T)
    with pytest.raises(ValueError, match="steps=0 must be at least 1"):
        make().rollout(policy, 0)
