"""What every environment must hold, whoever wrote its header: the tests of the built-in ones, and `operant check`.

Each check takes a descriptor, returns a line about what it tried, and raises `Failed` with the first thing it found.
"""

from operant.conformance.checks import CHECKS as CHECKS
from operant.conformance.trajectories import Failed as Failed
