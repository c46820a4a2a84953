"""Checks that every environment must pass, and certificates.

The tests run the checks on the built-in environments, `operant check` on users'. A check takes a descriptor and returns
a line about what it tried, or raises `Failed` with the first violation.
"""

from operant.conformance.checks import CHECKS as CHECKS
from operant.conformance.checks import checks_of as checks_of
from operant.conformance.trajectories import Failed as Failed
