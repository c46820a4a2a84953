"""RND and ICM: rewards that fall with familiarity, their normalisation, and saving."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from toys import Countdown, Nested, vector

from operant.models.algorithms.ppo import PPOConfig
from operant.models.algorithms.torch_ppo import TorchPPO
from operant.models.collection.exploration import ICM, RND
from operant.models.collection.sources import make_environments
from operant.runs.checkpoint import load_checkpoint, save_checkpoint

torch.set_num_threads(1)


def made(kind, env="operant/CartPole-v1", **options):
    """Makes an algorithm for `env` with an exploration of class `kind`."""
    environments = make_environments(env, 1, {})
    arguments = [environments.observation_space] + [environments.action_space] * (kind is ICM)
    return TorchPPO(env, PPOConfig(num_envs=8, rollout_steps=16), exploration=kind(*arguments, **options))


KINDS = pytest.mark.parametrize("kind", [RND, ICM])


@KINDS
def test_familiar_observations_are_rewarded_less_than_new_ones(kind):
    ppo = made(kind, learning_rate=0.01)
    exploration, rollout = ppo.exploration, ppo.collector.collect()
    inside = ~(rollout.terminated | rollout.truncated)
    errors = lambda rollout: exploration._errors(*exploration._transitions(rollout))[0].detach().view(16, 8)  # noqa: E731
    before = exploration.rewards(rollout)
    first = errors(rollout)
    for _ in range(30):
        losses = exploration.update(rollout)
    assert errors(rollout)[inside].mean() < 0.5 * first[inside].mean()
    assert all(np.isfinite(loss.item()) for loss in losses.values())
    assert (before >= 0).all() and before[inside].all()
    # Half of the rows are moved far away, so they are new.
    rollout.observations[:, :4] += 2
    rollout.last_observations[:4] += 2
    assert errors(rollout)[:, :4].mean() > 2 * errors(rollout)[:, 4:].mean()


@KINDS
def test_a_step_that_ends_an_episode_has_no_intrinsic_reward(kind):
    ppo = TorchPPO(vector(Countdown, lambda: Countdown(2, truncates=True)), PPOConfig(num_envs=2, rollout_steps=6))
    space = [Countdown.observation_space] + [Countdown.action_space] * (kind is ICM)
    rewards = kind(*space).rewards(ppo.collector.collect())
    assert (rewards == 0).T.tolist() == [[False, False, True] * 2, [False, True] * 3]


def test_rewards_are_errors_over_the_deviation_of_their_discounted_sum():
    ppo = made(RND, coefficient=3.0, gamma=0.0)
    rollout = ppo.collector.collect()
    rewards = ppo.exploration.rewards(rollout)
    errors = ppo.exploration._errors(*ppo.exploration._transitions(rollout))[0].detach().view(16, 8)
    errors[rollout.terminated | rollout.truncated] = 0
    # With gamma 0 the sums are the errors; those of the last step are divided by the deviation of all. The tolerance
    # covers the initial variance of 1, which has weight 1e-4.
    expected = 3 * errors[-1] / errors.std(correction=0)
    torch.testing.assert_close(rewards[-1], expected, rtol=0.02, atol=0)


def test_observations_are_normalised_within_five_deviations():
    ppo = made(RND)
    rollout = ppo.collector.collect()
    rollout.observations[0, 0] = 1e6
    ppo.exploration.rewards(rollout)
    _, _, after = ppo.exploration._transitions(rollout)
    before = ppo.exploration._transitions(rollout)[0]
    assert before.max() == 5 and after.shape == (128, 4)
    assert torch.equal(before[8:], after[:-8])


def test_rnds_target_does_not_change():
    ppo = made(RND, learning_rate=0.1)
    before = [parameter.clone() for parameter in ppo.exploration.network["target"].parameters()]
    ppo.learn(256)
    assert all(map(torch.equal, before, ppo.exploration.network["target"].parameters()))


def test_icms_features_tell_the_action():
    space, actions = spaces.Box(-9, 9, (1,), np.float32), spaces.Discrete(2)

    class Walk(Countdown):
        observation_space = space

        def __init__(self):
            super().__init__(50)

        def step(self, action):
            _, *rest = super().step(action)
            self.place = getattr(self, "place", 0.0) + (1 if action else -1)
            return np.float32([self.place % 7]), *rest

    exploration = ICM(space, actions, beta=0.0)
    ppo = TorchPPO(vector(*[Walk] * 8), PPOConfig(num_envs=8, rollout_steps=32), exploration=exploration)
    rollout = ppo.collector.collect()
    ppo.exploration.rewards(rollout)
    for _ in range(40):
        losses = ppo.exploration.update(rollout)
    assert losses["inverse_loss"] < 0.3 < 0.69  # 0.69 is the loss of a guess


@KINDS
@pytest.mark.parametrize("env", ["operant/Pendulum-v1", "nested"])
def test_every_space_is_explored(kind, env):
    ppo = made(kind, vector(*[Nested] * 4) if env == "nested" else env)
    metrics = next(ppo.iterate(1))
    names = {RND: ["prediction_loss"], ICM: ["forward_loss", "inverse_loss"]}[kind]
    assert all(np.isfinite(metrics[name]) for name in names)


@KINDS
def test_a_rollout_of_only_episode_ends_changes_nothing(kind):
    ppo = TorchPPO(vector(lambda: Countdown(1)), PPOConfig(num_envs=1, rollout_steps=4))
    exploration = kind(*[Countdown.observation_space] + [Countdown.action_space] * (kind is ICM))
    rollout, before = ppo.collector.collect(), exploration.parameters.detach().clone()
    assert exploration.rewards(rollout).eq(0).all()
    assert all(loss.isnan() for loss in exploration.update(rollout).values())
    assert torch.equal(exploration.parameters, before)


@KINDS
def test_a_saved_exploration_continues_identically(kind, tmp_path):
    ppo = made(kind)
    rollout = ppo.collector.collect()
    ppo.exploration.rewards(rollout), ppo.exploration.update(rollout)
    save_checkpoint(tmp_path / "state.safetensors", ppo.exploration.state_dict())
    other = made(kind, seed=5).exploration
    other.load_state_dict(load_checkpoint(tmp_path / "state.safetensors"))
    for each in (ppo.exploration, other):
        each.outcome = each.rewards(rollout), each.update(rollout), each.parameters.detach()
    for ours, others in zip(ppo.exploration.outcome, other.outcome, strict=True):
        torch.testing.assert_close(ours, others, rtol=0, atol=0)


@KINDS
def test_torchs_own_generator_is_left_alone(kind):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    kind(*[Countdown.observation_space] + [Countdown.action_space] * (kind is ICM))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": 0}, "features=0 and minibatches=4 at least 1"),
        ({"hidden": (8, 0)}, r"hidden=\(8, 0\) must be positive sizes"),
        ({"hidden": ()}, r"hidden=\(\) must"),
        ({"coefficient": -1}, "coefficient=-1 must be at least 0"),
        ({"gamma": 2}, "gamma=2 from 0 to 1"),
        ({"learning_rate": 0}, "learning_rate=0 above 0"),
    ],
)
def test_an_invalid_argument_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        RND(Countdown.observation_space, **options)
    with pytest.raises(ValueError, match="beta=2 must be from 0 to 1"):
        ICM(Countdown.observation_space, Countdown.action_space, beta=2)
