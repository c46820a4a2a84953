"""The core as WebAssembly computes this machine's bits, and plays a policy as `predict` does."""

import base64
import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from building import make, needs, run

from operant.batch.core import parameters, trajectory_hash
from operant.catalog import header_names, specs_by_header
from operant.models import PPO
from operant.models.algorithms.configs import PPOConfig
from operant.models.export.html_page import policy_facts
from operant.web.modules import Modules, compile_modules, file_names, load_modules, will_compile

compiled = pytest.mark.test_all("compiles the core for WebAssembly and runs it, with tools that a newcomer has not")

# An environment for each kind of observation, action, mask, agent and network.
POLICIES = {
    "operant/CartPole-v1": {"hidden": (33, 9)},
    "operant/Pendulum-v1": {"normalize_observations": True, "activation": "silu"},
    "operant/Quadrotor-v0": {"squash": True, "log_std": -1.0},
    "operant/Taxi-v4": {},
    "operant/Blackjack-v1": {"mask_actions": False},
    "operant/Breakout-v0": {"share": True, "activation": "relu", "hidden": (64,)},
    "operant/Squared-v0": {"hidden": ()},
    "operant/simple_tag-v3": {},
}


@pytest.fixture(scope="module")
def modules():
    make("web-modules", "INSTALLED=", f"BIN={Path(sys.executable).parent}")
    return load_modules()


def node(folder: Path, module: bytes, policies: list | None = None) -> dict:
    """Runs a module in Node.js."""
    needs("node", "nodejs")
    (folder / "core.wasm").write_bytes(module)
    arguments = [folder / "core.wasm"]
    if policies is not None:
        (folder / "policies.json").write_text(json.dumps(policies))
        arguments.append(folder / "policies.json")
    return json.loads(run("node", Path(__file__).with_name("module.mjs"), *arguments))


@compiled
def test_both_modules_have_the_hashes_of_this_machine_and_train_to_the_same_weights(modules, tmp_path):
    found = [node(tmp_path, gzip.decompress(modules.vector_gz)), node(tmp_path, modules.scalar)]
    assert [each["isa"] for each in found] == ["wasm", "scalar"]
    promised = {header: f"{trajectory_hash(header, 'scalar'):016x}" for header in header_names()}
    for each in found:
        assert {one["name"]: one["hash"] for one in each["environments"]} == promised
        assert all(one["picture"] for one in each["environments"])
    # Two updates of PPO that multiplies and adds: those with a fused multiply-add have other bits.
    assert found[0]["learned"] == found[1]["learned"] != "0" * 16


@compiled
def test_a_page_reads_the_cores_table_of_parameters(modules, tmp_path):
    found = {each["name"]: each["parameters"] for each in node(tmp_path, modules.scalar)["environments"]}
    for header, spec in specs_by_header().items():
        expected = [[part.name, part.unit, part.default, part.low, part.high] for part in parameters(spec)]
        ours = [[*row[:3], *(float(bound) for bound in row[3:])] for row in found[header]]
        assert ours == expected


@compiled
def test_a_policy_in_a_page_chooses_the_actions_that_predict_chooses(modules, tmp_path):
    algorithms, policies = [], []
    for env_id, options in POLICIES.items():
        config = PPOConfig(num_envs=8, rollout_steps=16, threads=1, backend="native", **options)
        algorithms.append(PPO(env_id, config, seed=5).learn(1000))
        policies.append(policy_facts(algorithms[-1], "Trained."))
    found = node(tmp_path, gzip.decompress(modules.vector_gz), policies)["played"]
    for algorithm, steps in zip(algorithms, found, strict=True):
        rows = algorithm.trainer
        for step in steps:
            numbers = np.frombuffer(base64.b64decode(step["observations"]), np.uint8)
            observations = numbers.view(rows.layout.dtype).reshape(-1, *rows.layout.shape)
            actions = np.frombuffer(base64.b64decode(step["actions"]), rows.form.dtype).reshape(-1, rows.form.size)
            expected = rows.greedy(observations.copy())
            if rows.form.choices is None:
                assert np.abs(actions - expected).max() < 1e-4  # a page rounds products and sums apart
            else:
                assert (actions == expected).all()
        algorithm.close()


def test_without_the_modules_and_without_zig_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("operant.web.modules.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'operant\[web\]', which brings a compiler for it"):
        compile_modules(tmp_path)


def test_modules_of_other_sources_are_not_taken(tmp_path, monkeypatch):
    made = []

    def packed(text):
        return gzip.compress(text.encode(), mtime=0)

    def compile_into(folder):
        made.append(folder)
        for flavour, name in file_names().items():
            (folder / name).write_bytes(packed(f"{flavour} {len(made)}"))

    monkeypatch.setenv("OPERANT_CACHE", str(tmp_path))
    monkeypatch.setattr("operant.web.modules.PACKAGE", tmp_path / "package")
    monkeypatch.setattr("operant.web.modules.compile_modules", compile_into)
    first = load_modules()
    assert first == load_modules() == Modules(packed("vector 1"), b"scalar 1")
    monkeypatch.setattr("operant.web.modules.FLAGS", ("-DOTHER",))
    assert load_modules() == Modules(packed("vector 2"), b"scalar 2")
    assert made == [tmp_path, tmp_path]


def test_it_is_known_before_that_the_modules_will_be_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("OPERANT_CACHE", str(tmp_path))
    monkeypatch.setattr("operant.web.modules.PACKAGE", tmp_path / "package")
    monkeypatch.setattr("operant.web.modules.find_spec", lambda name: name)
    assert will_compile()
    for name in file_names().values():
        (tmp_path / name).write_bytes(b"")
    assert not will_compile()
