"""A user's own task on MuJoCo, from `operant new --mujoco` to a trained policy, judged by a class like Gymnasium's."""

import os
import pickle
import re
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from authored import forget_authored
from building import run
from gymnasium import spaces
from gymnasium.envs.mujoco import MujocoEnv
from judge import assert_same, compare
from snippets import run_snippets, snippets

import operant
from operant.cli.main import main
from operant.environments.vector import OperantVectorEnv
from operant.headers.descriptor import DescriptorError
from operant.headers.library import CompileError
from operant.headers.scaffold import write_scaffold
from operant.headers.trust import Untrusted, check_trust, remember

SECTION = "A task of your own"


@pytest.fixture(autouse=True)
def forgotten():
    yield
    forget_authored()


def write_walker(file="", old="", new=""):
    """Writes the scaffold into the present folder, in whose file `file` one text is replaced; returns the header."""
    paths = write_scaffold("walker", Path(), "mujoco")
    for path in paths:
        if path.suffix == file:
            assert old in path.read_text(), old
            path.write_text(path.read_text().replace(old, new))
    return paths[0]


class Walker(MujocoEnv):
    """walker.h in Python, in the way of Gymnasium's classes."""

    def __init__(self, xml_file, healthy_z_range=(0.7, np.inf), frame_skip=5):
        super().__init__(xml_file, frame_skip, None)
        size = self.model.nq - 1 + self.model.nv
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.healthy = healthy_z_range

    def observe(self):
        return np.concatenate([self.data.qpos[1:], np.clip(self.data.qvel, -10, 10)])

    def reset_model(self):
        qpos = self.init_qpos + self.np_random.uniform(-0.005, 0.005, self.model.nq)
        self.set_state(qpos, self.init_qvel + 0.005 * self.np_random.standard_normal(self.model.nv))
        return self.observe()

    def _get_reset_info(self):
        return {"x_position": self.get_body_com("torso")[0]}

    def step(self, action):
        before = self.get_body_com("torso")[0]
        self.do_simulation(action, self.frame_skip)
        x, _, z = self.get_body_com("torso")
        velocity = (x - before) / self.dt
        healthy = self.healthy[0] < z < self.healthy[1]
        cost, survive = 0.001 * np.sum(np.square(action)), float(healthy)
        infos = {"x_position": x, "x_velocity": velocity, "reward_forward": velocity, "reward_ctrl": -cost}
        infos["reward_survive"] = survive
        return self.observe(), velocity + survive - cost, not healthy, False, infos


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scaffold_returns_what_the_same_class_in_python_returns(mode, dtype):
    header = write_walker()
    how = {"healthy_z_range": (0.95, 1.2), "frame_skip": 3}
    ours = OperantVectorEnv(str(header), 3, autoreset_mode=mode, workers=2, max_episode_steps=20, **how)
    path = str(header.with_suffix(".xml").resolve())

    def make():
        return gym.wrappers.TimeLimit(Walker(path, **how), 20)

    theirs = gym.vector.SyncVectorEnv([make] * 3, autoreset_mode=gym.vector.AutoresetMode(mode))
    compare(ours, theirs, steps=60, dtype=dtype, scale=2.0)


def test_the_page_leads_from_nothing_to_a_trained_policy():
    operant_command = (sys.executable, "-m", "operant.cli.main")
    printed = ""
    for line in [line for snippet in snippets(SECTION, "mujoco.md", "sh") for line in snippet.splitlines()]:
        assert line.startswith("operant ")
        printed += run(*operant_command, *line.split()[1:])
    assert "wrote walker.h, walker.toml and walker.xml" in printed
    assert re.search(r"walker-v0: (compiled in [\d.]+ s by \w+ for MuJoCo|in the cache): ", printed)
    assert "walker-v0: 6 of 6 checks hold" in printed
    assert " steps in " in printed
    names = run_snippets(SECTION, "mujoco.md")
    assert names["observations"].shape == (8, 13) and {*names["infos"]} >= {"x_velocity", "reward_ctrl"}


def test_a_registered_task_is_an_id_in_every_form():
    header = write_walker()
    assert operant.register_env(header) == "walker-v0"
    envs, single = gym.make_vec("walker-v0", num_envs=2), gym.make("walker-v0")
    assert_same(single.reset(seed=3)[0], envs.reset(seed=3)[0][0], "reset")
    assert single.spec.max_episode_steps == 500
    env = single.unwrapped
    assert (env.dt, env.frame_skip) == (0.004 * 5, 5) and env.get_body_com("torso").shape == (3,)
    env.set_state(env.init_qpos, env.init_qvel)
    assert env.data.qpos[1] == 0
    twin = pickle.loads(pickle.dumps(envs))
    actions = envs.action_space.sample()
    assert_same(twin.step(actions)[0], envs.step(actions)[0], "copy")
    pool = operant.AsyncEnvPool(str(header), 4, batch_size=2)
    pool.async_reset(seed=0)
    assert pool.recv()[0].shape == (2, 13)
    pool.close()


@pytest.mark.parametrize(
    ("file", "old", "new", "error", "text"),
    [
        (".toml", "ctrl_cost_weight", "control_weight", ValueError, "walker.h lists the options .*ctrl_cost_weight"),
        (".toml", '["torso"]', '["torsoo"]', ValueError, "unknown body 'torsoo': did you mean 'torso'"),
        (".toml", "frame_skip", "frameskip", DescriptorError, "unknown key of a task on MuJoCo 'frameskip'"),
        (".toml", "frame_skip = 5", "frame_skip = 0", DescriptorError, "frame_skip = 0 must be an integer from 1 to"),
        (".toml", "frame_skip = 5", "frame_skip = 5000000000", DescriptorError, "integer from 1 to 1048576"),
        (".toml", "max_episode_steps = 500", "max_episode_steps = 5000000000", DescriptorError, "1 to 2147483647"),
        (".toml", "# reward_threshold = 1000", 'reward_threshold = "high"', DescriptorError, "'high' must be a number"),
        (".toml", '"mujoco"', '"bullet"', DescriptorError, "engine = 'bullet' must be 'mujoco'"),
        (".toml", "[0.7, inf]", "[0.7]", DescriptorError, r"options.healthy_z_range = \[0.7\] must be a number, true"),
        (".toml", "walker.xml", "walkr.xml", OSError, "walkr.xml does not exist"),
        (".toml", "nq = 3", "nq = 30", ValueError, "needs a model with nq of at least 30, but .* has 7"),
        (".toml", "nq = 3", "nqq = 3", ValueError, "needs: unknown size of a model 'nqq': did you mean 'nq'"),
        (".toml", "[0.7, inf]", f"1{'0' * 400}", DescriptorError, "options.healthy_z_range is an integer beyond the"),
        (".xml", 'joint="left_hip"', 'joint="left_hop"', ValueError, "walker.xml.* does not compile: .*left_hop"),
        (".h", "return c->nq - 1", "return nq - 1", CompileError, "walker.h:.*nq"),
        (".h", "double *walker_place(", "double *walker_places(", CompileError, "walker_place"),
    ],
)
def test_a_mistake_is_named_with_its_place(file, old, new, error, text):
    header = write_walker(file, old, new)
    with pytest.raises(error, match=text):
        operant.register_env(header)
    assert "walker-v0" not in gym.registry


def test_a_changed_header_is_compiled_again():
    header = write_walker()
    before = OperantVectorEnv(str(header), 1)
    header.write_text(header.read_text().replace("o->terminated = !healthy", "o->terminated = true"))
    after = OperantVectorEnv(str(header), 1)
    for envs, ends in ((before, False), (after, True)):
        envs.reset(seed=0)
        assert envs.step(np.zeros((1, 4)))[2].tolist() == [ends]


@pytest.mark.parametrize("file", [".h", ".toml", ".xml"])
def test_a_change_of_any_of_its_files_is_noticed(file, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    header = write_walker().resolve()
    with pytest.raises(Untrusted, match="which you have not trained, built or registered"):
        check_trust(str(header), "the checkpoint", "pass env=")
    remember(str(header))
    check_trust(str(header), "the checkpoint", "pass env=")
    path = header.with_suffix(file)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(Untrusted, match="which has changed since you"):
        check_trust(str(header), "the checkpoint", "pass env=")


def test_a_library_of_another_kind_or_person_is_refused(tmp_path):
    from operant._native import lib
    from operant.batch.core import load_with
    from operant.headers.library import TASK, build

    lander, _ = write_scaffold("lander", tmp_path / "other")
    with pytest.raises(ValueError, match="is not a library of a task on MuJoCo"):
        load_with(lib.operant_mujoco_load_task, build(lander).path)
    own = build(write_walker(), extra=(TASK,)).path
    os.chmod(own, 0o777)
    with pytest.raises(ValueError, match="is not a library that you compiled"):
        load_with(lib.operant_mujoco_load_task, own)
    own.unlink()


def test_commands_refuse_what_does_not_apply(capsys):
    write_walker()
    for arguments, said in (
        (["check", "walker.h", "--sanitize"], "check 'sanitize' is not for walker-v0, which is computed by mujoco"),
        (["new", "halfcheetah", "--mujoco"], "'halfcheetah' is a built-in environment"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert said in capsys.readouterr().err
