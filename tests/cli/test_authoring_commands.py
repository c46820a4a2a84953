"""operant new, build and check, and the page that explains them."""

import re
import sys
from pathlib import Path

import gymnasium as gym
import pytest
from authored import forget_authored, with_reference, write_lander
from building import needs, run
from snippets import DOCS, run_snippets, snippets

from operant.cli.main import main

PAGE = "add-an-environment.md"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    forget_authored()


def fails(capsys, *arguments):
    """Runs a command that must fail; returns its one line on stderr and its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return capsys.readouterr().err.strip(), ended.value.code


def shell(section):
    """Runs the shell commands of a section of the page; returns their output."""
    operant = (sys.executable, "-m", "operant.cli.main")
    lines = [line for snippet in snippets(section, PAGE, "sh") for line in snippet.splitlines()]
    assert lines and all(line.startswith("operant ") for line in lines)
    return "".join(run(*operant, *line.split()[1:]) for line in lines)


def test_the_page_leads_from_nothing_to_a_trained_agent(monkeypatch):
    printed = shell("Begin")
    assert "wrote lander.h and lander.toml" in printed
    assert "lander-v0: " in printed and "10 of 10 checks hold" in printed
    printed = shell("Train")
    assert float(re.search(r"mean return (-?[\d.]+)", printed)[1]) >= 0.4  # lander.toml's reward_threshold
    monkeypatch.syspath_prepend(Path.cwd())
    names = run_snippets("Use it", PAGE)
    assert names["observations"].shape == (4096, 2)
    for file in ("lander.h", "lander.toml"):
        text = (
            Path(file).read_text().replace('"lander-v0"', '"lander-v1"')
        )  # the page's package would be another project's
        (Path("my_games") / file).write_text(text)
    assert gym.make_vec("my_games:lander-v1", num_envs=2).reset(seed=0)[0].shape == (2, 2)
    sys.modules.pop("my_games")
    run_snippets("Compare it with a reference", PAGE)
    toml = Path("lander.toml")
    said = re.search(r"`(reference = .*?)`", (Path(__file__).parents[2] / "docs" / PAGE).read_text())[1]
    assert f"# {said}" in toml.read_text()
    toml.write_text(toml.read_text().replace(f"# {said}", said))
    assert "Lander bit for bit" in shell("Compare it with a reference")


BOARD = """
id = "board-v0"
summary = "Put numbers on a board."
max_episode_steps = 100
actions = [5, 3]
observation_dtype = "uint8"
[state]
cells = {unit = "1", integer = true, shape = [64], low = 0, high = 2}
row = {unit = "1", integer = true, low = 0, high = 7}
column = {unit = "1", integer = true, low = 0, high = 7}
[observation]
cells = {shape = [64], low = 0, high = 2}
"""


def test_the_fragments_in_c_are_of_headers_that_compile():
    listed, board = re.findall(r"```c\n(.*?)```", (DOCS / PAGE).read_text(), re.DOTALL)
    run(sys.executable, "-m", "operant.cli.main", "new", "lander")
    assert listed in Path("lander.h").read_text()
    Path("board.h").write_text(board)
    Path("board.toml").write_text(BOARD)
    assert "10 of 10 checks hold" in run(sys.executable, "-m", "operant.cli.main", "check", "board.h")


def test_new_writes_the_scaffold_under_another_name(capsys):
    assert main(["new", "moon_lander", "--folder", "games"]) == 0
    assert capsys.readouterr().out.startswith("wrote games/moon_lander.h and games/moon_lander.toml\n")
    header = Path("games/moon_lander.h").read_text()
    assert "LANE_FN vm moon_lander_step(moon_lander_state *s" in header and not re.search(r"\blander_", header)
    assert 'id = "moon_lander-v0"' in Path("games/moon_lander.toml").read_text()


def test_new_overwrites_nothing_and_refuses_invalid_names(capsys):
    Path("lander.toml").write_text("mine")
    said, code = fails(capsys, "new", "lander")
    assert said == "operant new: lander.toml already exists: choose another name, or remove it" and code == 1
    assert Path("lander.toml").read_text() == "mine" and not Path("lander.h").exists()
    said, code = fails(capsys, "new", "my-lander")
    assert "'my-lander' must be a C identifier, such as lander or moon_lander" in said and code == 2
    for name in ("cartpole", "Mountain_Car", "simple_spread"):
        said, code = fails(capsys, "new", name)
        assert f"{name!r} is a built-in environment: choose another name, such as my_{name}" in said and code == 2


def test_build_prints_the_path_the_time_and_the_instruction_sets(capsys, tmp_path):
    path = write_lander(tmp_path)
    assert main(["build", str(path), "--again"]) == 0
    said = re.fullmatch(r"lander-v0: compiled in ([\d.]+) s by \S+ for ([\w, ]+): (\S+)\n", capsys.readouterr().out)
    assert float(said[1]) > 0 and "scalar, exact" in said[2] and Path(said[3]).is_file()
    assert main(["build", "lander"]) == 0
    assert capsys.readouterr().out == f"lander-v0: in the cache: {said[3]}\n"


def test_build_shows_errors_and_the_remedies(capsys, tmp_path, monkeypatch):
    said, code = fails(capsys, "build", "moon.h")
    assert said == "operant build: moon.h does not exist: `operant new moon` writes one to start from" and code == 1
    path = write_lander(tmp_path, ("s->speed = uniform", "s->sped = uniform"))
    said, code = fails(capsys, "build", "lander.h")
    assert f"{path}:28:8: error: " in said and code == 1
    monkeypatch.setenv("PATH", "")
    said, code = fails(capsys, "build", "lander.h")
    assert "there is no C compiler" in said and "apt-get install gcc" in said and code == 1


def test_check_reports_every_check_and_ends_with_1_if_one_fails(capsys, tmp_path):
    write_lander(tmp_path, descriptor=("height = {low = 0}", "height = {low = 0, high = 15}"))
    assert main(["check", "lander.h", "--only", "targets", "bounds", "autoreset"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^ok    targets +the same bits on ", out, re.MULTILINE)
    assert re.search(
        r"^FAIL  bounds +Observations are within the descriptor's bounds\.\n +float32: observation height is 15",
        out,
        re.MULTILINE,
    )
    assert out.splitlines()[-1] == "lander-v0: 2 of 3 checks hold"


def test_check_takes_built_in_environments_and_a_reference(capsys, tmp_path):
    assert main(["check", "CartPole-v1", "--only", "seeds", "parity"]) == 0
    assert "CartPole-v1: 2 of 2 checks hold" in capsys.readouterr().out
    with_reference(tmp_path, "height + 0.1 * speed", "height + speed / 10")
    assert main(["check", "lander", "--only", "parity"]) == 1
    assert re.search(r"state height .* differs by \S+e-1\d$", capsys.readouterr().out, re.MULTILINE)
    assert main(["check", "lander", "--only", "parity", "--tolerance", "1e-9"]) == 0


def test_check_refuses_what_it_cannot_do(capsys, tmp_path):
    assert (
        "unknown check 'target': did you mean 'targets'?"
        in fails(capsys, "check", "CartPole-v1", "--only", "target")[0]
    )
    assert "--tolerance 2.0 must be from 0 to 1" in fails(capsys, "check", "CartPole-v1", "--tolerance", "2")[0]
    assert "--sanitize is for your own headers" in fails(capsys, "check", "CartPole-v1", "--sanitize")[0]
    assert "unknown environment 'CartPole-v7'" in fails(capsys, "check", "CartPole-v7")[0]
    assert "unknown environment 'trainin': did you mean 'training'?" in fails(capsys, "check", "trainin")[0]
    assert "unknown environment 'cartpol': did you mean 'cartpole'?" in fails(capsys, "check", "cartpol")[0]
    write_lander(tmp_path)
    assert "lander-v0 has no reference: name one" in fails(capsys, "check", "lander.h", "--only", "parity")[0]


@pytest.mark.parametrize("name", [".", "/"])
def test_a_folder_is_no_header(capsys, name):
    assert f"build: {name} must be named like lander.h" in fails(capsys, "build", name)[0]


@pytest.mark.parametrize("command", ["train", "list", "build", "check"])
def test_a_missing_or_invalid_header_is_one_error_line_of_every_command(capsys, tmp_path, command):
    said, code = fails(capsys, command, "moon.h")
    assert f"operant {command}: moon.h does not exist: `operant new moon` writes one" in said and code in (1, 2)
    write_lander(tmp_path, ("s->speed = uniform", "s->sped = uniform"))
    said, code = fails(capsys, command, "lander.h")
    assert "lander.h:28:8: error: " in said and "Traceback" not in said and code in (1, 2)


def test_list_shows_a_users_own_header(capsys, tmp_path):
    path = write_lander(tmp_path)
    assert main(["list", str(path), "--params"]) == 0
    out = capsys.readouterr().out
    assert "lander-v0: Land a rocket softly." in out and re.search(
        r"^gravity +1\.62  0 to 100 +m/s2$", out, re.MULTILINE
    )


def test_the_scaffold_runs_with_clang_too(capsys, tmp_path, monkeypatch):
    needs("clang", "clang")
    monkeypatch.setenv("CC", "clang")
    write_lander(tmp_path)
    assert main(["check", "lander", "--only", "targets", "splits", "initialised"]) == 0
    assert "3 of 3 checks hold" in capsys.readouterr().out
