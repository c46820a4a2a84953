"""Draws two moving pictures of the docs: `python docs/films.py batch` and `python docs/films.py monitor`.

`batch` is many CartPoles, before and after training. `monitor` is `operant monitor` while Pendulum is trained; it needs
textual, and Chromium to turn its pictures into pixels.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from operant.environments.vector import OperantVectorEnv
from operant.models import PPO
from operant.models.algorithms.tuned import tuned

FOLDER = Path(__file__).with_name("pictures")
SEED = 3
QUALITY = 45


def save(name: str, frames: Sequence[Image.Image], seconds: float) -> None:
    """Writes frames, each shown for `seconds` but the last, which stays longer."""
    durations = [round(1000 * seconds)] * (len(frames) - 1) + [1500]
    path = FOLDER / f"{name}.webp"
    first, *rest = frames
    first.save(path, save_all=True, append_images=rest, duration=durations, loop=0, quality=QUALITY, method=6)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


COLUMNS, ROWS, CELL = 16, 6, (40, 36)
STEPS, EVERY = 60, 4  # of each half; steps between two frames
BACKGROUND, CART, POLE, FALLEN, INK = "#0d1117", "#768390", "#2f81f7", "#da3633", "#c9d1d9"


def batch() -> None:
    """96 CartPoles with the policy before training, then after it."""
    env_id, steps, frames = "operant/CartPole-v1", 32_768, []
    options = tuned(env_id, "ppo")
    del options["timesteps"]
    ppo = PPO(env_id, PPO.Config(**options), seed=SEED)
    for trained in (False, True):
        if trained:
            ppo.learn(steps)
        caption = f"after {steps:,} steps of PPO in the core" if trained else "before training: random actions"
        envs = OperantVectorEnv(env_id, COLUMNS * ROWS, autoreset_mode="Disabled", params={"low": -0.1, "high": 0.1})
        observations, _ = envs.reset(seed=SEED)
        lost = np.zeros(envs.num_envs, np.bool_)
        random = np.random.default_rng(SEED)
        for step in range(STEPS):
            if step % EVERY == 0:
                frames.append(_carts(observations, lost, caption))
            actions = ppo.predict(observations)[0] if trained else random.integers(0, 2, envs.num_envs)
            following, _, terminated, _, _ = envs.step(actions)
            observations = np.where(lost[:, None], observations, following)
            lost = lost | terminated
            if lost.any():
                envs.reset(options={"reset_mask": lost})  # they are drawn as they fell
    save("batch", frames, 0.14)


def _carts(observations: np.ndarray, lost: np.ndarray, caption: str) -> Image.Image:
    """A frame of all carts; those whose episode is over are red."""
    scale = 2  # drawn larger, then made smaller, which smooths the edges
    width, height = CELL[0] * scale, CELL[1] * scale
    picture = Image.new("RGB", (COLUMNS * width, ROWS * height + 26 * scale), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for index, (x, _, theta, _) in enumerate(observations.astype(float)):
        left = (index % COLUMNS + 0.5) * width + np.clip(x, -2.4, 2.4) * 0.16 * width
        floor = (index // COLUMNS + 1) * height - 6 * scale
        draw.rectangle((left - 6 * scale, floor - 3 * scale, left + 6 * scale, floor), fill=CART)
        tip = left + np.sin(theta) * 22 * scale, floor - np.cos(theta) * 22 * scale
        draw.line((left, floor - 3 * scale, *tip), fill=FALLEN if lost[index] else POLE, width=3 * scale)
    draw.text((8 * scale, ROWS * height + 4 * scale), caption, INK, ImageFont.load_default(14 * scale))
    return picture.resize((picture.width // scale, picture.height // scale), Image.Resampling.LANCZOS)


def monitor() -> None:
    """The first page of the monitor, once every few updates."""
    from operant.monitor.recorder import Recorder
    from operant.monitor.run_view import RunView
    from operant.monitor.screen import MonitorApp
    from operant.utils import RunDirectory

    env_id, steps, updates = "operant/Pendulum-v1", 180_000, 2
    options = tuned(env_id, "ppo")
    del options["timesteps"]
    algorithm = PPO(env_id, PPO.Config(**options), seed=SEED)

    async def film(folder: Path) -> None:
        names = {"environment": env_id, "algorithm": "ppo"}
        run = RunDirectory.create(folder, "pendulum-ppo", {}, total_steps=steps, **names)
        with Recorder(run, tensorboard=False) as recorder:
            app: Any = MonitorApp(RunView(run))
            async with app.run_test(size=(104, 32)) as pilot:
                for number, metrics in enumerate(algorithm.iterate(steps)):
                    recorder.record(metrics)
                    if number % updates == 1:
                        await pilot.pause(0.8)
                        (folder / f"{number:03d}.svg").write_text(app.export_screenshot())

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        asyncio.run(film(folder))
        save("monitor", [_pixels(path) for path in sorted(folder.glob("*.svg"))], 0.4)


def _pixels(svg: Path) -> Image.Image:
    picture = svg.with_suffix(".png")
    size, page = "--window-size=900,580", svg.with_suffix(".html")
    page.write_text(f'<body style="margin:0;background:#121212"><img width="900" src="{svg.name}"></body>')
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size)
    subprocess.run(["chromium", *options, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True)
    return Image.open(picture).convert("RGB").resize((720, 464), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    for film in sys.argv[1:]:
        {"batch": batch, "monitor": monitor}[film]()
