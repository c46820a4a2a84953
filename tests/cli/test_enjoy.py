"""`operant enjoy`: agents and runs in a window and in a video; the snippets of docs/agents.md."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pygame
import pytest

from operant import agents
from operant.cli.main import main
from operant.environments.window import Window

TINY = ["--timesteps", "64", "--num-envs", "4", "--rollout-steps", "4", "--hidden", "8", "--quiet", "--no-tensorboard"]


@pytest.fixture(autouse=True)
def in_memory(monkeypatch):
    """Windows in memory, without time between their frames."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(pygame.time, "Clock", lambda: type("Clock", (), {"tick": lambda self, rate: None})())


def enjoy(capsys, *arguments, code=0):
    """Runs the command; returns what it printed on stdout, or the one line of its failure."""
    capsys.readouterr()
    try:
        returned = main(["enjoy", *map(str, arguments)])
    except SystemExit as ended:
        returned = ended.code
    out, err = capsys.readouterr()
    assert returned == code, err
    assert code == 0 or err.count("\n") == 1
    return err if code else out


def films_frames(path):
    import imageio.v2 as imageio

    return np.stack([frame for frame in imageio.get_reader(path)])  # noqa: C416 - its length is infinite


def test_a_video_of_an_agent_has_every_frame_of_its_episodes(capsys, tmp_path):
    film = tmp_path / "film.mp4"
    said = enjoy(capsys, "cliffwalking", "--video", film, "--episodes", 2, "--seed", 7)
    assert said.splitlines() == [
        "cliffwalking after 225,280 steps plays operant/CliffWalking-v1",
        *("episode 1: return -13", "episode 2: return -13"),
        f"wrote {film}",
    ]
    frames = films_frames(film)
    assert frames.shape[0] == 2 * 14 and frames.shape[3] == 3
    assert frames.std(axis=(1, 2, 3)).min() > 10
    assert np.abs(frames[0].astype(int) - frames[13]).max() > 100  # the figure has walked


def test_a_video_that_cannot_be_written_is_refused_before_an_agent_plays(capsys, tmp_path):
    for film in ("film.gif", "none/film.mp4"):
        with pytest.raises(SystemExit):
            main(["enjoy", "cartpole", "--video", str(tmp_path / film)])
        said = capsys.readouterr()
        assert said.out == "" and said.err.startswith("operant enjoy: ") and film in said.err


def test_the_episodes_are_those_of_eval(capsys, tmp_path):
    said = enjoy(capsys, "acrobot", "--video", tmp_path / "film.mp4", "--episodes", 2, "--seed", 3)
    returns = [float(number) for number in re.findall(r"return (-\d+)", said)]
    assert main(["eval", "agents/acrobot", "--episodes", "2", "--seed", "3", "--json"]) == 0
    assert f'"returns": [\n    {returns[0]},\n    {returns[1]}\n  ]' in capsys.readouterr().out


def test_a_window_shows_as_many_episodes_as_it_is_told(capsys, monkeypatch):
    shown = []
    append = Window.append

    def look(window, frame):
        append(window, frame)
        shown.append(pygame.surfarray.array3d(pygame.display.get_surface()).std())

    monkeypatch.setattr(Window, "append", look)
    said = enjoy(capsys, "cliff_walking", "--episodes", 2)
    assert said.splitlines()[1:] == ["episode 1: return -13", "episode 2: return -13"]
    assert len(shown) == 2 * 14 and min(shown) > 10
    assert not pygame.display.get_init()


@pytest.mark.parametrize(
    "event",
    [
        pygame.event.Event(pygame.QUIT),
        pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE),
        pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q),
    ],
    ids=["closed", "escape", "q"],
)
def test_a_window_without_a_number_of_episodes_plays_until_it_is_closed(capsys, monkeypatch, event):
    append, left = Window.append, [60]

    def close_later(window, frame):
        append(window, frame)
        left[0] -= 1
        if not left[0]:
            pygame.event.post(event)

    monkeypatch.setattr(Window, "append", close_later)
    said = enjoy(capsys, "cliffwalking")  # whose episodes have 14 frames
    assert said.splitlines()[1:] == [f"episode {k}: return -13" for k in range(1, 5)]
    assert left == [0] and not pygame.display.get_init()


def test_a_run_is_played_too_and_an_agent_comes_first(capsys, tmp_path):
    runs, film = tmp_path / "runs", tmp_path / "film.mp4"
    for name in ("cartpole-mine", "own"):
        assert main(["train", "cartpole", "--runs", str(runs), "--name", name, *TINY]) == 0
    for word, expected in (("own", "own-"), ("cartpole-m", "cartpole-mine-"), ("cartpole", "cartpole after 32,768")):
        assert enjoy(capsys, word, "--runs", runs, "--video", film, "--episodes", 1).startswith(expected)
    assert enjoy(capsys, "--latest", "--runs", runs, "--video", film, "--episodes", 1).startswith("own-")
    assert "no agent 'cartpol': did you mean 'cartpole'?" not in enjoy(
        capsys, "cartpol", "--runs", runs, "--video", film, "--episodes", 1
    )  # the beginning of a run's id
    said = enjoy(capsys, "carpole", "--runs", runs, code=1)
    assert said.startswith("operant enjoy: no agent 'carpole': did you mean 'cartpole'?; and no run 'carpole' in")
    said = enjoy(capsys, "ow-n", "--runs", runs, code=1)
    assert said.startswith("operant enjoy: no run 'ow-n' in ") and "the newest is 'own-" in said


def test_a_header_without_a_drawing_is_shown_as_its_numbers(capsys, tmp_path, monkeypatch):
    for name in {"mpe2", *(name for name in sys.modules if name.startswith("mpe2."))}:
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["train", "simple_tag", *TINY, "--runs", str(tmp_path / "runs")]) == 0
    enjoy(capsys, "--latest", "--runs", tmp_path / "runs", "--video", tmp_path / "film.mp4", "--episodes", 1)
    assert films_frames(tmp_path / "film.mp4").shape == (26, 480, 720, 3)


@pytest.mark.parametrize(
    "arguments, code, expected",
    [
        ([], 2, "name an agent (acrobot, cartpole, "),
        (["cartpol"], 1, "no agent 'cartpol': did you mean 'cartpole'?; and no runs in"),
        (["zzz"], 1, "no agent 'zzz': choose from acrobot, cartpole,"),
        (["agents/cartpol"], 1, "unknown agent 'cartpol': did you mean 'cartpole'?"),
        (["cartpole", "--latest"], 2, "--latest and RUN_ID 'cartpole' contradict each other"),
        (["cartpole", "--vidio", "x"], 2, "unknown option '--vidio': did you mean '--video'?"),
        (["cartpole", "--episodes", "0"], 2, "--episodes 0 must be at least 1"),
        (["cartpole", "--video", "film.gif"], 1, "film.gif must end in .mp4"),
        (["cartpole", "--video", "/no/such/folder/film.mp4"], 1, "cannot write /no/such/folder/film.mp4"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_remedy(capsys, tmp_path, monkeypatch, arguments, code, expected):
    monkeypatch.chdir(tmp_path)
    assert expected in enjoy(capsys, *arguments, code=code)
    assert list(tmp_path.iterdir()) == []


def test_without_a_display_a_video_is_the_remedy(capsys, monkeypatch):
    monkeypatch.delenv("SDL_VIDEODRIVER")
    monkeypatch.setattr(Window, "is_seen", lambda window: False)
    assert "there is no display for a window: write a video with --video FILE" in enjoy(capsys, "cartpole", code=1)
    monkeypatch.setenv("SDL_VIDEODRIVER", "nonsense")
    assert "there is no display for a window (" in enjoy(capsys, "cartpole", code=1)


def test_a_missing_pygame_is_named_with_its_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    assert "pip install 'operant[render]'" in enjoy(capsys, "snake", code=1)


def test_the_help_lists_the_agents(capsys):
    assert ", ".join(agents.names()) in " ".join(enjoy(capsys, "--help").split())


def test_the_snippets_of_the_page_work(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    page = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
    ours, more = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert main(["train", "cartpole", "--name", "mine", *TINY]) == 0
    shutil.copytree(agents.FOLDER / "cliffwalking", tmp_path / "breakout")  # in place of one of a release
    subprocess.run(["tar", "czf", "operant-agents.tar.gz", "breakout"], check=True)
    few = ["--episodes", "1"]
    for line in (ours + more).splitlines():
        program, *words = shlex.split(line.replace("RUN_ID", "mine"), comments=True)
        if "&&" in words:
            subprocess.run(line, shell=True, check=True)
        else:
            assert program == "operant" and main([*words, *few * (words[0] == "enjoy")]) == 0
    printed = capsys.readouterr().out
    assert "the same weights: " in printed and "wrote flight.mp4" in printed and Path("flight.mp4").exists()
    assert "cliffwalking after" in printed
    names = {}
    [snippet] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(snippet, names)
    assert names["actions"].shape == (4,)
