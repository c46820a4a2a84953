"""Models of one's own return what Gymnasium's environments return on them, whatever MuJoCo computes and remembers."""

import copy
import pickle

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from judge import assert_same, compare, make_pair

VERSION = tuple(int(part) for part in mujoco.__version__.split(".")[:2])
MODEL = """<mujoco><compiler autolimits="true"/>{first}<option timestep="0.005" {option}>{flags}</option>
<worldbody><geom type="plane" size="5 5 .1"/>
<body pos="0 0 .5"><freejoint/><geom size=".15" mass="1"/><site name="center"/>
<body pos=".2 0 0" name="leg"><joint name="hip" axis="0 1 0" limited="true" range="-1 1" damping=".1"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".04"/>
<body pos=".3 0 0"><joint name="knee" axis="0 1 0" stiffness="3"/>
<geom type="capsule" fromto="0 0 0 .3 0 -.2" size=".04"/><site name="toe" pos=".3 0 -.2"/></body></body></body>
{body}</worldbody>
<tendon><fixed name="both"><joint joint="hip" coef="1"/><joint joint="knee" coef="-1"/></fixed></tendon>
<equality>{equality}</equality><actuator>{actuators}</actuator>{last}</mujoco>"""
KNEE = '<motor joint="knee" gear="20" ctrlrange="-1 1"/>'
FILTER = '<general joint="hip" dyntype="filter" dynprm=".05" gainprm="20" ctrlrange="-1 1"/>'
PARTS = {
    "first": "",
    "option": "",
    "flags": "",
    "body": "",
    "equality": "",
    "actuators": '<motor joint="hip" gear="20" ctrlrange="-1 1"/>' + KNEE,
    "last": "",
}
MOCAP = {
    "first": '<size nuserdata="3"/>',
    "body": '<body name="hand" mocap="true" pos="0 1 1"><geom size=".05" contype="0" conaffinity="0"/></body>',
    "equality": '<weld body1="hand" body2="leg" solref=".1 1"/>',
}
# What each model has beside PARTS, and the sizes of MuJoCo's that it has for it.
MODELS = {
    "a filter": ({"actuators": FILTER + KNEE}, {"na": 1}),
    "integrated": (
        {
            "actuators": '<intvelocity joint="hip" kp="20" actrange="-1 1" ctrlrange="-1 1"/>'
            '<position joint="knee" kp="30" ctrlrange="-1 1"/>'
        },
        {"na": 1},
    ),
    "muscles": (
        {
            "actuators": '<muscle joint="hip" ctrlrange="0 1" lengthrange="0 1"/>'
            '<muscle tendon="both" ctrlrange="0 1" lengthrange="0 1"/>'
        },
        {"na": 2},
    ),
    "mocap": (MOCAP, {"nmocap": 1, "neq": 1, "nuserdata": 3}),
    "coupled joints": ({"equality": '<joint joint1="hip" joint2="knee" polycoef="0 .5 0 0 0"/>'}, {"neq": 1}),
    "RK4": ({"option": 'integrator="RK4"'}, {}),
    "implicit in a fluid": ({"option": 'integrator="implicit" density="1000" viscosity=".01"'}, {}),
    "implicitfast": ({"option": 'integrator="implicitfast" cone="elliptic" noslip_iterations="3"'}, {}),
    "PGS": ({"option": 'solver="PGS"'}, {}),
    "CG, sparse": ({"option": 'solver="CG" jacobian="sparse"'}, {}),
    "no warm start": ({"flags": '<flag warmstart="disable"/>'}, {}),
    "sensors": (
        {"last": '<sensor><accelerometer site="center"/><touch site="toe"/><rangefinder site="toe"/></sensor>'},
        {"nsensor": 3},
    ),
    "a key": ({"last": '<keyframe><key qpos="0 0 1 1 0 0 0 .2 .1"/></keyframe>'}, {"nkey": 1}),
}
if VERSION >= (3, 0):
    FLEX = '<flexcomp name="rope" type="grid" dim="1" count="4 1 1" spacing=".1 .1 .1" pos="1 0 1" mass=".1"/>'
    EXACT = '<general joint="knee" dyntype="filterexact" dynprm=".02" gainprm="10" ctrlrange="-1 1"/>'
    MODELS["filters"] = ({"actuators": FILTER + EXACT}, {"na": 2})
    MODELS["a flex"] = ({"body": FLEX}, {"nflex": 1})
if hasattr(mujoco.MjModel, "nhistory"):
    DELAYED = '<position joint="hip" kp="20" ctrlrange="-1 1" delay=".03" nsample="16" interp="linear"/>'
    MODELS["a delay"] = ({"actuators": DELAYED + KNEE}, {})


def write(name):
    """Writes one of MODELS into the present folder; returns its path."""
    with open("own.xml", "w") as file:
        file.write(MODEL.format(**PARTS | MODELS[name][0]))
    return "./own.xml"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("env_id", "mode"), [("Ant-v5", "NextStep"), ("HalfCheetah-v5", "SameStep")])
def test_every_result_is_gymnasiums(name, env_id, mode):
    ours, theirs = make_pair(env_id, 2, mode, limit=12, xml_file=write(name))
    model = ours.get_attr("model")[0]
    assert {size: getattr(model, size) for size in MODELS[name][1]} == MODELS[name][1]
    compare(ours, theirs, steps=30, scale=2.0)


@pytest.mark.parametrize("name", MODELS)
def test_snapshots_and_copies_go_on_as_gymnasiums(name):
    ours, theirs = make_pair("Ant-v5", 2, limit=12, xml_file=write(name))
    compare(ours, theirs, steps=8, scale=2.0)
    twins = [copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))]
    snapshot = ours.get_state()
    actions = [ours.action_space.sample() for _ in range(9)]  # over the end of an episode
    for each in actions[:3]:
        ours.step(each)
    ours.set_state(snapshot)
    for t, each in enumerate(actions):
        expected = dict(enumerate(theirs.step(each)))
        for twin in (ours, *twins):
            assert_same(dict(enumerate(twin.step(each))), expected, f"step {t}")
    single = gym.make("operant/Ant-v5", xml_file="./own.xml").unwrapped
    single.reset(seed=5)
    single.set_state(ours.get_state()[1])
    assert_same(single.step(actions[0][1])[0], theirs.step(actions[0])[0][1], "a single environment")


def test_what_moves_a_mocap_body_and_the_users_numbers_in_place_stay_as_in_gymnasium():
    path = write("mocap")
    both = [gym.make(name, xml_file=path).unwrapped for name in ("operant/HalfCheetah-v5", "HalfCheetah-v5")]
    for env in both:
        env.reset(seed=0)
    random = np.random.default_rng(0)

    def go_on(*envs, moved):
        place, action = random.normal(size=3), random.uniform(-1, 1, 2).astype(np.float32)
        for env in envs if moved else ():
            env.data.mocap_pos[0], env.data.userdata[:] = place, place * 2
        results = [dict(enumerate(env.step(action))) for env in envs]
        for env, result in zip(envs, results, strict=True):
            assert_same(result, results[-1], "step")
            for name in ("mocap_pos", "userdata", "xpos", "qacc"):
                assert_same(getattr(env.data, name), getattr(envs[-1].data, name), name)

    for t in range(8):
        go_on(*both, moved=t % 2 == 0)
    snapshot, twin = both[0].get_state(), copy.deepcopy(both[0])
    both[0].reset(seed=1)
    both[0].set_state(snapshot)
    for _ in range(3):
        go_on(both[0], twin, both[1], moved=False)
    for env in both:
        env.reset(seed=2)
    assert_same(both[0].data.mocap_pos, both[1].data.mocap_pos, "mocap_pos after a reset")
    go_on(*both, moved=False)
