"""A script: a rule's template filled in for one situation, which gives the Python program to run and to print.

The doctor finds faults only by running these programs, so every printed program is one that failed.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
import textwrap
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces

from operant.doctor.subject import Subject

FILE = "<reproduction>"
ZEROS, HIGHS, SAMPLED = "zeros", "highs", "sampled"
"""The actions to play, plainest first: all zero, all the greatest, or drawn from the seeded action space."""
IMPORTS = {
    "deepcopy": "from copy import deepcopy",
    "combinations": "from itertools import combinations",
    "partial": "from functools import partial",
    "suppress": "from contextlib import suppress",
    "gym": "import gymnasium as gym",
    "np": "import numpy as np",
    "data_equivalence": "from gymnasium.utils.env_checker import data_equivalence",
    "batch_space": "from gymnasium.vector.utils import batch_space",
    "is_space_dtype_shape_equiv": "from gymnasium.spaces.utils import is_space_dtype_shape_equiv",
    "iterate": "from gymnasium.vector.utils import iterate",
}
MOST_LITERALS = 8


@dataclass(frozen=True)
class Situation:
    """The quantities in which a reproduction can be made smaller.

    Attributes:
        num_envs: the number of environments.
        steps: the number of steps of `<steps>`.
        actions: ZEROS, HIGHS or SAMPLED.
        limit: the time limit with which environments are made; None keeps their own.
        restarts: True if the program resets finished environments, which mode DISABLED requires.
        each: True if `<check>` follows every step, not only the last.
    """

    num_envs: int = 1
    steps: int = 0
    actions: str = ZEROS
    limit: int | None = None
    restarts: bool = False
    each: bool = False


@dataclass(frozen=True)
class Dialect:
    """Translates the templates' words for one subject.

    Attributes:
        subject: the subject.
        seed: the seed of `<reset>`.
        action_space: the action space of one environment.
        rows: the number of rows of an environment, one for each agent.
        batched: True if the environment's own action and observation spaces are those of the batch.
        nested: True if observations are dicts or tuples of arrays.
        nan: True if observations hold NaN, which equals nothing.
    """

    subject: Subject
    seed: int
    action_space: Any
    rows: int = 1
    batched: bool = True
    nested: bool = False
    nan: bool = False

    def write(self, template: str, situation: Situation, check: str = "") -> str:
        """Writes the program for a situation.

        A line that consists of one of these words is replaced by the lines for it:

            <make>, <make one>          makes the vector environment, or one with a single environment
            <reset>                     resets it with the seed
            <step>, <steps>             plays one step, or all steps of the situation
            <steps but one>             plays all steps but the last
            <check>                     the check, inside the loop of `<steps>` just before it, or after that loop

        In any line `SAME(a, b)` compares observations, `ROWS(a)` lists the observations of all rows, `ROW(a, i)` is the
        observation of row i, and the words of `words_in_lines` are replaced.
        """
        lines: list[str] = []
        words = textwrap.dedent(template).strip().splitlines()
        check_lines = textwrap.dedent(check).strip().splitlines()
        for k, line in enumerate(words):
            word = line.strip()
            indent = line[: len(line) - len(line.lstrip())]
            in_loop = situation.each and word == "<steps>" and words[k + 1 : k + 2] == ["<check>"]
            if word == "<check>":
                expanded = [] if words[k - 1] == "<steps>" and situation.each and situation.steps else check_lines
            elif word in ("<steps>", "<steps but one>"):
                steps = situation.steps - (word == "<steps but one>")
                expanded = self._play(situation, steps, check_lines if in_loop else [])
            else:
                expanded = self._line(line.strip(), situation)
            lines += [indent + each for each in expanded]
        rows = situation.num_envs * self.rows
        spaces_of = "envs.{0}_space" if self.batched else "batch_space(envs.single_{0}_space, envs.num_envs)"
        highest = plain_action(self.action_space, HIGHS)
        words_in_lines = {
            "<n>": rows,
            "<count>": situation.num_envs,
            "<seed>": self.seed,
            "<seed+1>": self.seed + 1,
            "<steps>": situation.steps,
            "<observation space>": spaces_of.format("observation"),
            "<action space>": spaces_of.format("action"),
            "<actions>": self.plain(ZEROS, rows),
            "<more actions>": self.plain(ZEROS, rows + 1),
            "<fewer actions>": self.plain(ZEROS, rows - 1),
            "<beyond>": highest + 1 if highest is not None and highest.ndim == 0 else None,
        }
        text = "\n".join(lines)
        for word, meaning in words_in_lines.items():
            text = text.replace(word, str(meaning))
        rows_of = f"list(iterate({spaces_of.format('observation')}, \\1))" if self.nested else r"\1"
        text = re.sub(r"ROWS\((\w+)\)", rows_of, re.sub(r"ROW\((\w+), (\w+)\)", r"ROWS(\1)[\2]", text))
        return self._compared(text)

    def _line(self, line: str, situation: Situation) -> list[str]:
        if line == "<make>":
            return [f"envs = {self.subject.expression(situation.num_envs, situation.limit)}"]
        if line == "<make one>":
            return [f"envs = {self.subject.expression(1, situation.limit)}"]
        if line == "<reset>":
            reset = [f"observations, infos = envs.reset(seed={self.seed})"]
            if situation.actions != SAMPLED:
                return reset
            if self.batched:
                return [*reset, "envs.action_space.seed(0)"]
            return [*reset, "actions = batch_space(envs.single_action_space, envs.num_envs)", "actions.seed(0)"]
        if line == "<step>":
            return [self.step(situation)]
        return [line]

    def step(self, situation: Situation) -> str:
        """Returns the line that plays one step."""
        plain = self.plain(situation.actions, situation.num_envs * self.rows)
        sample = "envs.action_space.sample()" if self.batched else "actions.sample()"
        return f"observations, rewards, terminated, truncated, infos = envs.step({plain or sample})"

    def _play(self, situation: Situation, steps: int, check: list[str]) -> list[str]:
        if steps <= 0:
            return []
        body = [self.step(situation), *check]
        if situation.restarts:
            body += ["if (terminated | truncated).any():", "    envs.reset()"]
        if steps == 1:
            return body
        return [f"for _ in range({steps}):", *(f"    {line}" for line in body)]

    def plain(self, actions: str, rows: int) -> str | None:
        """Returns the expression for the same action in `rows` rows, or None if it cannot be written as a literal."""
        value = plain_action(self.action_space, actions)
        if value is None:
            return None
        shape = f"({', '.join(map(str, (rows, *value.shape)))})" if value.ndim else str(rows)
        if not value.any():
            return f'np.zeros({shape}, "{value.dtype}")'
        alike = len(np.unique(value)) == 1
        return f'np.full({shape}, {value.flat[0].item() if alike else value.tolist()}, "{value.dtype}")'

    def _compared(self, text: str) -> str:
        same = ""
        if "SAME(" in text:
            if self.nested:
                same = "same = partial(data_equivalence, exact=True)\n"
            elif self.nan:
                same = "same = partial(np.array_equal, equal_nan=True)\n"
            text = text.replace("SAME(", "same(" if same else "np.array_equal(")
        return self.with_imports(same + text)

    def with_imports(self, body: str) -> str:
        """Puts the imports that the body needs before it."""
        lines = set(self.subject.imports)
        lines |= {line for name, line in IMPORTS.items() if re.search(rf"(?<![\w.\"']){name}\b", body)}
        third_party = {line for line in lines if line.split()[1].partition(".")[0] not in sys.stdlib_module_names}
        ordered = [*sorted(lines - third_party), *sorted(third_party, key=lambda line: (line.startswith("from"), line))]
        return "\n".join([*ordered, "", body.rstrip(), ""]).lstrip("\n")

    def cut(self, program: str, number: int) -> str:
        """Cuts the program off after the statement on line `number`."""
        statements = [each for each in ast.parse(program).body if not isinstance(each, ast.Import | ast.ImportFrom)]
        kept = [each for each in statements if each.lineno <= number]
        if not kept:
            return program
        lines = program.splitlines()[kept[0].lineno - 1 : kept[-1].end_lineno]
        return self.with_imports("\n".join(lines))


def plain_action(space: Any, actions: str) -> np.ndarray | None:
    """Returns the action of ZEROS or HIGHS in one environment; None for SAMPLED and for unsupported or large spaces."""
    low: Any
    if isinstance(space, spaces.Discrete):
        low, high, dtype = space.start, space.start + space.n - 1, space.dtype
    elif isinstance(space, spaces.MultiDiscrete):
        low, high, dtype = space.start, space.start + space.nvec - 1, space.dtype
    elif isinstance(space, spaces.MultiBinary):
        low, high, dtype = np.zeros(space.shape), np.ones(space.shape), space.dtype
    elif isinstance(space, spaces.Box):
        low = np.clip(0, space.low, space.high)
        high, dtype = np.where(np.isfinite(space.high), space.high, np.maximum(low, 1)), space.dtype
    else:
        return None
    if actions == SAMPLED or max(np.size(low), 1) > MOST_LITERALS:
        return None
    return np.asarray(low if actions == ZEROS else high, dtype)


@dataclass(frozen=True)
class Failure:
    """The failure of a program.

    Attributes:
        sentence: a description of the fault.
        line: the line of the program that failed.
        number: the number of that line, from 1 on; 0 if it is unknown.
        own: True if an assertion of the program failed; False if code that it called raised.
        names: the variables of the program.
        fatal: True if the process ended or hung.
    """

    sentence: str
    line: str
    number: int
    own: bool
    names: Mapping[str, Any] = field(default_factory=dict)
    fatal: bool = False

    def like(self, other: Failure) -> bool:
        """Returns True if the other failure shows the same fault, perhaps in another situation."""
        if self.own != other.own:
            return False
        if self.own:
            return re.sub(r"\d+", "0", self.line) == re.sub(r"\d+", "0", other.line)
        return self.sentence.partition(" raises ")[2][:20] == other.sentence.partition(" raises ")[2][:20]


def run(program: str, subject: Subject) -> Failure | None:
    """Executes a program and closes its environment; returns the failure, or None."""
    names: dict[str, Any] = dict(subject.names)
    linecache.cache[FILE] = (len(program), None, program.splitlines(keepends=True), FILE)
    try:
        exec(compile(program, FILE, "exec"), names)
    except Exception as problem:
        frames = traceback.extract_tb(problem.__traceback__)
        ours = [frame for frame in frames if frame.filename == FILE]
        line = (ours[-1].line or "").strip() if ours else ""
        number = (ours[-1].lineno or 0) if ours else 0
        own = bool(ours) and frames[-1].filename == FILE and isinstance(problem, AssertionError)
        said = " ".join(str(problem).split())
        if own:
            return Failure(said, line, number, own, names)
        call = line.partition(" = ")[2] or line
        return Failure(f"`{call}` raises {type(problem).__name__}: {said}"[:300], line, number, own, names)
    finally:
        close(names.get("envs"))
    return None


def close(envs: Any) -> None:
    """Closes an environment that may be broken, or closed already."""
    try:
        if envs is not None:
            envs.close()
    except Exception:
        return  # the rule close-twice examines close()
