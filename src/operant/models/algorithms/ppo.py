"""PPO: proximal policy optimisation with a clipped surrogate objective.

Schulman et al. (2017), https://arxiv.org/abs/1707.06347. Options that are off by default: value clipping (OpenAI's
baselines), dual clipping (Ye et al. 2020), stopping at a KL divergence (Spinning Up), and advantages corrected for the
policy's change within an update (V-trace, Espeholt et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from operant.models.algorithms import losses
from operant.models.algorithms.minibatches import minibatches, whole
from operant.models.algorithms.on_policy import OnPolicy, OnPolicyConfig
from operant.models.algorithms.options import option
from operant.models.collection.collector import Rollout
from operant.models.machine.data_parallel import mean_in_place, standardize


@dataclass(frozen=True)
class PPOConfig(OnPolicyConfig):
    """Options of PPO."""

    epochs: int = option(4, "passes over each rollout", at_least=1)
    minibatches: int = option(4, "that a rollout is split into, in each pass", at_least=1)
    clip: float = option(0.2, "furthest that the probability ratio counts from 1", above=0)
    value_clip: float = option(0.0, "furthest that values count from the old ones; 0 for no limit", at_least=0)
    dual_clip: float = option(0.0, "least objective of a bad action, in advantages; 0 for none", at_least=0)
    target_kl: float = option(0.0, "an update ends when the policy has changed so much; 0 for never", at_least=0)
    value_coefficient: float = option(0.5, "weight of the value loss", at_least=0)
    gae_lambda: float = option(0.95, "of generalised advantage estimation", at_least=0, at_most=1)
    normalize_advantages: bool = option(True, "to mean 0 and deviation 1, in each minibatch")
    vtrace: bool = option(False, "correct advantages by V-trace at the beginning of each pass")
    amp: bool = option(False, "compute the networks in bfloat16")

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.dual_clip <= 1:
            raise ValueError(f"dual_clip={self.dual_clip} must be above 1, or 0 for none")


class PPO(OnPolicy):
    """`PPO("operant/CartPole-v1").learn(500_000)`"""

    Config = PPOConfig
    config: PPOConfig
    name = "ppo"

    @property
    def recordable(self) -> bool:
        return not self.config.target_kl  # which ends an update by what it finds

    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        c = self.config
        advantages, returns = self._advantages(rollout, c.gae_lambda)
        variance = losses.explained_variance(rollout.values.flatten(), returns.flatten())
        targets = self._scaled_returns(returns)
        for epoch in range(c.epochs):
            if c.vtrace and epoch:
                advantages, targets = self._corrected(rollout)
            for batch in minibatches(rollout, advantages, targets, c.minibatches, self.generator):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=c.amp):
                    distribution, values, _ = self.policy(*batch.inputs)
                log_ratios = distribution.log_prob(batch.actions) - batch.log_probs
                kl = losses.approximate_kl(log_ratios.detach())
                if c.target_kl:
                    mean_in_place(kl)  # all processes end together
                if c.target_kl and kl > 1.5 * c.target_kl:
                    break
                weights = standardize(batch.advantages) if c.normalize_advantages else batch.advantages
                policy_loss = losses.clipped_surrogate(log_ratios, weights, c.clip, c.dual_clip)
                if c.value_clip:
                    old_values = self._normalized_returns(batch.values)
                    value_loss = losses.clipped_value_loss(values, old_values, batch.returns, c.value_clip)
                else:
                    value_loss = losses.value_loss(values, batch.returns)
                loss = policy_loss + c.value_coefficient * value_loss
                if c.entropy_coefficient:
                    loss = loss - c.entropy_coefficient * distribution.entropy().mean()
                gradient = self._descend(loss)
            else:
                continue
            break
        return {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": distribution.entropy().mean(),
            "approximate_kl": kl,
            "clip_fraction": losses.clip_fraction(log_ratios.detach(), c.clip),
            "gradient_norm": gradient,
            "explained_variance": variance,
        }

    @torch.no_grad()
    def _corrected(self, rollout: Rollout) -> tuple[Tensor, Tensor]:
        """V-trace's advantages and value targets `[T, N]`, for the policy and values as they are now."""
        batch = whole(rollout, rollout.rewards, rollout.rewards)
        distribution, values, _ = self.policy(*batch.inputs)
        log_ratios = (distribution.log_prob(batch.actions) - batch.log_probs).view_as(rollout.rewards)
        values = self._true_values(values).view_as(rollout.values)
        return self._vtrace(rollout, values, log_ratios, self.config.gae_lambda)
