"""The examination: tries every rule on a subject, and shortens the programs that fail."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from operant.doctor.facts import Facts, dialect_of, gather
from operant.doctor.finding import Finding, Severity
from operant.doctor.quiet import quiet
from operant.doctor.rule import Rule, pair
from operant.doctor.rules import BASICS, RULES, VALUES
from operant.doctor.script import HIGHS, SAMPLED, ZEROS, Dialect, Failure, Situation, close, plain_action, run
from operant.doctor.subject import Subject, from_function
from operant.workers.interrupts import interrupts_held, take_interrupts

FORKS = hasattr(os, "fork")
"""True where a program can run in a forked process; Windows has none."""

PATIENCE = 120.0  # time limit in seconds for a program in a process of its own


def examine(make: Callable[..., Any] | Subject, *, seed: int = 0, num_envs: int = 4, steps: int = 256) -> list[Finding]:
    """Finds the faults of a vector environment with Gymnasium's interface and NumPy's arrays.

    Args:
        make: a `Subject`, or a function that returns a new vector environment for a number of environments. If it takes
            a keyword `max_episode_steps`, time limits are examined too.
        seed: the seed of resets in reproductions.
        num_envs: the largest number of environments in a play, at least 2.
        steps: the largest number of steps in a play, at least 1.

    Returns:
        Findings, errors first. Reproductions call the function `make`.

    Raises:
        ValueError, TypeError: an argument is invalid.
    """
    subject = make if isinstance(make, Subject) else from_function(make)
    for name, value, least in (("seed", seed, 0), ("num_envs", num_envs, 2), ("steps", steps, 1)):
        if value < least:
            raise ValueError(f"{name}={value} must be at least {least}")
    with quiet():
        findings = list(_examine(subject, seed, num_envs, steps))
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _examine(subject: Subject, seed: int, num_envs: int, steps: int) -> Iterator[Finding]:
    bare = Dialect(subject, seed, None)
    failure = run(bare.write("<make>", Situation()), subject)
    if failure is not None:
        yield Finding("make", Severity.ERROR, failure.sentence, bare.write("<make>", Situation()))
        return
    for rule in BASICS:
        dialect = bare if rule.name == "attributes" else _dialect(subject, seed)
        program = dialect.write(rule.template, Situation(2 if rule.situations is pair else 1), rule.check)
        failure = run(program, subject)
        if failure is not None:
            yield Finding(rule.name, rule.severity, failure.sentence, dialect.cut(program, failure.number))
            yield Finding("not-examined", Severity.NOTE, "nothing else could be examined")
            return
    try:
        facts = gather(subject, seed, num_envs, steps)
    except Exception as problem:
        yield Finding("raises", Severity.ERROR, f"{type(problem).__name__} while it was played: {problem}")
        return
    yield from _Doctor(facts).findings()


def _dialect(subject: Subject, seed: int) -> Dialect:
    envs = subject.make(2)
    try:
        return dialect_of(subject, envs, seed, 2)
    finally:
        close(envs)


class _Doctor:
    """Tries the rules on one subject."""

    def __init__(self, facts: Facts):
        self.facts = facts
        self.broken: set[str] = set()
        self.raised: list[Failure] = []

    def findings(self) -> Iterator[Finding]:
        suspected = self._suspected_values()
        for rule in RULES[len(BASICS) :]:
            if rule in VALUES and rule.name not in suspected:
                continue
            if not rule.applies(self.facts) or self.broken & set(rule.after):
                continue
            finding = self._try(rule)
            if finding is not None:
                self.broken.add(rule.name)
                yield finding
        yield from self._not_examined()

    def _suspected_values(self) -> set[str]:
        """Returns the names of the broken rules of `VALUES`; they share their plays, because plays are long."""
        left = [rule for rule in VALUES if rule.applies(self.facts)]
        suspected: set[str] = set()
        situations = [(situation, False) for situation in left[0].situations(self.facts)]
        for situation, at_reset in [*situations, (Situation(1), True), (Situation(2), True)]:
            while True:
                asked = [rule for rule in left if rule.resets or not at_reset]
                failure = self._run(_joined(asked), replace(situation, each=True))
                if failure is None:
                    break
                found = next((rule for rule in asked if self._has_line(rule, situation, failure)), None)
                name = "raises" if found is None else found.name
                suspected.add(name)
                left = [rule for rule in left if rule.name != name and name not in rule.after]
                if found is None:  # the play cannot continue
                    return suspected
        return suspected

    def _has_line(self, rule: Rule, situation: Situation, failure: Failure) -> bool:
        lines = self._program(rule, replace(situation, each=True)).splitlines()
        return failure.own and failure.line in (line.strip() for line in lines)

    def _try(self, rule: Rule) -> Finding | None:
        situations = [*([Situation(1), Situation(2)] if rule.resets else []), *rule.situations(self.facts)]
        for situation in situations:
            situation = replace(situation, each=rule.each)
            failure = self._run(rule, situation)
            if failure is None:
                continue
            if not failure.own and any(failure.like(other) for other in self.raised):
                continue
            if rule.shrinks:
                situation = self._shrunk(rule, situation, failure)
                failure = self._run(rule, situation) or failure
            if not failure.own:
                self.raised.append(failure)
            severity = Severity.ERROR if failure.fatal else rule.severity
            program = self._program(rule, situation)
            if failure.number:
                program = self.facts.dialect.cut(program, failure.number)
            return Finding(rule.name, severity, failure.sentence, program)
        return None

    def _program(self, rule: Rule, situation: Situation) -> str:
        return self.facts.dialect.write(rule.template, situation, rule.check)

    def _run(self, rule: Rule, situation: Situation) -> Failure | None:
        """Runs a rule's program; returns its failure, or None if it does not fail or the rule forgives the failure."""
        if rule.isolated and not FORKS:
            return None
        program, subject = self._program(rule, situation), self.facts.dialect.subject
        failure = run_isolated(program, subject) if rule.isolated else run(program, subject)
        if failure is None or not (failure.own or failure.fatal or rule.raising):
            return None
        return None if rule.forgives(self.facts, failure.names) else failure

    def _shrunk(self, rule: Rule, situation: Situation, failure: Failure) -> Situation:
        """Searches for a smaller situation in which the rule's program fails in the same way."""

        def fails(candidate: Situation) -> bool:
            other = self._run(rule, candidate)
            return other is not None and other.like(failure)

        for num_envs in range(1, min(situation.num_envs, 3)):
            if fails(replace(situation, num_envs=num_envs)):
                situation = replace(situation, num_envs=num_envs)
                break
        for actions in (ZEROS, HIGHS):
            known = plain_action(self.facts.dialect.action_space, actions) is not None
            if situation.actions == SAMPLED and known and fails(replace(situation, actions=actions)):
                situation = replace(situation, actions=actions)
        # A program that fails after some steps also fails after more, so bisection finds the fewest.
        low, high = 0, situation.steps
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (low, middle) if fails(replace(situation, steps=middle)) else (middle, high)
        situation = replace(situation, steps=high)
        changes: tuple[dict[str, Any], ...] = ({"restarts": False}, {"limit": None}, {"each": False})
        for change in changes:
            if fails(replace(situation, **change)):
                situation = replace(situation, **change)
        return situation

    def _not_examined(self) -> Iterator[Finding]:
        """Yields a note for each aspect that could not be examined on this subject."""
        facts = self.facts
        ended = "in all rows at once " if facts.dialect.rows > 1 else ""
        isolated = ", ".join(rule.name for rule in RULES if rule.isolated and rule.applies(facts))
        for missing, sentence in (
            (
                bool(isolated) and not FORKS,
                f"this system cannot fork a process, in which a call may crash: {isolated} were not examined",
            ),
            (not facts.repeatable, "plays cannot be repeated: the beginning and end of episodes were not examined"),
            (
                facts.repeatable and not facts.endings,
                f"no episode ended {ended}in {facts.steps} steps: the end of episodes was not examined",
            ),
            (
                facts.repeatable and not facts.distinct,
                "first observations repeat: hidden and early resets cannot be distinguished from other steps",
            ),
        ):
            if missing:
                yield Finding("not-examined", Severity.NOTE, sentence)


def _joined(rules: list[Rule]) -> Rule:
    """Joins several rules into one that checks all of them."""
    checks = "\n".join(textwrap.dedent(rule.check).strip() for rule in rules)
    return replace(rules[0], check=checks, raising=True, forgives=lambda facts, names: False)


def run_isolated(program: str, subject: Subject) -> Failure | None:
    """Calls `run` in a forked process, where a crash or a hang is a failure too."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(program, subject, sender))
    with interrupts_held():
        child.start()
    sender.close()
    call = [line for line in program.splitlines() if "envs." in line][-1].strip().rpartition(" = ")[2]
    try:
        if not receiver.poll(PATIENCE):
            child.kill()
            return Failure(f"`{call}` hangs for more than {PATIENCE:.0f} s", call, 0, False, fatal=True)
        ended = receiver.recv()
        return None if ended is None else Failure(*ended)
    except EOFError:
        child.join(PATIENCE)
        code = child.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Failure(f"`{call}` ends the process ({how})", call, 0, False, fatal=True)
    finally:
        receiver.close()
        child.join(1)
        if child.is_alive():
            child.kill()
        child.join()


def _child(program: str, subject: Subject, sender: Any) -> None:
    # Hides the messages and core files of a native environment that crashes.
    faulthandler.disable()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    take_interrupts()
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    failure = run(program, subject)
    sender.send(None if failure is None else (failure.sentence, failure.line, failure.number, failure.own))
    os._exit(0)  # skips the destructors and threads of a native environment that may be broken now
