"""The slow, obvious versions: one environment and one step at a time, in float32, in the formulas' order."""

import numpy as np

ONE, ZERO = np.float32(1), np.float32(0)


def random_rollout(steps, num_envs, seed=0, ends=0.2):
    """Random arguments of the kernels; final values are NaN where nothing may read them."""
    generator, shape = np.random.default_rng(seed), (steps, num_envs)
    rewards, values, final_values = generator.normal(size=(3, *shape)).astype(np.float32)
    terminated, truncated = generator.random(shape) < ends, generator.random(shape) < ends
    return {
        "rewards": rewards,
        "values": values,
        "terminated": terminated,
        "truncated": truncated,
        "last_values": generator.normal(size=num_envs).astype(np.float32),
        "final_values": np.where(truncated & ~terminated, final_values, np.float32(np.nan)),
    }


def following(r, t, n, rows):
    if r["terminated"][t, n]:
        return ZERO
    if r["truncated"][t, n]:
        return r["final_values"][t, n]
    return r["last_values"][n] if t == len(r["rewards"]) - 1 else rows[t + 1, n]


def backwards(r):
    """Yields (t, n, True if the recursion continues from t + 1), latest step first."""
    steps, num_envs = r["rewards"].shape
    for t in reversed(range(steps)):
        for n in range(num_envs):
            yield t, n, not (t == steps - 1 or r["terminated"][t, n] or r["truncated"][t, n])


def gae(r, gamma, lam):
    gamma, decay = np.float32(gamma), np.float32(gamma) * np.float32(lam)
    advantages = np.empty_like(r["rewards"])
    for t, n, carried in backwards(r):
        delta = r["rewards"][t, n] + gamma * following(r, t, n, r["values"]) - r["values"][t, n]
        advantages[t, n] = delta + decay * (advantages[t + 1, n] if carried else ZERO)
    return advantages, advantages + r["values"]


def vtrace(r, ratios, gamma, lam, rho_bar, c_bar):
    gamma, lam, rho_bar, c_bar = map(np.float32, (gamma, lam, rho_bar, c_bar))
    corrections, targets, advantages = (np.empty_like(r["rewards"]) for _ in range(3))
    for t, n, carried in backwards(r):
        rho, c = min(ratios[t, n], rho_bar), lam * min(ratios[t, n], c_bar)
        reward, value = r["rewards"][t, n], r["values"][t, n]
        delta = rho * (reward + gamma * following(r, t, n, r["values"]) - value)
        corrections[t, n] = delta + gamma * c * (corrections[t + 1, n] if carried else ZERO)
        targets[t, n] = value + corrections[t, n]
        advantages[t, n] = rho * (reward + gamma * following(r, t, n, targets) - value)
    return targets, advantages


def discounted_returns(r, gamma):
    returns = np.empty_like(r["rewards"])
    for t, n, _ in backwards(r):
        returns[t, n] = r["rewards"][t, n] + np.float32(gamma) * following(r, t, n, returns)
    return returns
