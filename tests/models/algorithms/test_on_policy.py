"""The parts that all on-policy algorithms share: spaces, metrics, saving, resuming, and errors."""

import contextlib
import copy
import functools
import math
import operator

import gymnasium as gym
import numpy as np
import pytest
import torch
from toys import Countdown, Nested, vector

from operant.messages import NotFiniteError
from operant.models import A2C, PPO, REINFORCE, RND, TRPO, VMPO
from operant.models.algorithms.torch_ppo import TorchPPO
from operant.models.native.ppo import NativePPO
from operant.models.networks.actor_critic import ActorCritic
from operant.models.networks.popart import PopArtValueHead
from operant.runs.checkpoint import CheckpointError, load_checkpoint, save_checkpoint

torch.set_num_threads(1)

ALGORITHMS = [NativePPO, TorchPPO, A2C, REINFORCE, TRPO, VMPO]
every_algorithm = pytest.mark.parametrize("kind", ALGORITHMS, ids=lambda kind: f"{kind.name}-{kind.backend}")
SMALL = {"num_envs": 8, "rollout_steps": 16, "hidden": (16,)}
UPDATE = 8 * 16


def made(kind, env="operant/CartPole-v1", arguments=(), **options):
    return kind(env, kind.Config(**{**SMALL, **options}), **dict(arguments))


def same(ours, others):
    """Returns True if two states are the same bit for bit."""
    if isinstance(ours, dict):
        return ours.keys() == others.keys() and all(same(ours[key], others[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(others) and all(map(same, ours, others))
    if isinstance(ours, torch.Tensor):
        return ours.dtype == others.dtype and torch.equal(ours, others)
    if isinstance(ours, np.ndarray):
        return ours.dtype == others.dtype and ours.tobytes() == others.tobytes()
    return type(ours) is type(others) and ours == others


def skip_unless_recurrent(kind, lstm):
    if kind is NativePPO and lstm:
        pytest.skip("the core has no LSTM")


def train(algorithm, updates):
    """Trains up to `updates` updates of a run of four, over which the learning rate is annealed."""
    for metrics in algorithm.iterate(4 * UPDATE):
        if metrics["updates"] == updates:
            return metrics


NORMALISED = {"normalize_observations": True, "normalize_rewards": True}
RESUMED = {
    "normalisers": ("operant/CartPole-v1", NORMALISED),
    "lstm": ("operant/CartPole-v1", {"lstm": 8}),
    "lstm and normalisers": ("operant/Pendulum-v1", {"lstm": 8, **NORMALISED}),
}


@every_algorithm
@pytest.mark.parametrize(("env", "options"), RESUMED.values(), ids=RESUMED)
def test_a_resumed_run_equals_an_uninterrupted_one(kind, env, options, tmp_path):
    skip_unless_recurrent(kind, options.get("lstm"))
    # Episodes end within each rollout, so the saved state is more than a part of one episode.
    arguments = {"env_options": {"max_episode_steps": 13}}
    whole = made(kind, env, arguments, **options)
    expected = train(whole, 4)
    stopped = made(kind, env, arguments, **options)
    train(stopped, 2)
    stopped.save(tmp_path / "state.safetensors")
    resumed = kind.load(tmp_path / "state.safetensors")
    metrics = train(resumed, 4)
    ours, others = whole.state_dict(), resumed.state_dict()
    for state in (ours, others):
        del state["counters"]["seconds"]
    assert same(ours, others)
    assert not same(stopped.state_dict()["policy"], ours["policy"])
    for name in expected:
        if "second" not in name:
            assert metrics[name] == pytest.approx(expected[name], rel=0, abs=0, nan_ok=True), name


def test_exploration_popart_and_a_custom_policy_are_passed_again(tmp_path):
    def arguments():
        torch.manual_seed(0)  # the value head's weights are drawn from it
        policy = ActorCritic(space, gym.spaces.Discrete(3), hidden=(8,), value_head=PopArtValueHead(8), seed=0)
        return {"policy": policy, "exploration": RND(space)}

    space = gym.make("MountainCar-v0").observation_space
    whole, stopped = (made(PPO, "operant/MountainCar-v0", arguments()) for _ in range(2))
    train(whole, 4)
    train(stopped, 2)
    stopped.save(tmp_path / "state.safetensors")
    resumed = PPO.load(tmp_path / "state.safetensors", **arguments())
    train(resumed, 4)
    ours, others = whole.state_dict(), resumed.state_dict()
    for state in (ours, others):
        del state["counters"]["seconds"]
    assert same(ours, others)


@every_algorithm
@pytest.mark.parametrize("lstm", [0, 8])
def test_nested_spaces_several_choices_and_masks_are_trained_on(kind, lstm):
    skip_unless_recurrent(kind, lstm)
    Nested.forbidden_taken = 0
    envs = vector(*[Nested] * 4)
    algorithm = made(kind, envs, num_envs=4, lstm=lstm)
    for metrics in algorithm.iterate(3 * 4 * 16):
        assert all(map(math.isfinite, (metrics["policy_loss"], metrics["entropy"], metrics["gradient_norm"])))
    assert metrics["updates"] == 3 and metrics["episodes"] == 24 and metrics["episode_length"] == 7
    assert Nested.forbidden_taken == 0
    observations, _ = envs.reset(seed=1)
    for deterministic in (True, False):
        actions, _ = algorithm.predict(observations, deterministic=deterministic)
        mask = observations["action_mask"]
        assert mask[range(4), actions[:, 0]].all() and mask[range(4), 2 + actions[:, 1]].all()


@every_algorithm
@pytest.mark.parametrize("options", [{}, {"squash": True}, {"share": True}, {"log_std": -1.0}], ids=str)
def test_continuous_actions_are_trained_on(kind, options):
    algorithm = made(kind, "operant/Pendulum-v1", {"env_options": {"max_episode_steps": 10}}, **options)
    *_, metrics = algorithm.iterate(2 * UPDATE)
    assert metrics["episodes"] == 24 and metrics["steps"] == 2 * UPDATE
    actions, state = algorithm.predict(100 * np.ones((5, 3), np.float32), deterministic=False)
    assert actions.shape == (5, 1) and np.abs(actions).max() <= 2 and state is None


@every_algorithm
def test_metrics_are_numbers_under_their_names(kind):
    *_, metrics = made(kind).iterate(UPDATE * 4)
    assert all(type(value) in (int, float) for value in metrics.values())
    names = {"steps", "updates", "seconds", "steps_per_second", "episodes", "episode_return", "episode_length"}
    names |= {"policy_loss", "value_loss", "entropy", "gradient_norm", "explained_variance", "learning_rate"}
    assert names <= metrics.keys()
    assert metrics["steps"] == UPDATE * 4 and metrics["episode_return"] == metrics["episode_length"] > 1
    assert metrics["learning_rate"] == pytest.approx(2.5e-4, rel=1e-6)  # a quarter of 1e-3 is left


@every_algorithm
def test_weights_that_are_no_longer_finite_end_training_at_the_update_which_is_named(kind):
    class Worthless(Countdown):
        worth = 1.0

        def step(self, action):
            observation, reward, *rest = super().step(action)
            return observation, reward * self.worth, *rest

    algorithm = made(kind, vector(*[Worthless] * 8)).learn(UPDATE)
    Worthless.worth = math.nan
    with pytest.raises(NotFiniteError, match=r"^update 2 met an infinite number or NaN .* a lower learning_rate"):
        algorithm.learn(4 * UPDATE)
    assert (algorithm.updates, algorithm.steps) == (1, UPDATE)


def test_the_learning_rate_is_constant_without_annealing():
    *_, metrics = made(PPO, anneal=False).iterate(UPDATE * 4)
    assert metrics["learning_rate"] == pytest.approx(1e-3, rel=1e-6)


def test_a_loop_that_was_left_early_can_continue():
    algorithm = made(PPO)
    assert next(algorithm.iterate(4 * UPDATE))["updates"] == 1
    assert [metrics["updates"] for metrics in algorithm.iterate(3 * UPDATE)] == [2, 3]
    assert list(algorithm.iterate(3 * UPDATE)) == []


def test_a_seed_determines_a_run():
    states = [made(PPO, arguments={"seed": seed}).learn(UPDATE).policy.state_dict() for seed in (1, 1, 2)]
    assert same(states[0], states[1]) and not same(states[0], states[2])


@pytest.mark.parametrize("kind", [NativePPO, TorchPPO])
def test_a_foreign_environment_resumes_with_new_episodes(kind, tmp_path):
    algorithm = made(kind, "CartPole-v1", normalize_observations=True).learn(2 * UPDATE)
    algorithm.save(tmp_path / "state.safetensors")
    resumed = PPO.load(tmp_path / "state.safetensors")
    assert same(resumed.policy.state_dict(), algorithm.policy.state_dict())
    assert resumed.state_dict()["collector"]["starts"].all() and resumed.steps == 2 * UPDATE
    assert resumed.learn(3 * UPDATE).updates == 3


def test_an_lstms_predictions_depend_on_the_past_up_to_the_episodes_start():
    algorithm = made(PPO, lstm=8)
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 3, 4)).astype(np.float32)
    _, state = algorithm.predict(first)
    _, expected = algorithm.predict(second)  # from the beginning
    _, after = algorithm.predict(second, state, starts=np.array([True, False, True]))
    torch.testing.assert_close(after[:, [0, 2]], expected[:, [0, 2]])
    assert not torch.allclose(after[:, 1], expected[:, 1])


def test_a_config_of_another_algorithm_is_an_error():
    with pytest.raises(TypeError, match="config is a A2CConfig, but ppo takes a PPOConfig"):
        PPO("operant/CartPole-v1", A2C.Config())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env": None}, "env=None must be an id or a vector env"),
        ({"env": 3}, "env=3 must be an id or a vector env"),
        ({"env": Countdown()}, "env=<Countdown instance> is one environment, and training takes an id or a vector env"),
        ({"policy": "MlpPolicy"}, "policy='MlpPolicy' must be an ActorCritic"),
        ({"env_options": [1]}, r"env_options=\[1\] must be a dict of names and values"),
    ],
)
def test_an_argument_of_another_type_is_named(arguments, message):
    with pytest.raises(TypeError, match=message):
        PPO(**{"env": "operant/CartPole-v1", **arguments})


@pytest.mark.parametrize("steps", ["many", None, True, math.nan])
def test_a_number_of_steps_that_cannot_be_is_named(steps):
    algorithm = made(PPO)
    for train in (algorithm.learn, algorithm.iterate):
        with pytest.raises(TypeError, match=f"^total_steps={steps!r} must be a number of steps"):
            train(steps)


@every_algorithm
def test_an_algorithm_shows_its_environments_and_steps(kind):
    name = f"{kind.__name__}(operant/CartPole-v1, num_envs=8, seed=0, steps={UPDATE})"
    assert repr(made(kind).learn(UPDATE)) == name


@pytest.mark.parametrize("seed, error", [(-1, ValueError), (2**64, ValueError), (1.5, TypeError)])
def test_a_seed_that_cannot_be_is_named(seed, error):
    with pytest.raises(error, match=rf"^seed={seed} must be "):
        PPO("operant/CartPole-v1", seed=seed)


def test_a_checkpoint_of_another_algorithm_is_an_error(tmp_path):
    made(A2C).save(tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match="was saved by a2c: load it with that class"):
        PPO.load(tmp_path / "state.safetensors")


def test_a_foreign_checkpoint_is_an_error(tmp_path):
    save_checkpoint(tmp_path / "state.safetensors", {"weights": 1})
    with pytest.raises(ValueError, match=r"state.safetensors was saved by None: load it with that class"):
        PPO.load(tmp_path / "state.safetensors")
    torch.save({"weights": torch.ones(2)}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"other.pt is not a checkpoint of operant"):
        PPO.load(tmp_path / "other.pt")


STRANGE = [None, -1, 0.5, math.inf, "x", [None], {}, b"x", np.zeros(3), np.zeros(2, [("a", "f4")])]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The state in a checkpoint."""
    path = tmp_path_factory.mktemp("saved") / "state.safetensors"
    made(PPO, lstm=4, epochs=1, minibatches=1).learn(UPDATE).save(path)
    return load_checkpoint(path)


@pytest.mark.parametrize(
    "place",
    [
        "algorithm",
        "config",
        "seed",
        "threads",
        "policy",
        "generator",
        "processes",
        "counters",
        "counters.steps",
        "counters.updates",
        "optimizer.steps",
        "optimizer.mean",
        "collector.environments",
        "collector.starts",
        "collector.state",
        "collector.returns",
        "collector.lengths",
        "collector.episodes",
    ],
)
def test_a_strange_value_in_a_checkpoint_is_refused_in_one_line_or_learned_from(saved, tmp_path, place):
    refused = len(STRANGE)
    for value in STRANGE:
        *above, last = place.split(".")
        changed = copy.deepcopy(saved)
        functools.reduce(operator.getitem, above, changed)[last] = value
        save_checkpoint(tmp_path / "state.safetensors", changed)
        try:
            algorithm = PPO.load(tmp_path / "state.safetensors")
        except (ValueError, TypeError) as problem:
            assert "\n" not in str(problem)
        else:
            refused -= 1
            with contextlib.suppress(NotFiniteError):  # of an infinite moment; it is one line, too
                algorithm.learn(2 * UPDATE)
    assert refused >= 5


def test_a_vector_env_without_an_id_is_passed_again(tmp_path):
    algorithm = made(PPO, vector(Countdown, Countdown), num_envs=2)
    algorithm.learn(32).save(tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match=r"was trained on a vector env without an id: pass it as env="):
        PPO.load(tmp_path / "state.safetensors")
    assert PPO.load(tmp_path / "state.safetensors", vector(Countdown, Countdown)).learn(64).updates == 2


def test_an_unknown_option_in_a_checkpoint_is_named(tmp_path):
    made(PPO).save(tmp_path / "state.safetensors")
    state = load_checkpoint(tmp_path / "state.safetensors")
    state["config"]["clop"] = 0.1
    save_checkpoint(tmp_path / "state.safetensors", state)
    with pytest.raises(ValueError, match=r"unknown option 'clop': did you mean 'clip'\?"):
        PPO.load(tmp_path / "state.safetensors")


def test_a_space_that_no_policy_supports_is_an_error():
    class Texts(Countdown):
        observation_space = gym.spaces.Text(5)

    with pytest.raises(TypeError, match=r"Text\(.*no fixed layout; supported are Box"):
        made(PPO, vector(Texts), num_envs=1)
