"""`operant study`: its file, its trials, what may change, its tables, and going on after kills."""

import csv
import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from operant.cli.main import main
from operant.cli.run_config import merge
from operant.cli.study_config import Trial, read_study
from operant.cli.study_trials import Watch, train
from operant.cli.trials import one_thread
from operant.models.evaluation import evaluate
from operant.studies import read

STUDIES = Path(__file__).parents[2] / "bench" / "studies"
FILE = """
[study]
seeds = 2
first_seed = 5
[contenders.narrow]
options = { hidden = [4] }
[contenders.wide]
options = { hidden = [8] }
[[runs]]
environment = "cartpole"
timesteps = 512
stop_at = 10.0
options = { num_envs = 16, rollout_steps = 16 }
[[runs]]
environment = "cartpole"
name = "long poles"
seeds = 1
timesteps = 512
stop_at = 500
options = { num_envs = 16, rollout_steps = 16 }
environment_options = { params = { half_length = 1.0 } }
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "widths.toml").write_text(FILE)
    return tmp_path / "widths.toml"


def study(file, folder, *arguments):
    return main(["study", str(file), "--runs", str(folder), "--jobs", "1", *arguments])


def failing(capsys, *arguments):
    """The one line with which the study fails."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        study(*arguments)
    message = capsys.readouterr().err
    assert ended.value.code == 1 and message.count("\n") == 1, message
    return message


def table(folder):
    """The table results.csv, without seconds."""
    with open(folder / "study-widths" / "results.csv") as lines:
        rows = list(csv.DictReader(lines))
    assert all(float(row["cpu_seconds"]) > 0 for row in rows)
    return [{name: value for name, value in row.items() if "seconds" not in name} for row in rows]


def no_end(steps, mean_return):
    return False


def test_the_trials_are_those_of_the_file(file):
    trials = read_study(file).trials
    assert [(each.run, each.contender, each.config.seed) for each in trials] == [
        ("cartpole", "narrow", 5),
        ("cartpole", "narrow", 6),
        ("cartpole", "wide", 5),
        ("cartpole", "wide", 6),
        ("long poles", "narrow", 5),
        ("long poles", "wide", 5),
    ]
    config = trials[-1].config
    assert config.environment == "operant/CartPole-v1"
    assert config.environment_options == {"params": {"half_length": 1.0}}
    assert (config.timesteps, config.stop_at) == (512, 500.0)
    assert (config.options.hidden, config.options.num_envs, config.options.threads) == ((8,), 16, 1)


def test_environments_are_short_for_runs_and_keys_may_hold_on_one_run(tmp_path):
    (tmp_path / "few.toml").write_text("""
        [study]
        environments = ["cartpole", "acrobot"]
        seeds = 1
        [contenders.ppo]
        options = { hidden = [16] }
        on.acrobot = { options = { gamma = 0.9 } }
        [contenders.sb3]
        algorithm = "sb3-ppo"
        options = { n_steps = 64 }
        on.acrobot = { options = { n_envs = 4 } }
    """)
    plan = read_study(tmp_path / "few.toml")
    assert [(run.name, run.goal, run.reference) for run in plan.runs] == [
        ("cartpole", 500.0, 500.0), ("acrobot", -90.0, -90.0)
    ]  # fmt: skip
    assert (plan.measure, plan.contenders) == ("steps", ("ppo", "sb3"))
    ours, theirs, ours_there, theirs_there = (trial.config for trial in plan.trials)
    assert ours.options.hidden == ours_there.options.hidden == (16,)
    assert (ours.options.gamma, ours_there.options.gamma) == (0.99, 0.9)
    assert (theirs.options, theirs_there.options) == ({"n_steps": 64}, {"n_steps": 64, "n_envs": 4})
    assert (theirs.environment, theirs.timesteps, theirs.stop_at) == ("operant/CartPole-v1", 400_000, 500.0)


def test_a_study_without_goals_compares_returns(file):
    file.write_text(FILE.replace("stop_at = 10.0\n", "threshold = 20\n").replace("stop_at = 500\n", ""))
    plan = read_study(file)
    assert plan.measure == "return"
    assert [(run.goal, run.threshold) for run in plan.runs] == [(None, 20.0), (None, None)]


def test_the_studies_that_ship_are_valid():
    algorithms = read_study(STUDIES / "algorithms.toml")
    assert len(algorithms.trials) == 5 * 5 * 5
    assert {run.name: run.goal for run in algorithms.runs}["pendulum"] == -200
    backends = read_study(STUDIES / "native_vs_torch.toml")
    assert len(backends.trials) == 2 * (200 + 9 * 20)
    assert {trial.config.options.backend for trial in backends.trials if trial.contender == "torch"} == {"torch"}
    classic = read_study(STUDIES / "classic_control.toml")
    assert {run.name: run.goal for run in classic.runs} == {"cartpole": 500, "acrobot": -90, "pendulum": -200}
    theirs = {trial.run: trial.config for trial in classic.trials if trial.contender == "sb3"}
    assert {name: config.timesteps for name, config in theirs.items()} == {
        "cartpole": 400_000, "acrobot": 1_000_000, "pendulum": 100_000
    }  # fmt: skip
    for config in theirs.values():
        config.make().env.close()  # their options are SB3's
    assert len(read_study(STUDIES / "five_tasks.toml").trials) == 5 * 10


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("[study]", "[stud]", "unknown table 'stud': did you mean 'study'?"),
        ("seeds = 2", "seed = 2", "unknown key of [study] 'seed': did you mean 'seeds'?"),
        ("seeds = 2", "seeds = 0", "seeds=0 must be an integer of at least 1"),
        ("seeds = 2", "seeds = 1e9", "seeds=1000000000 must be at most 10000"),
        ("seeds = 2", 'name = "../up"', "name='../up' may have only ASCII letters, digits"),
        ("seeds = 2", 'measure = "speed"', "unknown measure 'speed': choose from steps, return"),
        ("seeds = 2", 'environments = "cartpole"', "environments must be a list of names"),
        ("options = { hidden = [8] }", "seed = 3", "unknown key of [contenders.wide] 'seed'"),
        ("options = { hidden = [8] }", "on.poles = { timesteps = 9 }", "unknown run of [contenders.wide.on] 'poles'"),
        ("options = { hidden = [8] }", "on = { cartpole = 3 }", "must have a table for each run"),
        ("options = { hidden = [8] }", "stop_at = 20", "contenders have different goals on the run 'cartpole'"),
        (
            "options = { hidden = [8] }",
            'algorithm = "sb3-pppo"',
            "'sb3-pppo': did you mean 'sb3-ppo'",
        ),
        ("hidden = [8]", "hiden = [8]", "unknown option 'hiden': did you mean 'hidden'?"),
        ('name = "long poles"', "", "has two runs 'cartpole': give one another name ="),
        ('name = "long poles"', 'random = "no"', "random='no' of the run 'cartpole' must be a number"),
        ('environment = "cartpole"\n', "", "say which environment"),
        ("stop_at = 10.0", "", 'measure = "steps" needs a goal of every run: add stop_at ='),
    ],
)
def test_a_wrong_file_is_one_line_and_starts_nothing(file, tmp_path, capsys, old, new, expected):
    assert old in FILE
    text = FILE.replace('name = "long poles"\n', "") if "random" in expected else FILE
    text = text.replace("[study]", '[study]\nmeasure = "steps"') if "needs a goal" in expected else text
    file.write_text(text.replace(old, new, 1) if "random" not in expected else text.replace("stop_at = 10.0", new))
    assert expected in failing(capsys, file, tmp_path / "runs")
    assert not (tmp_path / "runs" / "study-widths" / "results.csv").exists()


@pytest.mark.parametrize(
    "contender, expected",
    [
        ('options = { backend = "native", lstm = 8 }', "wide does not fit cartpole: "),
        ('algorithm = "sb3-sac"', "wide does not fit cartpole: The algorithm only supports"),
        (
            'algorithm = "sb3-ppo"\noptions = { n_stps = 3 }',
            "unknown option of sb3-ppo 'n_stps': did you mean 'n_steps'?",
        ),
    ],
)
def test_a_contender_that_does_not_fit_is_named_before_anything_is_trained(file, tmp_path, capsys, contender, expected):
    file.write_text(FILE.replace("options = { hidden = [8] }", contender))
    assert expected in failing(capsys, file, tmp_path)
    assert (tmp_path / "study-widths" / "results.jsonl").read_text() == ""


def test_a_seed_is_trained_until_it_reaches_the_goal():
    config = one_thread(merge({"environment": "cartpole", "seed": 0}, {}))
    outcome = train(Trial("cartpole", "ppo", config), no_end)
    assert outcome["solved"] and outcome["score"] >= 475 and 0 < outcome["steps"] < 400_000
    assert outcome["backend"] == "native" and len(outcome["weights"]) == 64
    assert outcome["config"]["environment"] == "operant/CartPole-v1"
    curve = outcome["curve"]
    assert curve["steps"] == sorted(set(curve["steps"])) and curve["steps"][-1] == outcome["steps"]
    assert curve["seconds"] == sorted(curve["seconds"]) and curve["seconds"][-1] <= outcome["seconds"]
    assert 20 < curve["returns"][-1] <= 500 and len(curve["returns"]) == len(curve["steps"])


def test_the_return_is_that_of_gymnasiums_own_environment():
    config = one_thread(merge({"environment": "cartpole", "seed": 3, "timesteps": 2048}, {}))
    made = config.make()
    made.learn(2048)
    theirs = evaluate(made, "CartPole-v1", 100, seed=1_000_000).mean()
    made.close()
    assert train(Trial("cartpole", "ppo", config), no_end)["score"] == theirs


def test_an_algorithm_of_sb3_is_trained_until_it_reaches_the_goal(tmp_path):
    (tmp_path / "sb3.toml").write_text("""
        [study]
        seeds = 1
        [contenders]
        sb3 = { algorithm = "sb3-ppo", options = { n_steps = 128, n_envs = 2, n_epochs = 1 } }
        dqn = { algorithm = "sb3-dqn", options = { learning_starts = 100 } }
        [[runs]]
        environment = "cartpole"
        timesteps = 2000
        stop_at = 15
    """)
    ppo, dqn = (train(trial, no_end) for trial in read_study(tmp_path / "sb3.toml").trials)
    assert ppo["solved"] and ppo["steps"] == 256 and ppo["score"] >= 9  # a greedy policy that always pushes to one side
    assert not dqn["solved"] or dqn["steps"] % 1000 < 8
    for outcome in (ppo, dqn):
        assert outcome["backend"] == "sb3" and outcome["versions"]["stable_baselines3"]
        assert outcome["curve"]["steps"][-1] == outcome["steps"] and outcome["seconds"] > 0


def test_a_curve_has_a_limited_number_of_points_and_the_last():
    told = []
    watch = Watch(lambda steps, mean: told.append(steps))
    for steps in range(1, 10_001):
        watch.ends({"steps": steps, "episode_return": float("nan") if steps < 100 else steps / 2})
    watch.add(10_000, 5000.0)
    curve = watch.curve()
    assert 200 <= len(curve["steps"]) <= 401 and curve["steps"][-1] == 10_000
    assert curve["returns"] == [steps / 2 for steps in curve["steps"]] and curve["steps"][0] >= 100
    assert len({b - a for a, b in itertools.pairwise(curve["steps"][:-1])}) == 1 and told == []


def test_the_tables_are_those_of_the_results(file, tmp_path, monkeypatch, capsys):
    made = []

    def fake(trial, ends):
        made.append(trial.key)
        return {"solved": True, "score": float(trial.config.seed), "steps": 256, "seconds": 1.0}

    monkeypatch.setattr("operant.cli.study_trials.train", fake)
    for _ in range(2):
        assert study(file, tmp_path) == 0
        out = capsys.readouterr().out.splitlines()
        assert (
            out[2]
            == "| cartpole | narrow | 10 | 2 of 2 | 5.500 (5.000 to 6.000) | 5.000 | 256 (256 to inf) | 1 (1 to inf) |"
        )
        assert "| cartpole | narrow | wide | reached | 2 and 2 of 2 | 1 | 1 | no difference found |" in out
        [sentence] = [line for line in out if line.startswith("narrow and wide cannot be told apart in steps")]
        assert "by 1 to 2 seeds on 2 runs" in sentence and "they look the same" in sentence
        few = "warning: 2 seeds of narrow on cartpole give an interval of return that is 1 wide, and tell too little"
        assert any(line.startswith(few) for line in out)
    assert len(made) == len(set(made)) == 6


def test_an_interrupted_study_has_the_tables_of_what_is_done(file, tmp_path, monkeypatch, capsys):
    results = iter([{"solved": True, "score": 1.0, "steps": 256, "seconds": 1.0}, None])
    monkeypatch.setattr("operant.cli.study_trials.train", lambda trial, ends: next(results))
    assert study(file, tmp_path) == 130
    captured = capsys.readouterr()
    assert "| cartpole | narrow | 10 | 1 of 1 |" in captured.out
    assert "warning: 5 of the study's trials are missing: the same command makes them" in captured.out
    assert captured.err.endswith("operant study: interrupted: the same command continues it\n")


def test_seeds_contenders_and_runs_may_be_added(file, tmp_path):
    assert study(file, tmp_path) == 0
    before = table(tmp_path)
    more = "[contenders.third]\noptions = { hidden = [5] }\n"
    more += "[[runs]]\nenvironment = 'pendulum'\ntimesteps = 4096\nstop_at = -2000"
    file.write_text(FILE.replace("seeds = 2", "seeds = 3") + more)
    assert study(file, tmp_path) == 0
    after = table(tmp_path)
    keys = [(row["run"], row["contender"], row["seed"]) for row in after]
    assert len(set(keys)) == len(keys) == 9 + 3 + 9
    known = {(row["run"], row["contender"], row["seed"]): row for row in after}
    for row in before:
        same = known[row["run"], row["contender"], row["seed"]]
        assert {k: v for k, v in same.items() if k != "score"} == {k: v for k, v in row.items() if k != "score"}


def test_a_contender_that_was_changed_is_refused_with_what_may_change(file, tmp_path, capsys):
    assert study(file, tmp_path) == 0
    file.write_text(FILE.replace("hidden = [8]", "hidden = [9]"))
    message = failing(capsys, file, tmp_path)
    assert "wide on cartpole is not as it was when" in message
    assert "(options.hidden was [8], and is [9]): seeds, contenders and runs may be added or removed" in message


def without(option, path):
    """Makes the results such as a release wrote them that did not have the option."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        del row["config"]["options"][option]
        row["key"] = row["key"][:-1] + ("0" if row["key"][-1] != "0" else "1")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path.read_text()


def test_results_of_a_release_with_fewer_options_are_kept(file, tmp_path, capsys):
    assert study(file, tmp_path) == 0
    path = tmp_path / "study-widths" / "results.jsonl"
    before = without("dual_clip", path)
    file.write_text(FILE.replace("seeds = 2", "seeds = 3"))
    assert study(file, tmp_path) == 0
    assert path.read_text().startswith(before) and path.read_text().count("\n") == before.count("\n") + 2
    file.write_text(FILE.replace("hidden = [8]", "hidden = [8], dual_clip = 3.0"))
    assert "(options.dual_clip was 0.0, and is 3.0)" in failing(capsys, file, tmp_path)


def test_a_folder_of_someone_elses_is_refused(file, tmp_path, capsys):
    folder = tmp_path / "study-widths"
    folder.mkdir()
    (folder / "results.jsonl").write_text("loss,epoch\n")
    assert "is not a file of results: line 1 is no result; choose another folder" in failing(capsys, file, tmp_path)
    assert os.listdir(folder) == ["results.jsonl"]
    (folder / "results.jsonl").write_text('{"key": "a", "loss": 3}\n')
    assert "'a' is no result of a study" in failing(capsys, file, tmp_path)
    (folder / "results.jsonl").write_text("")
    (folder / "study.json").write_text('{"author": "someone"}')
    assert "study.json is not the plan of a study" in failing(capsys, file, tmp_path)


def test_results_without_a_configuration_are_read_too(file, tmp_path, monkeypatch, capsys):
    keys = [trial.key for trial in read_study(file).trials]
    (tmp_path / "study-widths").mkdir()
    lines = [
        {"key": key, "run": key.rsplit(" ", 3)[0], "contender": key.split()[-3], "seed": int(key.split()[-2]),
         "solved": True, "score": 7.5, "steps": 256, "seconds": 0.5}
        for key in keys[:5]
    ]  # fmt: skip
    (tmp_path / "study-widths" / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert len(read(tmp_path / "study-widths").outcomes["cartpole", "wide"]) == 2
    made = []
    monkeypatch.setattr("operant.cli.study_trials.train", lambda trial, ends: made.append(trial.key))
    assert study(file, tmp_path) == 130
    assert made == keys[5:]


def test_a_missing_scipy_is_named_before_anything_is_trained(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert "pip install 'operant[study]'" in failing(capsys, file, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def kill_at_random(file, folder, kills, longest):
    """Starts the study `kills` times and kills it after random times, then lets it end; returns how many it met."""
    generator = random.Random(0)
    command = [sys.executable, "-m", "operant.cli.main", "study", str(file), "--runs", str(folder), "--jobs", "2"]
    done = 0
    for _ in range(kills):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(generator.uniform(0, longest))
        if process.poll() is None:
            kill = os.killpg if generator.random() < 0.5 else os.kill  # its processes with it, or end by themselves
            kill(process.pid, signal.SIGKILL)
            done += 1
        process.wait()
    assert subprocess.run(command, capture_output=True).returncode == 0
    return done


MANY = FILE.replace("seeds = 2", "seeds = 40").replace("seeds = 1\n", "seeds = 40\n")


def test_a_study_killed_at_random_moments_ends_with_the_same_table(file, tmp_path):
    file.write_text(MANY)
    assert kill_at_random(file, tmp_path / "killed", kills=4, longest=2.5) >= 2
    assert study(file, tmp_path / "whole") == 0
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
    assert len(table(tmp_path / "whole")) == 160


def test_thirty_seeds_of_cartpole_with_intervals_and_a_picture_take_twenty_seconds_of_two_cores(tmp_path):
    (tmp_path / "thirty.toml").write_text("""
        [study]
        environments = ["cartpole"]
        seeds = 30
        [contenders.ppo]
    """)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    operant = [sys.executable, "-m", "operant.cli.main"]
    where = ["--runs", str(tmp_path)]
    command = [*operant, "study", str(tmp_path / "thirty.toml"), "--jobs", "2", *where]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    subprocess.run([*operant, "plot", "thirty", *where], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "| cartpole | ppo | 500 | 30 of 30 | 500.0 (500.0 to 500.0) |" in printed
    assert (tmp_path / "study-thirty" / "curves.png").exists()
    # Processor time, because the machine that tests may be busy: 18 s on a busy one.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2 * 20


@pytest.mark.test_long("kills a study twenty times")
def test_a_study_killed_at_twenty_random_moments_ends_with_the_same_table(file, tmp_path):
    file.write_text(MANY)
    assert kill_at_random(file, tmp_path / "killed", kills=20, longest=1.5) >= 10
    assert study(file, tmp_path / "whole") == 0
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
