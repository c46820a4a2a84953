"""Rules about invalid actions, which must be refused, and about close()."""

from __future__ import annotations

from collections.abc import Callable

from operant.doctor.facts import Facts
from operant.doctor.rule import ERROR, NOTE, WARNING, Rule, box, discrete, once, pair, written_actions

REFUSED = """
    <make>
    <reset>
    try:
        envs.step(actions)
    except Exception:
        pass
    else:
        raise AssertionError(<sentence>)
"""


def _refusal(name: str, actions: str, sentence: str, applies: Callable[[Facts], bool]) -> Rule:
    template = REFUSED.replace("envs.step(actions)", f"envs.step({actions})").replace("<sentence>", f'"{sentence}"')
    return Rule(name, WARNING, "", template, pair, applies, shrinks=False, isolated=True)


REFUSALS = (
    _refusal("actions-too-many", "<more actions>", "step accepts more actions than environments", written_actions),
    _refusal("actions-too-few", "<fewer actions>", "step accepts fewer actions than environments", written_actions),
    _refusal(
        "actions-shape",
        "<actions>[:, None]",
        "step accepts actions with one dimension too many",
        written_actions,
    ),
    _refusal(
        "actions-range",
        "<actions> + <beyond>",
        "step accepts a discrete action outside its space",
        discrete,
    ),
    _refusal("actions-nan", "<actions> + np.nan", "step accepts an action that is NaN", box),
    Rule(
        "close-twice",
        ERROR,
        "",
        "<make>\n<reset>\nenvs.close()\nenvs.close()",
        once,
        isolated=True,
        raising=True,
    ),
    Rule(
        "closed",
        NOTE,
        'assert envs.closed, "closed is still False after close()"',
        "<make>\n<reset>\nenvs.close()\n<check>",
        once,
        raising=True,
    ),
    Rule(
        "step-after-close",
        NOTE,
        "",
        """
        <make>
        <reset>
        envs.close()
        try:
            <step>
        except Exception:
            pass
        else:
            raise AssertionError("step still works after close()")
        """,
        once,
        isolated=True,
    ),
)
"""Rules about invalid actions and close(). The isolated ones may crash a native environment."""
