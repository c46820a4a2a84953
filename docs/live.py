"""Writes the live pages: `make web`, or `python docs/live.py FOLDER`. Each is one file that opens from disk.

`make docs` puts them into the folder live/ of the site.
"""

import sys
from pathlib import Path

from operant.catalog import CATALOG, specs_by_header
from operant.models import PPO
from operant.models.algorithms.configs import PPOConfig
from operant.models.algorithms.tuned import TUNED
from operant.models.export.html_page import policy_facts
from operant.web.modules import load_modules
from operant.web.page import environment_facts, page

GALLERY = """<p>Every environment of operant, stepped in this page by the C core that <code>pip install operant</code>
has.</p>"""
LEARN = """<p>PPO in the core learns CartPole in this page, from nothing, in a few seconds. It multiplies and adds
where other machines round once (a fused multiply-add, which browsers do not have): so the weights have other bits than
those of <code>examples/train.c</code>, and the same in every browser.</p>"""
DISTURB = "<p>Policies that PPO in the core has trained play in this page. Push them with the mouse or a finger.</p>"
TITLES = {
    "gallery": "Thousands of environments at once",
    "learn": "A policy that learns while you watch",
    "disturb": "Disturb a trained policy",
}
POLICIES = {"CartPole-v1": 200_000, "Pendulum-v1": 400_000, "Acrobot-v1": 400_000}
"""The environments of the page of trained policies, and the steps of their training, with seed 1."""


def gallery() -> str:
    """Thousands of any environment at once."""
    facts = [environment_facts(spec) for spec in specs_by_header().values()]
    return page("gallery", TITLES["gallery"], GALLERY, {"environments": facts}, load_modules())


def learn() -> str:
    """A policy that learns while one watches."""
    facts = environment_facts(CATALOG["CartPole-v1"])
    return page("learn", TITLES["learn"], LEARN, {"environment": facts}, load_modules())


def disturb() -> str:
    """Trained policies to disturb. The same seed gives the same weights on every machine."""
    policies = []
    for name, steps in POLICIES.items():
        options = {key: value for key, value in TUNED[name]["ppo"].items() if key != "timesteps"}
        algorithm = PPO(f"operant/{name}", PPOConfig(**options, backend="native"), seed=1)
        algorithm.learn(steps)
        policies.append(policy_facts(algorithm, f"Trained for {algorithm.steps:,} steps."))
        algorithm.close()
    return page("play", TITLES["disturb"], DISTURB, {"policies": policies}, load_modules())


def write(folder: Path) -> None:
    """Writes all live pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for make in (gallery, learn, disturb):
        (folder / f"{make.__name__}.html").write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
