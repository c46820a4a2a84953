"""REINFORCE: the policy gradient of sampled returns, with or without a learnt baseline.

Williams (1992), "Simple statistical gradient-following algorithms for connectionist reinforcement learning".

With the baseline V(s), the return after a truncation, and after the end of the rollout within an episode, is estimated
by V of the last observation. Without a baseline it is 0, as if the task ended there, so a rollout should be much longer
than 1 / (1 - gamma) steps. After a termination the return is 0 in both cases.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from operant.models.algorithms import losses
from operant.models.algorithms.configs import REINFORCEConfig as REINFORCEConfig
from operant.models.algorithms.minibatches import whole_rollout
from operant.models.algorithms.on_policy import OnPolicy
from operant.models.collection.collector import Rollout
from operant.models.machine.data_parallel import standardize


class REINFORCE(OnPolicy):
    """The policy gradient of sampled returns.

    Example: `REINFORCE("operant/CartPole-v1").learn(1_000_000)`.
    """

    Config = REINFORCEConfig
    config: REINFORCEConfig
    name = "reinforce"

    @property
    def recordable(self) -> bool:
        return True

    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        c = self.config
        returns = self._returns(rollout)
        advantages = returns - rollout.values if c.baseline else returns
        batch = whole_rollout(rollout, advantages, self._scaled_returns(returns))
        distribution, values, _ = self.policy(*batch.inputs)
        weights = standardize(batch.advantages) if c.normalize_advantages else batch.advantages
        policy_loss = losses.policy_gradient(distribution.log_prob(batch.actions), weights)
        entropy = distribution.entropy().mean()
        loss = policy_loss - c.entropy_coefficient * entropy
        metrics = {"policy_loss": policy_loss, "entropy": entropy}
        if c.baseline:
            value_loss = losses.value_loss(values, batch.returns)
            loss = loss + c.value_coefficient * value_loss
            metrics["value_loss"] = value_loss
            metrics["explained_variance"] = losses.explained_variance(rollout.values.flatten(), returns.flatten())
        return {**metrics, "gradient_norm": self._descend(loss)}

    def _returns(self, rollout: Rollout) -> Tensor:
        """Computes discounted returns `[T, N]`, with the baseline's estimate after the last step of each episode."""
        if not self.config.baseline:
            nothing = (torch.zeros_like(rollout.last_values), torch.zeros_like(rollout.final_values))
            rollout = replace(rollout, last_values=nothing[0], final_values=nothing[1])
        return self.kernels.discounted_returns(rollout, gamma=self.config.gamma)
