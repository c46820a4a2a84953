"""lander.toml and lander.py say the same, and what is wrong in them is named with the file."""

import math
import py_compile
import sys

import pytest
from authored import write_lander

from operant.headers.descriptor import DescriptorError, read_descriptor, struct_members
from operant.headers.library import check_header
from operant.spec import EnvSpec, Observation, Quantity

FLUENT = """
from operant.spec import EnvSpec, Observation, Quantity

SPEC = EnvSpec(
    id="lander-v3",
    header="anything",
    summary="In Python.",
    state=(Quantity("height", "m"), Quantity("speed", "m/s")),
    observation=(Observation("height", 0, 40), Observation("speed", ("max_speed", -1), ("max_speed", 1))),
    actions=2,
    max_episode_steps=7,
)
"""


def read(path):
    return read_descriptor(check_header(path))


def test_a_toml_file_says_what_an_env_spec_says(tmp_path):
    header = write_lander(tmp_path)
    assert read(header) == EnvSpec(
        id="lander-v0",
        header="lander",
        source=str(header.resolve()),
        summary="Land a rocket softly.",
        state=(Quantity("height", "m"), Quantity("speed", "m/s")),
        observation=(
            Observation("height", 0.0, math.inf),
            Observation("speed", ("max_speed", -1.0), ("max_speed", 1.0)),
        ),
        actions=2,
        max_episode_steps=200,
        reward_threshold=0.4,
    )


def test_a_python_file_may_describe_it_instead(tmp_path):
    header = write_lander(tmp_path)
    header.with_suffix(".toml").unlink()
    header.with_suffix(".py").write_text(FLUENT)
    spec = read(header)
    assert (spec.id, spec.header, spec.source, spec.max_episode_steps) == (
        "lander-v3",
        "lander",
        str(header.resolve()),
        7,
    )


def test_continuous_actions_integers_options_and_bounds_are_read(tmp_path):
    header = write_lander(tmp_path, ("vf height, speed; }", "vf height, speed; vi fuel; }"))
    header.with_suffix(".toml").write_text(
        """
id = "games/lander-v1"
max_episode_steps = 10
action = [{low = -1, high = 1}, {low = "-thrust", high = "2.5 * thrust"}]
reset_options = ["low", "high"]
reference = "module.of:Class"
reference_arguments = {wind = 3}
[state]
height = "m"
speed = "m/s"
fuel = {unit = "1", integer = true}
[options]
g = "gravity"
[attributes]
thrust = "engine"
[observation]
height = {high = inf}
"""
    )
    spec = read(header)
    assert spec.action_bounds == ((-1.0, 1.0), (("thrust", -1.0), ("thrust", 2.5))) and spec.actions == 0
    assert spec.state[2] == Quantity("fuel", "1", integer=True)
    assert (spec.options, spec.attributes) == ({"g": "gravity"}, {"thrust": "engine"})
    assert (spec.attribute("thrust"), spec.attribute("gravity")) == ("engine", "gravity")
    assert spec.named_parameters == {"gravity", "thrust", "low", "high"}
    assert spec.observation == (Observation("height", -math.inf, math.inf),)
    assert spec.reset_options == (("low", "low"), ("high", "high"))
    assert (spec.reference, spec.reference_arguments, spec.id) == ("module.of:Class", {"wind": 3}, "games/lander-v1")


WRONG = {
    "an unknown key": ("reward_threshold", "reward_treshold", "unknown key 'reward_treshold'"),
    "a missing key": ("max_episode_steps = 200", "", "lacks 'max_episode_steps'"),
    "no TOML": ("actions = 2", "actions = ", "cannot be read: Invalid value"),
    "an id without a version": ('"lander-v0"', '"lander"', "id = 'lander' must be a name of your own with a version"),
    "an id in our namespace": (
        '"lander-v0"',
        '"operant/lander-v0"',
        "id = 'operant/lander-v0' must be a name of your own",
    ),
    "no actions": ("actions = 2", "", "give either actions = N "),
    "negative actions": ("actions = 2", "actions = -2", "actions = -2 must be at least 1"),
    "two kinds of actions": ("actions = 2", "actions = 2\naction = [{low = 0, high = 1}]", "give either"),
    "half an action": ("actions = 2", "action = [{low = 0}]", "action 0 needs low and high"),
    "a text as a number": (
        "reward_threshold = 0.4",
        'reward_threshold = "x"',
        "reward_threshold = 'x' must be a number",
    ),
    "no time limit": ("max_episode_steps = 200", "max_episode_steps = 0", "max_episode_steps = 0 must be at least 1"),
    "a parameter": (
        "[observation] ",
        '[parameters]\ngravity = {unit = "m/s2"}\n[observation] ',
        r"\[parameters\] belongs in the header: move units and bounds to #define PARAMETERS",
    ),
    "an option of a number": ("[observation] ", "[options]\ng = 9.8\n[observation] ", "options.g = 9.8 must be a name"),
    "a bound of nonsense": (
        '"-max_speed"',
        '"max_speed + 1"',
        "observation.speed.low = 'max_speed . 1' must be a number",
    ),
    "bounds of the state upside down": (
        'height = "m"',
        'height = {unit = "m", low = 2, high = 1}',
        "height has low = 2.0 above high = 1.0",
    ),
    "no number as a bound of the state": ('height = "m"', 'height = {unit = "m", low = nan}', "height has low = nan"),
    "a number without end": (
        "reward_threshold = 0.4",
        "reward_threshold = 1" + 400 * "0",
        "reward_threshold is an integer beyond the largest float: write inf",
    ),
    "a bound without end": ("{low = 0}", "{low = -1" + 400 * "0" + "}", "observation.height.low is an integer beyond"),
    "bounds upside down": (
        "height = {low = 0}",
        "height = {low = 2, high = 1}",
        "height has low = 2.0 above",
    ),
    "an unknown field": ("height = {low = 0}", "height = {lowest = 0}", "observation.height: unknown key 'lowest'"),
    "another order": (
        'height = "m"\nspeed = "m/s"',
        'speed = "m/s"\nheight = "m"',
        "describes the state speed, height; lander_state in lander.h has height, speed",
    ),
    "a missing quantity": ('speed = "m/s"\n', "", "describes the state height; .*use the same names"),
    "an integer for a real number": (
        'height = "m"',
        'height = {unit = "m", integer = true}',
        "height is a vf in the header: set integer = false",
    ),
    "a reference without a class": (
        '# reference = "lander_reference:Lander"',
        'reference = "lander"',
        'must be like "module:Class"',
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_error_in_a_descriptor_is_named_with_its_file(tmp_path, what):
    old, new, message = WRONG[what]
    header = write_lander(tmp_path, descriptor=(old, new))
    with pytest.raises(DescriptorError, match=message) as failure:
        read(header)
    assert str(failure.value).startswith(f"{header.with_suffix('.toml')}") and "\n" not in str(failure.value)


def test_no_descriptor_two_of_them_and_a_module_without_spec_are_refused(tmp_path):
    header = write_lander(tmp_path)
    header.with_suffix(".py").write_text("")
    with pytest.raises(DescriptorError, match=r"lander\.toml and .*lander\.py both describe lander\.h: remove one"):
        read(header)
    header.with_suffix(".toml").unlink()
    with pytest.raises(DescriptorError, match=r"lander\.py must define SPEC"):
        read(header)
    header.with_suffix(".py").unlink()
    with pytest.raises(DescriptorError, match=r"has no descriptor: write lander\.toml or lander\.py beside it"):
        read(header)


def test_python_3_10_without_tomli_gets_an_error_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(DescriptorError, match=r"needs tomli on Python 3.10: pip install tomli"):
        read(write_lander(tmp_path))


def test_members_are_read_from_plain_structs_only():
    text = "typedef struct { vf a, b; /* vf c; */ vi d; // vf e;\n } x_state;"
    text += "typedef struct { vf w[3]; } x_params; typedef struct { plane p; } y_state;"
    assert struct_members(text, "x_state") == [("a", "vf", ()), ("b", "vf", ()), ("d", "vi", ())]
    assert struct_members(text, "x_params") == [("w", "vf", (3,))]
    assert struct_members(text, "y_state") is None


def test_a_python_descriptor_is_its_text_and_not_a_compiled_file_beside_it(tmp_path):
    header = write_lander(tmp_path)
    header.with_suffix(".toml").unlink()
    python = header.with_suffix(".py")
    python.write_text(FLUENT.replace("max_episode_steps=7", "max_episode_steps=8"))
    py_compile.compile(str(python), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    python.write_text(FLUENT)
    assert read(header).max_episode_steps == 7


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('summary = "', r'summary = "\u001b[2J'),
        ('height = "m"', r'height = "\u009bm"'),
        ("[observation]", '[options]\n"\\u202Eg" = "max_speed"\n[observation]'),
    ],
)
def test_text_that_a_terminal_would_obey_is_refused(tmp_path, old, new):
    with pytest.raises(DescriptorError, match=r"lander\.toml: '.*' has characters that cannot be printed: remove them"):
        read(write_lander(tmp_path, descriptor=(old, new)))
