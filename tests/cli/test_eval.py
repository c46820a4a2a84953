import json
import math
import re
import shutil
import sys

import numpy as np
import pytest
from authored import forget_authored, with_reference, write_lander

from operant.cli.main import main
from operant.models.confidence import mean_interval, t_quantile
from operant.runs.checkpoint import load_checkpoint, save_checkpoint


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with one short run, whose observations are normalised."""
    folder = tmp_path_factory.mktemp("runs")
    options = "--timesteps 2048 --num-envs 16 --hidden 8 --normalize-observations --quiet --no-tensorboard"
    assert main(["train", "cartpole", "--runs", str(folder), "--name", "short", *options.split()]) == 0
    return folder


def lines(capsys, *arguments):
    capsys.readouterr()
    assert main(["eval", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def refusal(capsys, *arguments, code=1):
    with pytest.raises(SystemExit) as ended:
        main(["eval", *map(str, arguments)])
    assert ended.value.code == code
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


# The 97.5th percentiles of Student's T, as in every table.
@pytest.mark.parametrize(
    "degrees, expected", [(1, 12.7062), (2, 4.30265), (9, 2.26216), (99, 1.98422), (9999, 1.96020)]
)
def test_quantiles_are_those_of_the_tables(degrees, expected):
    assert t_quantile(0.975, degrees) == pytest.approx(expected, rel=3e-6)  # the tables have six digits


def test_the_interval_of_three_numbers_is_the_one_computed_by_hand():
    # Mean 2, deviation 1, t = 4.30265 for 2 degrees: 2 -+ 4.30265 / sqrt(3).
    assert mean_interval(np.array([1.0, 2.0, 3.0])) == pytest.approx((-0.484138, 4.484138), abs=1e-5)
    assert all(math.isnan(bound) for bound in mean_interval(np.array([1.0])))


def test_it_plays_gymnasiums_episodes_without_gymnasium_and_says_which_interval(runs, capsys):
    said = lines(capsys, "short", "--episodes", 8, "--runs", runs)
    assert "8 greedy episodes of operant/CartPole-v1, seed 0" in said
    assert re.search(
        r"mean return [\d.]+ \(95% t-interval of the mean: [\d.]+ to [\d.]+\), min \d+.00, max \d+.00", said
    )


def test_gymnasiums_own_environment_gives_the_same_returns(runs, capsys):
    def played(*options):
        return json.loads(lines(capsys, "short", "--episodes", 100, "--json", "--runs", runs, *options))

    ours, theirs = played(), played("--gymnasium")
    assert (ours["environment"], theirs["environment"]) == ("operant/CartPole-v1", "CartPole-v1")
    assert ours["returns"] == theirs["returns"] and len(set(ours["returns"])) > 5
    said = refusal(capsys, "short", "--gymnasium", "--env", "cartpole", "--runs", runs, code=2)
    assert "--gymnasium and --env cartpole contradict each other: leave one out" in said


def test_json_has_every_return_and_their_statistics(runs, capsys):
    result = json.loads(lines(capsys, "short", "--episodes", 5, "--seed", 7, "--json", "--runs", runs))
    returns = result["returns"]
    assert (len(returns), result["episodes"], result["seed"], result["agents"]) == (5, 5, 7, 1)
    assert (result["mean"], result["min"], result["max"]) == (sum(returns) / 5, min(returns), max(returns))
    low, high = result["t_interval_95"]
    assert low + high == pytest.approx(2 * result["mean"]) and low < high


def test_the_same_seed_plays_the_same_episodes_and_sampled_ones_differ(runs, capsys):
    def played(*options):
        return json.loads(lines(capsys, "short", "--episodes", 6, "--json", "--runs", runs, *options))["returns"]

    assert played("--sampled") == played("--sampled")
    assert played("--sampled") != played("--sampled", "--seed", 1)
    assert played("--sampled") != played()


def test_the_run_does_not_change(runs, capsys):
    [run] = runs.iterdir()
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in run.rglob("*")}
    lines(capsys, "short", "--episodes", 2, "--runs", runs)
    assert before == {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in run.rglob("*")}


def test_a_video_has_every_frame_of_its_episodes(runs, capsys, tmp_path):
    import imageio.v2 as imageio

    film = tmp_path / "film.mp4"
    out = lines(capsys, "short", "--episodes", 2, "--json", "--runs", runs, "--video", film, "--env", "cartpole")
    reader = imageio.get_reader(film)
    assert reader.get_meta_data()["size"] == (600, 400)
    frames = np.stack([frame[::8, ::8] for frame in reader])
    assert len(frames) >= json.loads(out)["min"] + 1
    assert frames.std(axis=(1, 2, 3)).min() > 10  # frames show a cart on a track, not a single colour
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 100  # the cart has moved


TINY = ["--timesteps", "64", "--num-envs", "4", "--rollout-steps", "4", "--hidden", "8", "--quiet", "--no-tensorboard"]


def frames_of(film):
    import imageio.v2 as imageio

    return np.stack([frame for frame in imageio.get_reader(film)])  # noqa: C416 - its length is infinite


@pytest.mark.parametrize(
    "environment, options, expected",
    [
        ("quadrotor", "", "Gymnasium does not have operant/Quadrotor-v0: leave --gymnasium out"),
        (
            "cartpole",
            "params = { gravity = 3.7 }",
            "plays CartPole-v1 as Gymnasium has it, and the run was trained with {'params': {'gravity': 3.7}}: leave",
        ),
    ],
)
def test_what_gymnasium_does_not_have_is_refused(environment, options, expected, tmp_path, capsys):
    (tmp_path / "run.toml").write_text(f'environment = "{environment}"\n[environment_options]\n{options}\n')
    config = str(tmp_path / "run.toml")
    assert main(["train", "--config", config, *TINY, "--runs", str(tmp_path)]) == 0
    capsys.readouterr()
    assert expected in refusal(capsys, "--latest", "--gymnasium", "--runs", tmp_path)


def test_a_run_that_was_trained_with_workers_is_played_without_them(tmp_path, capsys):
    pytest.importorskip("Box2D")
    options = "--workers 2 --timesteps 64 --num-envs 4 --rollout-steps 4 --hidden 8 --quiet --no-tensorboard"
    assert main(["train", "LunarLander-v3", "--runs", str(tmp_path), *options.split()]) == 0
    assert "2 greedy episodes of LunarLander-v3" in lines(capsys, "--latest", "--runs", tmp_path, "--episodes", 2)


@pytest.fixture
def lander(tmp_path, monkeypatch):
    """A folder with a run of the scaffold's lander.h, whose descriptor names no class that draws."""
    monkeypatch.chdir(tmp_path)
    write_lander(tmp_path)
    assert main(["train", "lander", *TINY, "--runs", "runs"]) == 0
    yield tmp_path
    forget_authored()


def test_a_header_without_a_drawing_is_shown_as_its_numbers_over_time(lander, capsys):
    lines(capsys, "lander", "--episodes", 1, "--runs", "runs", "--video", "film.mp4")
    frames = frames_of("film.mp4")
    assert frames.shape[1:] == (480, 720, 3)
    assert len(frames) <= 201 + 1  # one more than the time limit's steps: the first observation
    drawn = [(frame.min(axis=2) < 200).sum() for frame in frames]  # pixels of curves and letters
    assert drawn[0] > 500 and drawn[-1] > drawn[0] + 500  # the curves grow


def test_a_reference_that_cannot_draw_leaves_the_numbers(lander, capsys):
    with_reference(lander / "other")
    run = next((lander / "runs").iterdir())
    config = run / "config.toml"
    config.write_text(config.read_text().replace(str(lander / "lander.h"), str(lander / "other" / "lander.h")))
    lines(capsys, "lander", "--episodes", 1, "--runs", "runs", "--video", "film.mp4", "--trust")
    assert frames_of("film.mp4").shape[1:] == (480, 720, 3)


def test_several_agents_are_drawn_or_without_mpe2_shown_as_numbers(tmp_path, capsys, monkeypatch):
    assert main(["train", "simple_tag", *TINY, "--runs", str(tmp_path / "runs")]) == 0
    for name in {"mpe2", *(name for name in sys.modules if name.startswith("mpe2."))}:
        monkeypatch.setitem(sys.modules, name, None)
    film = tmp_path / "film.mp4"
    lines(capsys, "simpletag", "--episodes", 1, "--runs", tmp_path / "runs", "--video", film)
    assert frames_of(film).shape == (26, 480, 720, 3)  # the time limit of 25 steps


def test_an_episode_without_a_time_limit_ends_in_a_video_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("operant.models.evaluation.LONGEST", 5)
    assert main(["train", "cliffwalking", *TINY, "--runs", str(tmp_path / "runs")]) == 0
    film = tmp_path / "film.mp4"
    lines(capsys, "cliff", "--episodes", 1, "--runs", tmp_path / "runs", "--video", film)
    assert len(frames_of(film)) <= 6


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["shirt"], "no run 'shirt' in"),
        (
            ["short", "--checkpoint", "missing.safetensors"],
            "missing.safetensors does not exist: give --checkpoint best",
        ),
        (["short", "--env", "pendulum"], "operant/Pendulum-v1 has the observation space"),
        (["short", "--env", "pendulu"], "did you mean 'pendulum'?"),
        (["short", "--video", "film.gif", "--episodes", "1"], "film.gif must end in .mp4"),
        (["short", "--video", "none/film.mp4"], "cannot write none/film.mp4: the folder does not exist: create it"),
    ],
)
def test_a_run_that_cannot_be_played_is_one_line(runs, capsys, arguments, expected):
    assert expected in refusal(capsys, *arguments, "--runs", runs)


def test_the_newest_run_is_played_by_latest(runs, capsys):
    assert lines(capsys, "--latest", "--episodes", 2, "--runs", runs).startswith("short-")
    assert "name a run, or take the newest with --latest" in refusal(capsys, "--runs", runs, code=2)
    assert "--latest and RUN_ID 'short' contradict" in refusal(capsys, "short", "--latest", "--runs", runs, code=2)


def test_one_episode_is_one(runs, capsys):
    assert ": 1 greedy episode of " in lines(capsys, "short", "--episodes", 1, "--runs", runs)


def test_a_video_that_cannot_be_written_is_refused_before_anything_is_played(runs, capsys, monkeypatch):
    monkeypatch.setattr("operant.models.evaluation.evaluate", pytest.fail)
    assert "film.gif must end in .mp4" in refusal(capsys, "short", "--video", "film.gif", "--runs", runs)


def test_zero_episodes_are_refused(runs, capsys):
    assert "--episodes 0 must be at least 1" in refusal(capsys, "short", "--episodes", 0, "--runs", runs, code=2)


def test_a_run_without_a_checkpoint_and_a_corrupt_one_are_one_line(runs, capsys, tmp_path):
    [run] = runs.iterdir()
    copy = shutil.copytree(run, tmp_path / "copy")
    for path in (copy / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    assert "is truncated or corrupt: use an earlier checkpoint" in refusal(capsys, "copy", "--runs", tmp_path)
    shutil.rmtree(copy / "checkpoints")
    assert "the run has not saved one yet" in refusal(capsys, "copy", "--runs", tmp_path)


def test_a_checkpoint_of_another_network_is_one_line(runs, capsys, tmp_path):
    [run] = runs.iterdir()
    config = shutil.copytree(run, tmp_path / "copy") / "config.toml"
    config.write_text(re.sub(r"hidden = \[\s*8,?\s*\]", "hidden = [9]", config.read_text()))
    assert "does not fit the network that" in refusal(capsys, "copy", "--runs", tmp_path)


@pytest.mark.parametrize("change", [{"policy": np.zeros(3)}, {"counters": b"x"}, {"counters": {"steps": math.inf}}])
def test_a_checkpoint_of_another_content_is_one_line(runs, capsys, tmp_path, change):
    [run] = runs.iterdir()
    copy = shutil.copytree(run, tmp_path / "copy") / "checkpoints" / "best.safetensors"
    save_checkpoint(copy, load_checkpoint(copy) | change)
    assert "does not fit the network that" in refusal(capsys, "copy", "--runs", tmp_path)


def test_a_missing_video_library_is_named_with_its_extra(runs, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    said = refusal(capsys, "short", "--episodes", 1, "--runs", runs, "--video", "film.mp4")
    assert "pip install 'operant[video]'" in said
