"""A registered header works like any environment in make, make_vec, worker processes, adapters and training."""

import collections
import pickle
import subprocess
import sys
import textwrap

import gymnasium as gym
import numpy as np
import pytest
from authored import REFERENCE, forget_authored, with_reference, write_lander
from support import same_arrays

import operant
from operant.batch import core
from operant.environments import lookup
from operant.environments.lookup import SeveralAgents, find_spec, is_native
from operant.environments.single import OperantEnv
from operant.environments.vector import OperantVectorEnv
from operant.headers import library


@pytest.fixture(autouse=True)
def registered():
    """Forgets a test's registrations after it."""
    yield
    forget_authored()


def lander_in_python(seed, actions):
    """The observations and rewards of REFERENCE."""
    names = {}
    exec(REFERENCE, names)
    env = names["Lander"]()
    observations, rewards = [env.reset(seed=seed)[0]], []
    for action in actions:
        observation, reward, *_ = env.step(action)
        observations.append(observation)
        rewards.append(reward)
    return np.stack(observations), rewards


def test_register_env_makes_make_and_make_vec_work(tmp_path):
    assert operant.register_env(write_lander(tmp_path)) == "lander-v0"
    env, envs = gym.make("lander-v0", precision="float64"), gym.make_vec("lander-v0", num_envs=3, precision="float64")
    actions = [1, 0, 0, 1, 1, 0]
    observations, rewards = lander_in_python(5, actions)
    first, _ = env.reset(seed=5)
    assert first.tobytes() == observations[0].tobytes()
    rows, _ = envs.reset(seed=3)
    assert rows[2].tobytes() == observations[0].tobytes()
    for action, observation, reward in zip(actions, observations[1:], rewards, strict=True):
        one = env.step(action)
        many = envs.step(np.full(3, action))
        assert one[0].tobytes() == many[0][2].tobytes() == observation.tobytes()
        assert one[1] == many[1][2] == reward
    assert env.spec.max_episode_steps == 200 and env.spec.reward_threshold == 0.4
    assert envs.single_action_space == gym.spaces.Discrete(2)


def test_make_vec_reads_builds_loads_and_checks_a_registered_header_once(tmp_path, monkeypatch):
    env_id = operant.register_env(write_lander(tmp_path))
    calls = collections.Counter()
    for module, names in ((library, ("build_checked", "included")), (core, ("load_library", "check_descriptor"))):
        for name in names:
            counted(monkeypatch, module, name, calls)
    counted(monkeypatch, lookup, "check_header", calls)
    counted(monkeypatch, lookup, "read_descriptor", calls)
    gym.make_vec(env_id, num_envs=2, params={"gravity": 1.0}, randomize={"thrust": (3.0, 5.0)}).close()
    once = ("build_checked", "check_header", "check_descriptor", "included", "load_library", "read_descriptor")
    assert calls == dict.fromkeys(once, 1)


def counted(monkeypatch, module, name, calls):
    """Counts the calls of a module's function."""
    function = getattr(module, name)

    def counting(*arguments, **named):
        calls[name] += 1
        return function(*arguments, **named)

    monkeypatch.setattr(module, name, counting)


def test_a_registered_header_has_the_features_of_a_built_in_environment(tmp_path):
    operant.register_env(write_lander(tmp_path))
    options = {"params": {"gravity": np.linspace(1, 2, 4)}, "randomize": {"thrust": (3.0, 5.0)}, "workers": 2}
    envs = gym.make_vec("lander-v0", num_envs=4, autoreset_mode="SameStep", max_episode_steps=5, **options)
    envs.reset(seed=0)
    for _ in range(5):
        *_, truncated, infos = envs.step(np.ones(4, np.int64))
    assert truncated.all() and len(infos["final_obs"]) == 4
    assert envs.unwrapped.parameter("gravity").tolist() == pytest.approx([1, 4 / 3, 5 / 3, 2])
    assert len(set(envs.unwrapped.parameter("thrust"))) == 4
    with pytest.raises(ValueError, match=r"'gravity' = 101.0 is outside"):
        gym.make_vec("lander-v0", num_envs=1, params={"gravity": 101})
    with pytest.raises(ValueError, match="unknown parameter 'graviti': did you mean 'gravity'"):
        gym.make_vec("lander-v0", num_envs=1, params={"graviti": 1})
    with pytest.raises(ValueError, match="action 2 of environment 0 must be an integer in"):
        envs.step(np.full(4, 2))


def test_the_direct_classes_take_the_path_of_a_header(tmp_path):
    path = write_lander(tmp_path)
    assert OperantVectorEnv(str(path), 2).reset(seed=0)[0].shape == (2, 2)
    assert OperantEnv(str(path)).reset(seed=0)[0].shape == (2,)
    assert is_native(str(path)) and not is_native("CartPole-v1") and is_native("operant/CartPole-v1")


def test_a_pickled_environment_finds_its_header_in_a_process_that_registered_nothing(tmp_path):
    operant.register_env(write_lander(tmp_path))
    envs = gym.make_vec("lander-v0", num_envs=4)
    envs.reset(seed=1)
    envs.step(np.ones(4, np.int64))
    (tmp_path / "envs.pickle").write_bytes(pickle.dumps(envs.unwrapped))
    script = f"""
        import pickle, numpy as np
        envs = pickle.load(open({str(tmp_path / "envs.pickle")!r}, "rb"))
        print(envs.step(np.ones(4, np.int64))[0].tobytes().hex())
    """
    printed = subprocess.check_output([sys.executable, "-c", textwrap.dedent(script)], text=True).strip()
    assert printed == envs.step(np.ones(4, np.int64))[0].tobytes().hex()


SPAWNED = """
import sys
import gymnasium as gym, numpy as np

def main():
    import operant
    operant.register_env({path!r})
    envs = gym.make_vec("lander-v0", 2, "async", vector_kwargs={{"context": "spawn"}})
    print(envs.reset(seed=3)[0].tobytes().hex())
    envs.close()

if __name__ == "__main__":
    main()
"""


def test_spawned_workers_find_it_without_registering_it_again(tmp_path):
    path = write_lander(tmp_path)
    operant.register_env(path)
    expected = gym.make_vec("lander-v0", num_envs=2).reset(seed=3)[0]
    script = tmp_path / "script.py"
    script.write_text(SPAWNED.format(path=str(path)))
    assert subprocess.check_output([sys.executable, script], text=True).strip() == expected.tobytes().hex()


def test_a_package_registers_its_headers_when_it_is_imported(tmp_path, monkeypatch):
    package = tmp_path / "my_games"
    write_lander(package)
    (package / "__init__.py").write_text(
        "from pathlib import Path\nimport operant\n"
        'operant.register_env(Path(__file__).with_name("lander.h"), build=False)\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert gym.make_vec("my_games:lander-v0", num_envs=2).unwrapped.batch.spec.id == "lander-v0"
        assert find_spec("my_games:lander-v0").source == str(package / "lander.h")
        assert OperantVectorEnv("my_games:lander-v0", 2).num_envs == 2
    finally:
        sys.modules.pop("my_games", None)


def test_a_header_that_was_edited_is_registered_anew_under_its_id(tmp_path):
    path = write_lander(tmp_path)
    operant.register_env(path)
    before = gym.make("lander-v0").reset(seed=0)[0]
    path.write_text(path.read_text().replace("P(low, 8.0", "P(low, 3.0").replace("P(high, 12.0", "P(high, 4.0"))
    toml = path.with_suffix(".toml")
    toml.write_text(toml.read_text().replace("max_episode_steps = 200", "max_episode_steps = 3"))
    assert operant.register_env(path) == "lander-v0"
    after = gym.make("lander-v0").reset(seed=0)[0]
    assert 8 <= before[0] <= 12 and 3 <= after[0] <= 4
    assert gym.spec("lander-v0").max_episode_steps == 3


def test_an_id_that_is_taken_is_refused(tmp_path):
    operant.register_env(write_lander(tmp_path / "a"), build=False)
    with pytest.raises(
        ValueError, match=r"lander-v0 is already registered from .*a/lander\.h: give .*b/lander\.h another id"
    ):
        operant.register_env(write_lander(tmp_path / "b"), build=False)
    taken = write_lander(tmp_path / "c", descriptor=('"lander-v0"', '"CartPole-v1"'))
    with pytest.raises(ValueError, match=r"CartPole-v1 is already registered as gymnasium.*: choose another id"):
        operant.register_env(taken, build=False)


def test_sizes_and_defaults_that_contradict_the_header_are_named(tmp_path):
    three = write_lander(tmp_path / "a", descriptor=("actions = 2", "actions = 3"))
    with pytest.raises(
        ValueError, match=r"lander\.h and the descriptor of lander-v0 differ: lander_actions is 2, .* 3"
    ):
        operant.register_env(three)
    weak = write_lander(
        tmp_path / "b", header=('P(thrust, 4.0, "m/s2", 0, 100)', 'P(thrust, 4.0, "m/s2", -INFINITY, 3)')
    )
    with pytest.raises(ValueError, match=r"lander\.h lists thrust with the default 4, which is not from -inf to 3"):
        operant.register_env(weak)


NAMED = {
    "a bound": ('"-max_speed"', '"-max_sped"', "max_sped"),
    "an option": ("[observation] ", '[options]\ng = "gravty"\n[observation] ', "gravty"),
    "an attribute": ("[observation] ", '[attributes]\ngravty = "g"\n[observation] ', "gravty"),
    "a reset option": ("actions = 2", 'actions = 2\nreset_options = ["lower"]', "lower"),
}


@pytest.mark.parametrize("what", NAMED)
def test_a_parameter_that_the_descriptor_names_and_the_header_lacks_is_refused(tmp_path, what):
    old, new, name = NAMED[what]
    with pytest.raises(
        ValueError,
        match=rf"descriptor of lander-v0 names a parameter that lander\.h does not list: unknown parameter '{name}'",
    ):
        operant.register_env(write_lander(tmp_path, descriptor=(old, new)))


def test_a_header_without_a_reference_class_cannot_be_drawn(tmp_path):
    operant.register_env(write_lander(tmp_path))
    assert gym.make_vec("lander-v0", num_envs=1).metadata["render_modes"] == []
    with pytest.raises(TypeError, match="lander-v0 cannot be drawn: name a reference class"):
        OperantVectorEnv("lander-v0", 1, render_mode="rgb_array")


def test_a_reference_class_with_render_draws_it(tmp_path):
    drawing = "    def render(self):\n        return np.full((4, 4, 3), int(self.state[0]), np.uint8)\n\n    def step("
    path = with_reference(tmp_path, "    def step(", drawing)
    module = next(tmp_path.glob("lander_reference_*.py"))
    module.write_text(
        module.read_text().replace(
            "    def reset(", "    def __init__(self, render_mode=None):\n        pass\n\n    def reset(", 1
        )
    )
    envs = OperantVectorEnv(str(path), 1, render_mode="rgb_array")
    observations, _ = envs.reset(seed=0)
    (frame,) = envs.render()
    assert frame.shape == (4, 4, 3) and (frame == int(observations[0, 0])).all()


def test_the_error_for_an_unregistered_name_lists_the_registered_ones(tmp_path):
    operant.register_env(write_lander(tmp_path), build=False)
    with pytest.raises(ValueError, match=r"unknown environment 'landr-v0': did you mean 'lander-v0'\?"):
        find_spec("landr-v0")


@pytest.mark.parametrize("name", ["no_such_module:lander-v0", "no.such:lander-v0", ":lander-v0", "a b:lander-v0"])
def test_an_id_whose_module_does_not_exist_is_unknown(name):
    assert not is_native(name)
    with pytest.raises(ValueError, match="unknown environment"):
        find_spec(name)


def test_an_import_error_inside_a_module_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_games.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        find_spec("broken_games:lander-v0")


def test_several_agents_are_named_with_the_class_that_takes_them(tmp_path):
    path = write_lander(tmp_path, descriptor=("actions = 2", 'actions = 2\nagents = ["pilot"]'))
    with pytest.raises(SeveralAgents, match=r"use operant.OperantParallelEnv, or gymnasium.make_vec"):
        OperantEnv(str(path))


def test_stable_baselines3_steps_it_as_a_native_batch_and_in_processes(tmp_path):
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import DummyVecEnv

    from operant.compat.sb3 import OperantVecEnv

    operant.register_env(write_lander(tmp_path))
    native = make_vec_env("lander-v0", n_envs=4, seed=0, vec_env_cls=OperantVecEnv)
    usual = make_vec_env("lander-v0", n_envs=4, seed=0, vec_env_cls=DummyVecEnv)
    assert OperantVecEnv("lander-v0", 2).num_envs == 2
    same_arrays(native.reset(), usual.reset())
    for actions in np.random.default_rng(0).integers(0, 2, (150, 4)):
        ours, theirs = native.step(actions), usual.step(actions)
        same_arrays(ours[0], theirs[0])
        same_arrays(ours[2], theirs[2])


def test_it_trains_as_a_native_batch(tmp_path):
    from operant.models import PPO
    from operant.models.collection.sources import NativeEnvironments

    operant.register_env(write_lander(tmp_path))
    algorithm = PPO("lander-v0")
    assert isinstance(algorithm.environments, NativeEnvironments)
    assert algorithm.environments.env_id == str(tmp_path / "lander.h")  # by which a checkpoint finds it
    algorithm.learn(1)
    algorithm.close()
