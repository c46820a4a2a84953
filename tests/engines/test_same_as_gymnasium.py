"""MuJoCo's tasks return Gymnasium's observations, rewards, flags, infos and resets, bit for bit."""

import gymnasium as gym
import numpy as np
import pytest
from judge import IDS, MODES, assert_same, compare, make_pair

from operant.catalog import ENGINES

# Options that differ from Gymnasium's defaults wherever a task has them.
OTHERS = {
    "HalfCheetah-v5": {"forward_reward_weight": 2.5, "ctrl_cost_weight": 0.3, "frame_skip": 3},
    "Ant-v5": {
        "main_body": 2,
        "healthy_z_range": (0.3, 0.8),
        "contact_force_range": (-0.5, 0.7),
        "include_cfrc_ext_in_observation": False,
        "healthy_reward": 0.7,
        "forward_reward_weight": 1.5,
    },
    "Humanoid-v5": {
        "contact_cost_range": (0.1, 2.0),
        "contact_cost_weight": 1e-3,
        "healthy_z_range": (1.2, 1.6),
        "include_cinert_in_observation": False,
        "include_qfrc_actuator_in_observation": False,
    },
    "HumanoidStandup-v5": {
        "impact_cost_weight": 1e-3,
        "impact_cost_range": (0.2, 1.0),
        "include_cvel_in_observation": False,
        "include_cfrc_ext_in_observation": False,
    },
    "Hopper-v5": {"healthy_state_range": (-5.0, 5.0), "healthy_angle_range": (-0.1, 0.3), "ctrl_cost_weight": 0.2},
    "Walker2d-v5": {"healthy_z_range": (0.9, 1.5), "healthy_angle_range": (-0.4, 0.6), "healthy_reward": 2.0},
    "Swimmer-v5": {"forward_reward_weight": 3.0, "ctrl_cost_weight": 0.01, "frame_skip": 2},
    "Reacher-v5": {"reward_dist_weight": 2.0, "reward_control_weight": 0.3},
    "Pusher-v5": {"reward_near_weight": 1.5, "reward_dist_weight": 0.3, "reward_control_weight": 0.7},
    "InvertedPendulum-v5": {"reset_noise_scale": 0.15},
    "InvertedDoublePendulum-v5": {"healthy_reward": 3.0, "reset_noise_scale": 0.4},
}
for options in OTHERS.values():
    options.setdefault("reset_noise_scale", 0.05)
POSITIONS = ("HalfCheetah", "Ant", "Humanoid", "HumanoidStandup", "Hopper", "Walker2d", "Swimmer")
for name in POSITIONS:
    OTHERS[f"{name}-v5"]["exclude_current_positions_from_observation"] = False
for env_id in ("Reacher-v5", "Pusher-v5"):
    del OTHERS[env_id]["reset_noise_scale"]
# v4 has fewer of them: what its constructor takes.
for env_id in list(OTHERS):
    spec = ENGINES[env_id.replace("-v5", "-v4")]
    OTHERS[spec.id] = {name: value for name, value in OTHERS[env_id].items() if name in spec.task.options}
OTHERS["Ant-v4"]["use_contact_forces"] = True
FREE = {"terminate_when_unhealthy": False}
UNENDING = {env_id: FREE for env_id in IDS if "terminate_when_unhealthy" in ENGINES[env_id].task.options}


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("mode", MODES)
def test_every_result_is_gymnasiums_in_each_mode(env_id, mode):
    compare(*make_pair(env_id, 2, mode, limit=9), steps=25)


@pytest.mark.parametrize("env_id", IDS)
def test_every_result_is_gymnasiums_with_float64_actions_far_beyond_the_bounds(env_id):
    compare(*make_pair(env_id, 2), steps=25, dtype=np.float64, scale=1e3)


@pytest.mark.parametrize("env_id", IDS)
def test_every_result_is_gymnasiums_with_other_options(env_id):
    compare(*make_pair(env_id, 2, "SameStep", limit=15, **OTHERS[env_id]), steps=25)


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "Ant-v5", "Hopper-v5", "Swimmer-v5", "Reacher-v5", "Pusher-v5"])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, np.int8, np.float16])
def test_every_result_is_gymnasiums_with_weights_of_numpys_types(env_id, kind):
    names = {name for name in ENGINES[env_id].task.options if name.endswith("_weight")}
    options = {name: kind(3) if np.issubdtype(kind, np.integer) else kind(0.3) for name in names}
    for dtype in (np.float32, np.float64):
        compare(*make_pair(env_id, 2, "SameStep", limit=9, **options), steps=12, dtype=dtype)


@pytest.mark.parametrize("env_id", UNENDING)
def test_every_result_is_gymnasiums_where_the_unhealthy_go_on(env_id):
    compare(*make_pair(env_id, 2, limit=60, **UNENDING[env_id]), steps=70)


@pytest.mark.test_all("ten seconds for each task")
@pytest.mark.parametrize("env_id", IDS)
def test_every_result_is_gymnasiums_for_20_000_steps(env_id):
    compare(*make_pair(env_id, 16), steps=1250)


@pytest.mark.test_long("the whole product takes minutes")
@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("other", [False, True])
def test_every_result_is_gymnasiums_in_the_whole_product(env_id, mode, dtype, scale, other):
    options = OTHERS[env_id] if other else {}
    compare(*make_pair(env_id, 10, mode, **options), steps=100, dtype=dtype, scale=scale)


DIVERGING = """<mujoco><option timestep="0.05" integrator="Euler"/><worldbody>
<body pos="0 0 1"><freejoint/><geom size=".1" mass="1e-3"/>
<body pos=".2 0 0"><joint axis="0 1 0" stiffness="1e7"/><geom size=".1" mass="1e-3"/></body></body>
</worldbody><actuator><motor joint="{joint}" gear="1e6" ctrllimited="true" ctrlrange="-1 1"/></actuator></mujoco>"""


@pytest.mark.parametrize("env_id", [f"{name}-v5" for name in POSITIONS])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_that_diverges_returns_gymnasiums_results(env_id, mode, dtype, tmp_path):
    path = tmp_path / "diverging.xml"
    text = DIVERGING.replace('<joint axis="0 1 0"', '<joint name="hinge" axis="0 1 0"').format(joint="hinge")
    path.write_text(text)
    ours, theirs = make_pair(env_id, 2, mode, limit=20, xml_file=str(path), frame_skip=2)
    compare(ours, theirs, steps=30, dtype=dtype, scale=5.0)
    assert (tmp_path / "MUJOCO_LOG.TXT").exists()  # it did diverge


@pytest.mark.parametrize("env_id", IDS)
def test_a_single_environment_is_gymnasiums(env_id):
    ours, theirs = gym.make(f"operant/{env_id}"), gym.make(env_id)
    random = np.random.default_rng(0)
    for seed in (3, None):
        assert_same(*(dict(enumerate(env.reset(seed=seed))) for env in (ours, theirs)), "reset")
        for t in range(12):
            action = random.uniform(-1, 1, theirs.action_space.shape).astype(np.float32)
            mine, judge = ours.step(action), theirs.step(action)
            assert_same(dict(enumerate(mine)), dict(enumerate(judge)), f"step {t}")
            assert type(mine[1]) is type(judge[1]) or float(mine[1]) == float(judge[1])
            if judge[2]:
                break
        assert ours.np_random.bit_generator.state == theirs.np_random.bit_generator.state
    assert (ours.spec.max_episode_steps, ours.spec.reward_threshold) == (
        theirs.spec.max_episode_steps,
        theirs.spec.reward_threshold,
    )
    assert ours.unwrapped.metadata == theirs.unwrapped.metadata


@pytest.mark.parametrize("env_id", ["Hopper-v5", "Humanoid-v4", "Pusher-v5"])
@pytest.mark.parametrize("mode", MODES)
def test_each_environment_can_have_a_seed_of_its_own_and_a_mask_resets_some(env_id, mode):
    both = make_pair(env_id, 3, mode, limit=5)
    random, space = np.random.default_rng(0), both[1].single_action_space
    for each in both:
        each.reset(seed=0)
    assert_same(*(dict(enumerate(each.reset(seed=[11, None, 5]))) for each in both), "reset")
    for t in range(24):
        actions = random.uniform(space.low, space.high, (3, *space.shape)).astype(np.float32)
        mine, judge = (each.step(actions) for each in both)
        assert_same(dict(enumerate(mine)), dict(enumerate(judge)), f"step {t}")
        ended = judge[2] | judge[3]
        mask = ended if mode == "Disabled" else np.roll([True, True, False], t)
        if (t % 3 == 2 or mode == "Disabled") and mask.any():
            seeds = [None, 2, t] if t % 2 else None
            resets = [each.reset(seed=seeds, options={"reset_mask": mask.copy()}) for each in both]
            assert_same(*(dict(enumerate(each)) for each in resets), f"masked reset after step {t}")


def test_float32_narrows_what_is_returned_and_leaves_the_physics():
    wide, narrow = (gym.make_vec("operant/Ant-v5", 3, precision=each) for each in ("float64", "float32"))
    assert narrow.single_observation_space.dtype == np.float32
    observations = [each.reset(seed=1)[0] for each in (wide, narrow)]
    for _ in range(40):
        assert_same(observations[1], observations[0].astype(np.float32), "observations")
        actions = wide.action_space.sample()
        results = [each.step(actions) for each in (wide, narrow)]
        assert_same(results[1][1], results[0][1].astype(np.float32), "rewards")
        assert_same(results[1][4], results[0][4], "infos")
        observations = [each[0] for each in results]


def narrowed(result):
    """Returns what precision "float32" has in place of a result, without statistics: infos are float64 there, too."""
    *numbers, infos = result
    infos = {name: value for name, value in infos.items() if name.lstrip("_") != "episode"}
    if "final_obs" in infos:
        infos["final_obs"] = infos["final_obs"].copy()
        for i in np.flatnonzero(infos["_final_obs"]):
            infos["final_obs"][i] = infos["final_obs"][i].astype(np.float32)
    narrow = [each.astype(np.float32) if np.asarray(each).dtype == np.float64 else each for each in numbers]
    return dict(enumerate([*narrow, infos]))


@pytest.mark.parametrize("mode", MODES)
def test_float32_narrows_what_an_episode_ends_with_and_its_statistics(mode):
    how = {"max_episode_steps": 5, "autoreset_mode": mode, "episode_statistics": True}
    wide, narrow = (gym.make_vec("operant/Ant-v5", 3, precision=each, **how) for each in ("float64", "float32"))
    assert_same(dict(enumerate(narrow.reset(seed=1))), narrowed(wide.reset(seed=1)), "reset")
    episodes, returns = 0, np.zeros(3, np.float32)  # sums of what is returned
    for t in range(13):
        actions = wide.action_space.sample()
        expected, found = wide.step(actions), narrow.step(actions)
        returns += expected[1].astype(np.float32)
        ended = expected[2] | expected[3]
        assert ("episode" in found[4]) == ended.any()
        if ended.any():
            episodes += 1
            assert_same(found[4]["episode"]["r"], np.where(ended, returns, 0).astype(np.float64), "returns")
            assert_same(found[4]["episode"]["l"], expected[4]["episode"]["l"], "lengths")
            returns[ended] = 0
        for name in ("episode", "_episode"):
            found[4].pop(name, None)
        assert_same(dict(enumerate(found)), narrowed(expected), f"step {t}")
        if mode == "Disabled" and ended.any():
            for each in (wide, narrow):
                each.reset(options={"reset_mask": ended.copy()})
    assert episodes >= 2


@pytest.mark.parametrize("env_id", ["Ant-v5", "Humanoid-v4"])
def test_float32_narrows_what_a_single_environment_returns(env_id):
    wide, narrow = (gym.make(f"operant/{env_id}", precision=each) for each in ("float64", "float32"))
    assert narrow.observation_space.dtype == np.float32
    assert_same(dict(enumerate(narrow.reset(seed=1))), narrowed(wide.reset(seed=1)), "reset")
    for t in range(10):
        action = wide.action_space.sample()
        expected, found = wide.step(action), narrow.step(action)
        assert_same(found[0], expected[0].astype(np.float32), f"observation {t}")
        assert float(found[1]) == float(np.float32(expected[1]))
        assert_same(dict(enumerate(found[2:])), dict(enumerate(expected[2:])), f"step {t}")


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("split", [1, 3])
def test_workers_and_batches_do_not_change_bits(workers, split):
    whole = gym.make_vec("operant/Ant-v5", 6, max_episode_steps=11)
    parts = [gym.make_vec("operant/Ant-v5", 6 // split, workers=workers, max_episode_steps=11) for _ in range(split)]
    first, _ = whole.reset(seed=0)
    firsts = [part.reset(seed=k * (6 // split))[0] for k, part in enumerate(parts)]
    assert_same(np.concatenate(firsts), first, "reset")
    for _ in range(25):
        actions = whole.action_space.sample()
        expected = whole.step(actions)
        found = [part.step(each) for part, each in zip(parts, np.split(actions, split), strict=True)]
        for k in range(4):
            assert_same(np.concatenate([each[k] for each in found]), expected[k], f"result {k}")
