"""Outcomes of the fast build from every state, compared with the table `P` of Gymnasium's class."""

from collections import Counter

import numpy as np
from support import put, vector

from operant.catalog import CATALOG

COPIES = 64  # all of them miss an outcome of probability 0.3 once in 10^10


def reached(env_id, states, copies=COPIES, **options):
    """A Counter of (observation, reward, terminated) for each of `states` `[K, S]` and each action.

    Each is tried `copies` times, with different random numbers.
    """
    actions = CATALOG[env_id].actions
    count = len(states) * actions * copies
    env = vector(env_id, count, autoreset_mode="Disabled", **options)
    env.reset(seed=11)
    put(env, np.repeat(states, actions * copies, axis=0))
    taken = np.tile(np.repeat(np.arange(actions), copies), len(states))
    observations, rewards, terminated, _, _ = env.step(taken)
    rows = np.stack(observations, 1).tolist() if isinstance(observations, tuple) else observations.tolist()
    seen = [tuple(row) if isinstance(row, list) else row for row in rows]
    outcomes = list(zip(seen, rewards.tolist(), terminated.tolist(), strict=True))
    env.close()
    return {
        (k, action): Counter(outcomes[(k * actions + action) * copies :][:copies])
        for k in range(len(states))
        for action in range(actions)
    }


def same_outcomes(found, table, numbers):
    """Asserts that the outcomes are exactly the possible ones in `table`, each of probability 0.3 or more.

    `numbers` `[K]` are Gymnasium's numbers of the states.
    """
    for (k, action), counted in found.items():
        possible = Counter()
        for probability, state, reward, terminated in table[int(numbers[k])][action]:
            possible[int(state), float(np.float32(reward)), bool(terminated)] += probability
        assert min(possible.values()) >= 0.3
        assert set(counted) == set(possible), (k, action)


def distance(counted, probabilities):
    """Chi-square of counts against probabilities, divided by the bound that chance exceeds once in 10^6.

    The bound is Wilson and Hilferty's (1931). There is one degree of freedom less than outcomes.
    """
    assert set(counted) <= set(probabilities)
    count, freedom = sum(counted.values()), len(probabilities) - 1
    expected = {outcome: count * probability for outcome, probability in probabilities.items()}
    assert min(expected.values()) > 30 and abs(sum(expected.values()) / count - 1) < 1e-9
    statistic = sum((counted[outcome] - number) ** 2 / number for outcome, number in expected.items())
    return statistic / (freedom * (1 - 2 / (9 * freedom) + 4.753 * (2 / (9 * freedom)) ** 0.5) ** 3)
