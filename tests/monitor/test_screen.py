import asyncio
import os
import subprocess
import sys
import time

import pytest
from building import needs

from operant.monitor.curve import thinned
from operant.monitor.recorder import Recorder
from operant.monitor.run_view import RunView
from operant.monitor.screen import MonitorApp
from operant.monitor.summary import status_lines
from operant.utils import RunDirectory

TITLES = {
    "1": ["Episode return", "Episode length", "Steps per second", "Explained variance"],
    "2": ["Policy loss", "Value loss", "Entropy", "Approximate KL", "Clip fraction"],
    "3": ["Steps per second", "Time per update"],
    "4": ["CPU of the run", "CPU of the machine", "Memory of the run", "Memory of the machine"],
}


def metrics(update):
    return {
        "steps": 8192 * update,
        "seconds": 0.5 * update,
        "steps_per_second": 16384.0,
        "episode_return": 10.0 * update,
        "episode_length": 20.0 * update,
        "policy_loss": -0.01,
        "value_loss": 30 / update,
        "entropy": 0.69,
        "approximate_kl": 0.01,
        "clip_fraction": 0.1,
        "explained_variance": 0.9,
        "seconds_rollout": 0.125,
        "seconds_update": 0.25,
    }


@pytest.fixture
def run(tmp_path):
    return RunDirectory.create(
        tmp_path, "cartpole-ppo", {}, environment="operant/CartPole-v1", algorithm="ppo", total_steps=81920
    )


def text(app):
    """Returns the text on the screen."""
    return "\n".join(
        "".join(segment.text for segment in line) for line in app.screen._compositor.render_strips(app.screen.size)
    )


async def shows(app, pilot, *texts):
    """Waits until all of `texts` are on the screen, and returns it."""
    for _ in range(200):
        screen = text(app)
        if all(part in screen for part in texts):
            return screen
        await pilot.pause(0.05)
    raise AssertionError(f"{texts} did not appear:\n{screen}")


def watch(run, scenario, size=(120, 40)):
    """Runs `scenario(app, pilot)` without a terminal."""

    async def main():
        app = MonitorApp(RunView(run))
        async with app.run_test(size=size) as pilot:
            await pilot.pause(0.2)
            await scenario(app, pilot)
        return app

    return asyncio.run(main())


def test_every_page_shows_its_curves_with_their_newest_values(run):
    recorder = Recorder(run, tensorboard=False)
    for update in (1, 2, 3):
        recorder.record(metrics(update))

    async def scenario(app, pilot):
        for key, titles in TITLES.items():
            await pilot.press(key)
            screen = await shows(app, pilot, *titles)
            assert "no data" not in screen.replace("CPU of the run (of one core): no data", "")
        await pilot.press("1")
        await shows(app, pilot, "Episode return: 30", "Episode length: 60", "Steps per second: 16.4k")
        await pilot.press("3")
        await shows(app, pilot, "rollout 125 ms", "update 250 ms", "other 0 ms")

    watch(run, scenario)
    recorder.close()


def test_the_status_line_follows_the_run(run):
    recorder = Recorder(run, tensorboard=False)

    async def scenario(app, pilot):
        start = f"{run.id} | operant/CartPole-v1 | ppo | "
        await shows(app, pilot, f"{start}- / 81.9k steps | running  waiting for the first update")
        recorder.record(metrics(1))
        recorder.record(metrics(2))
        # 65536 steps remain at 8192 in half a second.
        await shows(app, pilot, f"{start}16.4k / 81.9k steps | 4 s left | running", "Episode return: 20")
        recorder.close("interrupted")
        await shows(app, pilot, f"{start}16.4k / 81.9k steps | interrupted")

    watch(run, scenario)


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
def test_a_narrow_terminal_shows_progress_time_left_and_status_whole(tmp_path, size):
    names = {"environment": "operant/CartPole-v1", "algorithm": "ppo"}
    run = RunDirectory.create(tmp_path, "cartpole-ppo-with-a-long-name", {}, total_steps=81920, **names)
    with Recorder(run, tensorboard=False) as recorder:
        recorder.record(metrics(1))
        recorder.record(metrics(2))

        async def scenario(app, pilot):
            parts = (run.id, *names.values(), "16.4k / 81.9k steps", "4 s left", "running")
            await shows(app, pilot, *parts, "Episode return", "4 Machine")
            await pilot.resize_terminal(200, 50)
            await shows(app, pilot, " | ".join(parts))

        watch(run, scenario, size)


def test_lines_of_the_status_divide_no_part(run):
    view = RunView(run)
    assert status_lines(view) == f"{run.id} | operant/CartPole-v1 | ppo | - / 81.9k steps | starting"
    assert status_lines(view, 50) == f"{run.id} | operant/CartPole-v1\nppo | - / 81.9k steps | starting"
    assert status_lines(view, 1).splitlines() == [run.id, "operant/CartPole-v1", "ppo", "- / 81.9k steps", "starting"]


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_q_quits_and_leaves_the_run_alone(run, key):
    with Recorder(run, tensorboard=False) as recorder:
        recorder.record(metrics(1))
        before = run.metrics_path.read_bytes()

        async def scenario(app, pilot):
            await pilot.press(key)
            while app.is_running:
                await pilot.pause(0.05)

        watch(run, scenario)
        assert run.metrics_path.read_bytes() == before
        recorder.record(metrics(2))
    assert len(run.csv_path.read_text().splitlines()) == 3


def test_a_resumed_run_is_followed_into_its_new_file(run):
    with Recorder(run, tensorboard=False) as recorder:
        recorder.record(metrics(1))
        recorder.record(metrics(2))
    view = RunView(run)
    run.restart()
    with Recorder(run, tensorboard=False, resume_at=8192) as recorder:
        recorder.record(metrics(3))
        view.refresh()
        assert view.status == "running"
        assert view.column("steps").tolist() == [8192, 24576]


def test_without_a_metrics_file_the_csv_is_shown(run):
    with Recorder(run, tensorboard=False) as recorder:
        recorder.record(metrics(1))
        recorder.record(metrics(2))
    run.metrics_path.write_bytes(b"damaged")
    view = RunView(run)
    assert view.column("episode_return").tolist() == [10, 20]
    assert "is not a metrics file" in view.problem


def test_a_small_terminal_and_an_empty_run_are_no_error(run):
    async def scenario(app, pilot):
        for key in "1234":
            await pilot.press(key)
            await pilot.pause(0.1)
        await pilot.resize_terminal(20, 6)
        await shows(app, pilot, run.id[:10])

    watch(run, scenario)


def test_many_points_are_thinned_to_means():
    import numpy as np

    x, y = thinned(np.arange(800.0), np.arange(800.0) * 2)
    assert x.tolist() == [2 * k + 0.5 for k in range(400)]
    assert y.tolist() == [4 * k + 1.0 for k in range(400)]
    assert thinned(np.arange(3.0), np.arange(3.0))[1].tolist() == [0, 1, 2]


# In a real terminal, beside a real training process.

IMPORTED_FROM = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]
TRAINER = """
import sys, time
sys.path[:0] = sys.argv[2:]
from test_screen import metrics
from operant.monitor.recorder import Recorder
from operant.utils import RunDirectory
run = RunDirectory.create(sys.argv[1], "cartpole-ppo", {}, environment="operant/CartPole-v1", algorithm="ppo")
with Recorder(run, tensorboard=False) as recorder:
    for update in range(1, 10**6):
        recorder.record(metrics(update))
        print(run.id, flush=True)
        time.sleep(0.05)
"""


class Terminal:
    """A separate tmux server with one window."""

    def __init__(self, folder):
        self._command = ["tmux", "-S", str(folder / "tmux.socket"), "-f", "/dev/null"]

    def run(self, *arguments):
        # pytest-xdist's workers set COLUMNS, which would override the terminal's. tmux derives from the locale that the
        # terminal can show more than ASCII.
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment |= {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        return subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, env=environment, timeout=30, check=False
        )

    def wait_for(self, *texts):
        """Waits until all of `texts` are on the screen, and returns it."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            screen = self.run("capture-pane", "-p").stdout
            if all(text in screen for text in texts):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"{texts} did not appear:\n{screen}")


@pytest.fixture
def terminal(tmp_path):
    needs("tmux", "tmux")
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.run("kill-server")


def test_monitors_in_a_terminal_attach_detach_and_see_the_crash(tmp_path, terminal):
    folder = tmp_path / "runs"
    trainer = subprocess.Popen(
        [sys.executable, "-c", TRAINER, folder, *IMPORTED_FROM], stdout=subprocess.PIPE, text=True
    )
    try:
        run_id = trainer.stdout.readline().strip()
        monitor = f"{sys.executable} -m operant.cli.main monitor --runs {folder}"
        terminal.run("new-session", "-d", "-x", "130", "-y", "40", f"{monitor} {run_id[:10]}; sleep 100")
        terminal.wait_for(*TITLES["1"], run_id, "operant/CartPole-v1", "| running")
        terminal.run("send-keys", "2")
        terminal.wait_for(*TITLES["2"])
        terminal.run("send-keys", "q")
        end = time.monotonic() + 20
        while "Policy loss" in terminal.run("capture-pane", "-p").stdout:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert trainer.poll() is None
        terminal.run("respawn-pane", "-k", f"{monitor} --latest")
        terminal.wait_for(*TITLES["1"], "| running")
        trainer.kill()
        terminal.wait_for(*TITLES["1"], "| crashed")
    finally:
        trainer.kill()
        trainer.communicate()
