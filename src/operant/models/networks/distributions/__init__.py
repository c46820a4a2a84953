"""Distributions over actions, lean enough for updates of many small minibatches on a CPU.

Each takes parameters with any leading dimensions `[...]`, and has `sample`, `log_prob`, `entropy`, `mode`, `kl` and
`detach`. Arguments are not validated, and results are computed only on demand.
"""

from operant.models.networks.distributions.categorical import Categorical, MultiCategorical
from operant.models.networks.distributions.distribution import Distribution
from operant.models.networks.distributions.normal import Normal, TanhNormal

__all__ = ["Categorical", "Distribution", "MultiCategorical", "Normal", "TanhNormal"]
