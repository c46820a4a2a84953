"""A2C: advantage actor-critic, one gradient step for each short rollout.

Mnih et al. (2016), https://arxiv.org/abs/1602.01783, in its synchronous form: all environments step together. Adam
replaces the paper's RMSprop.
"""

from __future__ import annotations

from torch import Tensor

from operant.models.algorithms import losses
from operant.models.algorithms.configs import A2CConfig as A2CConfig
from operant.models.algorithms.minibatches import whole_rollout
from operant.models.algorithms.on_policy import OnPolicy
from operant.models.collection.collector import Rollout
from operant.models.machine.data_parallel import standardize


class A2C(OnPolicy):
    """Advantage actor-critic.

    Example: `A2C("operant/CartPole-v1").learn(500_000)`.
    """

    Config = A2CConfig
    config: A2CConfig
    name = "a2c"

    @property
    def recordable(self) -> bool:
        return True

    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        c = self.config
        advantages, returns = self._advantages(rollout, c.gae_lambda)
        batch = whole_rollout(rollout, advantages, self._scaled_returns(returns))
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
