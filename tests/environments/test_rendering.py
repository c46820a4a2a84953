"""Frames, drawn by Gymnasium's own code from our state, have the same pixels as Gymnasium's."""

import gymnasium as gym
import numpy as np
import pygame
import pytest
from authored import write_lander
from gymnasium.wrappers.vector import HumanRendering, RecordEpisodeStatistics, RecordVideo
from support import actions_for, gymnasium_env, sync, vector

from operant.environments.rendering import reference_env, tile
from operant.environments.single import OperantEnv
from operant.headers.descriptor import read_descriptor


def test_a_frame_is_gymnasiums_pixel_for_pixel(classic_id):
    ours = gym.make(f"operant/{classic_id}", precision="float64", render_mode="rgb_array")
    theirs = gym.make(classic_id, render_mode="rgb_array")
    ours.reset(seed=2)
    theirs.reset(seed=2)
    for action in actions_for(ours.action_space, np.random.default_rng(0), (6,)):
        frame, expected = ours.render(), theirs.render()
        assert frame.dtype == np.uint8 and frame.shape == expected.shape
        assert (frame == expected).all()
        ours.step(action)
        theirs.step(action)
    ours.close()
    theirs.close()


def test_a_changed_length_is_drawn():
    ours = OperantEnv("CartPole-v1", render_mode="rgb_array", params={"half_length": 1.0})
    theirs = reference_env(ours.batch.spec, render_mode="rgb_array")
    theirs.length = 1.0
    ours.reset(seed=0)
    theirs.reset(seed=0)
    theirs.state = ours.state
    assert (ours.render() == theirs.render()).all()
    plain = OperantEnv("CartPole-v1", render_mode="rgb_array")
    plain.reset(seed=0)
    assert (ours.render() != plain.render()).any()


def test_the_vector_form_draws_a_bounded_number_of_environments():
    env = gym.make_vec("operant/CartPole-v1", num_envs=100, render_mode="rgb_array", render_envs=3)
    env.reset(seed=0)
    frames = env.render()
    assert type(frames) is tuple and len(frames) == 3
    assert len({frame.tobytes() for frame in frames}) == 3
    single = gym.make("operant/CartPole-v1", render_mode="rgb_array")
    single.reset(seed=1)
    assert (frames[1] == single.render()).all()
    env.close()


def test_by_default_at_most_16_environments_are_drawn():
    for num_envs, expected in ((20, 16), (2, 2)):
        env = vector("MountainCar-v0", num_envs, render_mode="rgb_array")
        env.reset(seed=0)
        assert len(env.render()) == expected
        env.close()


@pytest.mark.parametrize(
    "make",
    [lambda: OperantEnv("CartPole-v1", render_mode="human"), lambda: vector("CartPole-v1", 3, render_mode="human")],
    ids=["single", "vector"],
)
def test_human_mode_opens_one_window_and_closes_it(make):
    env = make()
    env.reset(seed=0)
    window = pygame.display.get_surface()
    assert window is not None
    for _ in range(2):
        env.step(env.action_space.sample())
        assert pygame.display.get_surface() is window
        assert env.render() is None
    picture = pygame.surfarray.array3d(window)
    assert len(np.unique(picture)) > 1
    env.close()
    assert not pygame.display.get_init()


def test_the_human_window_tiles_the_environments():
    env = vector("CartPole-v1", 5, render_mode="human", render_envs=4)
    env.reset(seed=0)
    assert pygame.display.get_surface().get_size() == (1200, 800)
    env.close()


def test_frames_are_tiled_row_by_row_and_missing_ones_are_black():
    frames = tuple(np.full((2, 3, 3), value, np.uint8) for value in (1, 2, 3))
    grid = tile(frames)
    assert grid.shape == (4, 6, 3)
    assert grid[:, :, 0].tolist() == [[1, 1, 1, 2, 2, 2]] * 2 + [[3, 3, 3, 0, 0, 0]] * 2


@pytest.mark.parametrize("num_envs, render_envs", [(1, None), (3, None), (17, 17)])
def test_gymnasiums_vector_recordvideo_records(tmp_path, num_envs, render_envs):
    envs = vector("Memory-v0", num_envs, render_mode="rgb_array", render_envs=render_envs)
    recorded = RecordVideo(RecordEpisodeStatistics(envs), str(tmp_path), episode_trigger=lambda episode: True)
    recorded.reset(seed=0)
    for _ in range(3):
        recorded.step(recorded.action_space.sample())
    assert len(recorded.render()) == num_envs
    recorded.close()
    assert [path.stat().st_size > 500 for path in tmp_path.glob("*.mp4")] == [True]


@pytest.mark.parametrize("render_envs, drawn", [(None, 16), (2, 2)])
def test_a_vector_wrapper_that_needs_more_frames_says_what_to_pass(tmp_path, render_envs, drawn):
    envs = vector("Memory-v0", 17, render_mode="rgb_array", render_envs=render_envs)
    recorded = RecordVideo(RecordEpisodeStatistics(envs), str(tmp_path), episode_trigger=lambda episode: True)
    needed = rf"needs a frame for each environment, 17 in all, but render\(\) draws {drawn}: .* render_envs=17"
    with pytest.raises(ValueError, match=f"RecordVideo {needed}"):
        recorded.reset(seed=0)
    with pytest.raises(ValueError, match=f"HumanRendering {needed}"):
        HumanRendering(envs).reset(seed=0)
    assert len(recorded.render()) == drawn  # which nobody counts


def test_recordvideo_records_the_first_of_any_number_of_environments(tmp_path):
    envs = vector("Memory-v0", 1000, render_mode="rgb_array", render_envs=1)
    recorded = RecordVideo(envs, str(tmp_path), record_first_only=True, episode_trigger=lambda episode: True)
    recorded.reset(seed=0)
    assert np.array_equal(recorded.recorded_frames, envs.render())
    recorded.close()


def test_without_a_render_mode_render_warns_and_returns_nothing(recwarn):
    for env in (vector("CartPole-v1", 2), OperantEnv("CartPole-v1")):
        env.reset(seed=0)
        assert env.render() is None
        assert any("render_mode" in str(warning.message) for warning in recwarn)
        recwarn.clear()


def test_drawing_does_not_change_the_environment(classic_id):
    drawn, plain = vector(classic_id, 2, render_mode="rgb_array"), vector(classic_id, 2)
    drawn.reset(seed=0)
    plain.reset(seed=0)
    for actions in actions_for(plain.single_action_space, np.random.default_rng(0), (3, 2)):
        drawn.render()
        assert drawn.step(actions)[0].tobytes() == plain.step(actions)[0].tobytes()
    assert gymnasium_env(classic_id).render_mode is None


def test_bad_render_options_are_named():
    with pytest.raises(ValueError, match="'rgb_aray': did you mean 'rgb_array'"):
        vector("CartPole-v1", 2, render_mode="rgb_aray")
    with pytest.raises(ValueError, match="render_envs=0"):
        vector("CartPole-v1", 2, render_mode="rgb_array", render_envs=0)


def test_the_vector_form_draws_the_torque_as_gymnasium_does():
    ours = vector("Pendulum-v1", 2, precision="float64", render_mode="rgb_array")
    theirs = gym.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync", render_mode="rgb_array")
    ours.reset(seed=0)
    theirs.reset(seed=0)
    actions = np.array([[2.0], [-0.5]], np.float32)
    ours.step(actions)
    theirs.step(actions)
    for mine, other in zip(ours.render(), theirs.render(), strict=True):
        assert np.array_equal(mine, other)


@pytest.mark.parametrize("every", [1, 3])
def test_a_taxi_keeps_its_heading_while_it_picks_up_its_passenger(mode, every):
    """Gymnasium's taxi faces in the direction of the last move that was drawn in its episode."""
    options = {"precision": "float64", "render_mode": "rgb_array", "max_episode_steps": 9}
    ours = vector("Taxi-v4", 2, autoreset_mode=mode, **options)
    theirs = sync("Taxi-v4", 2, mode, render_mode="rgb_array", max_episode_steps=9)
    ours.reset(seed=0), theirs.reset(seed=0)
    faces = set()
    for step, actions in enumerate(np.random.default_rng(0).integers(0, 6, (16, 2))):
        over = np.logical_or(*ours.step(actions)[2:4])
        theirs.step(actions)
        if mode == "Disabled" and over.any():
            ours.reset(options={"reset_mask": over}), theirs.reset(options={"reset_mask": over})
        if step % every == 0:
            frames = ours.render()
            assert all((frame == expected).all() for frame, expected in zip(frames, theirs.render(), strict=True))
            faces |= {
                env.unwrapped.taxi_orientation for env, action in zip(theirs.envs, actions, strict=True) if action > 3
            }
    assert len(faces) > 1
    ours.close(), theirs.close()


def test_a_single_taxi_faces_south_again_after_a_reset_that_was_not_drawn():
    ours = gym.make("operant/Taxi-v4", precision="float64", render_mode="rgb_array")
    theirs = gym.make("Taxi-v4", render_mode="rgb_array")
    for env in (ours, theirs):
        env.reset(seed=0)
        env.step(2)
        env.render()
        env.reset()
        env.step(4)
    assert (ours.render() == theirs.render()).all()
    ours.close(), theirs.close()


@pytest.mark.parametrize("reference", ["subprocess:Popen", "os:system", "os:missing", "gymnasium:make"])
def test_a_descriptor_cannot_have_any_callable_called_as_its_reference(tmp_path, reference):
    ran = tmp_path / "ran"
    arguments = f'reference_arguments = {{args = ["touch", "{ran}"], command = "touch {ran}"}}'
    header = write_lander(tmp_path, descriptor=("# render_fps = 30", f'reference = "{reference}"\n{arguments}'))
    with pytest.raises(ValueError, match=rf"lander-v0 names {reference}, no class with reset and step"):
        reference_env(read_descriptor(header))
    assert not ran.exists()
