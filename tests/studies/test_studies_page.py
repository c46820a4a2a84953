"""The examples of docs/studies.md work as shown."""

import re
from pathlib import Path

from operant.cli.main import main
from operant.cli.study_config import read_study

PAGE = (Path(__file__).parents[2] / "docs" / "studies.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_first_file_is_trained_compared_and_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first, *_ = blocks("toml")
    Path("study.toml").write_text(first.replace("seeds = 30", "seeds = 2"))
    assert main(["study", "study.toml"]) == 0
    printed = capsys.readouterr().out
    assert "| cartpole | narrow | 500 |" in printed and "| all runs | interquartile mean |" in printed
    names = {}
    [snippet] = blocks("python")
    exec(snippet, names)
    out = capsys.readouterr().out
    assert printed.startswith(out[:500])
    assert "ppo and narrow cannot be told apart in the final return by 2 seeds on 2 runs" in out
    assert Path("solved.svg").read_text().endswith("</svg>\n")
    for line in re.findall(r"^operant (plot poles.*?)(?:  +#.*)?$", PAGE, re.MULTILINE):
        assert main(line.split()) == 0
    for line in re.findall(r"^operant (plot RUN_ID.*?)(?:  +#.*)?$", PAGE, re.MULTILINE):
        trained = []
        for seed in ("1", "2"):
            assert main(["train", "cartpole", "--seed", seed]) == 0
            trained.append(capsys.readouterr().out.split("run ")[-1].split(" ")[0])
        for run_id in trained:
            line = line.replace("RUN_ID", run_id, 1)
        assert main(line.split()) == 0 and Path("runs.svg").exists()
    written = {path.name for path in Path("runs/study-poles").glob("*.png")}
    assert written == {"curves.png", "solved.png", "returns.png", "profiles-dark.png"}


def test_the_whole_file_is_read(tmp_path):
    (tmp_path / "all.toml").write_text(blocks("toml")[1])
    study = read_study(tmp_path / "all.toml")
    assert study.contenders == ("small", "trpo", "sb3") and len(study.trials) == 3 * (20 + 10)
    pole, lander = study.runs
    assert (pole.name, pole.goal, lander.environment) == ("pole", 500.0, "LunarLander-v3")
    assert (lander.goal, lander.threshold, lander.random, lander.reference) == (None, 150.0, -180.0, 200.0)
    [sb3] = {trial.config.options["learning_rate"] for trial in study.trials[40:60]}
    assert sb3 == 1e-3


def test_rl_zoos_contender_is_made(tmp_path):
    (tmp_path / "zoo.toml").write_text(
        "[study]\nenvironments = ['operant/HalfCheetah-v5']\nseeds = 1\n" + blocks("toml")[2]
    )
    [trial] = read_study(tmp_path / "zoo.toml").trials
    assert trial.config.timesteps == 1_000_000
    model = trial.config.make()
    assert model.n_steps == 512 and model.get_vec_normalize_env() is not None
    assert model.policy.mlp_extractor.policy_net[2].out_features == 256
    model.env.close()
