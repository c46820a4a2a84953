"""Makes a page for each environment from its header, its descriptor and what the written pages say of it.

A new environment has its page by itself: what is needed is its header and its descriptor in the catalog.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import gymnasium
import numpy as np
import pictures
from gymnasium.spaces import Box, Space

from operant.batch.core import defaults, parameters
from operant.catalog import CATALOG, ENGINES, MULTIAGENT
from operant.environments.spaces import action_space, observation_bounds, observation_space
from operant.spec import EnvSpec, spans

DOCS = Path(__file__).resolve().parent
NATIVE = DOCS.parent / "native"
ROWS = {"facts": ("mujoco.md",), "speed": ("benchmarks.md",)}
"""The pages whose tables state something of an environment: a row that begins with its id."""


def specs() -> dict[str, EnvSpec]:
    """The descriptor of each environment, by the name of its page."""
    every = (*CATALOG.values(), *MULTIAGENT.values(), *ENGINES.values())
    return {page_name(spec): spec for spec in every}


def page_name(spec: EnvSpec) -> str:
    """The name of an environment's page, such as "cartpole-v1"."""
    return spec.id.lower()


def groups() -> dict[str, list[str]]:
    """The pages of all environments, by the heading under which they are listed."""
    found: dict[str, list[str]] = {}
    for name, spec in specs().items():
        found.setdefault(_group(spec), []).append(name)
    return found


def _group(spec: EnvSpec) -> str:
    if spec.engine:
        return "MuJoCo"
    if spec.agents:
        return "Several agents"
    if "classic_control" in spec.reference:
        return "Classic control"
    return "Toy text" if _judge(spec) == "Gymnasium" else "Of our own"


def _judge(spec: EnvSpec) -> str:
    """Whose environment the exact build equals."""
    if spec.engine or spec.id in gymnasium.registry:
        return "Gymnasium"
    return "mpe2" if spec.reference.startswith("mpe2") else "Python"


def page(spec: EnvSpec) -> str:
    """The page of an environment, with links relative to this folder."""
    parts = [
        f"# {spec.id}",
        spec.summary,
        *_picture(spec),
        *_live(spec),
        _table(_facts(spec)),
        _make(spec),
        *_said(spec),
    ]
    parts += [_observation(spec), *_state(spec), *_parameters(spec), *_exactness(spec), *_speed(spec), _physics(spec)]
    return "\n\n".join(parts) + "\n"


def _picture(spec: EnvSpec) -> Iterator[str]:
    if spec.header in pictures.specs():
        yield f"![{spec.id} in motion](pictures/{spec.header}.webp)"


def _live(spec: EnvSpec) -> Iterator[str]:
    if not spec.engine:
        yield f"[Step thousands of them in your browser](live/gallery.html?environment={spec.header})"


def _make(spec: EnvSpec) -> str:
    return f"""```python
import gymnasium as gym
import operant

envs = gym.make_vec("{spec.full_id}", num_envs=64)
observations, infos = envs.reset(seed=0)
observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
```"""


def _said(spec: EnvSpec) -> Iterator[str]:
    """The text of environments.md under the environment's heading, without its picture."""
    sections = re.split(r"^##+ (.+)\n", (DOCS / "environments.md").read_text(), flags=re.MULTILINE)
    for heading, text in zip(sections[1::2], sections[2::2], strict=True):
        if spec.id in heading.split(", "):
            yield "## Task\n\n" + re.sub(r"^!\[.*\)\n", "", text.strip(), flags=re.MULTILINE).strip()


def _facts(spec: EnvSpec) -> list[tuple[str, str]]:
    values = defaults(spec) if not spec.engine else {}
    rows = [("id", f"`{spec.full_id}`")]
    rows += [("observation space", _space(observation_space(spec, values, values)))]
    rows += [("action space", _space(action_space(spec, values)))]
    rows += [("time limit", f"{spec.max_episode_steps} steps" if spec.max_episode_steps else "none")]
    if spec.reward_threshold is not None:
        rows.append(("solved at", f"a mean return of {spec.reward_threshold:g}"))
    if spec.agents:
        rows.append(("agents", ", ".join(f"`{agent}`" for agent in spec.agents)))
    for place, name in enumerate(spec.variant_options):
        rows.append((f"option `{name}`", ", ".join(dict.fromkeys(f"`{key[place]}`" for key in spec.variants))))
    for names in spec.joint_options:
        rows.append(
            (f"option{'s' * (len(names) > 1)} {', '.join(f'`{name}`' for name in names)}", "set several parameters")
        )
    if spec.engine and spec.task.below:
        rows.append(("needs", f"MuJoCo before {'.'.join(map(str, spec.task.below))}"))
    if spec.engine and spec.id.endswith("-v4"):
        rows.append(("more", "[mujoco.md](mujoco.md#v4)"))
    for page_of, headings, cells in _stated(spec, ROWS["facts"]):
        rows += [
            (heading, cell)
            for heading, cell in zip(headings, cells, strict=True)
            if heading not in ("observation", "action")
        ]
        rows.append(("more", f"[{page_of}]({page_of})"))
    return rows


def _space(space: Space) -> str:
    if isinstance(space, Box) and (space.shape[0] > 4 or not space.is_bounded()):
        alike = all(len(np.unique(bound)) == 1 for bound in (space.low, space.high)) and space.is_bounded()
        bounds = f"{space.low.flat[0]:g}, {space.high.flat[0]:g}, " if alike else ""
        return f"`Box({bounds}{space.shape}, {space.dtype})`"
    return f"`{space}`"


def _observation(spec: EnvSpec) -> str:
    values = defaults(spec) if not spec.engine else {}
    low, high = observation_bounds(spec, values, values)
    rows = []
    for part, span in spans(spec.observation):
        shape = f" `{list(part.shape)}`" if part.shape else ""
        rows.append((f"`{part.name}`{shape}", *(f"{np.float32(bound[span][0]):g}" for bound in (low, high))))
    text = "## Observation\n\n" + _table(rows, ("component", "lowest", "highest"))
    for agent, size in zip(spec.agents, spec.observation_sizes, strict=False):
        if size < spec.observation_size:
            text += f"\n\n`{agent}` observes only the first {size} components."
    return text


def _state(spec: EnvSpec) -> Iterator[str]:
    if spec.state:
        rows = [(f"`{part.name}`" + (f" `{list(part.shape)}`" if part.shape else ""), part.unit) for part in spec.state]
        yield "## State\n\nWhat a snapshot (`get_state`) holds of the physics.\n\n" + _table(rows, ("member", "unit"))


def _parameters(spec: EnvSpec) -> Iterator[str]:
    if spec.engine:
        rows = [(f"`{name}`", f"`{value}`") for name, value in spec.task.options.items()]
        if not rows:
            return
        yield "## Options\n\nArguments of `make` and `make_vec`, with Gymnasium's defaults.\n\n" + _table(
            rows, ("option", "default")
        )
        return
    options = {name: option for option, name in spec.options.items()}
    rows = []
    for part in parameters(spec):
        theirs = options.get(part.name) or spec.attribute(part.name)
        shown = f"`{theirs}`" if theirs and theirs != part.name else ""
        rows.append((f"`{part.name}`", f"{part.default:.12g}", part.unit, f"{part.low:g} to {part.high:g}", shown))
    if not rows:
        return
    name = rows[0][0].strip("`")
    default = rows[0][1]
    headings = ("parameter", "default", "unit", "allowed", f"{'mpe2' if spec.agents else 'Gymnasium'}'s name")
    if not any(row[4] for row in rows):
        headings, rows = headings[:4], [row[:4] for row in rows]
    yield (
        "## Parameters\n\n"
        f'Set them with `params={{"{name}": {default}}}`, for all environments or `[N]` for each, or draw them for '
        f'every episode with `randomize={{"{name}": (low, high)}}`.\n\n' + _table(rows, headings)
    )


def _exactness(spec: EnvSpec) -> Iterator[str]:
    text = (DOCS / "exactness.md").read_text()
    judge = {
        "Gymnasium": f"Gymnasium's `{spec.id}` returns",
        "mpe2": f"mpe2's `{spec.id.replace('-', '_')}` returns",
        "Python": f"the plain Python class `{spec.reference.replace(':', '.')}` returns",
    }[_judge(spec)]
    returned = f"returns what {judge} from the same seeds"
    if spec.engine:
        yield f'## Exactness\n\n`precision="float64"`, the default, {returned} on the same MuJoCo, bit for bit.'
        return
    said = f'`precision="float64"` {returned}, bit for bit.'
    certificate = re.search(rf"^\| `{spec.header}` \| `(\w{{16}})` \|", text, re.MULTILINE)
    ulps = re.search(rf"^\| `{spec.header}` \| ([\d., ]+) \| ([\d., ]+) \| ([\d., ]+) \|", text, re.MULTILINE)
    if ulps:
        said += f" One step of the float32 build stays within {ulps[1]} ulps of an exact one (each member of the state)"
        said += f" and {ulps[3].strip()} for the reward."
    if certificate:
        said += f" The float32 certificate is `{certificate[1]}` on every CPU."
    yield f"## Exactness\n\n{said} [exactness.md](exactness.md) says what that means."


def _speed(spec: EnvSpec) -> Iterator[str]:
    alike = (
        each for each in specs().values() if each.header == spec.header
    )  # another version's row is this one's, too
    stated = (row for each in (spec, *alike) for row in _stated(each, ROWS["speed"]))
    for page_of, headings, cells in islice(stated, 1):
        rows = [
            (heading, cell)
            for heading, cell in zip(headings, cells, strict=True)
            if cell and heading not in ("", "wanted")
        ]
        yield f"## Speed\n\nMeasured as [{page_of}]({page_of}) describes.\n\n" + _table(rows)


def _stated(spec: EnvSpec, pages: Sequence[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Rows about an environment in tables of other pages: the page, the headings and the cells after the first."""
    for name in pages:
        headings: list[str] = []
        for line in (DOCS / name).read_text().splitlines():
            cells = [cell.strip() for cell in line.strip()[1:-1].split("|")] if line.startswith("|") else []
            if not cells:
                headings = []
            elif not headings:
                headings = cells
            elif cells[0].strip("`") == spec.id and len(cells) == len(headings):
                yield name, headings[1:], cells[1:]


def _physics(spec: EnvSpec) -> str:
    """The headers, the equations among them, as they are compiled."""
    place = NATIVE / "engines" / spec.engine if spec.engine else NATIVE / "envs"
    header = next(
        path for path in (place / f"{spec.header}.h", place / "variants" / f"{spec.header}.h") if path.exists()
    )
    files = [header]
    files += [NATIVE / name for name in re.findall(r'^#include "(envs/.+)"', header.read_text(), re.MULTILINE)]
    text = "## Equations\n\n"
    text += "The task's reward, end and observation" if spec.engine else "All of the physics"
    text += ", as it is compiled. [Add an environment](add-an-environment.md) explains the language.\n"
    for file in files:
        text += f"\n`native/{file.relative_to(NATIVE)}`:\n\n```c\n{file.read_text()}```\n"
    return text


def _table(rows: Sequence[Sequence[str]], headings: Sequence[str] = ("", "")) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def index() -> str:
    """The page that lists all environments, with a picture of each."""
    text = "# Environments, one by one\n\nEach has a page of its own, made from its header and its descriptor.\n"
    found: Mapping[str, EnvSpec] = specs()
    for group, names in groups().items():
        text += f"\n## {group}\n\n"
        rows = []
        for name in names:
            spec = found[name]
            rows.append((next(_picture(spec), ""), f"[{spec.id}](environments/{name}.md)", spec.summary))
        text += _table(rows, ("", "id", "task")) + "\n"
    return text
