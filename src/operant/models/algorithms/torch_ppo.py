"""PPO in torch, for whatever the core does not train: `PPO(backend="torch")`."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from operant.models.algorithms import losses
from operant.models.algorithms.configs import PPOConfig
from operant.models.algorithms.minibatches import Minibatch, minibatches, whole_rollout
from operant.models.algorithms.on_policy import OnPolicy
from operant.models.algorithms.ppo import PPO
from operant.models.collection.collector import Rollout
from operant.models.machine.data_parallel import mean_in_place, standardize


class TorchPPO(PPO, OnPolicy):
    """PPO in torch; `OnPolicy` lists its arguments."""

    config: PPOConfig

    @property
    def recordable(self) -> bool:
        return not self.config.target_kl  # with it, the length of an update depends on computed values

    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        c = self.config
        advantages, returns = self._advantages(rollout, c.gae_lambda)
        variance = losses.explained_variance(rollout.values.flatten(), returns.flatten())
        targets = self._scaled_returns(returns)
        policy_loss = value_loss = gradient = torch.zeros((), device=self.device)  # if `target_kl` ends it at once
        for batch in self._batches(rollout, advantages, targets):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=c.amp):
                distribution, values, _ = self.policy(*batch.inputs)
            log_ratios = distribution.log_prob(batch.actions) - batch.log_probs
            kl = losses.approximate_kl(log_ratios.detach())
            if c.target_kl:
                mean_in_place(kl)  # all processes must end together
                if kl > 1.5 * c.target_kl:  # Spinning Up's factor
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
        return {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": distribution.entropy().mean(),
            "approximate_kl": kl,
            "clip_fraction": losses.clip_fraction(log_ratios.detach(), c.clip),
            "gradient_norm": gradient,
            "explained_variance": variance,
        }

    def _batches(self, rollout: Rollout, advantages: Tensor, targets: Tensor) -> Iterator[Minibatch]:
        """Yields the minibatches of all passes over a rollout."""
        c = self.config
        for epoch in range(c.epochs):
            if c.vtrace and epoch:
                advantages, targets = self._corrected(rollout)
            yield from minibatches(rollout, advantages, targets, c.minibatches, self.generator)

    @torch.no_grad()
    def _corrected(self, rollout: Rollout) -> tuple[Tensor, Tensor]:
        """Computes V-trace's advantages and value targets `[T, N]` for the present policy and values."""
        batch = whole_rollout(rollout, rollout.rewards, rollout.rewards)  # advantages and returns are not used here
        distribution, values, _ = self.policy(*batch.inputs)
        log_ratios = (distribution.log_prob(batch.actions) - batch.log_probs).view_as(rollout.rewards)
        values = self._denormalized_values(values).view_as(rollout.values)
        return self._vtrace(rollout, values, log_ratios, self.config.gae_lambda)
