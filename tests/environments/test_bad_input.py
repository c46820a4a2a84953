"""Bad input raises an error that names the value and the remedy, and leaves the batch exactly as it was."""

import subprocess
import sys
import threading
from fractions import Fraction

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from support import actions_for, same_step, vector

from operant.environments.single import OperantEnv


class Untouched:
    """Checks that its block raises, that the batch is unchanged, and that it steps like an undisturbed twin."""

    def __init__(self, env, error, match):
        self.env, self.raises = env, pytest.raises(error, match=match)
        self.before = env.get_state().tobytes()
        self.twin = vector(env.batch.spec.id, env.num_envs, precision=env.batch.precision)
        self.twin.set_state(env.get_state())

    def __enter__(self):
        return self.raises.__enter__()

    def __exit__(self, *problem):
        caught = self.raises.__exit__(*problem)
        assert self.env.get_state().tobytes() == self.before
        actions = actions_for(self.env.single_action_space, np.random.default_rng(9), (self.env.num_envs,))
        same_step(self.env.step(actions), self.twin.step(actions))
        return caught


def stepped(env_id="CartPole-v1", num_envs=5, **kwargs):
    env = vector(env_id, num_envs, **kwargs)
    env.reset(seed=0)
    for actions in actions_for(env.single_action_space, np.random.default_rng(0), (4, num_envs)):
        env.step(actions)
    return env


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.int8, np.uint64])
@pytest.mark.parametrize("num_envs, index", [(5, 0), (5, 4), (100, 77), (300, 299)])
def test_a_discrete_action_out_of_range_is_named(precision, dtype, num_envs, index, workers):
    env = stepped(num_envs=num_envs, precision=precision, workers=workers)
    for bad in (2, 100, -1 if np.dtype(dtype).kind == "i" else np.iinfo(dtype).max):
        actions = np.ones(num_envs, dtype)
        actions[index] = bad
        with Untouched(env, ValueError, rf"action -?\d+ of environment {index} must be an integer in \[0, 2\)"):
            env.step(actions)


def test_the_first_of_several_bad_actions_is_named_with_its_value():
    env = stepped(num_envs=200, workers=3)
    actions = np.zeros(200, int)
    actions[[3, 150]] = 7
    with Untouched(env, ValueError, "action 7 of environment 3 must"):
        env.step(actions)


def test_a_64_bit_action_is_not_taken_for_its_low_32_bits():
    env = stepped()
    actions = np.zeros(5, np.int64)
    actions[2] = 2**32
    with Untouched(env, ValueError, "action 4294967296 of environment 2"):
        env.step(actions)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("env_id", ["Pendulum-v1", "MountainCarContinuous-v0"])
def test_a_continuous_action_that_is_not_finite_is_named(env_id, precision, bad, dtype):
    env = stepped(env_id, precision=precision)
    actions = np.zeros((5, 1), dtype)
    actions[3] = bad
    with Untouched(env, ValueError, r"action \[?-?(nan|inf)\]? of environment 3 must be finite"):
        env.step(actions)


@pytest.mark.parametrize("env_id, huge", [("Pendulum-v1", 1e30), ("MountainCarContinuous-v0", 50.0)])
def test_finite_actions_beyond_the_bounds_are_clipped_as_gymnasium_clips_them(env_id, huge):
    ours, theirs = gym.make(f"operant/{env_id}", precision="float64").unwrapped, gym.make(env_id).unwrapped
    ours.reset(seed=0)
    theirs.reset(seed=0)
    for value in (huge, -huge):
        action = np.array([value], np.float32)
        mine, other = ours.step(action), theirs.step(action)
        assert mine[0].tobytes() == other[0].tobytes() and mine[1] == other[1]


@pytest.mark.parametrize(
    "actions, says",
    [
        (np.zeros(4, int), r"shape \(4,\), but CartPole-v1 needs \(5,\)"),
        (np.zeros(6, int), r"shape \(6,\)"),
        (np.zeros((5, 1), int), r"shape \(5, 1\)"),
        (np.zeros(()), r"shape \(\)"),
        (1, r"shape \(\)"),
        (None, r"shape \(\)"),
        ([], r"shape \(0,\)"),
        (np.zeros(5, np.float32), "dtype float32, but CartPole-v1 needs int32 or int64"),
        (np.zeros(5, object), "dtype object"),
        (np.array(list("01010")), "dtype <U1"),
        (np.zeros(5, complex), "dtype complex128"),
    ],
    ids=repr,
)
def test_actions_of_the_wrong_shape_or_dtype_are_named(actions, says):
    env = stepped()
    with Untouched(env, ValueError, says):
        env.step(actions)


@pytest.mark.parametrize(
    "actions, says",
    [
        (np.zeros(5, np.float32), r"shape \(5,\), but Pendulum-v1 needs \(5, 1\)"),
        (np.zeros((5, 2), np.float32), r"shape \(5, 2\)"),
        (np.zeros((5, 1), object), "needs float32 or float64"),
        (np.zeros((5, 1), bool), "dtype bool"),
    ],
)
def test_continuous_actions_of_the_wrong_shape_or_dtype_are_named(actions, says):
    env = stepped("Pendulum-v1")
    with Untouched(env, ValueError, says):
        env.step(actions)


@pytest.mark.parametrize("action", [2, -1, 2**70, 0.5, "1", None, np.array([1, 0])], ids=repr)
def test_the_single_environment_names_an_invalid_action_and_does_not_move(action):
    env = OperantEnv("CartPole-v1")
    env.reset(seed=0)
    before = env.get_state().tobytes()
    with pytest.raises(ValueError, match=r"action .*must be an integer in \[0, 2\)"):
        env.step(action)
    assert env.get_state().tobytes() == before


@pytest.mark.parametrize(
    "action, says",
    [
        (np.zeros(2, np.float32), r"actions have shape \(2,\), but Pendulum-v1 needs \(1,\)"),
        (np.zeros((1, 1), np.float32), r"actions have shape \(1, 1\)"),
        (0.5, r"actions 0.5 have shape \(\)"),
        ("abc", r"actions 'abc' have shape \(\)"),
        (None, r"actions None have shape \(\)"),
    ],
)
def test_the_single_environment_names_the_shape_that_was_given_and_its_own(action, says):
    env = OperantEnv("Pendulum-v1")
    env.reset(seed=0)
    before = env.get_state().tobytes()
    with pytest.raises(ValueError, match=says):
        env.step(action)
    assert env.get_state().tobytes() == before


def test_the_single_environment_names_a_nan():
    env = OperantEnv("Pendulum-v1")
    env.reset(seed=0)
    before = env.get_state().tobytes()
    for action in (np.array([np.nan], np.float32), np.zeros(2, np.float32), np.array(["a"])):
        with pytest.raises(ValueError, match="action"):
            env.step(action)
    assert env.get_state().tobytes() == before


def test_a_step_before_the_first_reset_says_so(precision):
    for env, action in (
        (vector("CartPole-v1", 3, precision=precision), np.zeros(3, int)),
        (OperantEnv("CartPole-v1"), 0),
    ):
        with pytest.raises(ResetNeeded, match="reset"):
            env.step(action)
        env.reset(seed=0)
        env.step(action)


def test_a_masked_reset_before_the_first_whole_one_says_so():
    env = vector("CartPole-v1", 3)
    with pytest.raises(ResetNeeded, match="the first reset must be of all environments"):
        env.reset(seed=0, options={"reset_mask": np.array([True, False, False])})


def test_everything_after_close_says_so():
    env = stepped()
    snapshot = env.get_state()
    env.close()
    for call in (
        lambda: env.step(np.zeros(5, int)),
        lambda: env.reset(seed=0),
        env.get_state,
        lambda: env.set_state(snapshot),
        lambda: env.episode_returns,
        lambda: env.episode_lengths,
        lambda: env.parameter("gravity"),
    ):
        with pytest.raises(ClosedEnvironmentError, match="close"):
            call()
    single = OperantEnv("CartPole-v1")
    single.reset(seed=0)
    single.close()
    with pytest.raises(ClosedEnvironmentError):
        single.step(0)
    with pytest.raises(ClosedEnvironmentError):
        single.reset()


@pytest.mark.parametrize("workers", [1, 2])
def test_in_disabled_mode_a_finished_environment_is_named_until_it_is_reset(precision, workers):
    env = vector("CartPole-v1", 130, precision=precision, autoreset_mode="Disabled", workers=workers)
    env.reset(seed=0)
    while not env.get_state()["finished"].any():
        env.step(np.ones(130, int))
    finished = env.get_state()["finished"]
    before = env.get_state().tobytes()
    with pytest.raises(ResetNeeded, match=f"environment {np.flatnonzero(finished)[0]} is over.*reset_mask"):
        env.step(np.ones(130, int))
    assert env.get_state().tobytes() == before
    env.reset(options={"reset_mask": finished})
    env.step(np.ones(130, int))


def test_the_single_environment_must_be_reset_after_it_terminated():
    env = OperantEnv("CartPole-v1")
    env.reset(seed=0)
    while not env.step(1)[2]:
        pass
    with pytest.raises(ResetNeeded, match="over"):
        env.step(1)
    env.reset()
    env.step(1)


@pytest.mark.parametrize(
    "keywords, error, says",
    [
        ({"precison": "float64"}, TypeError, "'precison': did you mean 'precision'"),
        ({"goal_velocity": 0.1}, TypeError, "operant/CartPole-v1 got an unexpected keyword argument 'goal_velocity'"),
        ({"precision": "float16"}, ValueError, "precision 'float16'"),
        ({"isa": "avx1024"}, ValueError, "isa 'avx1024'"),
        ({"isa": "exact"}, ValueError, "isa 'exact'"),
        ({"isa": "scalar", "precision": "float64"}, ValueError, "isa 'scalar'"),
        ({"autoreset_mode": "Nextstep"}, ValueError, "'Nextstep': did you mean 'NextStep'"),
        ({"params": {"graviti": 1}}, ValueError, "parameter 'graviti': did you mean 'gravity'"),
        ({"params": {"gravity": -1}}, ValueError, "'gravity' = -1.0 is outside"),
        ({"params": {"gravity": [1.0, 2.0, 3.0]}}, ValueError, "give a number, or one for each of 2"),
        ({"params": {"low": 0.5}}, ValueError, "must be lower than"),
        ({"randomize": {"graviti": (1, 2)}}, ValueError, "did you mean 'gravity'"),
        ({"randomize": {"gravity": (2, 1)}}, ValueError, r"randomize\['gravity'\]: low 2.0 is above high 1.0"),
        ({"randomize": {"gravity": (-2, 1)}}, ValueError, "'gravity' = -2.0 is outside"),
        ({"randomize": {"gravity": 1}}, ValueError, "pair"),
        ({"sutton_barto_reward": True, "params": {"sutton_barto_reward": 1}}, TypeError, "same parameter"),
        ({"num_envs": 0}, ValueError, "num_envs=0"),
        ({"num_envs": -3}, ValueError, "num_envs=-3"),
        ({"num_envs": 2**40}, ValueError, "num_envs=1099511627776"),
        ({"num_envs": 2.0}, TypeError, "num_envs=2.0"),
        ({"num_envs": True}, TypeError, "num_envs=True"),
        ({"workers": 0}, ValueError, "workers=0"),
        ({"workers": "2"}, TypeError, "workers='2'"),
        ({"render_envs": 0}, ValueError, "render_envs=0 must be from 1"),
        ({"render_envs": "x"}, TypeError, "render_envs='x' must be an int"),
        ({"max_episode_steps": 0}, ValueError, "max_episode_steps=0 must be at least 1, or -1 for no limit"),
        ({"max_episode_steps": -2}, ValueError, "max_episode_steps=-2 must be at least 1, or -1 for no limit"),
        ({"max_episode_steps": "5"}, TypeError, "max_episode_steps='5' must be an int"),
        ({"max_episode_steps": 2**31}, ValueError, "max_episode_steps=2147483648"),
    ],
    ids=str,
)
def test_an_invalid_keyword_argument_is_named(keywords, error, says):
    with pytest.raises(error, match=says):
        vector(**{"env_id": "CartPole-v1", "num_envs": 2, **keywords})


def test_the_known_keyword_arguments_leave_out_the_id_which_the_caller_has_given():
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'xyz': choose from (?!.*env_id)"):
        vector("CartPole-v1", 2, xyz=1)


def test_a_batch_too_large_to_allocate_is_refused():
    script = (
        "import resource, operant\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "try: operant.OperantVectorEnv('CartPole-v1', 1 << 29)\n"
        "except MemoryError as problem: print('MemoryError', problem)\n"
        "env = operant.OperantVectorEnv('CartPole-v1', 4); env.reset(seed=0); env.step([0, 1, 0, 1]); print('fine')"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "MemoryError" in result.stdout and "fine" in result.stdout
    assert str(1 << 29) in result.stdout


def test_an_unknown_environment_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="environment 'CartPole-v2': did you mean 'CartPole-v1'"):
        vector("CartPole-v2", 1)
    with pytest.raises(gym.error.Error):
        gym.make_vec("operant/CartPole-v7")


def test_a_forced_isa_that_does_not_exist_is_named(monkeypatch):
    monkeypatch.setenv("OPERANT_ISA", "mmx")
    with pytest.raises(ValueError, match="isa 'mmx'"):
        vector("CartPole-v1", 1)


@pytest.mark.parametrize(
    "options, error, says",
    [
        ({"params": {"gravity": 10**400}}, ValueError, "'gravity' = 1000.* must be a number"),
        ({"params": {"gravity": [1, 10**400]}}, ValueError, r"'gravity' = \[1, 1000.* must be a number"),
        ({"randomize": {"gravity": (0, 10**400)}}, ValueError, r"randomize\['gravity'\] must be a pair"),
        (
            {"randomize": {"gravity": "12"}},
            ValueError,
            r"randomize\['gravity'\] must be a pair \(low, high\), not '12'",
        ),
        ({"randomize": {"gravity": (None, 1)}}, ValueError, r"randomize\['gravity'\] must be a pair"),
    ],
)
def test_parameters_of_another_form_are_named(options, error, says):
    with pytest.raises(error, match=says):
        vector("CartPole-v1", 2, **options)


def test_a_range_whose_width_overflows_is_named():
    bounds = {"goal_reward": (-1e308, 1e308)}
    with pytest.raises(ValueError, match=r"randomize\['goal_reward'\] = .* must be finite, and high - low too"):
        vector("FrozenLake-v1", 2, precision="float64", randomize=bounds)


@pytest.mark.parametrize(
    "options, error, says",
    [
        ({"lo": 0.1}, ValueError, "'lo': did you mean 'low'"),
        ({"low": 0.2}, ValueError, "must be lower than"),
        ({"low": "a"}, ValueError, "'low' = 'a' could not be converted"),
        ({"low": 10**400}, ValueError, "'low' = 1000.* could not be converted"),
        ({"high": np.nan}, ValueError, "must be finite"),
        ({"reset_mask": [True] * 5}, TypeError, "must be a numpy array"),
        ({"reset_mask": np.ones(4, bool)}, ValueError, r"shape \(5,\), got \(4,\)"),
        ({"reset_mask": np.ones(5, int)}, TypeError, "dtype bool, got int64"),
        ({"reset_mask": np.zeros(5, bool)}, ValueError, "at least one True"),
    ],
)
def test_an_invalid_reset_option_is_named(options, error, says):
    env = stepped()
    with Untouched(env, error, says):
        env.reset(seed=3, options=options)


@pytest.mark.parametrize(
    "seed, error, says",
    [
        (-1, ValueError, "seed -1"),
        (1.5, TypeError, "seed 1.5"),
        ("7", TypeError, "seed '7'"),
        (True, TypeError, "seed True"),
        ([1, 2], ValueError, "2 seeds for 5 environments"),
        ([1, 2, 3, 4, -5], ValueError, "seed -5"),
        ([1, 2, 3, 4, 0.5], TypeError, "seed 0.5"),
    ],
)
def test_an_invalid_seed_is_named(seed, error, says):
    env = stepped()
    with Untouched(env, error, says):
        env.reset(seed=seed)


def test_an_invalid_snapshot_is_named():
    env = stepped()
    snapshot = env.get_state()
    cases = [
        (stepped("MountainCar-v0").get_state(), "mountain_car in float32, version 3, but this environment is cartpole"),
        (stepped(precision="float64").get_state(), "cartpole in float64, .* this environment is cartpole in float32"),
        (snapshot[:3], "holds 3 environments, but 5"),
        (np.zeros(5), "structured array"),
        (b"state", "structured array"),
        (np.zeros(5, [("x", float)]), "fields"),
    ]
    for bad, says in cases:
        with Untouched(env, ValueError, says):
            env.set_state(bad)
    with Untouched(env, ValueError, "holds 5 environments, but 2"):
        env.set_state(snapshot, np.array([True, True, False, False, False]))
    with Untouched(env, ValueError, "shape"):
        env.set_state(snapshot, np.ones(3, bool))


def test_a_copy_of_a_closed_environment_is_refused():
    import pickle

    env = stepped()
    env.close()
    with pytest.raises(ClosedEnvironmentError):
        pickle.dumps(env)


FORK = """
import os, sys
import numpy as np
from operant.environments.vector import OperantVectorEnv

env = OperantVectorEnv("CartPole-v1", 200, workers={workers})
twin = OperantVectorEnv("CartPole-v1", 200, workers=1)
for each in (env, twin):
    each.reset(seed=0)
actions = np.random.default_rng(0).integers(0, 2, (60, 200))
for row in actions[:20]:
    env.step(row), twin.step(row)

def run():
    for row in actions[20:]:
        ours, expected = env.step(row), twin.step(row)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(ours[:4], expected[:4]))
    env.close()

child = os.fork()
if child == 0:
    try:
        run()
        os._exit(0)
    except BaseException as problem:
        print(problem, file=sys.stderr, flush=True)
        os._exit(1)
run()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_forked_child_steps_an_inherited_environment_as_the_parent_does(workers):
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK.format(workers=workers)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_two_threads_in_one_environment_get_an_error_or_whole_steps(workers):
    """Each successful step equals one step of a serial run: all environments took the same number of steps."""
    env = vector("Pendulum-v1", 4096, workers=workers, max_episode_steps=-1)
    twin = vector("Pendulum-v1", 4096, max_episode_steps=-1)
    env.reset(seed=0)
    twin.reset(seed=0)
    actions = np.ones((4096, 1), np.float32)
    steps, problems, start = [0, 0, 0], [], threading.Barrier(3)

    def run(k):
        start.wait()
        for _ in range(150):
            try:
                env.step(actions)
                steps[k] += 1
            except RuntimeError as problem:
                problems.append(str(problem))

    threads = [threading.Thread(target=run, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(steps) + len(problems) == 450
    assert all("another thread is inside this environment" in text for text in problems)
    for _ in range(sum(steps)):
        twin.step(actions)
    assert env.get_state().tobytes() == twin.get_state().tobytes()
    same_step(env.step(actions), twin.step(actions))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"params": 3}, TypeError, "params=3 must be a dict of names and values"),
        ({"params": ["gravity"]}, TypeError, r"params=\['gravity'\] must be a dict of names and values"),
        ({"randomize": ["gravity"]}, TypeError, r"randomize=\['gravity'\] must be a dict of names and values"),
        ({"params": {"gravity": "9"}}, ValueError, "parameter 'gravity' = '9' must be a number, or one for each"),
        ({"params": {"gravity": None}}, ValueError, "parameter 'gravity' = None must be a number, or one for each"),
        ({"params": {"gravity": [1, 2, None]}}, ValueError, r"parameter 'gravity' = \[1, 2, None\] must be a number"),
        ({"params": {"gravity": 1j}}, ValueError, r"parameter 'gravity' = 1j must be a number"),
        ({"copy": "no"}, TypeError, "copy='no' must be True or False"),
        ({"episode_statistics": "yes"}, TypeError, "episode_statistics='yes' must be True or False"),
    ],
)
def test_an_option_of_another_type_is_named(options, error, message):
    with pytest.raises(error, match=message):
        vector("CartPole-v1", 3, **options)


@pytest.mark.parametrize(
    "nine",
    [
        9,
        np.float32(9),
        np.array(9, np.int8),
        Fraction(9),
        [9, np.float32(9), Fraction(9)],
        np.array([np.float32(9)] * 3, object),
    ],
)
def test_a_parameter_is_a_number_of_any_type(nine):
    envs = vector("CartPole-v1", 3, params={"gravity": nine})
    assert envs.batch.parameter("gravity").tolist() == [9, 9, 9]
    envs.close()


@pytest.mark.parametrize("options", [3, "low", [("low", 0.1)]])
def test_reset_options_that_are_no_dict_are_named(options):
    env, single = stepped(), OperantEnv("CartPole-v1")
    with Untouched(env, TypeError, r"^options=.* must be a dict of names and values"):
        env.reset(options=options)
    with pytest.raises(TypeError, match=r"^options=.* must be a dict of names and values"):
        single.reset(options=options)
    single.close()


@pytest.mark.parametrize("mask", [5, [True] * 5, np.ones(4, bool), np.ones(5), np.zeros(5, bool)])
def test_a_wrong_mask_of_a_snapshot_is_not_called_that_of_a_reset(mask):
    env = stepped()
    for call in (env.get_state, lambda mask: env.set_state(env.get_state(), mask)):
        with Untouched(env, (TypeError, ValueError), "^mask must "):
            call(mask)
