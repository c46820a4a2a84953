"""What the doctor finds in Gymnasium's vector environments, in EnvPool's and in ours; docs/doctor.md explains each."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import gymnasium as gym
import pytest

from operant.doctor import examine, from_function, from_id

SHORT = {"num_envs": 2, "steps": 40}  # of CartPole, whose plain episodes last about ten steps
OURS = ("CartPole-v1", "MountainCarContinuous-v0", "Pendulum-v1", "Acrobot-v1")
MODES = ("NextStep", "SameStep", "Disabled")
PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"

ENVPOOL = {
    "observation-space-batched": "error",
    "action-space-batched": "error",
    "reset-seed": "error",
    "actions-too-few": "error",  # ends the process
    "spec": "warning",
    "infos-mask": "warning",
    "reset-mask": "warning",
    "actions-too-many": "warning",
    "step-after-close": "note",
}
SYNC = {"options-change": "note", "step-after-close": "note"}
FOUND = {
    ("CartPole-v1", "sync", "NextStep"): SYNC,
    ("CartPole-v1", "sync", "SameStep"): SYNC,
    ("CartPole-v1", "sync", "Disabled"): SYNC,
    ("Pendulum-v1", "sync", None): SYNC | {"actions-nan": "warning"},
    ("CartPole-v1", "async", "NextStep"): {"options-change": "note"},
    ("CartPole-v1", "async", "SameStep"): {"options-change": "note"},
    ("CartPole-v1", "async", "Disabled"): {"options-change": "note", "disabled-goes-on": "note"},
    ("CartPole-v1", "vector_entry_point", None): {
        "seed-of-row": "warning",
        "seed-list": "warning",
        "reset-mask": "warning",
        "observation-order": "note",
        "closed": "note",
        "step-after-close": "note",
    },
    ("CartPole-v1", "envpool", None): ENVPOOL | {"termination-at-limit": "error", "actions-range": "warning"},
    ("Pendulum-v1", "envpool", None): ENVPOOL | {"actions-nan": "warning"},
    ("LunarLander-v3", "envpool", None): ENVPOOL
    | {"observation-space": "error", "termination-at-limit": "error", "actions-range": "warning"},
    ("CartpoleBalance-v1", "envpool", None): ENVPOOL
    | {"observation-space": "error", "next-step-result": "error", "actions-nan": "warning"},
}


def found(findings):
    return {finding.rule: finding.severity.value for finding in findings}


def fails(program, cwd):
    """Whether a pasted program ends as its finding says, in a process of its own."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=cwd, timeout=120).returncode != 0


@pytest.mark.parametrize("subject", FOUND, ids=lambda subject: " ".join(filter(None, subject)))
def test_what_is_found_in_gymnasium_and_envpool(subject, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MuJoCo leaves its log
    longer = {"steps": 120} if subject[0] == "LunarLander-v3" else {}  # the time that a fall takes
    findings = examine(from_id(*subject), **SHORT | longer)
    assert found(findings) == FOUND[subject]
    # One process for each would take long: every reproduction was run when it was found.
    assert fails(findings[0].reproduction, tmp_path)
    assert subject != ("CartPole-v1", "envpool", None) or all(
        indent(finding.reproduction.rstrip(), "    ") in PAGE.read_text()
        for finding in findings
        if finding.rule == "termination-at-limit"
    )


@pytest.mark.parametrize("env_id", OURS)
@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_found_in_ours(env_id, mode):
    assert examine(from_id(env_id, "operant", mode), num_envs=20, steps=64) == []


def test_in_ours_of_several_agents_a_row_is_not_an_environment():
    assert found(examine(from_id("simple_spread-v3", "operant"))) == {"num-envs": "warning"}


def sync(num_envs, max_episode_steps=None, **options):
    make = lambda: gym.make("CartPole-v1", max_episode_steps=max_episode_steps)  # noqa: E731
    return gym.vector.SyncVectorEnv([make] * num_envs, **options)


def asynchronous(num_envs, max_episode_steps=None, **options):
    make = lambda: gym.make("CartPole-v1", max_episode_steps=max_episode_steps)  # noqa: E731
    return gym.vector.AsyncVectorEnv([make] * num_envs, **options)


def test_copy_false_of_gymnasium_is_seen_as_reused_arrays():
    def make(num_envs, max_episode_steps=None):
        return sync(num_envs, max_episode_steps, copy=False)

    errors = {"reset-result-changes": "error", "step-result-changes": "error"}
    assert found(examine(from_function(make), **SHORT)) == errors | SYNC


def test_async_without_shared_memory_resets_once_more_after_a_reset():
    """Its worker forgets the autoreset that is due only where it writes into shared memory."""

    def make(num_envs, max_episode_steps=None):
        return asynchronous(num_envs, max_episode_steps, shared_memory=False)

    assert found(examine(from_function(make), **SHORT)) == {"reset-after-end": "error", "options-change": "note"}


def test_the_page_names_what_is_found():
    """Each row of the table: what is examined, and the rules that it breaks."""
    rows = re.findall(r"^\| `operant doctor (.+?)` \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    stated = {}
    for command, cell in rows:
        stated[command] = set(re.findall(r"`([a-z-]+)`", cell))
        if like := re.search(r"those of (\w+)", cell):
            stated[command] |= stated[f"{like[1]}-v1 --vector envpool"]
    expected = {}
    for (env_id, vector, mode), rules in FOUND.items():
        options = [env_id, f"--vector {vector}", f"--autoreset-mode {mode}" if mode else ""]
        expected[" ".join(filter(None, options))] = set(rules)
    assert {command: rules for command, rules in stated.items() if "--vector operant" not in command} == expected
