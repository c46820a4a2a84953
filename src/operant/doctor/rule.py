"""A rule: a few lines of Python that fail if a vector environment breaks it, and the situations in which to try them.

The lines are text because a finding's reproduction is made of them; `script.py` says which words are replaced. A rule
is tried in several situations, and reported for the smallest one in which it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from operant.doctor.facts import Facts
from operant.doctor.finding import Severity
from operant.doctor.script import HIGHS, SAMPLED, ZEROS, Situation, plain_action

ERROR, WARNING, NOTE = Severity
ALIKE = 8  # this many equal first observations are no coincidence
NEXT_STEP, SAME_STEP, DISABLED = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED

PLAY = """
    <make>
    <reset>
    <steps>
    <check>
"""


def once(facts: Facts) -> list[Situation]:
    """One environment and one step, for rules about a single call."""
    return [Situation(steps=1)]


def pair(facts: Facts) -> list[Situation]:
    """Two environments and one step."""
    return [Situation(num_envs=2, steps=1)]


def plays(facts: Facts) -> list[Situation]:
    """One step, then long plays with plain and with random actions; the last play has many short episodes."""
    restarts = facts.mode is DISABLED
    kinds = [each for each in (ZEROS, HIGHS) if plain_action(facts.dialect.action_space, each) is not None]
    return [
        Situation(steps=1, actions=(kinds or [SAMPLED])[0]),
        *(Situation(facts.most, facts.steps, actions, restarts=restarts) for actions in [*kinds, SAMPLED]),
        *[Situation(facts.most, 12, SAMPLED, 2, restarts)][: facts.dialect.subject.limitable],
    ]


def replays(facts: Facts) -> list[Situation]:
    """A long play of one environment with random actions."""
    return [Situation(1, facts.steps, SAMPLED, restarts=facts.mode is DISABLED)]


def endings(facts: Facts) -> list[Situation]:
    return list(facts.endings)


def terminations(facts: Facts) -> list[Situation]:
    return [Situation(1, each.steps, each.actions, each.steps) for each in facts.terminations]


def suspects(facts: Facts) -> list[Situation]:
    return list(facts.suspects)


def limits(facts: Facts) -> list[Situation]:
    """One episode with a time limit of two steps."""
    return [Situation(1, 2, ZEROS if written_actions(facts) else SAMPLED, 2)]


def again(facts: Facts) -> list[Situation]:
    """Two episodes with a time limit of two steps."""
    return [Situation(1, 5 if facts.mode is NEXT_STEP else 4, ZEROS if written_actions(facts) else SAMPLED, 2)]


def written_actions(facts: Facts) -> bool:
    return plain_action(facts.dialect.action_space, ZEROS) is not None


def always(facts: Facts) -> bool:
    return True


def never(facts: Facts, names: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True)
class Rule:
    """One requirement on a vector environment.

    Attributes:
        name: the name of its findings.
        severity: how bad it is to break it.
        check: lines that fail if it is broken; they replace `<check>`.
        template: the program around the check.
        situations: the situations in which to try it, from the facts.
        applies: returns True if the rule can be tried, from the facts.
        shrinks: True if a situation may be made smaller; False if the number of steps has a meaning.
        forgives: returns True if a failure should be ignored, from the facts and the program's variables.
        raising: True if an exception of the environment breaks the rule; it breaks the rule `raises` in any case.
        isolated: True if the program runs in a process of its own, because it may crash or hang.
        after: rules; if one of them is broken, this one is not tried.
        each: True if the check runs after every step, not only after the last.
        resets: True if the check applies to the result of reset too.
    """

    name: str
    severity: Severity
    check: str
    template: str = PLAY
    situations: Callable[[Facts], Iterable[Situation]] = plays
    applies: Callable[[Facts], bool] = always
    shrinks: bool = True
    forgives: Callable[[Facts, Mapping[str, Any]], bool] = never
    raising: bool = False
    isolated: bool = False
    after: tuple[str, ...] = ()
    each: bool = False
    resets: bool = False


def in_mode(*modes: AutoresetMode | None, also: Callable[[Facts], bool] = always) -> Callable[[Facts], bool]:
    return lambda facts: facts.mode in modes and also(facts)


def arrays(facts: Facts) -> bool:
    return facts.array


def repeatable(facts: Facts) -> bool:
    return facts.repeatable


def tells_episodes_apart(facts: Facts) -> bool:
    """Returns True if only a first observation of the next episode can equal it, without coincidence."""
    return facts.repeatable and facts.distinct


def various(facts: Facts) -> bool:
    """Returns True if `ALIKE` equal first observations cannot be a coincidence."""
    return facts.starts >= ALIKE


def limitable(facts: Facts) -> bool:
    """Returns True if a time limit of two steps ends episodes that would otherwise continue."""
    return facts.dialect.subject.limitable and (facts.early is None or facts.early > 5)


def discrete(facts: Facts) -> bool:
    return isinstance(facts.dialect.action_space, spaces.Discrete)


def box(facts: Facts) -> bool:
    return isinstance(facts.dialect.action_space, spaces.Box)


def looks_begun(facts: Facts, names: Mapping[str, Any]) -> bool:
    """Forgives an observation that begins another episode than expected.

    Autoresets and `reset()` need not share a random generator.
    """
    return facts.begins(names.get("observations"))
