"""A2C: advantage actor-critic, one gradient step for each short rollout.

Mnih et al. (2016), https://arxiv.org/abs/1602.01783, in its synchronous form: all environments step together. With
Adam instead of the paper's RMSprop.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from operant.models.algorithms import losses
from operant.models.algorithms.minibatches import whole
from operant.models.algorithms.on_policy import OnPolicy, OnPolicyConfig
from operant.models.algorithms.options import option
from operant.models.collection.collector import Rollout
from operant.models.machine.data_parallel import standardize


@dataclass(frozen=True)
class A2CConfig(OnPolicyConfig):
    """Options of A2C."""

    rollout_steps: int = option(8, "steps of every environment between two updates", at_least=1)
    value_coefficient: float = option(0.5, "weight of the value loss", at_least=0)
    gae_lambda: float = option(1.0, "of generalised advantage estimation; 1 for n-step returns", at_least=0, at_most=1)
    normalize_advantages: bool = option(False, "to mean 0 and deviation 1, in each rollout")


class A2C(OnPolicy):
    """`A2C("operant/CartPole-v1").learn(500_000)`"""

    Config = A2CConfig
    config: A2CConfig
    name = "a2c"

    @property
    def recordable(self) -> bool:
        return True

    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        c = self.config
        advantages, returns = self._advantages(rollout, c.gae_lambda)
        batch = whole(rollout, advantages, self._scaled_returns(returns))
        distribution, values, _ = self.policy(*batch.inputs)
        weights = standardize(batch.advantages) if c.normalize_advantages else batch.advantages
        policy_loss = losses.policy_gradient(distribution.log_prob(batch.actions), weights)
        value_loss = losses.value_loss(values, batch.returns)
        entropy = distribution.entropy().mean()
        loss = policy_loss + c.value_coefficient * value_loss - c.entropy_coefficient * entropy
        return {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "gradient_norm": self._descend(loss),
            "explained_variance": losses.explained_variance(rollout.values.flatten(), returns.flatten()),
        }
