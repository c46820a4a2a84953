"""`operant repeat`: the same run has the same weights, or the command says why they cannot be compared."""

import contextlib
import io
import subprocess
import sys

import pytest
from authored import write_lander

from operant.cli.main import main
from operant.cli.run_config import merge
from operant.cli.training import Training
from operant.files.toml import write_toml
from operant.models import PPO
from operant.models.native.trainer import train_version
from operant.utils import RunDirectory

SHORT = ["--num-envs", "64", "--rollout-steps", "16", "--no-tensorboard", "--quiet"]  # 1,024 steps an update


def run(*arguments, code=0):
    """Runs a command; returns what it printed."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            returned = main([*map(str, arguments)])
        except SystemExit as end:
            returned = end.code
    assert returned == code, output.getvalue()
    return output.getvalue()


def train(folder, *arguments):
    run("train", *arguments, *SHORT, "--runs", folder)
    return RunDirectory.latest(folder)


def repeat(kept, *arguments, code=0):
    return run("repeat", kept.id, "--runs", kept.path.parent, "--quiet", *arguments, code=code)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs"), "cartpole", "--timesteps", 4096, "--seed", 3, "--threads", 1)


@pytest.fixture
def kept(finished, tmp_path):
    """The finished run again, which a test may change."""
    copy = RunDirectory.create(tmp_path, "kept", finished.config)
    fields = ("environment", "code", "backend", "total_steps", "updates", "weights", "arithmetic", "versions")
    copy.update(status="finished", **{name: finished.record[name] for name in fields})
    return copy


@pytest.mark.parametrize("threads", [0, 1, 2, 3])
def test_a_run_is_repeated_to_the_bit_with_any_number_of_threads(finished, threads):
    before = {path: path.read_bytes() for path in finished.path.rglob("*") if path.is_file()}
    said = repeat(finished, "--threads", threads)
    assert said.startswith(f"the same weights: {finished.record['weights']} after 4 updates, 4,096 steps in ")
    assert before == {path: path.read_bytes() for path in finished.path.rglob("*") if path.is_file()}


def test_another_seed_has_other_weights(kept):
    write_toml(kept.path / "config.toml", kept.config | {"seed": 4})
    said = repeat(kept, code=1)
    assert said.startswith("other weights: ") and f"but run {kept.id} has {kept.record['weights']}\n" in said


def test_other_weights_name_the_version_that_trained_the_run(kept):
    kept.update(weights="0" * 64, versions={"operant": "0.0.9"})
    said = repeat(kept, code=1)
    assert f"has {'0' * 64}; operant 0.0.9 trained it, and this is 0.1.0: the environment may have changed" in said


def test_the_updates_of_a_run_are_made_that_a_judge_ended_early(tmp_path):
    early = train(tmp_path, "cartpole", "--timesteps", 1_000_000, "--stop-at", 9)
    assert early.record["updates"] < 900
    assert repeat(early).startswith(f"the same weights: {early.record['weights']} after {early.record['updates']} ")


def test_a_run_that_was_stopped_and_resumed_is_repeated(kept, tmp_path):
    config = merge(kept.config, {})
    computed = {name: kept.record[name] for name in ("backend", "arithmetic")}
    resumed = RunDirectory.create(tmp_path, "resumed", kept.config, total_steps=4096, **computed)
    algorithm = config.make()
    training = Training(config, algorithm, resumed, every=0, keep=2, show=False, ends=lambda now: now["updates"] == 2)
    training.train(tensorboard=False)
    algorithm.close()
    assert resumed.record["updates"] == 2 and "after 2 updates" in repeat(resumed)
    run("resume", "resumed", "--runs", tmp_path, "--quiet")
    resumed.refresh()
    so_far = {"steps": 2048, "backend": "native", "total_steps": 4096, "arithmetic": train_version()}
    assert resumed.record["parts"] == [so_far]
    assert resumed.record["weights"] == kept.record["weights"] and "after 4 updates" in repeat(resumed)


def test_each_part_of_a_run_has_the_learning_rate_of_its_own_total_steps(kept):
    config = merge(kept.config, {})
    assert config.options.anneal
    algorithm = PPO(config.environment, config.options, seed=config.seed)
    algorithm.learn(2048)
    algorithm.learn(5120)
    kept.update(updates=5, total_steps=5120, weights=algorithm.weights_hash())
    assert repeat(kept, code=1).startswith("other weights")
    kept.update(parts=[{"steps": 2048, "total_steps": 2048, "backend": "native", "arithmetic": train_version()}])
    assert repeat(kept).startswith(f"the same weights: {kept.record['weights']} after 5 updates")


def test_steps_that_were_made_again_from_an_earlier_checkpoint_count_once(kept):
    config = merge(kept.config, {})
    algorithm = PPO(config.environment, config.options, seed=config.seed)
    for _ in zip(range(2), algorithm.iterate(4096), strict=False):
        pass
    algorithm.learn(5120)
    kept.update(updates=5, total_steps=5120, weights=algorithm.weights_hash())
    first, discarded, torchs = (
        {"steps": steps, "total_steps": total, "backend": backend, "arithmetic": train_version()}
        for steps, total, backend in ((3072, 4096, "native"), (4096, 8192, "native"), (2048, 9216, "torch"))
    )
    kept.update(parts=[first, discarded, torchs])
    assert repeat(kept).startswith(f"the same weights: {kept.record['weights']} after 5 updates")


def test_a_run_that_was_made_longer_is_repeated_with_the_learning_rates_of_both_parts(kept, tmp_path):
    longer = train(tmp_path, "cartpole", "--timesteps", 2048, "--seed", 3)
    run("resume", longer.id, "--timesteps", 4096, "--runs", tmp_path, "--quiet")
    longer.refresh()
    assert longer.record["weights"] != kept.record["weights"]
    assert repeat(longer).startswith(f"the same weights: {longer.record['weights']} after 4 updates")


def test_a_run_that_torch_trained_in_part_is_not_compared(tmp_path):
    mixed = train(tmp_path, "cartpole", "--timesteps", 1024, "--backend", "torch")
    run("resume", mixed.id, "--backend", "native", "--timesteps", 2048, "--runs", tmp_path, "--quiet")
    assert "torch trained it, or a part of it" in repeat(mixed, code=1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"backend": "torch"}, "torch trained it, or a part of it, and may compute other bits elsewhere"),
        (
            {"parts": [{"steps": 1024, "total_steps": 4096, "backend": "torch", "arithmetic": None}]},
            "torch trained it, or a part of it, and may compute other bits elsewhere",
        ),
        (
            {"arithmetic": None, "environment": "CartPole-v1"},
            "the physics of its environment, CartPole-v1, are not operant's: bits may differ elsewhere",
        ),
        (
            {"parts": [{"steps": 1024, "total_steps": 4096, "backend": "native", "arithmetic": 0}]},
            f"it has version 0 of the training arithmetic, and this operant version {train_version()}",
        ),
        (
            {"arithmetic": 0},
            f"it has version 0 of the training arithmetic, and this operant version {train_version()}",
        ),
        (
            {"weights": None, "status": "interrupted"},
            "its status is interrupted, without final weights: `operant resume ",
        ),
        ({"status": "running"}, "it is running (process "),
        ({"code": "0" * 32}, "the code of its environment, operant/CartPole-v1, has changed"),
    ],
)
def test_a_run_that_may_have_other_bits_is_not_compared(kept, changes, reason):
    kept.update(**changes)
    said = repeat(kept, code=1)
    assert said.startswith(f"operant repeat: run {kept.id} cannot be compared: {reason}") and said.count("\n") == 1


def test_a_run_in_gymnasiums_environment_is_not_compared(tmp_path):
    theirs = train(tmp_path, "gymnasium.envs:CartPole-v1", "--timesteps", 1024)
    assert theirs.record["backend"] == "native" and theirs.record["weights"]
    said = repeat(theirs, code=1)
    assert "cannot be compared: the physics of its environment, gymnasium.envs:CartPole-v1, are not operant's" in said


@pytest.mark.parametrize(
    "changes", [{"updates": "many"}, {"parts": 3}, {"parts": ["x"]}, {"versions": []}, {"arithmetic": []}]
)
def test_a_record_that_makes_no_sense_is_one_line(kept, changes):
    kept.update(**changes)
    said = repeat(kept, code=1)
    assert said == f"operant repeat: {kept.path}/run.json does not say how the run was trained\n"


def test_a_configuration_that_ends_too_early_is_named(kept):
    kept.update(updates=9)
    said = repeat(kept, code=1)
    assert said == "operant repeat: config.toml describes a run of 4 updates, but run.json has 9\n"


def test_a_users_header_is_compared_as_long_as_its_code_is_the_same(tmp_path):
    header = write_lander(tmp_path)
    landed = train(tmp_path / "runs", header, "--timesteps", 2048)
    assert repeat(landed).startswith("the same weights: ")
    header.write_text(header.read_text() + "\n/* A line more. */\n")
    assert f"the code of its environment, {header}, has changed" in repeat(landed, code=1)


def test_a_run_is_repeated_without_torch(finished):
    script = f"""if True:
        import sys
        from operant.cli.main import main
        code = main(["repeat", {finished.id!r}, "--runs", {str(finished.path.parent)!r}])
        sys.exit(code or ("torch" in sys.modules) * 2)
    """
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
