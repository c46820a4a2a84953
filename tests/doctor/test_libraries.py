"""The doctor's findings in the vector environments of Gymnasium, EnvPool and operant; docs/doctor.md explains them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import gymnasium as gym
import pytest

from operant.doctor import examine, from_function, from_id

SHORT = {"num_envs": 2, "steps": 40}  # enough for CartPole, whose episodes of plain actions last about ten steps
LUNAR_LANDER = {"steps": 120}  # the duration of a fall
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
    ("CartPole-v1", "vectorize", "NextStep"): {},
    ("CartPole-v1", "vectorize", "SameStep"): {},
    ("CartPole-v1", "vectorize", "Disabled"): {},
    ("Pendulum-v1", "vectorize", None): {"actions-nan": "warning"},
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


def command(env_id, vector=None, mode=None):
    """Writes the command that examines a subject, as in docs/doctor.md."""
    options = [f"--vector {vector}" if vector else "", f"--autoreset-mode {mode}" if mode else ""]
    return " ".join(filter(None, ["operant doctor", env_id, *options]))


def examined(line, directory, num_envs, steps):
    """The findings of a command, `[{"rule": ..., "severity": ..., ...}]`.

    It is run for the process that it has to itself: Gymnasium's AsyncVectorEnv forks one for each environment, some
    hundred times, and forks of a pytest process that has imported torch take ten times as long.
    """
    arguments = [*line.split()[1:], "--num-envs", str(num_envs), "--steps", str(steps), "--json"]
    program = [sys.executable, "-m", "operant.cli.main", *arguments]
    done = subprocess.run(program, capture_output=True, text=True, cwd=directory, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["findings"]


def rules(findings):
    return {finding["rule"]: finding["severity"] for finding in findings}


def fails(program, cwd):
    """Runs a reproduction in a process of its own; returns True if it fails as the finding says."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=cwd, timeout=120).returncode != 0


MUJOCO = pytest.mark.test_all("takes MuJoCo half a minute, which compiles the model for each of a hundred environments")


@pytest.mark.parametrize(
    "subject",
    [pytest.param(each, marks=MUJOCO if each[0] == "CartpoleBalance-v1" else ()) for each in FOUND],
    ids=lambda subject: " ".join(filter(None, subject)),
)
def test_what_is_found_in_gymnasium_and_envpool(subject, tmp_path):
    longer = LUNAR_LANDER if subject[0] == "LunarLander-v3" else {}
    findings = examined(command(*subject), tmp_path, **SHORT | longer)
    assert rules(findings) == FOUND[subject]
    # A process for each would take long, and the doctor has run every reproduction already.
    assert all(fails(finding["reproduction"], tmp_path) for finding in findings[:1])
    assert subject != ("CartPole-v1", "envpool", None) or all(
        indent(finding["reproduction"].rstrip(), "    ") in PAGE.read_text()
        for finding in findings
        if finding["rule"] == "termination-at-limit"
    )


@pytest.mark.parametrize("env_id", OURS)
@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_found_in_operant(env_id, mode):
    assert examine(from_id(env_id, "operant", mode), num_envs=20, steps=64) == []


def test_a_row_of_several_agents_is_not_an_environment():
    assert found(examine(from_id("simple_spread-v3", "operant"))) == {"num-envs": "warning"}


WITHOUT_SHARED_MEMORY = """
import gymnasium as gym

def make(num_envs, max_episode_steps=None):
    one = lambda: gym.make("CartPole-v1", max_episode_steps=max_episode_steps)
    return gym.vector.AsyncVectorEnv([one] * num_envs, shared_memory=False)
"""


def test_copy_false_of_gymnasium_is_seen_as_reused_arrays():
    def make(num_envs, max_episode_steps=None):
        one = lambda: gym.make("CartPole-v1", max_episode_steps=max_episode_steps)  # noqa: E731
        return gym.vector.SyncVectorEnv([one] * num_envs, copy=False)

    errors = {"reset-result-changes": "error", "step-result-changes": "error"}
    assert found(examine(from_function(make), **SHORT)) == errors | SYNC


def test_async_without_shared_memory_resets_once_more_after_a_reset(tmp_path):
    """Its worker cancels the pending autoreset only if it writes into shared memory."""
    (tmp_path / "workers.py").write_text(WITHOUT_SHARED_MEMORY)
    findings = examined("operant doctor workers:make", tmp_path, **SHORT)
    assert rules(findings) == {"reset-after-end": "error", "options-change": "note"}


def test_the_page_lists_all_findings():
    """Each row of the table has a subject and the rules that it breaks."""
    rows = re.findall(r"^\| `(operant doctor .+?)` \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    stated = {}
    for line, cell in rows:
        stated[line] = set(re.findall(r"`([a-z-]+)`", cell))
        if like := re.search(r"those of (\w+)", cell):
            stated[line] |= stated[command(f"{like[1]}-v1", "envpool")]
    expected = {command(*subject): set(broken) for subject, broken in FOUND.items()}
    assert {line: broken for line, broken in stated.items() if "--vector operant" not in line} == expected
