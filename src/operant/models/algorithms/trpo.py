"""TRPO: the natural policy gradient, with steps limited by a bound on the KL divergence.

Schulman et al. (2015), https://arxiv.org/abs/1502.05477, with generalised advantage estimation. Layers shared by policy
and value function count as the policy's: only the trust-region step changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from operant.models.algorithms import losses
from operant.models.algorithms.configs import TRPOConfig as TRPOConfig
from operant.models.algorithms.minibatches import Minibatch, minibatches, whole_rollout
from operant.models.algorithms.on_policy import OnPolicy
from operant.models.collection.collector import Rollout
from operant.models.machine.data_parallel import mean_in_place, standardize
from operant.models.networks.distributions import Distribution


class TRPO(OnPolicy):
    """Trust region policy optimisation.

    Example: `TRPO("operant/CartPole-v1").learn(500_000)`.
    """

    Config = TRPOConfig
    config: TRPOConfig
    name = "trpo"

    def update(self, rollout: Rollout) -> dict[str, Tensor]:
        advantages, returns = self._advantages(rollout, self.config.gae_lambda)
        variance = losses.explained_variance(rollout.values.flatten(), returns.flatten())
        targets = self._scaled_returns(returns)
        part = next(minibatches(rollout, advantages, targets, self.config.fisher_parts, self.generator))
        # cuDNN's LSTM cannot be differentiated twice.
        with torch.backends.cudnn.flags(enabled=not self.policy.recurrent):
            metrics, parameters = self._improve(whole_rollout(rollout, advantages, targets), part)
        value_loss = self._fit_values(rollout, advantages, targets, parameters)
        return {**metrics, "value_loss": value_loss, "explained_variance": variance}

    def _improve(self, batch: Minibatch, part: Minibatch) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Takes the policy's step, with the Fisher matrix of `part`; returns metrics and the policy's parameters."""
        c = self.config
        weights = standardize(batch.advantages)
        old = self._distribution(batch)
        loss = self._loss(old, batch, weights)
        trainable = [parameter for parameter in self.policy.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad(loss, trainable, allow_unused=True, retain_graph=True)
        parameters: list[Tensor] = [
            one for one, gradient in zip(trainable, gradients, strict=True) if gradient is not None
        ]
        gradient = averaged(flat([gradient for gradient in gradients if gradient is not None]))
        loss, old = averaged(loss.detach()), old.detach()

        now = self._distribution(part)
        fisher = fisher_vector_product(now.detach().kl(now).mean(), parameters, c.damping)
        direction = conjugate_gradient(fisher, -gradient, c.cg_iterations)
        # A step s moves the policy by a KL of about s^T F s / 2.
        step = direction * (2 * c.max_kl / (direction @ fisher(direction)).clamp(min=1e-12)).sqrt()

        begin, length = flat(parameters).detach(), 1.0
        with torch.no_grad():
            for _ in range(c.line_search_steps):
                assign(parameters, begin + length * step)
                now = self._distribution(batch)
                new_loss, kl = averaged(self._loss(now, batch, weights)), averaged(old.kl(now).mean())
                if new_loss < loss and kl <= c.max_kl:
                    break
                length *= c.backtrack
            else:
                assign(parameters, begin)
                now, new_loss, kl, length = old, loss, torch.zeros_like(kl), 0.0
        return {
            "policy_loss": new_loss,
            "entropy": now.entropy().mean(),
            "approximate_kl": kl,
            "step_length": torch.tensor(length),
            "gradient_norm": torch.linalg.vector_norm(gradient),
        }, parameters

    def _fit_values(self, rollout: Rollout, advantages: Tensor, targets: Tensor, policy: Sequence[Tensor]) -> Tensor:
        """Fits the value function with the policy's parameters frozen; returns the last loss."""
        c = self.config
        for parameter in policy:
            parameter.requires_grad_(False)
        for _ in range(c.value_epochs):
            for batch in minibatches(rollout, advantages, targets, c.minibatches, self.generator):
                recurrent = self.policy.recurrent
                values = self.policy(*batch.inputs)[1] if recurrent else self.policy.values(batch.inputs[0])
                loss = losses.value_loss(values, batch.returns)
                self._descend(loss)
        for parameter in policy:
            parameter.requires_grad_(True)
        return loss

    def _distribution(self, batch: Minibatch) -> Distribution:
        if self.policy.recurrent:
            distribution: Distribution = self.policy(*batch.inputs)[0]
            return distribution
        return self.policy.distribution(batch.inputs[0])

    def _loss(self, distribution: Distribution, batch: Minibatch, weights: Tensor) -> Tensor:
        log_ratios = distribution.log_prob(batch.actions) - batch.log_probs
        loss = losses.surrogate(log_ratios, weights)
        if self.config.entropy_coefficient:
            loss = loss - self.config.entropy_coefficient * distribution.entropy().mean()
        return loss


def fisher_vector_product(kl: Tensor, parameters: Sequence[Tensor], damping: float) -> Callable[[Tensor], Tensor]:
    """Returns the function v `[P]` -> (H + damping I) v, where H is the Hessian of the scalar `kl`.

    H is never formed. If `kl` is KL(old || new) at new = old, H is the Fisher matrix: Schulman et al. (2015), appendix
    C.
    """
    gradient = flat(torch.autograd.grad(kl, parameters, create_graph=True))

    def product(vector: Tensor) -> Tensor:
        products = torch.autograd.grad(gradient @ vector, parameters, retain_graph=True)
        return averaged(flat(products)) + damping * vector

    return product


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], target: Tensor, iterations: int, tolerance: float = 1e-10
) -> Tensor:
    """Solves A x = `target` approximately: Hestenes and Stiefel (1952).

    `product` is v -> A v, with A positive definite. It ends early if the residual's squared norm is below `tolerance`.
    """
    x, residual = torch.zeros_like(target), target.clone()
    direction, square = residual.clone(), residual @ residual
    for _ in range(iterations):
        if square < tolerance:
            break
        image = product(direction)
        rate = square / (direction @ image)
        x += rate * direction
        residual -= rate * image
        last, square = square, residual @ residual
        direction = residual + (square / last) * direction
    return x


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Concatenates all numbers of the tensors: `[P]`."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def assign(parameters: Sequence[Tensor], values: Tensor) -> None:
    """Writes `values` `[P]` into the parameters in place, because they may be slices of one tensor."""
    sizes = [parameter.numel() for parameter in parameters]
    for parameter, part in zip(parameters, torch.split(values, sizes), strict=True):
        parameter.copy_(part.view_as(parameter))


def averaged(tensor: Tensor) -> Tensor:
    """Replaces the tensor by its mean over all processes, and returns it."""
    mean_in_place(tensor)
    return tensor
