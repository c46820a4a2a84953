"""A step of the particle environments' fast build is close to an exact step from the same float32 state.

An error is counted in float32 ulps at the magnitude of the numbers that the result is computed from. For a position or
a difference of positions that is the farthest position; for a speed, the greatest force over 0.1 s, contacts included.
In a contact the force depends on distance / 1e-3 m, so an error of the distance counts a thousandfold. It also depends
on the direction between two bodies, whose relative error grows as they get nearer. So states with a contact are
compared at that magnitude.
"""

import numpy as np
import pytest
from particles import VARIANTS, bodies, put_ours, random_actions, random_state, variant_id

from operant.environments.vector import OperantVectorEnv

# Over 8e4 states of each variant the largest errors were 0.5, 2.04 and 1.29 ulps; rounded up by half for the others.
ULPS = {"position": 1.0, "speed": 3.0, "reward": 2.0}
RADII = {"simple": (0, 0), "simple_spread": (0.15, 0), "simple_tag": (0.075, 0.2)}
PUSH = 5.0


def ulp(magnitude):
    return np.spacing(np.abs(magnitude).astype(np.float32)).astype(np.float64)


def contact(states, agents, landmarks, radius, landmark_radius):
    """The greatest force between two bodies, and its greatest sensitivity to a position: `[N]` each, N and N/m."""
    places = np.concatenate([states[:, :agents], states[:, 2 * agents :]], axis=1)
    radii = np.array([radius] * agents + [landmark_radius] * landmarks)
    force, slope = np.zeros(len(states)), np.zeros(len(states))
    if not radius:
        return force, slope
    for i in range(agents):
        for j in range(i + 1, agents + landmarks):
            if not radii[j]:
                continue
            distance = np.maximum(np.sqrt(((places[:, i] - places[:, j]) ** 2).sum(axis=1)), 1e-6)
            overlap = np.maximum(radii[i] + radii[j] + 0.01 - distance, 0)  # the softened edge is 1e-3 m wide
            force = np.maximum(force, 100 * overlap)
            slope = np.maximum(slope, (overlap > 0) * 100 * (1 + (radii[i] + radii[j]) / distance))
    return force, slope


@pytest.mark.parametrize("name, options", VARIANTS, ids=variant_id)
def test_a_step_is_within_the_stated_ulps(name, options):
    n = 4000
    pair = [
        OperantVectorEnv(name, n, precision=p, autoreset_mode="Disabled", **options) for p in ("float32", "float64")
    ]
    random = np.random.default_rng(0)
    agents, landmarks = bodies(pair[0])
    states = np.stack([random_state(agents, landmarks, random) for _ in range(n)]).astype(np.float32).astype(float)
    actions = random_actions(pair[0].single_action_space, n * agents, random)
    after, rewards = [], []
    for env in pair:
        env.reset(seed=0)
        put_ours(env, states)
        rewards.append(env.step(actions)[1].astype(float).reshape(n, agents))
        records = env.get_state()
        after.append(np.stack([records[part.name] for part in env.batch.spec.state], 1).astype(float).reshape(n, -1, 2))
    far = np.abs(states).max(axis=(1, 2)) + 0.2
    force, slope = contact(states, agents, landmarks, *RADII[name.removesuffix("_v3")])
    error = np.abs(after[0] - after[1]).max(axis=2)
    assert (error[:, :agents].max(axis=1) <= ULPS["position"] * ulp(far)).all()
    assert (error[:, 2 * agents :] == 0).all()  # landmarks do not move
    speed = np.maximum(np.abs(states[:, agents : 2 * agents]).max(axis=(1, 2)), 0.1 * (PUSH + force))
    allowed = ULPS["speed"] * (ulp(speed) + 0.1 * slope * ulp(far))
    worst = (error[:, agents : 2 * agents].max(axis=1) / allowed).max()
    assert worst <= 1
    assert worst > 0.2  # so the bound is not far too wide
    # Rewards jump where bodies touch; elsewhere they are sums of distances.
    touching = np.abs(rewards[0] - rewards[1]).max(axis=1) > 0.4
    assert touching.mean() < 1e-3
    size = {"simple_v3": 8 * far**2, "simple_spread_v3": 2 * agents * far, "simple_tag_v3": np.full(n, 40.0)}[name]
    assert (np.abs(rewards[0] - rewards[1]).max(axis=1)[~touching] <= ULPS["reward"] * ulp(size)[~touching]).all()


def test_coincident_bodies_push_nowhere():
    envs = OperantVectorEnv("simple_spread_v3", 3, autoreset_mode="Disabled")
    envs.reset(seed=0)
    put_ours(envs, np.zeros((3, 9, 2)))
    observations, rewards, *_ = envs.step(np.zeros(9, np.int64))
    assert (observations == 0).all()
    assert (rewards == -1).all()  # two bumps each, at a local_ratio of one half
