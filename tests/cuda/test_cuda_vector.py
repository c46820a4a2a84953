"""gymnasium.make_vec(..., device=...), emulated: the CPU's numbers as tensors, without waiting for the device."""

import copy
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode
from support import MODES, actions_for
from torch.utils._python_dispatch import TorchDispatchMode
from twins import IDS, N, play, same, same_infos, same_results, twins

from operant.catalog import CATALOG
from operant.environments.cuda_vector import CudaVectorEnv
from operant.environments.vector import OperantVectorEnv, make_vector_env
from operant.multiagent import simple_tag_v3


def emulated(env_id="CartPole-v1", num_envs=4, **options):
    return make_vector_env(env_id, num_envs, device="emulated", **options)


def pushes(num_envs, dtype=torch.int64):
    """Actions that push every pole to the right: it falls within 12 steps."""
    return torch.ones(num_envs, dtype=dtype)


# gymnasium.make_vec.


@pytest.mark.parametrize("prefix", ["operant/", "operant:operant/"])
def test_make_vec_makes_an_environment_of_tensors_on_the_device(prefix):
    env = gym.make_vec(f"{prefix}CartPole-v1", num_envs=3, device="emulated", autoreset_mode="SameStep")
    assert type(env) is CudaVectorEnv and env.unwrapped is env and env.num_envs == 3
    assert env.device == torch.device("cpu") and env.autoreset_mode is AutoresetMode.SAME_STEP
    assert repr(env) == "CudaVectorEnv(operant/CartPole-v1, num_envs=3)"
    observations, infos = env.reset(seed=0)
    assert observations.shape == (3, 4) and observations.dtype == torch.float32 and infos == {}
    assert type(gym.make_vec(f"{prefix}CartPole-v1", num_envs=3, device="cpu")) is OperantVectorEnv
    assert type(gym.make_vec(f"{prefix}CartPole-v1", num_envs=3)) is OperantVectorEnv


def test_the_spec_remembers_the_device_through_json():
    env = gym.make_vec("operant/CartPole-v1", num_envs=3, device="emulated", max_episode_steps=7)
    again = gym.make_vec(type(env.spec).from_json(env.spec.to_json()))
    assert type(again) is CudaVectorEnv and again.num_envs == 3
    again.reset(seed=0)
    assert [bool(again.step(pushes(3))[3].all()) for _ in range(7)] == [False] * 6 + [True]


def test_the_spaces_and_the_metadata_are_the_cpus():
    for env_id in IDS:
        mine, other = twins(env_id, 3)
        assert mine.observation_space == other.observation_space and mine.action_space == other.action_space
        assert mine.single_observation_space == other.single_observation_space
        assert mine.metadata == other.metadata | {"torch": True} and mine.agents == other.agents


def test_environments_of_several_agents_are_also_made_by_their_modules():
    env = simple_tag_v3.vector_env(5, device="emulated")
    assert type(env) is CudaVectorEnv and env.num_envs == 20 and env.reset(seed=0)[0].shape == (20, 16)


def test_importing_operant_and_stepping_on_the_cpu_loads_no_torch():
    script = (
        "import sys, gymnasium, operant; gymnasium.make_vec('operant/CartPole-v1', num_envs=2).reset(); "
        "print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False"]


def test_without_torch_the_error_says_how_to_install_it():
    script = (
        "import sys, gymnasium, operant\nsys.modules['torch'] = None\n"
        "try: gymnasium.make_vec('operant/CartPole-v1', device='cuda')\n"
        "except ImportError as problem: print(problem)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "device='cuda' needs PyTorch: pip install 'operant[cuda]'\n"


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"device": "gpu"}, ValueError, "unknown device 'gpu'"),
        ({"device": "emulatd"}, ValueError, "unknown device 'emulatd': did you mean 'emulated'"),
        ({"device": "cuda:x"}, ValueError, "unknown device 'cuda:x'"),
        ({"precision": "float64"}, ValueError, "precision='float64' is for device='cpu', not 'emulated': .* libm"),
        ({"workers": 4}, ValueError, "workers=4 is for device='cpu', not 'emulated': a GPU has a thread for each"),
        ({"isa": "avx2"}, ValueError, "isa='avx2' is for device='cpu', not 'emulated'"),
        ({"autoreset_mode": "Same"}, ValueError, "unknown autoreset_mode 'Same': did you mean 'SameStep'"),
        ({"num_envs": 0}, ValueError, "num_envs=0 must be from 1"),
        ({"max_episode_steps": -2}, ValueError, "max_episode_steps=-2 must be at least 1, or -1 for no limit"),
        ({"gravityy": 3}, TypeError, "operant/CartPole-v1 got an unexpected keyword argument 'gravityy'"),
        ({"params": {"gravty": 3}}, ValueError, "unknown parameter 'gravty': did you mean 'gravity'"),
        ({"params": {"gravity": [1, 2]}}, ValueError, r"parameter 'gravity' has shape \(2,\)"),
        ({"randomize": {"gravity": (3, 1)}}, ValueError, "low 3.0 is above high 1.0"),
        ({"render_mode": "ansi"}, ValueError, "unknown render_mode 'ansi'"),
    ],
)
def test_bad_arguments_are_refused_by_name(options, error, message):
    with pytest.raises(error, match=message):
        gym.make_vec("operant/CartPole-v1", **{"num_envs": 3, "device": "emulated", **options})


def test_the_cpus_own_class_points_to_make_vec():
    with pytest.raises(TypeError, match=r"steps on the CPU: .*gymnasium\.make_vec\(\.\.\., device='emulated'\)"):
        OperantVectorEnv("CartPole-v1", 2, device="emulated")


# The CPU's bits.


@pytest.mark.parametrize("env_id", IDS)
def test_results_infos_and_states_are_the_cpus_in_every_autoreset_mode(env_id):
    for mode in MODES:
        mine, other = twins(
            env_id,
            N if env_id in CATALOG else N // 4,
            autoreset_mode=mode,
            max_episode_steps=13,
            episode_statistics=mode != "Disabled",
        )
        same_results(mine.reset(seed=3), other.reset(seed=3))
        assert play(mine, other, 40) > 20


def test_the_default_time_limit_and_no_limit_work_as_on_the_cpu():
    mine, other = twins("Pendulum-v1", 3)  # 200 steps
    endless = emulated("Pendulum-v1", 3, max_episode_steps=-1)
    for env in (mine, other, endless):
        env.reset(seed=0)
    assert play(mine, other, 205) == 3
    assert not any(endless.step(torch.zeros(3, 1))[3].any() for _ in range(205))


@pytest.mark.parametrize("num_envs", [1, 255, 256, 257, 1000])
def test_any_number_of_environments_is_stepped(num_envs):
    mine, other = twins("Acrobot-v1", num_envs, max_episode_steps=9, autoreset_mode="SameStep")
    same_results(mine.reset(seed=1), other.reset(seed=1))
    assert play(mine, other, 10) >= num_envs


@pytest.mark.parametrize(
    "env_id, options",
    [
        ("CartPole-v1", {"params": {"gravity": 3.7, "half_length": 0.3}}),
        ("CartPole-v1", {"params": {"gravity": np.linspace(2, 12, N)}, "sutton_barto_reward": True}),
        ("CartPole-v1", {"randomize": {"gravity": (8.0, 12.0), "half_length": (0.2, 0.9)}}),
        ("Pendulum-v1", {"g": np.linspace(5, 15, N), "randomize": {"mass": (0.5, 2.0)}}),
        ("FrozenLake-v1", {"map_name": "8x8"}),
        ("FrozenLake-v1", {"is_slippery": False}),
        ("simple_spread-v3", {"N": 2, "local_ratio": 0.25}),
        ("simple_tag-v3", {"continuous_actions": True}),
    ],
)
def test_parameters_randomisation_and_variants_work_as_on_the_cpu(env_id, options):
    mine, other = twins(env_id, N, max_episode_steps=11, autoreset_mode="SameStep", **options)
    same_results(mine.reset(seed=9), other.reset(seed=9))
    assert play(mine, other, 25) > N
    for part in other.batch.parameters:
        assert mine.parameter(part.name).tobytes() == other.parameter(part.name).tobytes()


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_discrete_actions_may_have_either_integer_type(dtype):
    mine, other = twins("MountainCar-v0", 5, max_episode_steps=20)
    same_results(mine.reset(seed=0), other.reset(seed=0))
    play(mine, other, 30, dtype=dtype)


def test_continuous_actions_beyond_the_bounds_and_in_float64_are_taken_as_on_the_cpu():
    for env_id in ("Pendulum-v1", "MountainCarContinuous-v0"):
        mine, other = twins(env_id, 6, max_episode_steps=20)
        same_results(mine.reset(seed=0), other.reset(seed=0))
        play(mine, other, 30, dtype=np.float64)
        extreme = np.array([[1e300], [-1e300], [3.4e38], [np.pi], [-0.0], [5e-324]])
        same_results(mine.step(torch.from_numpy(extreme)), other.step(extreme))


def test_actions_that_are_not_contiguous_step_like_a_copy():
    for env_id in ("CartPole-v1", "Pendulum-v1", "Quadrotor-v0"):
        mine, other = twins(env_id, 4)
        same_results(mine.reset(seed=0), other.reset(seed=0))
        wide = torch.from_numpy(actions_for(other.single_action_space, np.random.default_rng(0), (8,)))
        assert not wide[::2].is_contiguous() or wide.shape[1:] == ()
        same_results(mine.step(wide[::2]), other.step(wide[::2].numpy()))


# Resets.


@pytest.mark.parametrize(
    "seed", [0, np.int64(12), (1 << 40) + 3, (1 << 64) - 2, 1 << 90, [3, None, 1 << 80, 0, None], np.arange(5)]
)
def test_seeds_are_the_cpus(seed):
    mine, other = twins("CartPole-v1", 5, max_episode_steps=6)
    for env in (mine, other):
        env.reset(seed=100)
    same_results(mine.reset(seed=seed), other.reset(seed=seed))
    play(mine, other, 15)
    same_results(mine.reset(), other.reset())
    assert mine.np_random_seed == other.np_random_seed
    assert mine.np_random.integers(1 << 30) == other.np_random.integers(1 << 30)


def test_without_a_seed_every_environment_begins_differently():
    a, b = emulated().reset()[0], emulated().reset()[0]
    assert len({*a.flatten().tolist(), *b.flatten().tolist()}) == 32


@pytest.mark.parametrize("given", [lambda mask: mask, torch.from_numpy], ids=["array", "tensor"])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Taxi-v4", "Blackjack-v1", "simple_spread-v3"])
def test_a_masked_reset_with_options_and_seeds_is_the_cpus(env_id, given):
    mine, other = twins(env_id, 5, autoreset_mode="Disabled")
    same_results(mine.reset(seed=0), other.reset(seed=0))
    mask = np.array([True, False, True, False, False]).repeat(other.batch.agents)
    bounds = {"low": -0.01, "high": 0.01} if env_id == "CartPole-v1" else {}
    for seed in (None, 7, [1, 2, None, 4, 5]):
        expected = other.reset(seed=seed, options={"reset_mask": mask, **bounds})
        same_results(mine.reset(seed=seed, options={"reset_mask": given(mask), **bounds}), expected)
        assert mine.np_random_seed == other.np_random_seed
    same_results(mine.reset(options=bounds), other.reset(options=bounds))
    assert mine.get_state().tobytes() == other.get_state().tobytes()


def test_a_mask_on_the_device_may_be_empty_and_resets_an_environment_for_any_of_its_agents():
    env = emulated("simple_spread-v3", 3, autoreset_mode="Disabled")
    before = env.reset(seed=0)[0]
    assert torch.equal(env.reset(options={"reset_mask": torch.zeros(9, dtype=torch.bool)})[0], before)
    mask = torch.zeros(9, dtype=torch.bool)
    mask[4] = True
    after = env.reset(options={"reset_mask": mask})[0]
    assert (after != before).any(dim=1).tolist() == [False] * 3 + [True] * 3 + [False] * 3


@pytest.mark.parametrize(
    "mask, error, message",
    [
        (torch.ones(3, dtype=torch.bool), ValueError, r"must have shape \(4,\), got \(3,\)"),
        (torch.ones(4), TypeError, "must have dtype bool, got torch.float32"),
        (np.ones(3, bool), ValueError, r"must have shape \(4,\), got \(3,\)"),
        (np.ones(4), TypeError, "must have dtype bool, got float64"),
        (np.zeros(4, bool), ValueError, "must have at least one True"),
        ([True] * 4, TypeError, "must be a numpy array"),
    ],
)
def test_masks_of_a_wrong_kind_are_refused(mask, error, message):
    env = emulated(autoreset_mode="Disabled")
    env.reset(seed=0)
    before = env.get_state().tobytes()
    with pytest.raises(error, match=message):
        env.reset(seed=3, options={"reset_mask": mask})
    assert env.get_state().tobytes() == before


@pytest.mark.parametrize(
    "how, error, message",
    [
        ({"seed": -1}, ValueError, "seed -1 must not be negative"),
        ({"seed": "0"}, TypeError, "seed '0' must be an int"),
        ({"seed": [1, 2]}, ValueError, "2 seeds for 4 environments"),
        ({"options": {"lo": 1}}, ValueError, "unknown reset option of CartPole-v1 'lo'"),
        ({"options": {"low": 1.0, "high": 0.5}}, ValueError, "must be lower than higher bound"),
    ],
)
def test_seeds_and_options_of_a_wrong_kind_are_refused(how, error, message):
    env = emulated()
    env.reset(seed=0)
    before = env.get_state().tobytes()
    with pytest.raises(error, match=message):
        env.reset(**how)
    assert env.get_state().tobytes() == before


def test_the_first_reset_is_of_all_environments():
    env = emulated()
    with pytest.raises(ResetNeeded, match="the first reset must be of all environments"):
        env.reset(options={"reset_mask": torch.ones(4, dtype=torch.bool)})
    with pytest.raises(ResetNeeded, match="reset the whole environment before the first step"):
        env.step(pushes(4))


# Infos.


def test_final_infos_have_the_action_masks_of_final_observations():
    mine, other = twins("Taxi-v4", 9, autoreset_mode="SameStep", max_episode_steps=5)
    same_results(mine.reset(seed=0), other.reset(seed=0))
    for actions in np.random.default_rng(0).integers(0, 6, (5, 9)):
        results, expected = mine.step(torch.from_numpy(actions)), other.step(actions)
    assert expected[4]["final_info"]["action_mask"].any()
    same_infos(results[4]["final_info"], expected[4]["final_info"])


def test_final_observations_of_a_tuple_space_are_tuples_of_tensors():
    env = emulated("Blackjack-v1", 50, autoreset_mode="SameStep")
    observations = env.reset(seed=0)[0]
    assert len(observations) == 3 and all(part.shape == (50,) and part.dtype == torch.int64 for part in observations)
    infos = env.step(pushes(50))[4]
    assert len(infos["final_obs"]) == 3 and infos["_final_obs"].any()
    assert (infos["final_obs"][0][infos["_final_obs"]] > 21).all()  # a player who drew a card and lost went bust


def test_episode_statistics_have_no_clock():
    env = emulated(autoreset_mode="SameStep", episode_statistics=True, max_episode_steps=2)
    env.reset(seed=0)
    first, second = (env.step(pushes(4))[4] for _ in range(2))
    assert not first["_episode"].any() and first["episode"]["l"].tolist() == [0] * 4
    assert set(second["episode"]) == {"r", "l"} and second["_episode"].all()
    assert second["episode"]["r"].tolist() == [2] * 4 and second["episode"]["r"].dtype == torch.float32
    assert second["episode"]["l"].tolist() == [2] * 4 and second["episode"]["l"].dtype == torch.int32


# Snapshots.


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Taxi-v4", "Snake-v0", "simple_tag-v3"])
def test_each_device_continues_the_others_snapshot_bit_for_bit(env_id, mode):
    mine, other = twins(env_id, 5, autoreset_mode=mode, max_episode_steps=10)
    second, third = twins(env_id, 5, autoreset_mode=mode, max_episode_steps=10)
    same_results(mine.reset(seed=2), other.reset(seed=2))
    play(mine, other, 17, seed=1)
    # Observations of the restored states, and the same steps from there on.
    same(second.set_state(other.get_state()), third.set_state(mine.get_state()))
    play(second, third, 25, seed=2)
    play(mine, other, 25, seed=2)
    assert second.get_state().tobytes() == mine.get_state().tobytes()


@pytest.mark.parametrize("given", [lambda mask: mask, torch.from_numpy], ids=["array", "tensor"])
def test_some_environments_can_be_restored_and_one_record_branches_into_all(given):
    mine, other = twins("Pendulum-v1", 4, params={"gravity": [9.0, 10.0, 11.0, 12.0]})
    same_results(mine.reset(seed=0), other.reset(seed=0))
    mask = np.array([False, True, True, False])
    part = mine.get_state(given(mask))
    assert part.tobytes() == other.get_state(mask).tobytes()
    play(mine, other, 7)
    same(mine.set_state(part, given(mask)), other.set_state(part, mask))
    play(mine, other, 7)
    same(mine.set_state(part[1]), other.set_state(part[1]))
    assert mine.parameter("gravity").tolist() == [11] * 4 and mine.np_random_seed == (-1,) * 4
    play(mine, other, 7)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deep", "pickle"])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Taxi-v4", "simple_spread-v3"])
def test_a_copy_continues_identically(env_id, clone):
    mine, other = twins(env_id, 5, autoreset_mode="SameStep", max_episode_steps=6, episode_statistics=True)
    same_results(mine.reset(seed=4), other.reset(seed=4))
    play(mine, other, 10)
    again = clone(mine)
    assert len(again.finished_episodes()[0]) == 0
    play(again, other, 10, seed=5)
    mine.close()
    with pytest.raises(ClosedEnvironmentError, match="a closed environment cannot be copied or pickled"):
        clone(mine)


def test_frames_are_the_cpus_pixel_for_pixel():
    for env_id in ("CartPole-v1", "Pendulum-v1", "Taxi-v4"):
        mine, other = twins(env_id, 3, render_mode="rgb_array", render_envs=2)
        for env in (mine, other):
            env.reset(seed=0)
        actions = actions_for(other.single_action_space, np.random.default_rng(0), (3,))
        mine.step(torch.from_numpy(actions))
        other.step(actions)
        frames, expected = mine.render(), other.render()
        assert len(frames) == 2 and all((a == b).all() for a, b in zip(frames, expected, strict=True))


# Invalid actions.


@pytest.mark.parametrize("value", [-1, 2, 1 << 40, -(1 << 40)])
def test_an_action_out_of_range_leaves_its_environment_and_is_raised_by_check(value):
    mine, other = twins("CartPole-v1", 5)
    same_results(mine.reset(seed=0), other.reset(seed=0))
    before = mine.get_state()
    actions = torch.ones(5, dtype=torch.int64)
    actions[2] = actions[4] = value
    observations, rewards, terminated, truncated, _ = mine.step(actions)
    expected = other.step(np.ones(5, int))
    kept = [0, 1, 3]
    assert observations[kept].numpy().tobytes() == expected[0][kept].tobytes()
    assert rewards.isnan().tolist() == [False, False, True, False, True]
    assert not terminated.any() and not truncated.any()
    shown = max(min(value, (1 << 31) - 1), -(1 << 31) + 1)
    message = rf"action {shown} of environment 2 must be an integer in \[0, 2\); that environment was not stepped"
    with pytest.raises(ValueError, match=message):
        mine.check()
    mine.check()
    after = mine.get_state()
    assert after[[2, 4]].tobytes() == before[[2, 4]].tobytes()
    assert after[kept].tobytes() == other.get_state()[kept].tobytes()
    assert mine.step(pushes(5))[1].tolist() == [1] * 5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_is_raised_by_the_next_call(value):
    calls = {
        "step": lambda env: env.step(torch.zeros(3, 1)),
        "reset": lambda env: env.reset(seed=0),
        "get_state": lambda env: env.get_state(),
        "set_state": lambda env: env.set_state(env.get_state()),
        "finished_episodes": lambda env: env.finished_episodes(),
    }
    for call in calls.values():
        env = emulated("Pendulum-v1", 3)
        env.reset(seed=0)
        assert env.step(torch.tensor([[0.0], [value], [0.0]]))[1].isnan().tolist() == [False, True, False]
        with pytest.raises(ValueError, match=f"action {value} of environment 1 must be finite"):
            call(env)
        call(env)


def test_the_agent_of_a_bad_action_is_named():
    env = emulated("simple_spread-v3", 2)
    env.reset(seed=0)
    actions = torch.zeros(6, dtype=torch.int64)
    actions[4] = 9
    env.step(actions)
    with pytest.raises(ValueError, match="action 9 of agent_1 of environment 1 must be an integer in"):
        env.check()


def test_a_finished_environment_that_is_not_reset_stays_and_is_named():
    env = emulated(num_envs=3, autoreset_mode="Disabled", max_episode_steps=1)
    env.reset(seed=0)
    observations = env.step(pushes(3))[0]
    env.reset(options={"reset_mask": torch.tensor([True, False, False])})
    again, rewards, _, truncated, _ = env.step(pushes(3))
    assert torch.equal(again[1:], observations[1:]) and rewards.isnan().tolist() == [False, True, True]
    assert truncated.tolist() == [True, False, False]
    with pytest.raises(ResetNeeded, match="the episode of environment 1 is over: reset it with options="):
        env.step(pushes(3))


def test_a_finished_environment_alone_says_to_call_reset():
    env = emulated(num_envs=1, autoreset_mode="Disabled", max_episode_steps=1)
    env.reset(seed=0)
    env.step(pushes(1))
    env.step(pushes(1))
    with pytest.raises(ResetNeeded, match=r"the episode of environment 0 is over: call reset\(\) before the next step"):
        env.check()


@pytest.mark.parametrize(
    "actions, error, message",
    [
        (np.ones(4, np.int64), TypeError, r"actions are a ndarray: give a torch tensor on cpu, .*torch.as_tensor"),
        ([1, 1, 1, 1], TypeError, "actions are a list: give a torch tensor on cpu"),
        (object(), TypeError, "actions must be a torch tensor on cpu, not object"),
        (torch.ones(4), ValueError, "actions have dtype float32, but CartPole-v1 needs int32 or int64"),
        (torch.ones(4, dtype=torch.bool), ValueError, "actions have dtype bool, but"),
        (torch.ones(3, dtype=torch.int64), ValueError, r"actions have shape \(3,\), but CartPole-v1 needs \(4,\)"),
        (torch.ones(4, 1, dtype=torch.int64), ValueError, r"actions have shape \(4, 1\)"),
        (
            torch.ones(4, dtype=torch.int64, device="meta"),
            ValueError,
            r"actions are on meta, but CartPole-v1 is on cpu",
        ),
    ],
)
def test_actions_of_a_wrong_kind_are_refused_at_once(actions, error, message):
    env = emulated()
    env.reset(seed=0)
    before = env.get_state().tobytes()
    with pytest.raises(error, match=message):
        env.step(actions)
    assert env.get_state().tobytes() == before


# Memory.


class Elsewhere:
    """Another library's array, which PyTorch can read only by DLPack."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __dlpack__(self, **how):
        return self.tensor.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


def test_another_librarys_actions_are_read_in_place_and_results_go_out_by_dlpack():
    mine, other = twins("CartPole-v1", 4)
    same_results(mine.reset(seed=0), other.reset(seed=0))
    actions = torch.tensor([0, 1, 1, 0])
    assert mine.batch.check_actions(Elsewhere(actions)).data_ptr() == actions.data_ptr()
    results = mine.step(Elsewhere(actions))
    same_results(results, other.step(actions.numpy()))
    taken = np.from_dlpack(results[0])
    assert taken.ctypes.data == results[0].data_ptr()


def test_tensors_of_a_long_run_are_the_callers_to_keep():
    env = emulated(num_envs=5, autoreset_mode="SameStep", episode_statistics=True)
    kept = [(env.reset(seed=0)[0], None, None)]
    copies = [kept[0][0].clone()]
    for _ in range(300):
        observations, rewards, _, _, infos = env.step(pushes(5))
        kept.append((observations, rewards, infos["final_obs"]))
        copies.append(torch.cat([observations.flatten(), rewards, infos["final_obs"].flatten()]))
    assert torch.equal(kept[0][0], copies[0])
    for parts, expected in zip(kept[1:], copies[1:], strict=True):
        assert torch.equal(torch.cat([part.flatten() for part in parts]), expected)


def test_without_copies_every_call_writes_into_the_same_tensors():
    env, other = emulated(copy=False, autoreset_mode="SameStep"), emulated(autoreset_mode="SameStep")
    first = env.reset(seed=0)[0].data_ptr()
    other.reset(seed=0)
    places = set()
    for _ in range(30):
        results, expected = env.step(pushes(4)), other.step(pushes(4))
        ended = results[4]["_final_obs"]
        assert all(torch.equal(a, b) for a, b in zip(results[:4], expected[:4], strict=True))
        assert torch.equal(results[4]["final_obs"][ended], expected[4]["final_obs"][ended])
        places.add((*(part.data_ptr() for part in results[:4]), results[4]["final_obs"].data_ptr()))
    assert len(places) == 1 and places.pop()[0] == first


# Operations that wait for the device: reading a number, listing indices, making a tensor of a host's array.
WAITS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "_to_copy", "lift_fresh", "item"}


class NothingWaits(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function.overloadpacket.__name__ not in WAITS, f"{function} waits for the device"
        return function(*args, **(kwargs or {}))


def test_an_operation_that_waits_is_noticed():
    for wait in (lambda: torch.ones(1).item(), lambda: torch.ones(2).nonzero(), lambda: torch.tensor([1.0])):
        with pytest.raises(AssertionError, match="waits for the device"), NothingWaits():
            wait()


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Taxi-v4", "Blackjack-v1", "simple_tag-v3"])
def test_a_step_and_a_reset_do_not_wait(env_id, copies):
    for mode in MODES:
        env = emulated(env_id, 3, autoreset_mode=mode, copy=copies, episode_statistics=True, max_episode_steps=50)
        actions = torch.zeros(env.num_envs, dtype=torch.int64)
        mask = torch.ones(env.num_envs, dtype=torch.bool)
        with NothingWaits():
            env.reset(seed=0)
            for _ in range(3):
                env.step(actions)
                if mode == "Disabled":
                    env.reset(options={"reset_mask": mask})
            env.reset()
            env.step(actions)


def test_closing_twice_is_harmless_and_later_calls_are_refused():
    env = emulated()
    env.reset(seed=0)
    env.close()
    env.close()
    assert env.closed
    for call in (
        lambda: env.step(pushes(4)),
        lambda: env.reset(),
        lambda: env.check(),
        lambda: env.get_state(),
        lambda: env.episode_returns,
        lambda: env.finished_episodes(),
    ):
        with pytest.raises(ClosedEnvironmentError, match="closed"):
            call()


def test_gymnasiums_array_conversion_makes_it_an_environment_of_numpy_arrays():
    conversion = pytest.importorskip("gymnasium.wrappers.vector.array_conversion", reason="gymnasium 1.2 has it")
    pytest.importorskip("array_api_compat")
    mine, other = twins("CartPole-v1", 4)
    env = conversion.ArrayConversion(mine, env_xp=torch, target_xp=np)
    assert env.reset(seed=0)[0].tobytes() == other.reset(seed=0)[0].tobytes()
    for actions in np.random.default_rng(0).integers(0, 2, (30, 4)):
        for part, its in zip(env.step(actions)[:4], other.step(actions)[:4], strict=True):
            assert type(part) is np.ndarray and part.tobytes() == its.tobytes()


def test_attributes_are_read_and_assigned_as_on_the_cpu():
    mine, other = twins("CartPole-v1", 3)
    for env in (mine, other):
        env.reset(seed=1)
        env.set_attr("masspole", [0.2, 0.5, 1.0])
        env.set_attr("state", [np.full(4, k / 64) for k in range(3)])
        assert env.get_attr("masspole") == (0.2, 0.5, 1.0)
        assert env.get_attr("total_mass") == (1.1,) * 3
        assert env.call("state")[2].tolist() == [2 / 64] * 4
    play(mine, other, 20)
