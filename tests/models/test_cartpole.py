"""Every algorithm solves CartPole: a mean return of 475 over 100 episodes, within a budget of steps.

All of seeds 0 to 4 do with these options, the worst in at most three quarters of its budget. The learning rate is
annealed over the budget, so that another budget is another run.
"""

import pytest
import torch

from operant.models import A2C, PPO, REINFORCE, TRPO, VMPO

torch.set_num_threads(1)

SOLVED = 475  # Gymnasium's threshold
CASES = {
    "ppo": (PPO, 400_000, {"num_envs": 256, "rollout_steps": 32, "learning_rate": 3e-3, "gae_lambda": 0.9}),
    "trpo": (
        TRPO,
        400_000,
        {
            "num_envs": 128,
            "max_kl": 0.015,
            "fisher_parts": 8,
            "cg_iterations": 5,
            "value_epochs": 3,
            "minibatches": 2,
            "learning_rate": 1e-2,
            "gae_lambda": 0.95,
        },
    ),
    "vmpo": (
        VMPO,
        300_000,
        {"num_envs": 128, "epochs": 4, "learning_rate": 3e-3, "kl_epsilon": 0.03, "temperature_epsilon": 0.1},
    ),
    "a2c": (
        A2C,
        600_000,
        {"num_envs": 128, "rollout_steps": 64, "learning_rate": 2e-2, "gae_lambda": 0.95, "normalize_advantages": True},
    ),
    "reinforce": (REINFORCE, 800_000, {"num_envs": 128, "learning_rate": 2e-2}),
    "reinforce without baseline": (REINFORCE, 600_000, {"num_envs": 128, "learning_rate": 3e-2, "baseline": False}),
}


@pytest.mark.parametrize(("kind", "budget", "options"), CASES.values(), ids=CASES)
def test_cartpole_is_solved(kind, budget, options):
    algorithm = kind("operant/CartPole-v1", kind.Config(gamma=0.98, **options), seed=0)
    assert any(metrics["episode_return"] >= SOLVED for metrics in algorithm.iterate(budget))
