import json
import math

import gymnasium
import pytest
from support import CLASSIC_IDS

from operant.batch.core import defaults
from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.cli.catalog_list import command
from operant.environments.single import OperantEnv
from operant.environments.spaces import action_space, observation_space


def test_the_list_has_a_row_for_every_environment(operant):
    finished = operant("list")
    titles, *rows = finished.stdout.splitlines()
    assert titles.split() == ["ENVIRONMENT", "OBSERVATION", "ACTION", "STEPS", "THRESHOLD"]
    assert [row.split()[0] for row in rows] == [f"operant/{name}" for name in (*CATALOG, *MULTIAGENT, *ENGINES)]
    assert rows[1].split() == ["operant/CartPole-v1", "Box((4,))", "Discrete(2)", "500", "475"]


@pytest.mark.parametrize("name", ["cartpole", "CartPole-v1", "operant/CartPole-v1"])
def test_one_environment_is_listed_by_any_of_its_names(capsys, name):
    assert command([name]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "operant/CartPole-v1",
        "Box((4,))",
        "Discrete(2)",
        "500",
        "475",
    ]


@pytest.mark.parametrize(
    "options", [[], ["--params"], *([name, "--params"] for name in (*CATALOG, *MULTIAGENT, *ENGINES))]
)
def test_the_tables_fit_in_a_hundred_columns_and_align(capsys, options):
    assert command(options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    titles, *rows = lines[
        : len(CATALOG) + len(MULTIAGENT) + len(ENGINES) + 1 if not options or options == ["--params"] else 2
    ]
    assert {row[titles.index("ACTION") - 1] for row in rows} == {" "}
    assert len({len(row) for row in (titles, *rows)}) == 1


def test_one_environment_shows_the_components_of_its_observation(capsys):
    command(["CartPole-v1"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["theta", "-0.418879", "0.418879"] in lines
    assert ["x_dot", "-inf", "inf"] in lines


def test_an_environment_of_several_agents_names_them_and_its_variants(capsys):
    command(["simple_spread_v3"])
    output = capsys.readouterr().out
    assert "Agents, each with the spaces below: agent_0, agent_1, agent_2." in output
    assert "Constructor argument N: 2, 3, 4, 5." in output
    command(["operant/simple_tag-v3", "--json"])
    [record] = json.loads(capsys.readouterr().out)
    assert record["agents"] == ["adversary_0", "adversary_1", "adversary_2", "agent_0"]


def test_parameters_show_default_bounds_unit_and_constructor_option(capsys):
    command(["operant/Pendulum-v1", "--params"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["gravity", "10", "-1000", "to", "1000", "m/s2", "g"] in lines
    assert ["mass", "1", "0.001", "to", "1e+06", "kg"] in lines


@pytest.mark.parametrize("name", ["CartPole-v1", "operant/CartPole-v1", "operant:operant/CartPole-v1"])
def test_an_environment_may_be_named_as_gymnasium_names_it(capsys, name):
    command([name, "--json"])
    assert [record["id"] for record in json.loads(capsys.readouterr().out)] == ["operant/CartPole-v1"]


@pytest.mark.parametrize("name", CLASSIC_IDS)
def test_the_json_describes_gymnasiums_spaces_and_the_parameters(capsys, name):
    command([name, "--params", "--json"])
    [record] = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    env = gymnasium.make(name)
    assert record["observation_space"]["shape"] == list(env.observation_space.shape)
    bounds = [math.inf if bound is None else bound for bound in record["observation_space"]["high"]]
    assert bounds == env.observation_space.high.tolist()
    assert record["action_space"]["type"] == type(env.action_space).__name__
    assert record["max_episode_steps"] == env.spec.max_episode_steps
    assert record["reward_threshold"] == env.spec.reward_threshold
    assert {part["name"]: part["default"] for part in record["parameters"]} == defaults(CATALOG[name])


def test_the_json_of_all_environments_has_the_bounds_of_each_in_the_shape_of_its_space(capsys):
    def null(bounds):
        if isinstance(bounds, list):
            return [null(part) for part in bounds]
        return bounds if math.isfinite(bounds) else None

    command(["--json"])
    records = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    specs = [*CATALOG.values(), *MULTIAGENT.values(), *ENGINES.values()]
    assert [record["id"] for record in records] == [spec.full_id for spec in specs]
    for record, spec in zip(records, specs, strict=True):
        values = defaults(spec)
        space, written = observation_space(spec, values, values), record["observation_space"]
        assert written["type"] == type(space).__name__
        if written["type"] == "Box":
            assert [written["low"], written["high"]] == [null(space.low.tolist()), null(space.high.tolist())], spec.id


def test_tasks_on_mujoco_are_listed_with_their_spaces_and_what_their_parameters_are(capsys):
    command(["Humanoid-v5", "--params"])
    output = capsys.readouterr().out
    assert "operant/Humanoid-v5  Box((348,), float64)  Box(-0.4, 0.4, (17,))   1000       none" in output
    assert "Parameters: all fields of mujoco's model" in output
    command(["Humanoid-v5", "--params", "--json"])
    [record] = json.loads(capsys.readouterr().out)
    assert (record["engine"], record["parameters"]) == ("mujoco", [])


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "Pusher-v4"])
def test_the_list_has_the_spaces_of_the_usual_models(name):
    spec, opened = ENGINES[name], OperantEnv(name)
    assert observation_space(spec, {}, {}) == opened.observation_space
    assert action_space(spec, {}) == opened.action_space
    opened.close()


def test_the_list_says_that_mujoco_is_not_installed(capsys, monkeypatch):
    monkeypatch.setattr("operant.cli.catalog_list.find_module", lambda name: None)
    command([])
    end = capsys.readouterr().out.splitlines()[-1]
    assert end.startswith(
        "operant/HalfCheetah-v4 to operant/InvertedDoublePendulum-v5 need MuJoCo, which is not installed"
    )
    assert end.endswith("pip install 'operant[mujoco]'")
    command(["CartPole-v1"])
    assert "MuJoCo" not in capsys.readouterr().out


def test_an_unknown_environment_is_answered_with_the_nearest(error_line):
    assert "unknown environment 'CartPol-v1': did you mean 'CartPole-v1'?" in error_line("list", "CartPol-v1")
