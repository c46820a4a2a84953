"""Bad input to MuJoCo's tasks is refused in a line that names the value and the remedy."""

import functools
import os
import subprocess
import sys
import threading
from pathlib import Path

import gymnasium as gym
import mujoco
import numpy as np
import pytest

import operant
from operant import AsyncEnvPool
from operant.engines.mujoco_model import field_names, settable_names
from operant.messages import EngineError
from operant.models import PPO

ASSETS = Path(gym.__file__).parent / "envs" / "mujoco" / "assets"
NEWER = hasattr(mujoco.MjModel, "tex_data")  # the oldest MuJoCo has fewer fields
NEAREST = "did you mean 'tex_data'" if NEWER else "choose from actuator_acc0, "
NO_BODIES = '<mujoco><worldbody><body><joint/><geom size="1"/></body></worldbody></mujoco>'


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"xml_file": "missing.xml"}, OSError, "missing.xml does not exist; a path of your own begins with"),
        ({"helthy_reward": 1}, TypeError, "unexpected keyword argument 'helthy_reward': did you mean 'healthy_reward'"),
        ({"frame_skip": 0}, ValueError, "frame_skip=0 must be from 1"),
        ({"healthy_z_range": 3}, ValueError, r"healthy_z_range=3 must be a pair \(low, high\)"),
        ({"terminate_when_unhealthy": 2}, ValueError, "terminate_when_unhealthy=2 must be True or False"),
        ({"ctrl_cost_weight": "a"}, ValueError, "ctrl_cost_weight='a' must be a number"),
        ({"ctrl_cost_weight": 10**400}, ValueError, "ctrl_cost_weight is an integer beyond the largest float"),
        ({"reset_noise_scale": -0.1}, ValueError, r"reset_noise_scale=-0.1 must be from 0 to 9e\+307"),
        ({"reset_noise_scale": np.inf}, ValueError, r"reset_noise_scale=inf must be from 0 to 9e\+307"),
        ({"main_body": "tors"}, ValueError, "unknown body 'tors': did you mean 'torso'"),
        ({"main_body": 99}, ValueError, "reads body 99, but .* has 14 bodies"),
        (
            {"main_body": "tips_arm"},
            ValueError,
            "unknown body 'tips_arm': choose from world, torso, front_left_leg, aux_1, front_right_leg, ",
        ),
        (
            {"params": {"hfield_data": 1}},
            ValueError,
            f"unknown field of the model 'hfield_data': {NEAREST}",
        ),
        ({"params": {"body_mas": 1}}, ValueError, "unknown field of the model 'body_mas': did you mean 'body_mass'"),
        ({"params": {"body_mass": [1, 2, 3]}}, ValueError, r"has shape \(3,\): give \(14,\), or \(2, 14\)"),
        ({"params": {"body_mass": np.nan}}, ValueError, "must be finite"),
        ({"params": {"body_mass": "9"}}, ValueError, r"params\['body_mass'\] = '9' must be numbers"),
        ({"params": {"body_mass": None}}, ValueError, r"params\['body_mass'\] = None must be numbers"),
        ({"params": {"body_mass": 10**400}}, ValueError, r"params\['body_mass'\] = 1000.* must be numbers"),
        ({"params": {"opt.timestep": 0}}, ValueError, r"params\['opt.timestep'\] = 0 must be above 0"),
        ({"params": {"opt.timestep": [0.01, -1]}}, ValueError, r"= \[0.01, -1\] must be above 0"),
        ({"params": {"opt.iterations": 2.7}}, ValueError, r"params\['opt.iterations'\] = 2.7 must be whole numbers"),
        ({"params": {"opt.iterations": 1e20}}, ValueError, r"= 1e\+20 must be from -2147483648 to 2147483647"),
        ({"params": {"geom_condim": 2**31}}, ValueError, r"= 2147483648 must be from -2147483648 to 2147483647"),
        ({"params": {"geom_condim": [[3] * 14, [2] * 14]}}, ValueError, "must be 1, 3, 4 or 6"),
        ({"params": {"opt.cone": 7}}, ValueError, r"params\['opt.cone'\] = 7 must be 0 or 1"),
        ({"randomize": {"geom_condim": (1, 6)}}, ValueError, "draw numbers between its choices: give params one for"),
        (
            {"randomize": {"geom_type": (2, 3)}},
            ValueError,
            "geom_type says how the model is built, so give another xml",
        ),
        ({"params": {"jnt_limited": -1}}, ValueError, r"params\['jnt_limited'\] = -1 must be from 0 to 255"),
        ({"params": {"geom_rgba": 1e39}}, ValueError, r"= 1e\+39 must be from -3.4028"),
        ({"params": {5: 1}}, ValueError, "unknown field of the model 5"),
        ({"params": [1]}, TypeError, r"params=\[1\] must be a dict of names and values"),
        ({"randomize": [1]}, TypeError, r"randomize=\[1\] must be a dict of names and values"),
        ({"randomize": {"opt.timestep": (0, 0.01)}}, ValueError, r"= \(0, 0.01\) must be above 0"),
        ({"randomize": {"opt.iterations": (1, 1e20)}}, ValueError, "must be from -2147483648 to 2147483647"),
        ({"randomize": {"body_mass": (0, 10**400)}}, ValueError, r"must be a pair \(low, high\)"),
        ({"randomize": {"body_mass": (0, np.inf)}}, ValueError, r"\['body_mass'\] = \(0, inf\) must be finite"),
        (
            {"randomize": {"body_mass": (-1e308, 1e308)}},
            ValueError,
            r"= \(-1e\+308, 1e\+308\) must be finite, and high - l",
        ),
        ({"randomize": {"body_mass": 3}}, ValueError, r"must be a pair \(low, high\)"),
        ({"randomize": {"opt.timestep": (0.2, 0.1)}}, ValueError, "low 0.2 is above high 0.1"),
        ({"isa": "avx2"}, ValueError, "is computed by mujoco"),
        ({"device": "emulated"}, ValueError, "is computed by mujoco, on the CPU"),
        ({"render_mode": "ansi"}, ValueError, "unknown render_mode 'ansi'"),
    ],
)
def test_an_option_is_refused(options, error, text):
    with pytest.raises(error, match=text):
        gym.make_vec("operant/Ant-v5", 2, **options)


def test_no_whole_number_that_says_how_the_model_is_built_can_be_set():
    """MuJoCo takes such numbers as places in its memory. Humanoid's model has joints, tendons, cameras and textures."""
    env = gym.make("operant/Humanoid-v5")
    model, places = env.unwrapped.model, ("id", "adr", "num", "type", "ind", "nnz", "mapM2D", "simple", "frame")
    names = [name for name in field_names(model) if not name.startswith("opt.") and name.endswith(places)]
    names = [name for name in names if not name.endswith("contype") and getattr(model, name).size]
    names = [name for name in names if getattr(model, name).dtype in (np.int32, np.uint8, np.bool_)]
    env.close()
    assert len(names) > (60 if NEWER else 55)
    for name in names:
        with pytest.raises(ValueError, match=f"{name} says how the model is built, so give another xml_file instead"):
            gym.make_vec("operant/Humanoid-v5", 1, params={name: 1})


def test_only_fields_that_can_be_set_are_offered():
    env = gym.make("operant/Humanoid-v5")
    held, model = env.unwrapped.batch.model, env.unwrapped.model
    offered = settable_names(model)
    assert {"body_mass", "opt.gravity", "opt.timestep", "geom_condim"} < {*offered} < {*field_names(model)}
    assert not {"names", "names_map", "B_colind", "hfield_data", "hfield_pathadr", "geom_type"} & {*offered}
    for name in offered:
        value = functools.reduce(getattr, name.split("."), model)
        held.field(name).check(np.asarray(value, np.float64), name)


def test_a_model_that_does_not_compile_shows_mujocos_message_with_the_line(tmp_path):
    path = tmp_path / "bad.xml"
    path.write_text("<mujoco>\n<worldbody>\n<geo/>\n</worldbody></mujoco>")
    with pytest.raises(ValueError, match=r"(?s)bad.xml' does not compile: .*unrecognized element.*line 3"):
        gym.make("operant/Ant-v5", xml_file=str(path))


@pytest.mark.parametrize(
    ("env_id", "text"),
    [
        ("Reacher-v5", "reads a body that .* does not have: unknown body 'fingertip'"),
        ("Hopper-v5", "needs a model with nq of at least 3, but .* has 1"),
        ("InvertedDoublePendulum-v5", "needs a model with nq of at least 3"),
    ],
)
def test_a_model_without_what_the_task_reads_is_refused(env_id, text, tmp_path):
    path = tmp_path / "few.xml"
    path.write_text(NO_BODIES)
    with pytest.raises(ValueError, match=text):
        gym.make(f"operant/{env_id}", xml_file=str(path))


@pytest.mark.skipif(not hasattr(mujoco.mjtEnableBit, "mjENBL_SLEEP"), reason="no body sleeps in this MuJoCo")
def test_several_environments_whose_bodies_may_sleep_are_refused(tmp_path):
    sleep = int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    path = tmp_path / "sleepy.xml"
    option = '<option integrator="Euler" timestep="0.01"><flag sleep="enable"/></option>'
    path.write_text((ASSETS / "ant.xml").read_text().replace('<option integrator="RK4" timestep="0.01"/>', option))
    gym.make("operant/Ant-v5", xml_file=str(path)).close()
    for options in (
        {"xml_file": str(path)},
        {"params": {"opt.enableflags": sleep}},
        {"params": {"opt.enableflags": [0, sleep]}},
        {"randomize": {"opt.enableflags": (0, sleep)}},
    ):
        with pytest.raises(ValueError, match=r"lets bodies sleep, .* operant.vectorize\('operant/Ant-v5', 2, ...\)"):
            gym.make_vec("operant/Ant-v5", 2, **options)


def test_a_model_whose_steps_take_no_time_is_refused(tmp_path):
    path = tmp_path / "still.xml"
    path.write_text((ASSETS / "ant.xml").read_text().replace('timestep="0.01"', 'timestep="0"'))
    with pytest.raises(ValueError, match=r"Ant-v5 needs a model with a timestep above 0, but that of .*still.xml is 0"):
        gym.make("operant/Ant-v5", xml_file=str(path))


@pytest.mark.parametrize("make", [gym.make, lambda env_id, **options: gym.make_vec(env_id, 2, **options)])
def test_a_model_that_gymnasiums_v4_refuses_for_its_timestep_is_refused(make, tmp_path):
    path = tmp_path / "slow.xml"
    path.write_text((ASSETS / "ant.xml").read_text().replace('timestep="0.01"', 'timestep="0.02"'))
    with pytest.raises(AssertionError, match="Expected value: 10, Actual value: 20"):
        gym.make("Ant-v4", xml_file=str(path))
    with pytest.raises(ValueError, match=r"makes 20 steps a second, .*slow.xml it would be 10: .* timestep of 0.01,"):
        make("operant/Ant-v4", xml_file=str(path))


def test_an_invalid_action_moves_nothing():
    envs = gym.make_vec("operant/Ant-v5", 2)
    envs.reset(seed=0)
    before = envs.get_state()
    nan = np.zeros((2, 8), np.float32)
    nan[1, 3] = np.nan
    for actions, text in ((nan, "of environment 1 must be finite"), (np.zeros((2, 7)), r"shape \(2, 7\)")):
        with pytest.raises(ValueError, match=text):
            envs.step(actions)
    assert (envs.get_state() == before).all()


@pytest.mark.parametrize("env_id", ["Ant-v5", "Hopper-v4"])
@pytest.mark.parametrize("shape", [(), (1,), (9,), (2, 8), (2, 3)])
def test_an_action_of_another_size_for_a_single_environment_moves_nothing(env_id, shape):
    env = gym.make(f"operant/{env_id}").unwrapped
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(ValueError, match=rf"actions.* have shape \(.*\), but {env_id} needs \("):
        env.step(np.zeros(shape, np.float32))
    assert (env.get_state() == before).all()


def test_a_pool_refuses_an_invalid_action_and_goes_on():
    pool = AsyncEnvPool("Ant-v5", 4, batch_size=2, workers=2)
    pool.async_reset(seed=0)
    ids = pool.recv()[-1]["env_id"]
    nan = np.zeros((2, 8), np.float32)
    nan[1, 3] = np.nan
    for actions, text in ((nan, "must be finite"), (np.zeros((2, 7)), r"shape \(2, 7\)")):
        with pytest.raises(ValueError, match=text):
            pool.send(actions, ids)
    pool.send(np.zeros((2, 8)), ids)
    for _ in range(2):
        assert np.isfinite(pool.recv()[0]).all()
    with pytest.raises(RuntimeError, match="0 environments are stepping"):
        pool.recv()
    pool.close()


def test_a_fatal_error_in_a_pool_is_raised_for_each_part_that_it_ended(tmp_path):
    path = tmp_path / "small.xml"
    text = (ASSETS / "ant.xml").read_text()
    path.write_text(text.replace('<mujoco model="ant">', '<mujoco model="ant"><size memory="9K"/>'))
    pool = AsyncEnvPool("Ant-v5", 4, batch_size=2, workers=1, xml_file=str(path))
    pool.async_reset(seed=0)
    for _ in range(2):
        pool.recv()
    with pytest.raises(EngineError, match="mj_stackAlloc"):
        for _ in range(500):
            pool.send(np.ones((4, 8)))
            for _ in range(2):
                pool.recv()
    # The other half is stepping, or was returned before the error.
    while pool._in_flight.any():
        with pytest.raises(EngineError, match="make a new one"):
            pool.recv()
    for call in (lambda: pool.send(np.ones((4, 8))), pool.recv, pool.async_reset):
        with pytest.raises(EngineError, match="make a new one"):
            call()
    pool.close()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"camera_id": 1}, "camera_id=1 must be from -1, the free camera, to 0: the model has 1 cameras"),
        ({"camera_id": -2}, "camera_id=-2 must be from -1"),
        ({"camera_id": 0.0}, "camera_id=0.0 must be from -1"),
        ({"camera_id": 0, "camera_name": "track"}, "camera_id=0 and camera_name='track' both choose a camera"),
        ({"camera_name": 3}, "camera_name=3 must be a camera's name"),
        ({"default_camera_config": 3}, "default_camera_config=3 must be a dict"),
        ({"default_camera_config": {"distanc": 4}}, "MuJoCo cannot set 'distanc' to 4"),
        ({"default_camera_config": {"distance": "a"}}, "MuJoCo cannot set 'distance' to 'a'"),
        ({"default_camera_config": {"type": 1, "trackbodyid": 8}}, "trackbodyid is 8, but the model has 8 bodies"),
        ({"default_camera_config": {"type": 1}}, "trackbodyid is -1, but the model has 8 bodies"),
        ({"default_camera_config": {"type": 2, "fixedcamid": 1}}, "fixedcamid is 1, but the model has 1 cameras"),
        ({"visual_options": 3}, "visual_options=3 must be a dict"),
        ({"visual_options": {99: True}}, "MuJoCo cannot set 99 to True"),
    ],
    ids=repr,
)
def test_what_no_picture_can_be_drawn_with_is_refused_at_make(options, text):
    for make in (gym.make, gym.make_vec):
        with pytest.raises(ValueError, match=text):
            make("operant/HalfCheetah-v5", **options)


def test_a_camera_that_gymnasium_draws_with_is_accepted_and_an_unknown_name_warned_of():
    lookat = {"lookat": np.zeros(3), "distance": 4}
    for options in (
        {"camera_id": -1},
        {"camera_id": np.int64(0)},
        {"camera_name": "track"},
        {"default_camera_config": None},
        {"default_camera_config": lookat, "visual_options": {0: True}},
        {"default_camera_config": {"type": 1, "trackbodyid": 0}},
        {"default_camera_config": {"trackbodyid": 99}},  # the free camera follows no body
    ):
        gym.make("operant/HalfCheetah-v5", **options).close()
    with pytest.warns(UserWarning, match="camera_name='trakc': the free camera draws, .* did you mean 'track'"):
        gym.make("operant/HalfCheetah-v5", camera_name="trakc").close()


def test_half_of_a_state_says_what_is_missing():
    env = gym.make("operant/HalfCheetah-v5").unwrapped
    for given, missing in (({"qpos": np.zeros(9)}, "qvel"), ({"qvel": np.zeros(9)}, "qpos")):
        with pytest.raises(ValueError, match=f"{missing} is missing: set_state takes qpos and qvel, or a snapshot"):
            env.set_state(**given)


def test_an_action_of_another_shape_moves_nothing_in_a_single_environment():
    env, theirs = gym.make("operant/HalfCheetah-v5").unwrapped, gym.make("HalfCheetah-v5").unwrapped
    env.reset(seed=0)
    theirs.reset(seed=0)
    before = env.get_state()
    for action, given in ((np.zeros((1, 6)), r" have shape \(1, 6\)"), (np.zeros(7), r" have shape \(7,\)")):
        with pytest.raises(ValueError, match="Action dimension mismatch"):
            theirs.step(action)
        with pytest.raises(ValueError, match=rf"actions{given}, but HalfCheetah-v5 needs \(6,\)"):
            env.step(action)
    with pytest.raises(ValueError, match=r"actions None have shape \(\), but HalfCheetah-v5 needs \(6,\)"):
        env.step(None)
    assert (env.get_state() == before).all()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("at_reset", [False, True])
def test_a_fatal_error_of_the_engine_is_an_exception_with_its_text(workers, at_reset, tmp_path):
    if at_reset and tuple(map(int, mujoco.__version__.split(".")[:2])) < (3, 2):
        pytest.skip("this MuJoCo drops contacts instead")
    path = tmp_path / "small.xml"
    text = (ASSETS / "ant.xml").read_text()
    path.write_text(text.replace('<mujoco model="ant">', '<mujoco model="ant"><size memory="9K"/>'))
    noise = 3.0 if at_reset else 0.1  # so much that a leg begins in the ground
    envs = gym.make_vec("operant/Ant-v5", 4, workers=workers, xml_file=str(path), reset_noise_scale=noise)
    with pytest.raises(EngineError, match="mj_stackAlloc"):
        for _ in range(100):
            envs.reset()
            for _ in range(0 if at_reset else 20):
                envs.step(np.ones((4, 8)))
    for call in (envs.reset, lambda: envs.step(np.ones((4, 8)))):
        with pytest.raises(EngineError, match="make a new one"):
            call()
    envs.close()
    other = gym.make_vec("operant/Ant-v5", 4, workers=workers)
    other.reset(seed=0)
    assert np.isfinite(other.step(np.ones((4, 8)))[0]).all()


@pytest.fixture
def no_callback():
    yield
    mujoco.set_mjcb_control(None)


class Tripped(Exception):
    pass


@pytest.mark.parametrize("make", [gym.make, lambda env_id: gym.make_vec(env_id, 2)])
@pytest.mark.parametrize("at_reset", [False, True])
def test_what_a_callback_of_the_users_raises_is_raised(make, at_reset, no_callback):
    envs = make("operant/HalfCheetah-v5")
    envs.reset(seed=0)

    def trip(model, data):
        raise Tripped("here") from KeyError("why")

    def call():
        return envs.reset() if at_reset else envs.step(np.zeros(envs.action_space.shape))

    mujoco.set_mjcb_control(trip)
    with pytest.raises(Tripped, match="here") as tripped:
        call()
    assert isinstance(tripped.value.__cause__, KeyError)
    with pytest.raises(EngineError, match="Python exception raised: make a new one"):
        call()


def test_a_pool_whose_engine_failed_takes_no_more_actions(no_callback):
    pool = operant.AsyncEnvPool("HalfCheetah-v5", 4, batch_size=2, workers=2)
    pool.async_reset(seed=0)
    ids = pool.recv()[4]["env_id"]

    def trip(model, data):
        raise Tripped("here")

    mujoco.set_mjcb_control(trip)
    pool.send(np.zeros((2, 6)), ids)
    pool.recv()
    with pytest.raises(Tripped):
        pool.recv()
    mujoco.set_mjcb_control(None)
    for call in (lambda: pool.send(np.zeros((2, 6)), ids), pool.async_reset, pool.recv):
        with pytest.raises(EngineError, match=r"HalfCheetah-v5 .*: Python exception raised: make a new one"):
            call()
    pool.close()


def test_training_in_the_core_raises_what_the_engine_and_its_callbacks_raise(no_callback, tmp_path):
    path = tmp_path / "small.xml"
    text = (ASSETS / "ant.xml").read_text()
    path.write_text(text.replace('<mujoco model="ant">', '<mujoco model="ant"><size memory="9K"/>'))
    sizes = PPO.Config(backend="native", num_envs=4, rollout_steps=16, hidden=(8,), log_std=1.0, threads=1)
    with pytest.raises(EngineError, match="mj_stackAlloc"):
        PPO("operant/Ant-v5", sizes, env_options={"xml_file": str(path)}).learn(100_000)
    runs = PPO("operant/HalfCheetah-v5", sizes).learn(64)
    judged = gym.make_vec("operant/HalfCheetah-v5", 4, autoreset_mode="SameStep", precision="float32")

    def trip(model, data):
        raise Tripped("here")

    mujoco.set_mjcb_control(trip)
    for call in (lambda: runs.learn(1000), lambda: runs.trainer.evaluate(judged.batch)):
        with pytest.raises(Tripped, match="here"):
            call()


def test_a_callback_that_raises_in_another_thread_ends_the_batch_and_not_the_process(no_callback):
    envs = gym.make_vec("operant/HalfCheetah-v5", 8, workers=2)
    envs.reset(seed=0)
    main = threading.get_ident()

    def trip(model, data):
        if threading.get_ident() != main:
            raise Tripped("there")

    mujoco.set_mjcb_control(trip)
    with pytest.raises(EngineError, match="Python exception raised"):
        for _ in range(1000):
            envs.step(np.zeros((8, 6)))


@pytest.mark.parametrize("at_fault", ["callback", "inner batch"])
def test_a_fatal_error_after_a_callback_stepped_another_batch_is_an_exception(at_fault, no_callback, tmp_path):
    outer = gym.make_vec("operant/HalfCheetah-v5", 1)
    path = tmp_path / "small.xml"
    path.write_text(
        (ASSETS / "ant.xml").read_text().replace('<mujoco model="ant">', '<mujoco model="ant"><size memory="9K"/>')
    )
    inner = gym.make_vec("operant/Ant-v5", 1, **({"xml_file": str(path)} if at_fault == "inner batch" else {}))
    outer.reset(seed=0)
    inner.reset(seed=0)

    def control(model, data):
        if model.nu != 6:
            return
        for _ in range(100):
            inner.step(np.ones((1, 8)))
        raise Tripped("here")

    mujoco.set_mjcb_control(control)
    with pytest.raises(Tripped if at_fault == "callback" else EngineError):
        outer.step(np.zeros((1, 6)))
    mujoco.set_mjcb_control(None)
    with pytest.raises(EngineError, match="Python exception raised: make a new one"):
        outer.step(np.zeros((1, 6)))
    if at_fault == "callback":
        assert np.isfinite(inner.step(np.zeros((1, 8)))[0]).all()


WITHOUT = """
import sys
sys.modules["mujoco"] = None
import gymnasium as gym, operant
assert "operant/HalfCheetah-v5" in gym.registry
for make in (gym.make, gym.make_vec):
    try:
        make("operant/HalfCheetah-v5")
    except gym.error.DependencyNotInstalled as problem:
        print(problem)
"""


def test_without_mujoco_one_line_names_the_extra():
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    expected = "operant/HalfCheetah-v5 needs MuJoCo: pip install 'operant[mujoco]'\n"
    assert ran.stdout == expected * 2, ran.stderr


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (None, "mujoco is empty"),
        ("import missing_part", "No module named 'missing_part'"),
        ("", "__init__.py has no __version__"),
        ("__version__ = '3.3.7'", "__init__.py has no MjModel"),
    ],
)
def test_a_damaged_mujoco_is_named_with_what_it_lacks(file, why, tmp_path):
    (tmp_path / "mujoco" / "plugin").mkdir(parents=True)
    if file is not None:
        (tmp_path / "mujoco" / "__init__.py").write_text(file)
    finder = f"""
import importlib.machinery
class Damaged:
    def find_spec(name, path=None, target=None):
        return importlib.machinery.PathFinder.find_spec(name, [{str(tmp_path)!r}]) if name == "mujoco" else None
sys.meta_path.insert(0, Damaged)
"""
    code = WITHOUT.replace('sys.modules["mujoco"] = None', finder)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = ran.stdout.splitlines()
    assert len(lines) == 2 and lines[0] == lines[1], ran.stderr
    assert lines[0].startswith("operant/HalfCheetah-v5 needs MuJoCo, which is damaged here (")
    assert why in lines[0] and lines[0].endswith("pip install 'operant[mujoco]'")


@pytest.mark.parametrize(
    ("elsewhere", "truncated", "text"),
    [
        (False, False, "which is damaged here (libmujoco"),
        (False, True, "file too short"),
        (True, False, "holds no libmujoco"),
        (True, True, "is damaged ("),
    ],
)
def test_a_mujoco_whose_library_is_gone_or_cut_short_is_named(elsewhere, truncated, text, tmp_path):
    """`elsewhere`: Python's modules of MuJoCo find a whole library outside the package."""
    real, package = Path(mujoco.__file__).parent, tmp_path / "mujoco"
    package.mkdir()
    for path in real.iterdir():
        if not path.name.startswith("libmujoco"):
            (package / path.name).symlink_to(path)
        elif truncated:
            (package / path.name).write_bytes(path.read_bytes()[:20])
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    if elsewhere:
        surroundings["LD_LIBRARY_PATH"] = str(real)
    code = WITHOUT.replace('sys.modules["mujoco"] = None', "")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=surroundings)
    lines = ran.stdout.splitlines()
    assert len(lines) == 2 and lines[0] == lines[1], ran.stderr
    assert lines[0].startswith("operant/HalfCheetah-v5") and text in lines[0]
    assert lines[0].endswith("pip install 'operant[mujoco]'")


def test_a_file_of_the_users_that_hides_mujoco_is_named(tmp_path):
    script = tmp_path / "mujoco.py"  # which imports itself
    script.write_text(WITHOUT.replace('sys.modules["mujoco"] = None', ""))
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert f"operant/HalfCheetah-v5 needs MuJoCo, which {script} hides: rename that file\n" in ran.stdout, ran.stderr


def test_an_old_mujoco_is_named_with_its_version():
    code = 'import mujoco; mujoco.__version__ = "2.3.6"' + WITHOUT.replace('sys.modules["mujoco"] = None', "")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    expected = "operant/HalfCheetah-v5 needs MuJoCo 2.3.7 or newer, not 2.3.6: pip install 'operant[mujoco]'\n"
    assert ran.stdout == expected * 2, ran.stderr
