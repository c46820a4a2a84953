"""Memory-v0 asks for a cue that is no longer visible."""

import numpy as np
import pytest
from support import physical, vector

from operant.cli.run_config import merge
from operant.cli.study_config import Trial
from operant.cli.study_trials import train
from operant.cli.trials import one_thread
from operant.conformance.parity import parity
from operant.environments.lookup import find_spec
from operant.environments.single import OperantEnv
from operant.models import PPO
from operant.models.algorithms.tuned import tuned
from operant.models.evaluation import evaluate

ID = "operant/Memory-v0"


def episode(env, answer):
    """Observations and rewards of an episode in which the answer is `answer` throughout."""
    observations, rewards, terminated = [env.reset(seed=0)[0].tolist()], [], False
    while not terminated:
        observation, reward, terminated, _, _ = env.step(answer)
        observations.append(observation.tolist())
        rewards.append(reward)
    return observations, rewards


def test_the_exact_build_is_the_plain_python_class_bit_for_bit():
    assert "operant.reference.memory:Memory bit for bit" in parity(find_spec(ID))


def test_the_cue_is_shown_once_then_nothing_then_the_question(precision):
    env = OperantEnv(ID, precision=precision, params={"delay": 3})
    env.reset(seed=0)
    observations, rewards = episode(env, 0)
    cue = observations[0][0]
    assert abs(cue) == 1
    assert observations[:-1] == [[cue, 0], [0, 0], [0, 0], [0, 0], [0, 1]]
    assert rewards == [0, 0, 0, 0, 1 if cue == -1 else 0]
    assert episode(env, 1)[1][-1] == 1 - rewards[-1]


@pytest.mark.parametrize("delay, length", [(0, 2), (1, 3), (8, 10), (998, 1000)])
def test_an_episode_is_the_delay_and_two_steps_more(delay, length, precision):
    env = OperantEnv(ID, precision=precision, params={"delay": delay})
    assert len(episode(env, 1)[1]) == length


def test_either_cue_has_equal_chances(precision):
    env = vector(ID, 16_384, precision=precision)
    cues = env.reset(seed=0)[0][:, 0]
    assert set(cues.tolist()) == {-1.0, 1.0}
    assert abs(cues.mean()) < 4.5 / 128  # standard errors of 16,384 cues


def answers(num_envs, policy):
    """The mean return of first episodes, and the observations that ask the question."""
    env = vector(ID, num_envs, autoreset_mode="Disabled")
    observations, _ = env.reset(seed=0)
    for _ in range(9):
        observations, rewards, terminated, _, _ = env.step(policy(observations))
        assert not rewards.any() and not terminated.any()
    questions = observations
    _, rewards, terminated, truncated, _ = env.step(policy(observations))
    assert terminated.all() and not truncated.any()
    return rewards.mean(), questions


def test_the_question_is_the_same_for_both_cues_so_no_answer_without_memory_beats_chance():
    for answer in (0, 1):
        mean, questions = answers(16_384, lambda seen, answer=answer: np.full(len(seen), answer))
        assert (questions == [0, 1]).all()
        assert mean == pytest.approx(0.5, abs=4.5 * 0.5 / 128)


def test_an_agent_that_remembers_is_always_right():
    remembered = np.zeros(4096)

    def remember(seen):
        np.copyto(remembered, seen[:, 0], where=seen[:, 0] != 0)
        return (remembered > 0).astype(np.int64)

    assert answers(4096, remember)[0] == 1


def test_operant_train_solves_it_with_its_lstm():
    outcome = train(Trial("memory", "ppo", one_thread(merge({"environment": "memory"}, {}))), lambda steps, mean: False)
    assert outcome["solved"] and outcome["steps"] <= 200_000
    assert outcome["score"] >= 0.99  # of 100 other episodes


def test_training_an_mlp_does_not_help():
    options = tuned(ID, "ppo") | {"lstm": 0, "threads": 1}
    del options["timesteps"]
    ppo = PPO(ID, PPO.Config(**options), seed=0).learn(20_000)
    right = evaluate(ppo, ID, 4096, seed=1_000_000).mean()
    ppo.close()
    assert right == pytest.approx(0.5, abs=4.5 * 0.5 / 64)


def test_delays_may_differ_from_episode_to_episode():
    env = vector(ID, 256, randomize={"delay": (2, 12)}, autoreset_mode="Disabled")
    env.reset(seed=0)
    lengths = np.zeros(256, int)
    for step in range(1, 14):
        terminated = env.step(np.zeros(256, np.int64))[2]
        lengths[terminated & (lengths == 0)] = step
        if terminated.any():
            env.reset(options={"reset_mask": terminated})
    # It asks at the first whole number above the delay, 3 to 12, and the answer is the step after.
    assert set(lengths.tolist()) == set(range(4, 14))


def test_the_same_numbers_in_both_builds():
    """No number is rounded, so a fast step equals an exact one."""
    states = []
    for precision in ("float32", "float64"):
        env = vector(ID, 64, precision=precision, autoreset_mode="Disabled")
        env.reset(seed=0)
        records = env.get_state()
        records["cue"], records["time"] = np.where(np.arange(64) % 2, 1, -1), np.arange(64) % 10
        env.set_state(records)
        observations, rewards, terminated, _, _ = env.step((np.arange(64) // 2) % 2)
        states.append((physical(env), observations, rewards.astype(float), terminated))
    for mine, other in zip(*states, strict=True):
        assert (mine == other).all()


def test_a_frame_is_blue_or_red_for_the_cue_and_yellow_for_the_question():
    env = OperantEnv(ID, render_mode="rgb_array", params={"delay": 1})
    env.reset(seed=0)
    seen = []
    for cue in (-1, 1):
        env.state = [cue, 0]
        seen.append(env.render()[60, 60].tolist())
    for time in (1, 2):
        env.state = [1, time]
        seen.append(env.render()[60, 60].tolist())
    assert seen == [[70, 120, 180], [200, 80, 70], [238, 238, 238], [250, 215, 120]]
    assert env.render().shape == (120, 120, 3)
