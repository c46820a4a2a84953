"""MuJoCo's tasks keep the contract of the other environments: snapshots, copies, data, pools, wrappers, pictures."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from building import needs
from drawing import run_with_egl
from gymnasium.utils.env_checker import check_env
from judge import IDS, MODES, assert_same, compare, make_pair

import operant

ASSETS = Path(gym.__file__).parent / "envs" / "mujoco" / "assets"
IDS_OF_BOTH = ("operant/HalfCheetah-v5", "HalfCheetah-v5")
FIELDS = ("qpos", "qvel", "xpos", "cfrc_ext", "cinert", "time", "qacc", "subtree_com", "qfrc_constraint", "ten_length")


def results(result):
    return dict(enumerate(result))


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Humanoid-v5", "Pusher-v5"])
def test_snapshots_pickles_and_copies_continue_to_the_same_bits(env_id):
    envs = gym.make_vec(f"operant/{env_id}", 3, max_episode_steps=12)
    envs.reset(seed=0)
    actions = [envs.action_space.sample() for _ in range(20)]
    for each in actions[:7]:
        envs.step(each)
    snapshot, copies = envs.get_state(), [pickle.loads(pickle.dumps(envs)), copy.deepcopy(envs)]
    expected = [envs.step(each) for each in actions[7:]]
    envs.set_state(snapshot)
    for twin in (envs, *copies):
        for each, result in zip(actions[7:], expected, strict=True):
            assert_same(results(twin.step(each)), results(result), "continued")


@pytest.mark.parametrize("env_id", ["Hopper-v5", "Humanoid-v4"])
def test_a_snapshot_in_a_step_that_began_episodes_continues_and_a_mask_restores_some(env_id):
    """Under "SameStep" a step's final observations are of the episode before."""
    envs = gym.make_vec(f"operant/{env_id}", 3, max_episode_steps=4, autoreset_mode="SameStep", workers=2)
    envs.reset(seed=[3, 1, None])
    actions = [envs.action_space.sample() for _ in range(14)]
    taken, expected = [], []
    for each in actions:
        expected.append(envs.step(each))
        taken.append((envs.get_state(), pickle.loads(pickle.dumps(envs)), copy.deepcopy(envs)))
    began = [t for t, result in enumerate(expected[:10]) if "final_obs" in result[4]]
    assert began
    for t in began:
        envs.set_state(taken[t][0])
        for twin in (envs, *taken[t][1:]):
            for k in range(t + 1, t + 5):
                assert_same(results(twin.step(actions[k])), results(expected[k]), f"step {k} from {t}")
    mask = np.array([True, False, True])
    envs.set_state(taken[9][0])
    other = gym.make_vec(f"operant/{env_id}", 3, max_episode_steps=4, autoreset_mode="SameStep")
    other.set_state(taken[8][0])
    assert_same(
        other.set_state(taken[9][0][mask], mask), np.where(mask[:, None], expected[9][0], expected[8][0]), "masked"
    )
    for k in range(10, 14):
        mine = other.step(np.where(mask[:, None], actions[k], actions[k - 1]))
        for i, judge in enumerate(np.where(mask, k, k - 1)):
            for part in range(4):
                assert_same(mine[part][i], expected[judge][part][i], f"part {part} of environment {i} in step {k}")


def test_a_record_of_a_batch_continues_in_a_single_environment():
    envs, single = gym.make_vec("operant/Ant-v5", 3), gym.make("operant/Ant-v5").unwrapped
    envs.reset(seed=0)
    single.reset(seed=5)
    actions = [envs.action_space.sample() for _ in range(6)]
    for each in actions[:3]:
        envs.step(each)
    assert_same(single.set_state(envs.get_state()[2]), envs.set_state(envs.get_state())[2], "observation")
    for each in actions[3:]:
        assert_same(single.step(each[2])[0], envs.step(each)[0][2], "continued")


def test_a_snapshot_of_another_model_is_refused():
    cheetah, walker = (gym.make_vec(f"operant/{name}-v5", 2) for name in ("HalfCheetah", "Walker2d"))
    cheetah.reset(seed=0)
    walker.reset(seed=0)
    with pytest.raises(ValueError, match="the snapshot is of half_cheetah"):
        walker.set_state(cheetah.get_state())


def test_a_snapshot_with_a_number_that_a_field_of_the_model_cannot_hold_is_refused():
    """MuJoCo reads memory that is not its own at the most of them."""
    envs = gym.make_vec("operant/Ant-v5", 2, params={"opt.cone": [0, 1]}, randomize={"geom_friction": (0.1, 0.2)})
    envs.reset(seed=0)
    records = envs.get_state()
    envs.set_state(records)
    records["model:opt.cone"][1] = 7
    with pytest.raises(ValueError, match=r"the snapshot's opt.cone = \[7.0\] must be 0 or 1"):
        envs.set_state(records)
    other = gym.make_vec("operant/Ant-v5", 2, params={"opt.solver": [0, 1]}, randomize={"geom_friction": (0.1, 0.2)})
    with pytest.raises(ValueError, match=r"has the fields .*model:opt.cone.* here they are .*model:opt.solver"):
        other.set_state(envs.get_state())


@pytest.mark.parametrize("env_id", IDS)
def test_data_is_what_gymnasiums_environment_has(env_id):
    ours, theirs = gym.make(f"operant/{env_id}").unwrapped, gym.make(env_id).unwrapped
    envs = gym.make_vec(f"operant/{env_id}", 2)
    for each in (ours, theirs, envs):
        each.reset(seed=0)
    for _ in range(4):
        for name in FIELDS:
            assert_same(getattr(ours.data, name), getattr(theirs.data, name), name)
            assert_same(getattr(envs.get_attr("data")[0], name), getattr(theirs.data, name), f"{name} of the batch")
        action = theirs.action_space.sample() * np.float32(0.1)
        for each in (ours, theirs):
            each.step(action)
        envs.step(np.stack([action, action]))
    assert (ours.dt, ours.frame_skip) == (theirs.dt, theirs.frame_skip)
    assert_same(ours.state_vector(), theirs.state_vector(), "state_vector")
    assert ours.observation_space == theirs.observation_space


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Ant-v5", "Reacher-v5"])
def test_set_state_and_changes_in_place_do_what_they_do_in_gymnasium(env_id):
    ours, theirs = gym.make(f"operant/{env_id}").unwrapped, gym.make(env_id).unwrapped
    action = theirs.action_space.sample()
    for env in (ours, theirs):
        env.reset(seed=0)
        env.step(action)
        env.set_state(env.data.qpos + 0.01, env.data.qvel * 0.5)
    assert_same(results(ours.step(action)), results(theirs.step(action)), "after set_state")
    for env in (ours, theirs):
        env.data.qvel[0] = 0.3
    assert_same(results(ours.step(action)), results(theirs.step(action)), "after a velocity was changed in place")
    for env in (ours, theirs):
        env.model.opt.gravity[2] = -3.7
    assert_same(results(ours.step(action)), results(theirs.step(action)), "after gravity was changed in place")
    before = ours.get_state()
    ours.reset(seed=9)
    ours.set_state(before)
    assert_same(ours.data.xpos, theirs.data.xpos, "after a snapshot was restored")
    with pytest.raises(ValueError, match="qpos has shape"):
        ours.set_state(np.zeros(2), np.zeros(2))


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "HalfCheetah-v4", "Ant-v5", "Pusher-v5", "InvertedPendulum-v5"])
def test_actions_of_bools_are_gymnasiums(env_id):
    ours, theirs = gym.make(f"operant/{env_id}").unwrapped, gym.make(env_id).unwrapped
    envs = gym.make_vec(f"operant/{env_id}", 2)
    for each in (ours, theirs, envs):
        each.reset(seed=0)
    for k in range(4):
        action = np.arange(theirs.action_space.shape[0]) % 3 == k % 3
        expected = results(theirs.step(action))
        assert_same(results(ours.step(action)), expected, env_id)
        observations, rewards, *_ = envs.step(np.stack([action, action]))
        assert_same(
            {0: observations[0], 1: rewards[0]}, {0: expected[0], 1: np.float64(expected[1])}, f"{env_id}, vector"
        )


def test_set_state_before_the_first_reset_does_what_it_does_in_gymnasium():
    ours, theirs = gym.make("operant/HalfCheetah-v5").unwrapped, gym.make("HalfCheetah-v5").unwrapped
    for env in (ours, theirs):
        env.set_state(qpos=env.init_qpos + 0.1, qvel=env.init_qvel + 0.2)
    action = np.full(6, 0.5, np.float32)
    for _ in range(3):
        assert_same(results(ours.step(action)), results(theirs.step(action)), "step")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_has_the_model_as_it_was_changed_in_place(copied):
    env = gym.make("operant/HalfCheetah-v5").unwrapped
    env.reset(seed=0)
    env.model.body_mass[:] *= 2
    env.model.opt.gravity[2] = -1.6
    env.model.opt.timestep = 0.005
    env.init_qpos[1] = 0.3
    twin, action = copied(copied(env)), np.full(6, 0.5, np.float32)
    for _ in range(3):
        assert_same(results(twin.step(action)), results(env.step(action)), "copy")
    assert_same(results(twin.reset(seed=1)), results(env.reset(seed=1)), "reset")


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Ant-v5", "Humanoid-v4"])
def test_what_was_read_may_be_changed_in_place_as_in_gymnasium(env_id):
    """Computed arrays are copies; the first positions are those of later resets."""
    ours, theirs = gym.make(f"operant/{env_id}").unwrapped, gym.make(env_id).unwrapped
    for env in (ours, theirs):
        env.reset(seed=0)
        env.init_qpos[1] = 0.25
        velocities = env.state_vector()
        velocities *= 0
        if env_id == "Ant-v5":
            forces = env.contact_forces
            forces *= 0
    action = np.full(theirs.action_space.shape, 0.1, np.float32)
    assert_same(results(ours.step(action)), results(theirs.step(action)), "step")
    assert_same(results(ours.reset()), results(theirs.reset()), "reset")
    assert_same(ours.data.qpos, theirs.data.qpos, "qpos")


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Ant-v5", "Reacher-v5", "Humanoid-v4"])
def test_reset_model_draws_from_the_environments_generator(env_id):
    ours, theirs = gym.make(f"operant/{env_id}").unwrapped, gym.make(env_id).unwrapped
    for env in (ours, theirs):
        env.reset(seed=0)
    action = np.full(theirs.action_space.shape, 0.1, np.float32)
    for _ in range(2):
        assert_same(ours.reset_model(), theirs.reset_model(), "reset_model")
        assert_same(results(ours.step(action)), results(theirs.step(action)), "step")
    assert ours.np_random.random() == theirs.np_random.random()
    assert_same(results(ours.reset()), results(theirs.reset()), "reset")


@pytest.mark.parametrize("num_envs", [1, 2])
def test_what_would_change_a_batchs_environment_is_a_copy_or_refused(num_envs):
    envs, twin = (gym.make_vec("operant/HalfCheetah-v5", num_envs) for _ in range(2))
    for each in (envs, twin):
        each.reset(seed=0)
    changing = {"set_state": (np.zeros(9), np.zeros(9)), "do_simulation": (np.zeros(6), 1), "reset_model": ()}
    for name, arguments in changing.items():
        with pytest.raises(AttributeError, match=f"{name} of operant/HalfCheetah-v5 would change a copy"):
            envs.call(name, *arguments)
    for name in ("np_random", "np_random_seed"):
        with pytest.raises(AttributeError, match=f"unknown attribute '{name}'"):
            envs.get_attr(name)
    envs.get_attr("data")[0].qvel[0] = 5
    envs.get_attr("model")[0].body_mass[:] *= 2
    envs.get_attr("init_qpos")[0][:] = 3
    actions = np.ones((num_envs, 6))
    assert_same(results(envs.step(actions)), results(twin.step(actions)), "step")
    assert_same(results(envs.reset(seed=1)), results(twin.reset(seed=1)), "reset")
    assert envs.get_attr("dt") == (0.05,) * num_envs


def test_only_a_batch_of_one_lends_its_data():
    with pytest.raises(ValueError, match="lend is for a batch of one, not of 2"):
        gym.make_vec("operant/HalfCheetah-v5", 2).unwrapped.batch.lend()


def test_data_of_v4_is_at_hand_with_another_timestep():
    env = gym.make("operant/HalfCheetah-v4", params={"opt.timestep": 0.005}).unwrapped
    env.reset(seed=0)
    assert (env.dt, env.data.time) == (0.025, 0)
    envs = gym.make_vec("operant/Humanoid-v4", 2, randomize={"opt.timestep": (0.002, 0.003)})
    envs.reset(seed=0)
    assert all(0.01 <= dt < 0.015 for dt in envs.get_attr("dt"))


@pytest.mark.parametrize("field, most", [("opt.iterations", 2**31 - 1), ("opt.impratio", 1e17)])
def test_a_number_of_the_model_is_found_whatever_it_is(field, most):
    """Adding 1 to these leaves their type, or nothing."""
    envs = gym.make_vec("operant/HalfCheetah-v5", 2, params={field: [100, most]})
    envs.reset(seed=0)
    envs.set_state(envs.get_state())
    assert [getattr(model.opt, field[4:]) for model in envs.get_attr("model")] == [100, most]
    envs.set_state(envs.get_state())


def test_what_draws_an_environment_is_at_hand_as_in_gymnasium():
    env = gym.make("operant/HalfCheetah-v5").unwrapped
    env.reset(seed=0)
    assert env.mujoco_renderer.data is env.data and env.mujoco_renderer.model is env.model
    assert env.mujoco_renderer is env.mujoco_renderer  # so that a camera that was moved stays there
    envs = gym.make_vec("operant/HalfCheetah-v5", 2)
    envs.reset(seed=0)
    for painter, data in zip(envs.get_attr("mujoco_renderer"), envs.get_attr("data"), strict=True):
        assert_same(painter.data.xpos, data.xpos, "xpos")


def test_a_models_file_may_be_gone_and_the_working_directory_another(tmp_path, monkeypatch):
    path = tmp_path / "short_lived.xml"
    path.write_text((ASSETS / "half_cheetah.xml").read_text().replace('timestep="0.01"', 'timestep="0.002"'))
    monkeypatch.chdir(tmp_path)
    ours, theirs = (gym.make(name, xml_file="./short_lived.xml").unwrapped for name in IDS_OF_BOTH)
    monkeypatch.chdir("/")
    copy.deepcopy(ours)
    path.unlink()
    for env in (ours, theirs):
        env.reset(seed=0)
    assert ours.dt == theirs.dt == 0.01
    assert ours.fullpath == str(path)
    assert_same(ours.state_vector(), theirs.state_vector(), "state_vector")
    assert_same(ours.get_body_com("torso"), theirs.get_body_com("torso"), "torso")


MASSES = np.array([1.0, 1.1, 1.3])
DRAWN = ("body_mass", "geom_friction", "dof_damping")


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Humanoid-v5", "Walker2d-v4"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("set_const", "dtype"), [(False, np.float32), (True, np.float64)])
def test_fields_of_the_model_differ_between_environments_as_in_gymnasiums(env_id, mode, set_const, dtype):
    """Humanoid's reward reads body_mass."""
    plain = gym.make(env_id).unwrapped.model
    friction = plain.geom_friction * np.array([0.5, 1.0, 1.5])[:, None, None]
    steps = plain.opt.timestep * np.array([0.8, 1.0, 1.2])

    def alter(env, i):
        env.model.body_mass[:] = plain.body_mass * MASSES[i]
        env.model.geom_friction[:] = friction[i]
        env.model.opt.gravity[:] = [0, 0, -8]
        env.model.opt.timestep = steps[i]
        if set_const:
            mujoco.mj_setConst(env.model, mujoco.MjData(env.model))

    masses = plain.body_mass * MASSES[:, None]
    params = {"body_mass": masses, "geom_friction": friction, "opt.gravity": [0, 0, -8], "opt.timestep": steps}
    ours = {"params": params, "set_const": set_const}
    envs, theirs = make_pair(env_id, 3, mode, limit=12, alter=alter, ours=ours)
    compare(envs, theirs, steps=25, dtype=dtype)
    assert_same(envs.get_attr("model")[2].body_mass, masses[2], "model")


def keeps_quaternions():
    """Tells if MuJoCo leaves the quaternions in `qpos` as they are; the oldest normalises them in place."""
    body = '<mujoco><worldbody><body><freejoint/><geom size="1"/></body></worldbody></mujoco>'
    model = mujoco.MjModel.from_xml_string(body)
    data = mujoco.MjData(model)
    data.qpos[3] = 2
    mujoco.mj_forward(model, data)
    return data.qpos[3] == 2


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", *["Humanoid-v5"] * bool(keeps_quaternions()), "Walker2d-v4"])
@pytest.mark.parametrize(("mode", "set_const"), [("NextStep", True), ("SameStep", False), ("Disabled", True)])
def test_fields_drawn_for_an_episode_give_what_gymnasiums_environment_with_them_gives(env_id, mode, set_const):
    judges = [gym.make(env_id).unwrapped for _ in range(2)]
    bounds = {name: (getattr(judges[0].model, name) * 0.7, getattr(judges[0].model, name) * 1.3) for name in DRAWN}
    step = judges[0].model.opt.timestep
    bounds |= {"opt.gravity": ([0, 0, -12], [0, 0, -5]), "opt.timestep": (0.9 * step, 1.1 * step)}
    how = {"randomize": bounds, "set_const": set_const, "max_episode_steps": 4, "autoreset_mode": mode}
    envs = gym.make_vec(f"operant/{env_id}", 2, workers=2, **how)
    for judge in judges:
        judge.reset(seed=0)
    observations, _ = envs.reset(seed=3)
    begun, over, timesteps = np.ones(2, bool), np.zeros(2, bool), set()

    def begin(judge, model, data):
        """Puts what was drawn into Gymnasium's environment."""
        for name in DRAWN:
            getattr(judge.model, name)[:] = getattr(model, name)
        judge.model.opt.gravity[:], judge.model.opt.timestep = model.opt.gravity, model.opt.timestep
        timesteps.add(model.opt.timestep)
        if set_const:
            mujoco.mj_setConst(judge.model, mujoco.MjData(judge.model))
        mujoco.mj_resetData(judge.model, judge.data)
        judge.set_state(data.qpos.copy(), data.qvel.copy())

    for t in range(14):
        models, datas = envs.get_attr("model"), envs.get_attr("data")
        for i in np.flatnonzero(begun):
            begin(judges[i], models[i], datas[i])
            assert_same(observations[i], judges[i]._get_obs(), f"the first observation of environment {i}")
        actions = envs.action_space.sample()
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        resets, ended = over & (mode == "NextStep"), terminated | truncated
        for i in np.flatnonzero(~resets):
            observation, reward, end, _, info = judges[i].step(actions[i])
            final = mode == "SameStep" and ended[i]
            assert_same(infos["final_obs"][i] if final else observations[i], observation, f"observation {t}")
            assert_same(rewards[i], np.float64(reward), f"reward {t}")
            assert terminated[i] == end
            found = infos["final_info"] if final else infos
            assert_same({name: found[name][i] for name in info}, info, f"infos {t}")
        begun, over = resets if mode == "NextStep" else ended, ended
        if mode == "Disabled" and ended.any():
            observations, _ = envs.reset(options={"reset_mask": ended.copy()})
    assert len(timesteps) >= 4 and step not in timesteps


def test_fields_are_drawn_for_every_episode_and_kept_within_it():
    bounds = {"body_mass": (1.0, 2.0), "geom_friction": ([0.2, 0.1, 0.1], [0.8, 0.1, 0.1])}
    envs = gym.make_vec("operant/HalfCheetah-v5", 2, randomize=bounds, set_const=True, max_episode_steps=5)
    envs.reset(seed=0)
    first = [model.body_mass.copy() for model in envs.get_attr("model")]
    assert (first[0] != first[1]).all() and all(((mass >= 1) & (mass < 2)).all() for mass in first)
    envs.step(envs.action_space.sample())
    model = envs.get_attr("model")[0]
    assert_same(model.body_mass, first[0], "body_mass")
    mujoco.mj_setConst(model, mujoco.MjData(model))
    assert_same(envs.get_attr("model")[0].body_subtreemass, model.body_subtreemass, "derived")
    twin = pickle.loads(pickle.dumps(envs))
    for _ in range(12):
        action = envs.action_space.sample()
        assert_same(results(twin.step(action)), results(envs.step(action)), "copy")
    assert (envs.get_attr("model")[0].body_mass != first[0]).all()


VARIED = {"params": {"opt.gravity": np.linspace([0, 0, -9], [0, 0, -4], 4)}, "randomize": {"body_mass": (1.0, 2.0)}}


@pytest.mark.parametrize("options", [{}, VARIED, VARIED | {"set_const": True}], ids=["plain", "varied", "set_const"])
@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Ant-v5", "Hopper-v4"])
def test_a_pool_returns_what_the_batch_returns(env_id, options):
    envs = gym.make_vec(f"operant/{env_id}", 4, max_episode_steps=3, **options)
    pool = operant.AsyncEnvPool(env_id, 4, batch_size=2, workers=2, max_episode_steps=3, **options)
    expected = [(*envs.reset(seed=0), 0, 0, 0)]
    actions = [envs.action_space.sample() for _ in range(7)]
    for each in actions:
        observations, rewards, terminated, truncated, infos = envs.step(each)
        expected.append((observations, infos, rewards, terminated, truncated))
    named = {"env_id", *(name for name in expected[1][1] if not name.startswith("_"))}
    pool.async_reset(seed=0)
    done = np.zeros(4, np.int64)
    while done.min() <= 7:
        observations, rewards, terminated, truncated, infos = pool.recv()
        ids = infos["env_id"]
        for row, i in enumerate(ids):
            theirs = expected[done[i]]
            assert_same(observations[row], theirs[0][i], "pool")
            assert {*infos} == named
            for name in (each for each in theirs[1] if not each.startswith("_")):
                assert (infos[name][row] == theirs[1][name][i]).all(), name
            if done[i]:
                found = (rewards[row], terminated[row], truncated[row])
                assert found == (theirs[2][i], theirs[3][i], theirs[4][i])
        done[ids] += 1
        going = ids[done[ids] <= 7]
        if len(going):
            pool.send(np.array([actions[done[i] - 1][i] for i in going]), going)
    pool.close()


def test_statistics_are_those_of_gymnasiums_wrapper():
    wrapped = gym.wrappers.vector.RecordEpisodeStatistics(gym.make_vec("operant/Hopper-v5", 3))
    envs = gym.make_vec("operant/Hopper-v5", 3, episode_statistics=True)
    for each in (wrapped, envs):
        each.reset(seed=0)
    ended = 0
    for _ in range(60):
        actions = envs.action_space.sample()
        theirs, ours = wrapped.step(actions)[4], envs.step(actions)[4]
        assert ("episode" in theirs) == ("episode" in ours)
        if "episode" in ours:
            ended += 1
            assert_same(ours["episode"]["r"], theirs["episode"]["r"], "returns")
            assert (ours["episode"]["l"] == theirs["episode"]["l"]).all()
    assert ended


WRAPPERS = {
    "NormalizeObservation": lambda kind, env: kind.NormalizeObservation(env),
    "NormalizeReward": lambda kind, env: kind.NormalizeReward(env, gamma=0.9),
    "RescaleAction": lambda kind, env: kind.RescaleAction(env, -3.0, 2.0),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_gymnasiums_wrappers_of_a_batch_return_what_they_return_around_its_own(name):
    compare(*(WRAPPERS[name](gym.wrappers.vector, each) for each in make_pair("Hopper-v5", 3, limit=9)), steps=25)


@pytest.mark.parametrize("name", [*WRAPPERS, "FrameStackObservation"])
def test_gymnasiums_wrappers_of_an_environment_return_what_they_return_around_its_own(name):
    wrap = WRAPPERS.get(name, lambda kind, env: kind.FrameStackObservation(env, 3))
    ours, theirs = (wrap(gym.wrappers, gym.make(each)) for each in ("operant/Hopper-v5", "Hopper-v5"))
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    assert_same(*(results(each.reset(seed=1)) for each in (ours, theirs)), "reset")
    random, ends = np.random.default_rng(0), 0
    for t in range(80):
        action = random.uniform(theirs.action_space.low, theirs.action_space.high).astype(np.float32)
        judge = theirs.step(action)
        assert_same(results(ours.step(action)), results(judge), f"step {t}")
        if judge[2]:
            ends += 1
            assert_same(*(results(each.reset()) for each in (ours, theirs)), "reset")
    assert ends


@pytest.mark.parametrize("env_id", ["Ant-v5", "Hopper-v4"])
def test_gymnasiums_vector_environments_of_ours_return_what_those_of_its_own_return(env_id):
    how = {"num_envs": 2, "vectorization_mode": "sync", "max_episode_steps": 9}
    compare(*(gym.make_vec(each, **how) for each in (f"operant/{env_id}", env_id)), steps=25)


def test_gymnasiums_checker_finds_nothing():
    check_env(gym.make("operant/Ant-v5").unwrapped, skip_render_check=True)


def test_a_single_environment_goes_on_after_the_end_as_gymnasiums_does():
    ours, theirs = gym.make("operant/Hopper-v5").unwrapped, gym.make("Hopper-v5").unwrapped
    for each in (ours, theirs):
        each.reset(seed=0)
    ends = 0
    for t in range(80):
        judge = theirs.step(np.ones(3, np.float32))
        ends += judge[2]
        assert_same(results(ours.step(np.ones(3, np.float32))), results(judge), f"step {t}")
    assert ends > 1


def test_an_attribute_that_cannot_be_assigned_names_what_to_use():
    env = gym.make("operant/HalfCheetah-v5").unwrapped
    assert env._ctrl_cost_weight == 0.1
    with pytest.raises(AttributeError, match="make the environment with other arguments"):
        env.frame_skip = 3


PICTURES = """
import sys
import gymnasium as gym, numpy as np, operant
env_id, how = sys.argv[1], {"width": 96, "height": 64} | eval(sys.argv[2])
def same(ours, theirs):
    pair = zip(ours, theirs, strict=True) if isinstance(theirs, tuple) else [(ours, theirs)]
    return all(one.dtype == other.dtype and other.any() and np.array_equal(one, other) for one, other in pair)
ours, theirs = gym.make("operant/" + env_id, **how), gym.make(env_id, **how)
envs = gym.make_vec("operant/" + env_id, 2, render_envs=2, **how)
fresh = [each.unwrapped.render() for each in (theirs, ours, envs)]  # of the model as it was loaded
assert same(fresh[1], fresh[0]) and same(fresh[2][0], fresh[0])
for each in (ours, theirs, envs):
    each.reset(seed=0)
for _ in range(2):
    action = theirs.action_space.sample()
    ours.step(action), theirs.step(action), envs.step(np.stack([action, action]))
    picture = theirs.render()
    assert same(ours.render(), picture) and same(envs.render()[0], picture)
print("same")
"""
DRAWINGS = [
    ("HalfCheetah-v5", {"render_mode": "rgb_array"}),
    ("HalfCheetah-v5", {"render_mode": "depth_array"}),
    ("Ant-v5", {"render_mode": "rgbd_tuple", "camera_id": -1}),
    ("Humanoid-v5", {"render_mode": "rgb_array", "camera_id": 0}),
    ("Hopper-v4", {"render_mode": "rgb_array", "camera_name": "track"}),
    ("Walker2d-v5", {"render_mode": "rgb_array", "default_camera_config": {"distance": 7.0, "elevation": -35.0}}),
    ("Humanoid-v4", {"render_mode": "depth_array"}),
]


@pytest.mark.parametrize(("env_id", "options"), DRAWINGS)
def test_pictures_are_gymnasiums_pixel_by_pixel(env_id, options, monkeypatch):
    run_with_egl(monkeypatch, PICTURES, env_id, repr(options))


SCREEN = "-screen 0 640x480x24 -noreset"  # not reset when a window, its only client, is closed
SHOWN = """
import gymnasium as gym, glfw, mujoco, numpy as np, operant
how = {"render_mode": "human", "width": 96, "height": 64}
envs = [gym.make(name, **how) for name in ("HalfCheetah-v5", "operant/HalfCheetah-v5")]
envs.append(gym.make_vec("operant/HalfCheetah-v5", 2, render_envs=1, **how))
windows = []
for env in envs:
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.full(env.action_space.shape, 0.3, np.float32))
    assert env.render() is None
    ours = getattr(env.unwrapped, "renderer", None)
    viewer = (ours._drawn[0][1] if ours else env.unwrapped.mujoco_renderer).viewer
    width, height = glfw.get_framebuffer_size(viewer.window)
    picture = np.zeros((height, width, 3), np.uint8)
    mujoco.mjr_readPixels(picture, None, mujoco.MjrRect(0, 0, width, height), viewer.con)
    windows.append(picture)
    env.close()
assert windows[0].any() and all((window == windows[0]).all() for window in windows)
print("same")
"""


def test_a_window_shows_what_gymnasiums_shows(monkeypatch):
    needs("xvfb-run", "xvfb xauth libgl1-mesa-dri")
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    ran = subprocess.run(
        ["xvfb-run", "-a", "-s", SCREEN, sys.executable, "-c", SHOWN], capture_output=True, text=True, timeout=120
    )
    assert ran.stdout.strip().endswith("same"), ran.stderr[-2000:]


def test_ppo_trains_on_a_task_and_promises_no_bits_elsewhere():
    from operant.models import PPO
    from operant.models.algorithms.configs import PPOConfig

    config = PPOConfig(backend="native", num_envs=4, rollout_steps=16, normalize_observations=True, threads=1)
    algorithm = PPO("operant/Hopper-v5", config)
    metrics = list(algorithm.iterate(128))
    assert [each["steps"] for each in metrics] == [64, 128]
    assert np.isfinite(metrics[-1]["value_loss"])
    assert algorithm.arithmetic is None
    algorithm.close()


def test_gymnasiums_task_judges_a_policy_with_the_same_returns():
    from operant.models import PPO
    from operant.models.algorithms.configs import PPOConfig
    from operant.models.evaluation import evaluate, exact, reference_id

    assert reference_id("operant/Hopper-v5") == "Hopper-v5" and reference_id("Hopper-v5") is None
    algorithm = PPO("operant/Hopper-v5", PPOConfig(backend="native", num_envs=4, rollout_steps=16, threads=1))
    ours = evaluate(algorithm, "operant/Hopper-v5", 3, seed=5, env_options=exact("operant/Hopper-v5", {}))
    theirs = evaluate(algorithm, "Hopper-v5", 3, seed=5)
    algorithm.close()
    assert (ours == theirs).all()


def test_weights_do_not_depend_on_the_number_of_threads_that_step():
    from operant.models import PPO
    from operant.models.algorithms.configs import PPOConfig

    weights = set()
    for threads in (1, 2, 3):
        config = PPOConfig(backend="native", num_envs=5, rollout_steps=64, normalize_rewards=True, threads=threads)
        algorithm = PPO("operant/Hopper-v5", config).learn(640)
        weights.add(algorithm.weights_hash())
        algorithm.close()
    assert len(weights) == 1
