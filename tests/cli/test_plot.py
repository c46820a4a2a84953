"""`operant plot`: of runs and of studies."""

import pytest

from operant.cli.main import main
from operant.runs.run_directory import RunDirectory
from operant.studies.of_runs import study_of_runs


@pytest.fixture
def runs(tmp_path):
    """A folder with two seeds of PPO on CartPole, and one with another learning rate."""
    few = ["--timesteps", "4096", "--quiet", "--no-tensorboard", "--num-envs", "16", "--rollout-steps", "16"]
    for seed, more in ((0, []), (1, []), (0, ["--learning-rate", "0.1"])):
        assert main(["train", "cartpole", *few, "--runs", str(tmp_path / "runs"), "--seed", str(seed), *more]) == 0
    return tmp_path / "runs"


def test_runs_with_the_same_options_are_the_seeds_of_one_line(runs):
    made = study_of_runs(RunDirectory.all(runs))
    first, second = made.contenders
    assert (first, second) == ("ppo learning_rate=0.005", "ppo learning_rate=0.1")
    assert [each.seed for each in made.of("operant/CartPole-v1", first)] == [0, 1]
    [other] = made.of("operant/CartPole-v1", second)
    assert other.steps == 4096 and other.curve.returns[-1] == other.score and len(other.curve.steps) > 10


def test_a_picture_of_runs_is_written(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ids = [run.id for run in RunDirectory.all(runs)]
    capsys.readouterr()
    assert main(["plot", *ids, "--runs", str(runs)]) == 0
    assert capsys.readouterr().out == "curves.png\n"
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert main(["plot", ids[0], "--runs", str(runs), "--x", "seconds", "--log", "--dark", "--output", "one.svg"]) == 0
    assert "</svg>" in (tmp_path / "one.svg").read_text()


def test_a_study_is_named_by_its_file_its_name_or_its_folder(tmp_path, capsys):
    (tmp_path / "tiny.toml").write_text("""
        [study]
        environments = ["cartpole"]
        seeds = 2
        [contenders.ppo]
        timesteps = 1024
        stop_at = 500
    """)
    assert main(["study", str(tmp_path / "tiny.toml"), "--runs", str(tmp_path), "--jobs", "1"]) == 0
    capsys.readouterr()
    for name in ("tiny", "study-tiny", str(tmp_path / "study-tiny"), str(tmp_path / "tiny.toml")):
        assert main(["plot", name, "--kind", "returns", "--runs", str(tmp_path)]) == 0
        captured = capsys.readouterr()
        assert captured.out == f"{tmp_path / 'study-tiny' / 'returns.png'}\n"
        assert "warning: 2 seeds of ppo on cartpole give an interval" in captured.err
    with pytest.raises(SystemExit):
        main(["plot", "tinny", "--runs", str(tmp_path)])
    assert "unknown study 'tinny': did you mean 'tiny'?" in capsys.readouterr().err
    RunDirectory.create(tmp_path, "alone", {})
    with pytest.raises(SystemExit):
        main(["plot", "tinny", "--runs", str(tmp_path)])
    error = capsys.readouterr().err
    assert "no run 'tinny' in " in error and "; unknown study 'tinny': did you mean 'tiny'?" in error
    with pytest.raises(SystemExit):
        main(["plot", str(tmp_path / "tiny.toml"), "--runs", str(tmp_path / "elsewhere")])
    assert f"no results in {tmp_path / 'elsewhere'} yet: make them with `operant study " in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["nothing"], "no runs in"),
        (["nothing"], "; nor are there studies"),
        (["./empty"], "empty is not the folder of a study: it has neither study.json nor results.jsonl"),
        (["./made", "other"], "./made is a study: draw it alone"),
        (["./made", "--kind", "bars"], "unknown kind 'bars'"),
        (["./made", "--kind", "curves"], "the study 'made' has no results yet"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path, monkeypatch, capsys, arguments, expected):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "made"):
        (tmp_path / folder).mkdir()
    (tmp_path / "made" / "results.jsonl").write_text("")
    with pytest.raises(SystemExit) as ended:
        main(["plot", *arguments])
    message = capsys.readouterr().err
    assert ended.value.code == 1 and message.count("\n") == 1 and expected in message
