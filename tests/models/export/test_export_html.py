"""The data of an exported page, and the policies and environments that have none. tests/web opens the pages."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import operant
from operant.headers.scaffold import write_scaffold
from operant.models import PPO
from operant.models.algorithms.configs import PPOConfig
from operant.models.export.html_page import html_page, policy_facts
from operant.web.modules import Modules


def small(env_id, env_options=None, **options):
    """Makes PPO with random weights on one environment."""
    return PPO(env_id, PPOConfig(num_envs=1, rollout_steps=2, threads=1, **options), env_options=env_options)


@pytest.fixture
def without_core(monkeypatch):
    """Puts nothing in the place of the compiled core."""
    monkeypatch.setattr("operant.models.export.html_page.load_modules", lambda: Modules(b"vector", b"scalar"))


def data_of(text):
    """The data in a page."""
    return json.loads(re.search(r'<script id="data" type="application/json">(.*)</script>', text)[1])


def test_a_page_holds_the_policy_with_the_environments_parameters(without_core):
    options = {"params": {"gravity": 5.0}, "randomize": {"half_length": (0.4, 0.6)}, "max_episode_steps": 77}
    algorithm = small("operant/CartPole-v1", options, hidden=(3, 2), activation="relu")
    text = html_page(algorithm, "Trained for 0 steps.")
    algorithm.close()
    [policy] = data_of(text)["policies"]
    assert "<title>A policy for CartPole-v1</title>" in text
    assert policy["parameters"]["gravity"] == 5 and policy["parameters"]["cart_mass"] == 1
    assert (policy["ranges"], policy["limit"]) == ({"half_length": [0.4, 0.6]}, 77)
    assert "half_length" not in policy["parameters"]
    assert policy["parts"] == [[2, 0, 4, 0, 0]]  # four float32 from byte 0 on, without choices
    assert policy["network"]["hidden"] == [3, 2] and policy["network"]["activation"] == "relu"
    assert policy["environment"]["state"][2] == {"name": "theta", "size": 1, "integer": False}
    assert policy["environment"]["hash"] == "accc938ef2523163"
    assert len(policy["weights"]) == 4 * -(-(4 * (4 * 3 + 3 + 3 * 2 + 2 + 2 * 2 + 2)) // 3)  # base64 of float32


def test_text_in_a_page_is_never_read_as_html(without_core):
    algorithm = small("operant/Pendulum-v1")
    evil = "</script><script>alert('&')</script>"
    text = html_page(algorithm, evil)
    algorithm.close()
    assert evil not in text and data_of(text)["policies"][0]["summary"] == evil


def test_the_shared_layers_and_the_bounds_of_actions_are_part_of_a_policy():
    algorithm = small("operant/Pendulum-v1", hidden=(6,), share=True, squash=True, normalize_observations=True)
    facts = policy_facts(algorithm, "")
    algorithm.close()
    assert facts["network"] == {
        "hidden": [6], "activation": "tanh", "squash": True, "masks": None, "low": [-2.0], "high": [2.0]
    }  # fmt: skip
    assert set(facts["moments"]) == {"count", "mean", "squares"} and len(facts["moments"]["mean"]) == 3


def test_the_masks_of_taxi_are_part_of_a_policy_unless_they_are_switched_off():
    for masked in (True, False):
        algorithm = small("operant/Taxi-v4", mask_actions=masked)
        masks = policy_facts(algorithm, "")["network"]["masks"]
        algorithm.close()
        assert (masks is not None) == masked
        assert not masked or np.shape(masks) == (500, 6)


@pytest.mark.parametrize(
    ("env_id", "options", "named"),
    [
        ("operant/Memory-v0", {"lstm": 4}, "an LSTM of 4 units"),
        ("operant/CartPole-v1", {"activation": "gelu"}, "the activation gelu"),
        ("operant/CartPole-v1", {"hidden": (2,) * 9}, "9 hidden layers"),
        ("CartPole-v1", {}, "CartPole-v1 is not one of them"),
    ],
)
def test_a_policy_that_no_page_plays_is_refused_by_name(env_id, options, named):
    algorithm = small(env_id, **options)
    with pytest.raises(ValueError, match=named):
        policy_facts(algorithm, "")
    algorithm.close()


def test_an_environment_of_mujocos_is_refused_by_name():
    pytest.importorskip("mujoco")
    algorithm = small("operant/InvertedPendulum-v5")
    with pytest.raises(ValueError, match=r"operant/InvertedPendulum-v5 is MuJoCo's: use --format onnx or c"):
        policy_facts(algorithm, "")
    algorithm.close()


def test_a_users_header_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    header, _ = write_scaffold("lander", Path())
    algorithm = small(operant.register_env(header))
    with pytest.raises(ValueError, match=r"and not the header .*lander\.h: use --format onnx or c"):
        policy_facts(algorithm, "")
    algorithm.close()
