"""Distributions over actions, lean enough for updates of many small minibatches on a CPU.

Each takes its parameters with any leading dimensions `[...]` and offers `sample`, `log_prob`, `entropy`, `mode`, `kl`
and `detach`. Nothing is validated and nothing is computed before it is asked for.
"""

from operant.models.networks.distributions.categorical import Categorical, MultiCategorical
from operant.models.networks.distributions.distribution import Distribution
from operant.models.networks.distributions.normal import Normal, TanhNormal

__all__ = ["Categorical", "Distribution", "MultiCategorical", "Normal", "TanhNormal"]
