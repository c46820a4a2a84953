"""`operant train` and `operant resume`: in this process, or in one that is interrupted or killed.

A process takes seconds to import torch, so only what needs one of its own has one.
"""

import contextlib
import hashlib
import io
import math
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import torch

from operant.cli.main import main
from operant.files.toml import read_toml
from operant.models.native.trainer import train_version
from operant.runs.checkpoint import CheckpointFolder, load_checkpoint
from operant.utils import RunDirectory

OPERANT = [sys.executable, "-m", "operant.cli.main"]
SHORT = ["--num-envs", "64", "--rollout-steps", "16", "--no-tensorboard"]  # 1,024 steps an update


def start(*arguments, **options):
    command = [*OPERANT, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes, **options)


def run(*arguments, code=0):
    """Runs a command; returns its stdout, or its stderr if it fails."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            returned = main([*map(str, arguments)])
        except SystemExit as end:
            returned = end.code
    assert returned == code, errors.getvalue()
    return errors.getvalue() if code else output.getvalue()


@pytest.mark.parametrize(
    "arguments, what",
    [
        ("--algorithm a2c", "a2c"),
        ("--backend torch", "backend='torch'"),
        ("--lstm 8", "lstm=8"),
        ("--activation gelu", "activation='gelu'"),
        ("--device cuda", "--device cuda"),
    ],
)
def test_without_torch_an_option_that_needs_it_names_the_extra(arguments, what, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    said = run("train", "cartpole", *arguments.split(), "--runs", tmp_path, code=1)
    assert said == f"operant train: {what} needs torch: pip install 'operant[torch]'\n"
    assert not any(tmp_path.iterdir())


def test_training_playing_and_exporting_in_the_core_do_not_import_torch(tmp_path):
    script = """if True:
        import sys
        import operant.models
        from operant.cli.main import main
        for arguments in (
            "train cartpole --timesteps 8192 --name kept --quiet --stop-at 500",
            "train CartPole-v1 --timesteps 512 --num-envs 8 --name other --quiet",
            "train taxi --timesteps 4096 --num-envs 16 --no-run --quiet",
            "resume kept --timesteps 12288 --quiet",
            "eval kept --episodes 3",
            "eval kept --gymnasium --episodes 3",
            "runs",
            "export kept --format c",
        ):
            assert main(arguments.split()) == 0
            print("torch" in sys.modules, file=sys.stderr)
    """
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert finished.stderr == "False\n" * 8


def error(*arguments, code=2):
    """Runs a command that must fail; returns its one line on stderr."""
    lines = run(*arguments, code=code).splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def final_state(run_directory):
    """Loads the last checkpoint, without its times."""
    state = load_checkpoint(CheckpointFolder(run_directory.checkpoints).latest())
    del state["counters"]["seconds"]
    return state


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return one == other


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def rows(run_directory):
    """The steps and returns of metrics.csv."""
    lines = [line.split(",") for line in run_directory.csv_path.read_text().splitlines()]
    at = [lines[0].index(name) for name in ("steps", "episode_return")]
    return [[line[k] for k in at] for line in lines[1:]]


def test_the_tuned_options_solve_gymnasiums_cartpole_and_the_run_records_them(tmp_path):
    process = start("train", "cartpole", "--seed", 3, "--runs", tmp_path)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "solved: mean 500.0 over 100 greedy episodes of CartPole-v1" in printed
    directory = RunDirectory.latest(tmp_path)
    assert directory.id.startswith("cartpole-ppo-") and directory.status == "finished"
    assert directory.record["seed"] == 3
    assert directory.record["versions"]["numpy"] == np.__version__ and directory.record["versions"]["torch"] is None
    kept = read_toml(directory.path / "config.toml")
    assert kept["environment"] == "operant/CartPole-v1" and kept["options"]["epochs"] == 4
    record = directory.record
    assert record["backend"] == "native" and record["arithmetic"] == train_version()
    state = final_state(directory)
    weights = b"".join(weight.tobytes() for weight in state["policy"].values())
    assert record["weights"] == hashlib.sha256(weights).hexdigest()
    assert record["updates"] == state["counters"]["updates"]
    assert list(directory.path.glob("events.out.tfevents.*"))


def test_a_policy_far_from_the_goal_is_evaluated_rarely_and_at_the_end(monkeypatch):
    evaluated = []

    def evaluate(algorithm, env_id, episodes, **options):
        evaluated.append((algorithm.updates, env_id, episodes))
        return np.full(episodes, 9.0)

    monkeypatch.setattr("operant.cli.training.evaluate", evaluate)
    sizes = ["--num-envs", 2, "--rollout-steps", 2, "--timesteps", 4 * 40]
    run("train", "cartpole", *sizes, "--stop-at", 500, "--no-run")
    assert evaluated == [(updates, "operant/CartPole-v1", 100) for updates in (32, 40)]


@pytest.mark.parametrize("backend", ["native", "torch"])
@pytest.mark.parametrize("ending", ["kill", "interrupt"])
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(tmp_path, ending, backend):
    options = ["train", "cartpole", "--timesteps", 20 * 1024, *SHORT, "--runs", tmp_path, "--normalize-observations"]
    options += ["--backend", backend]
    run(*options, "--name", "whole")
    process = start(*options, "--name", "cut", "--checkpoint-every", 0, "--keep", 1)
    wait_for(lambda: list(tmp_path.glob("cut-*/checkpoints/step-*")))
    process.send_signal(signal.SIGKILL if ending == "kill" else signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == (-signal.SIGKILL if ending == "kill" else 130)
    cut = RunDirectory.find(tmp_path, "cut")
    assert cut.status == ("crashed" if ending == "kill" else "interrupted")
    run("resume", "cut", "--runs", tmp_path)
    cut.refresh()
    assert cut.status == "finished"
    whole = RunDirectory.find(tmp_path, "whole")
    assert same(final_state(cut), final_state(whole))
    assert rows(cut) == rows(whole) and len(rows(cut)) == 20


def test_a_killed_run_resumes_with_another_number_of_threads_to_the_same_hash(tmp_path):
    options = ["train", "cartpole", "--timesteps", 40 * 1024, *SHORT, "--runs", tmp_path, "--minibatches", 2]
    run(*options, "--name", "whole", "--threads", 2)
    process = start(*options, "--name", "cut", "--threads", 1, "--checkpoint-every", 0)
    wait_for(lambda: len(list(tmp_path.glob("cut-*/checkpoints/step-*"))) > 1)
    process.kill()
    process.communicate(timeout=300)
    run("resume", "cut", "--threads", 2, "--runs", tmp_path, "--quiet")
    whole, cut = (RunDirectory.find(tmp_path, name).record for name in ("whole", "cut"))
    assert whole["weights"] == cut["weights"] and whole["updates"] == cut["updates"] == 40
    assert cut["status"] == "finished" and cut["backend"] == "native"


@pytest.mark.parametrize("backend", ["native", "torch"])
def test_a_run_that_was_made_longer_and_killed_goes_on_to_the_new_number_of_steps(tmp_path, backend):
    run("train", "cartpole", "--timesteps", 1024, *SHORT, "--runs", tmp_path, "--backend", backend)
    longer = ["resume", "--latest", "--runs", tmp_path, "--quiet", "--keep", 9]
    run(*longer, "--timesteps", 4096, "--checkpoint-every", 0)
    directory = RunDirectory.latest(tmp_path)
    before = final_state(directory), rows(directory)
    checkpoints = CheckpointFolder(directory.checkpoints).steps()
    assert [path.stem for path in checkpoints[-3:]] == ["step-000002048", "step-000003072", "step-000004096"]
    for path in checkpoints[-2:]:
        path.unlink()
    directory.update(status="running", pid_started="1")
    run(*longer)
    directory.refresh()
    assert directory.record["total_steps"] == 4096
    assert same((final_state(directory), rows(directory)), before)


def test_resume_with_the_other_backend_says_that_the_bits_differ(tmp_path):
    options = ["cartpole", "--timesteps", 2048, *SHORT, "--quiet", "--name", "one", "--runs", tmp_path]
    run("train", *options, "--backend", "torch")
    assert RunDirectory.latest(tmp_path).record["backend"] == "torch"
    resume = ["resume", "one", "--runs", tmp_path, "--quiet", "--timesteps"]
    printed = run(*resume, 4096, "--backend", "native")
    assert "torch trained this run so far, native continues it: not with the same bits\n" in printed
    record = RunDirectory.latest(tmp_path).record
    assert (record["backend"], record["updates"]) == ("native", 4)
    assert "continues it" not in run(*resume, 5120)
    assert "unknown" not in error("resume", "one", "--runs", tmp_path, "--backend", "cuda", code=1)


def test_nan_ends_a_run_in_one_line_and_the_last_checkpoint_stays(tmp_path):
    class Broken(gym.Env):
        observation_space, action_space = gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.Discrete(2)
        steps = 0

        def reset(self, *, seed=None, options=None):
            return np.zeros(2, np.float32), {}

        def step(self, action):
            Broken.steps += 1
            return np.zeros(2, np.float32), math.nan if Broken.steps > 100 else 1.0, False, False, {}

    gym.register("Broken-v0", Broken)
    try:
        said = error("train", "Broken-v0", "--num-envs", 4, "--rollout-steps", 16, "--runs", tmp_path, code=1)
    finally:
        gym.registry.pop("Broken-v0")
    assert "update 2 met an infinite number or NaN" in said and "the last checkpoint stays" in said
    directory = RunDirectory.latest(tmp_path)
    assert directory.status == "failed" and directory.record.get("weights") is None
    assert final_state(directory)["counters"]["updates"] == 1


def test_an_interrupted_training_says_how_to_continue_it(tmp_path, monkeypatch, capsys):
    @contextlib.contextmanager
    def asked():
        yield SimpleNamespace(by_signal=True)

    monkeypatch.setattr("operant.cli.training.asked_to_stop", asked)
    few = ["--num-envs", "2", "--rollout-steps", "2", "--quiet", "--runs", str(tmp_path)]
    assert main(["train", "cartpole", "--timesteps", "40", *few, "--name", "cut"]) == 130
    run_id = RunDirectory.find(tmp_path, "cut").id
    assert main(["resume", "cut", "--quiet", "--runs", str(tmp_path)]) == 130
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(" steps in ")[0] for line in said[::3]] == ["4", "8"]
    assert all(line.endswith(" s, no episode has ended") for line in said[::3])
    assert said[2::3] == [f"interrupted: `operant resume {run_id}` continues it"] * 2


def test_a_run_without_a_checkpoint_is_begun_anew_by_the_command_that_resume_names(tmp_path, monkeypatch):
    run("train", "cartpole", "--timesteps", 1024, *SHORT, "--runs", tmp_path, "--name", "killed")
    killed = RunDirectory.find(tmp_path, "killed")
    for path in killed.checkpoints.iterdir():
        path.unlink()
    said = error("resume", "killed", "--runs", tmp_path, code=1)
    before, _, command = said.partition(": begin it anew with operant ")
    assert before == f"operant resume: run {killed.id} has no checkpoint to go on from"
    monkeypatch.setenv("OPERANT_RUNS", str(tmp_path))
    run(*shlex.split(command))
    assert RunDirectory.latest(tmp_path).config == killed.config and len(list(tmp_path.iterdir())) == 2


def test_a_detached_run_continues_by_itself(tmp_path):
    printed = run("train", "cartpole", "--timesteps", 4096, *SHORT, "--runs", tmp_path, "--detach")
    directory = RunDirectory.find(tmp_path, printed.strip())

    def finished():
        directory.refresh()
        assert directory.status in ("starting", "running", "finished")
        return directory.status == "finished"

    wait_for(finished)
    assert rows(directory)[-1][0] in ("4096", "4096.0")


def test_flags_override_the_file_and_the_file_overrides_tuned_options(tmp_path):
    file = tmp_path / "ppo.toml"
    file.write_text('environment = "cartpole"\ntimesteps = 1024\n[options]\nepochs = 2\ngamma = 0.5\n')
    run("train", "--config", file, *SHORT, "--gamma", 0.75, "--no-anneal", "--runs", tmp_path)
    kept = RunDirectory.latest(tmp_path).config
    options = kept["options"]
    assert (kept["timesteps"], options["epochs"], options["gamma"], options["anneal"]) == (1024, 2, 0.75, False)
    assert options["gae_lambda"] == 0.9  # tuned; the class says 0.95
    again = tmp_path / "again"
    run("train", "--config", RunDirectory.latest(tmp_path).path / "config.toml", "--no-tensorboard", "--runs", again)
    assert RunDirectory.latest(again).config == kept


def test_a_gymnasium_environment_trains_by_its_own_id(tmp_path):
    printed = run("train", "gymnasium.envs:Acrobot-v1", "--timesteps", 128, "--num-envs", 4, "--rollout-steps", 16,
                  "--runs", tmp_path, "--no-tensorboard")  # fmt: skip
    assert printed.startswith("128 steps in ")
    assert RunDirectory.latest(tmp_path).record["environment"] == "gymnasium.envs:Acrobot-v1"


@pytest.mark.parametrize(
    "code, arguments, message",
    [
        (2, ["train", "cartpol"], "unknown environment 'cartpol': did you mean 'cartpole'?"),
        (2, ["train", "CartPole-v9"], "unknown environment 'CartPole-v9': did you mean 'CartPole-v1'?"),
        (2, ["train"], "say which environment: operant train cartpole"),
        (2, ["train", "cartpole", "--algorithm", "ppp"], "unknown algorithm 'ppp': did you mean 'ppo'?"),
        (2, ["train", "cartpole", "--learning-rat", "1"], "'--learning-rat': did you mean '--learning-rate'?"),
        (2, ["train", "cartpole", "--learning-rate", "0"], "learning_rate=0.0 must be above 0"),
        (2, ["train", "cartpole", "--clip", "wide"], "'wide' must be a number"),
        (2, ["train", "cartpole", "--dual-clip", "0.5"], "dual_clip=0.5 must be above 1, or 0 for no bound"),
        (2, ["train", "cartpole", "--activation", "tan"], "activation='tan': did you mean 'tanh'?"),
        (1, ["train", "cartpole", "--squash", "--timesteps", "10", "--no-run"], "squash=True is for a Box"),
        (2, ["train", "cartpole", "--timesteps", "0"], "timesteps=0 must be an integer of at least 1"),
        (2, ["train", "cartpole", "--seed", "1e30"], "must be at most 9223372036854775807"),
        (2, ["train", "cartpole", "--hidden", "64,64"], "--hidden '64,64' must be an integer"),
        (2, ["train", "cartpole", "--name", "ä"], "--name 'ä' may have only ASCII letters, digits and '_'"),
        (2, ["train", "cartpole", "--name", "../x"], "--name '../x' may have only ASCII letters"),
        (2, ["train", "cartpole", "--name", "x."], "--name 'x.' may have only ASCII letters"),
        (2, ["train", "cartpole", "--name", ""], "--name '' may have only ASCII letters"),
        (2, ["train", "cartpole", "--algorithm", "PPO"], "unknown algorithm 'PPO': did you mean 'ppo'?"),
        (2, ["train", "cartpole", "--detach", "--no-run"], "--monitor and --detach need a saved run"),
        (2, ["train", "cartpole", "--learning-rate", "inf"], "learning_rate=inf must be finite"),
        (2, ["train", "cartpole", "--checkpoint-every", "-1"], "--checkpoint-every -1 must be at least 0"),
        (1, ["train", "no_module:Bar-v0"], "unknown environment 'no_module:Bar-v0': there is no module 'no_module'"),
        (2, ["train", "--config", "/nowhere.toml"], "/nowhere.toml does not exist"),
        (1, ["train", "cartpole", "--runs", "/dev/null/runs"], "cannot create a run in /dev/null/runs"),
        (1, ["resume", "nothing", "--runs", "/nowhere"], "no runs in /nowhere"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_change(code, arguments, message):
    assert message in error(*arguments, code=code)


@pytest.mark.parametrize(
    "text, message",
    [
        ("environmen = 'cartpole'", "unknown key 'environmen': did you mean 'environment'?"),
        ("environment = 'cartpole'\n[options]\nepoch = 3", "unknown option 'epoch': did you mean 'epochs'?"),
        ("environment = 'cartpole'\n[options]\nepochs = 2.5", "epochs=2.5 must be an integer"),
        ("environment = 'cartpole'\noptions = 3", "options=3 must be a table"),
        ("environment = 'cartpole'\n[options]\nhidden = 64", "hidden=64 must be a list of positive integers"),
        ("environment = 'cartpole'\n[options]\nclip = 1" + 400 * "0", "clip is an integer beyond the largest float"),
        ("environment = 'cartpole'\nstop_at = 1" + 400 * "0", "stop_at is an integer beyond the largest float"),
        ("environment = ", "cannot be read"),
    ],
)
def test_a_wrong_config_file_is_answered_in_one_line(tmp_path, text, message):
    file = tmp_path / "ppo.toml"
    file.write_text(text)
    assert message in error("train", "--config", file, "--runs", tmp_path)
    assert not list(tmp_path.glob("*/run.json"))


OWN = {
    "operant/CartPole-v1": ["num_envs", "autoreset_mode", "copy", "device"],
    "gymnasium.envs:CartPole-v1": ["num_envs", "vectorization_mode", "vector_kwargs"],
}


@pytest.mark.parametrize("env_id, name", [(env_id, name) for env_id, names in OWN.items() for name in names])
def test_an_environment_option_that_training_chooses_itself_is_named(tmp_path, env_id, name):
    file = tmp_path / "ppo.toml"
    file.write_text(f"environment = '{env_id}'\n[environment_options]\n{name} = 3")
    own = name in ("num_envs", "device")
    remedy = f"give {name} as an option of the algorithm" if own else "leave it out"
    said = error("train", "--config", file, "--no-run", code=1)
    assert said.endswith(f"the environment option {name}=3 is training's own: {remedy}")


def test_the_first_update_is_followed_by_a_checkpoint_which_is_not_the_best(tmp_path):
    run("train", "cartpole", "--timesteps", 10 * 1024, *SHORT, "--runs", tmp_path, "--checkpoint-every", 1000)
    folder = CheckpointFolder(RunDirectory.latest(tmp_path).checkpoints)
    assert [path.stem for path in folder.steps()] == ["step-000001024", "step-000010240"]
    assert folder.best().samefile(folder.latest())


def test_a_run_that_was_killed_after_its_last_step_is_finished_by_resume(tmp_path):
    run("train", "cartpole", "--timesteps", 2048, *SHORT, "--runs", tmp_path)
    killed = RunDirectory.latest(tmp_path)
    before = final_state(killed), rows(killed)
    killed.update(status="running", pid_started="1")
    assert killed.status == "crashed"
    assert run("resume", "--latest", "--runs", tmp_path).startswith("2,048 steps in ")
    killed.refresh()
    assert killed.status == "finished"
    assert same((final_state(killed), rows(killed)), before)
    assert "has made 2,048 steps: ask" in error("resume", killed.id, "--runs", tmp_path, code=1)


@pytest.mark.parametrize("backend", ["native", "torch"])
def test_a_run_that_was_killed_after_it_had_solved_its_task_is_finished_by_resume(tmp_path, backend):
    sizes = ["--num-envs", 16, "--rollout-steps", 64, "--backend", backend]
    whole = run("train", "cartpole", *sizes, "--stop-at", 20, "--quiet", "--runs", tmp_path)
    assert "; solved: mean " in whole
    killed = RunDirectory.latest(tmp_path)
    before, updates = (final_state(killed), rows(killed)), killed.record["updates"]
    killed.update(status="running", pid_started="1")
    again = run("resume", "--latest", "--quiet", "--runs", tmp_path)
    assert (
        again.partition("; solved: mean ")[2].splitlines()[0] == whole.partition("; solved: mean ")[2].splitlines()[0]
    )
    killed.refresh()
    assert (killed.status, killed.record["updates"]) == ("finished", updates)
    assert same((final_state(killed), rows(killed)), before)
    run("resume", "--latest", "--quiet", "--runs", tmp_path)  # a finished run goes on
    killed.refresh()
    assert killed.record["updates"] > updates


@pytest.mark.parametrize("where", [[], ["--detach"]])
@pytest.mark.parametrize(
    "module, arguments, message",
    [
        (
            "gymnasium.envs.box2d.lunar_lander",
            ["gymnasium.envs:LunarLander-v3"],
            "LunarLander-v3 needs the module gymnasium.envs.box2d.lunar_lander, which is not installed$",
        ),
        ("jax", ["tabular/Blackjack-v0"], "tabular/Blackjack-v0 needs the module jax, which is not installed$"),
        ("wandb", ["cartpole", "--wandb", "project"], "needs wandb: pip install wandb$"),
        (None, ["cartpole", "--squash"], "squash=True is for a Box"),
    ],
)
def test_a_run_that_never_began_is_not_kept(tmp_path, monkeypatch, where, module, arguments, message):
    if module:
        monkeypatch.setitem(sys.modules, module, None)
    said = error("train", *arguments, *where, "--runs", tmp_path, code=1)
    assert re.search(f"^operant train: .*{message}", said)
    assert list(tmp_path.iterdir()) == []


def test_train_with_a_monitor_follows_the_run_and_names_what_it_lacks(tmp_path, monkeypatch):
    train = ["train", "cartpole", "--timesteps", 1024, *SHORT, "--runs", tmp_path, "--monitor"]
    assert "| 1.02k / 1.02k steps | finished" in run(*train)
    assert RunDirectory.latest(tmp_path).status == "finished"
    monkeypatch.setattr("operant.cli.monitor._has_screen", lambda: True)
    monkeypatch.setitem(sys.modules, "textual", None)
    assert "--monitor needs textual: pip install 'operant[monitor]', or use --detach" in error(*train, code=1)
    assert len(RunDirectory.all(tmp_path)) == 1


def test_train_with_a_monitor_says_why_the_run_failed(tmp_path, monkeypatch):
    def create(arguments, config):
        return RunDirectory.create(tmp_path, "cartpole", config.as_toml() | {"algorithm": "nothing"})

    monkeypatch.setattr("operant.cli.train._create", create)
    said = run("train", "cartpole", "--timesteps", 1024, *SHORT, "--monitor", code=1)
    assert said.splitlines()[-1].startswith("operant train: unknown algorithm 'nothing'")


@pytest.mark.parametrize("in_background", [False, True])
def test_a_run_that_fails_before_its_first_checkpoint_is_kept_only_for_its_output(tmp_path, monkeypatch, in_background):
    def full(self, metrics):
        raise OSError("cannot write metrics.csv: the disk is full")

    monkeypatch.setattr("operant.monitor.recorder.Recorder.record", full)
    arguments = ["train", "cartpole", *SHORT, "--runs", tmp_path]
    if in_background:  # as the process of a detached run
        directory = RunDirectory.create(tmp_path, "cartpole", {})
        directory.output_path.touch()
        arguments += ["--run-directory", directory.path]
    assert error(*arguments, code=1) == "operant train: cannot write metrics.csv: the disk is full"
    assert [kept.status for kept in RunDirectory.all(tmp_path)] == (["failed"] if in_background else [])


def test_resume_has_the_options_of_recording(tmp_path, monkeypatch):
    run("train", "cartpole", "--timesteps", 1024, *SHORT, "--name", "done", "--runs", tmp_path)
    given = []

    def record(run, **options):
        given.append(options)
        raise OSError("nothing is recorded")

    monkeypatch.setattr("operant.cli.training.Recorder", record)
    monkeypatch.setattr("operant.monitor.recorder.require_wandb", lambda: None)
    for flags, expected in (
        ([], {"tensorboard": True, "wandb": None}),
        (["--no-tensorboard"], {"tensorboard": False, "wandb": None}),
        (["--wandb", "mine"], {"tensorboard": True, "wandb": "mine"}),
    ):
        error("resume", "done", "--timesteps", 2048, *flags, "--runs", tmp_path, code=1)
        assert given.pop() == {**expected, "resume_at": 1024}


def test_resume_refuses_what_it_cannot_continue(tmp_path):
    run("train", "cartpole", "--timesteps", 1024, *SHORT, "--name", "done", "--runs", tmp_path)
    for given, says in (([], "1,024 steps: ask"), (["--timesteps", 9], "1,024 steps, and --timesteps is 9: ask")):
        assert f"has made {says} for more with --timesteps" in error(
            "resume", "done", *given, "--runs", tmp_path, code=1
        )
    done = RunDirectory.find(tmp_path, "done")
    newest = CheckpointFolder(done.checkpoints).latest()
    newest.write_bytes(newest.read_bytes()[:1000])
    assert newest.name in error("resume", "done", "--timesteps", 4096, "--runs", tmp_path, code=1)
    run("train", "cartpole", "--timesteps", 1024, *SHORT, "--name", "done", "--runs", tmp_path)
    assert "run id 'done' is ambiguous" in error("resume", "done", "--runs", tmp_path, code=1)


def test_a_run_goes_on_without_a_damaged_checkpoint(tmp_path):
    for command, name in (("train", "cartpole"), ("resume", "--latest")):
        more = (*SHORT, "--timesteps", 1024) if command == "train" else ("--timesteps", 2048)
        run(command, name, *more, "--runs", tmp_path, "--quiet")
    kept = RunDirectory.latest(tmp_path)
    folder = CheckpointFolder(kept.checkpoints)
    earlier, newest = folder.steps()
    for file in (newest, folder.best()):
        file.write_bytes(newest.read_bytes()[:1000])
    resume = ["resume", "--latest", "--runs", tmp_path, "--quiet", "--timesteps", 4096]
    said = error(*resume, code=1)
    assert f"{newest.name} is truncated or corrupt" in said
    assert said.endswith(f"without that file, this command goes on from {earlier.name}")
    newest.unlink()
    run(*resume)
    assert final_state(kept)["counters"]["steps"] == 4096
    assert load_checkpoint(folder.best())


def test_debug_shows_the_traceback():
    process = start("train", "cartpole", "--squash", "--no-run", "--debug")
    _, errors = process.communicate(timeout=300)
    assert "Traceback" in errors and re.search(r"ValueError: squash=True is for a Box", errors)


def test_the_progress_bar_shows_steps_and_return(tmp_path):
    train = f"{' '.join(OPERANT)} train cartpole --timesteps 4096 {' '.join(SHORT)} --runs {tmp_path}"
    script = f"stty rows 24 cols 100; {train}"
    terminal = ["script", "--quiet", "--return", "--command", script, "/dev/null"]
    printed = subprocess.run(terminal, capture_output=True, text=True, timeout=300)
    assert "4.10k/4.10k" in printed.stdout and "return " in printed.stdout
    assert Path(tmp_path).exists()


def test_a_run_on_a_device_is_saved_resumed_and_evaluated(tmp_path):
    """The device "emulated" replaces a GPU; evaluation runs on the CPU."""
    flags = ["--runs", tmp_path, "--name", "on-device", *SHORT, "--quiet"]
    run("train", "cartpole", "--device", "emulated", "--timesteps", "3072", *flags)
    (kept,) = tmp_path.iterdir()
    assert read_toml(kept / "config.toml")["options"]["device"] == "emulated"
    run("resume", kept.name, "--runs", tmp_path, "--timesteps", "5120", "--quiet")
    assert final_state(RunDirectory(kept))["counters"]["steps"] == 5120
    assert "4 greedy episodes" in run("eval", kept.name, "--runs", tmp_path, "--episodes", "4")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named_before_anything_is_saved(tmp_path):
    said = error("train", "cartpole", "--device", "cuda", "--runs", tmp_path, code=1)
    assert "PyTorch" in said or "driver" in said
    assert not any(tmp_path.iterdir())
    assert "must be cpu, cuda" in error("train", "cartpole", "--device", "gpu", "--runs", tmp_path, code=1)
