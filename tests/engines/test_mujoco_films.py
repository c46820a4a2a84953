"""Films of MuJoCo's tasks, for which Gymnasium needs MoviePy: the oldest MuJoCo is tested without it."""

from drawing import run_with_egl

FILMED = """
import gymnasium as gym, numpy as np, operant
def film(env_id):
    env = gym.make(env_id, render_mode="rgb_array", width=64, height=64)
    env = gym.wrappers.RecordVideo(env, "film", video_length=9, disable_logger=True)
    env.reset(seed=0)
    for t in range(3):
        env.step(np.full(env.action_space.shape, 0.3, np.float32))
    frames = np.stack(env.recorded_frames)
    env.recorded_frames.clear()  # so that nothing is encoded
    env.recording = False
    env.close()
    return frames
ours, theirs = film("operant/Ant-v5"), film("Ant-v5")
assert len(theirs) == 4 and (theirs[0] != theirs[3]).any() and np.array_equal(ours, theirs)
print("same")
"""


def test_a_film_is_gymnasiums_picture_by_picture(monkeypatch):
    run_with_egl(monkeypatch, FILMED)
