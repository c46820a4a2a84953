"""All the rules, in the order in which they are tried."""

from operant.doctor.rules.basics import BASICS
from operant.doctor.rules.declared import DECLARED
from operant.doctor.rules.episodes import EPISODES
from operant.doctor.rules.memory import MEMORY
from operant.doctor.rules.refusals import REFUSALS
from operant.doctor.rules.seeds import SEEDS
from operant.doctor.rules.values import VALUES

RULES = (*BASICS, *DECLARED, *VALUES, *MEMORY, *SEEDS, *EPISODES, *REFUSALS)

__all__ = ["BASICS", "RULES", "VALUES"]
