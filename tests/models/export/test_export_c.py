import ctypes
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from gymnasium import spaces

from operant.models.export.c_header import c_header
from operant.models.export.greedy import GreedyPolicy
from operant.models.export.network import Network
from operant.models.networks.actor_critic import ActorCritic
from operant.rollout.normalizer import RunningNormalizer

FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
VECTOR = spaces.Box(-np.inf, np.inf, (5,), np.float32)
NUMBERS = spaces.Box(np.float32([-1, -np.inf, -2]), np.float32([1, np.inf, 0.5]), dtype=np.float32)
FINITE = spaces.Box(-2, 3, (2,), np.float32)
# In ulps of the largest parameter in a batch: sums are in another order, and libm's expf and tanhf replace torch's.
# Measured here: at most 2.5 for every policy of this file; a wrong weight or function changes it by 1e5 and more.
ULPS = 16


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def shaken(space, actions, **options):
    """Makes a policy with perturbed weights, so that logits have all sizes and biases are not zero."""
    policy = ActorCritic(space, actions, seed=1, **options)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return policy


def header(policy, statistics, name="policy", summary="a test"):
    """The C header of a policy made by `shaken`."""
    weights = {name: weight.numpy() for name, weight in policy.state_dict().items()}
    layers = [type(layer).__name__.lower() for layer in (*policy.shared, *policy.actor)]
    activation = next((layer for layer in layers if layer != "linear"), "tanh")
    squash = getattr(policy.head, "squash", False)
    network = Network(policy.observation_space, policy.action_space, weights, activation, squash)
    return c_header(network, statistics, name, summary)


def normalizer():
    statistics = RunningNormalizer((5,), clip=2.0)
    statistics.update(np.random.default_rng(3).normal(2, [0.1, 1, 2, 3, 40], (500, 5)).astype(np.float32))
    return statistics


def compiled(folder, texts, body, compiler="gcc"):
    """Compiles a program that includes the headers `texts` as a library."""
    for name, text in texts.items():
        (folder / f"{name}.h").write_text(text)
    source = "".join(f'#include "{name}.h"\n' for name in texts) + body
    (folder / "program.c").write_text(source)
    command = [compiler, *FLAGS, "-O2", "-shared", "-fPIC", folder / "program.c", "-o", folder / "program.so", "-lm"]
    finished = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return ctypes.CDLL(str(folder / "program.so"))


def exported(folder, policy, statistics=None, compiler="gcc", rows=256):
    """Computes parameters, actions and states for random observations in C, and the same with torch."""
    greedy = GreedyPolicy(policy, statistics)
    random, units = np.random.default_rng(4), policy.lstm.hidden_size if policy.recurrent else 0
    observations = random.normal(0, 3, (rows, 5)).astype(np.float32)
    states = random.uniform(-1, 1, (rows, 2, units)).astype(np.float32)
    inputs = [torch.as_tensor(observations)]
    if units:
        inputs.append(torch.as_tensor(states).transpose(0, 1).contiguous())
    with torch.no_grad():
        action, parameters, *rest = greedy(*inputs)
    discrete = not isinstance(policy.action_space, spaces.Box)
    state, kind = ("float *state, ", "int") if units else ("", "int")
    kind, given = kind if discrete else "float", "state, " if units else ""
    body = (
        f"void forward(const float *o, {state}float *p);\nvoid act(const float *o, {state}{kind} *a);\n"
        f"void forward(const float *o, {state}float *p) {{ policy_forward(o, {given}p); }}\n"
        f"void act(const float *o, {state}{kind} *a) {{ policy_act(o, {given}a); }}\n"
    )
    library = compiled(folder, {"policy": header(policy, statistics)}, body, compiler)
    ours = np.zeros((rows, policy.head.linear.out_features), np.float32)
    actions = np.zeros((rows, action[0].numel()), np.int32 if discrete else np.float32)
    after = states.copy()
    for k in range(rows):
        again = states[k].copy()
        extra = [ctypes.c_void_p(after[k].ctypes.data)] if units else []
        library.forward(ctypes.c_void_p(observations[k].ctypes.data), *extra, ctypes.c_void_p(ours[k].ctypes.data))
        extra = [ctypes.c_void_p(again.ctypes.data)] if units else []
        library.act(ctypes.c_void_p(observations[k].ctypes.data), *extra, ctypes.c_void_p(actions[k].ctypes.data))
        assert again.tobytes() == after[k].tobytes()
    theirs = parameters.numpy()
    theirs = theirs[theirs > -1e38].reshape(rows, -1)  # the padding of several choices
    if units:
        assert ulps(after, rest[-1].transpose(0, 1).numpy()) <= ULPS
    return ours, theirs, actions, action.numpy().reshape(rows, -1)


def ulps(ours, theirs):
    return float(np.abs(ours.astype(float) - theirs).max() / np.spacing(np.abs(theirs).max()))


def decided(parameters, sizes):
    """Finds the rows whose two best logits are further apart than C's tolerance."""
    rows = np.ones(len(parameters), bool)
    for part in np.split(parameters, np.cumsum(sizes)[:-1], axis=1):
        best = np.sort(part, axis=1)
        rows &= best[:, -1] - best[:, -2] > 2 * ULPS * np.spacing(np.abs(parameters).max())
    return rows


@pytest.mark.parametrize("activation", ["tanh", "relu", "elu", "gelu", "silu"])
def test_every_activation_computes_what_torch_does(tmp_path, activation):
    policy = shaken(VECTOR, spaces.Discrete(4, start=3), hidden=(16, 12), activation=activation)
    ours, theirs, actions, expected = exported(tmp_path, policy)
    assert ulps(ours, theirs) <= ULPS
    rows = decided(theirs, [4])
    assert rows.sum() > 250 and (actions[rows] == expected[rows]).all() and len(set(actions[:, 0])) > 1


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_compiler_takes_an_lstm_with_normalised_observations_and_shared_layers(tmp_path, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    policy = shaken(VECTOR, spaces.MultiDiscrete([2, 4], start=[1, 0]), hidden=(8,), lstm=6, share=True)
    ours, theirs, actions, expected = exported(tmp_path, policy, normalizer(), compiler)
    assert ulps(ours, theirs) <= ULPS
    rows = decided(theirs, [2, 4])
    assert rows.sum() > 250 and (actions[rows] == expected[rows]).all()


@pytest.mark.parametrize("space, squash", [(NUMBERS, False), (FINITE, True)])
def test_numbers_are_clipped_or_squashed_to_their_bounds(tmp_path, space, squash):
    policy = shaken(VECTOR, space, hidden=(8,), squash=squash)
    ours, theirs, actions, expected = exported(tmp_path, policy, normalizer())
    assert ulps(ours, theirs) <= ULPS
    assert ulps(actions, expected) <= ULPS
    assert (actions >= space.low).all() and (actions <= space.high).all()


def test_two_headers_may_be_included_in_one_file_even_twice(tmp_path):
    texts = {
        name: header(shaken(VECTOR, actions, hidden=(4,)), statistics, name)
        for name, actions, statistics in [("one", spaces.Discrete(2), None), ("two", FINITE, normalizer())]
    }
    compiled(tmp_path, texts, '#include "one.h"\nint nothing(void);\nint nothing(void) { return ONE_ACTIONS; }\n')


def test_no_summary_ends_the_comment_that_holds_it():
    text = header(shaken(VECTOR, FINITE, hidden=(4,)), None, "one", "**//\nint evil;\x1b /*")
    comment, _, code = text.partition("*/")
    assert "evil" in comment and "evil" not in code
    assert "\n * Written by" in comment and "\x1b" not in text


def test_the_header_needs_expf_and_tanhf_alone(tmp_path):
    policy = shaken(VECTOR, FINITE, hidden=(4,), lstm=3, activation="gelu", squash=True)
    text = header(policy, normalizer())
    declaration = "void act(const float *o, float *s, float *a)"
    act = f"{declaration};\n{declaration} {{ policy_act(o, s, a); }}\n"
    compiled(tmp_path, {"policy": text}, act)
    listed = subprocess.run(["nm", "-D", "-u", tmp_path / "program.so"], capture_output=True, text=True, check=True)
    needed = {word.split("@")[0] for line in listed.stdout.splitlines() for word in line.split() if len(word) > 1}
    assert {name for name in needed if not name.startswith("_")} <= {"expf", "tanhf"}, sys.platform


@pytest.mark.parametrize(
    "space, name, expected",
    [
        (spaces.Dict(a=VECTOR), "policy", "not the nested observation Dict"),
        (spaces.Box(0, 255, (3, 12, 12), np.uint8), "policy", "cannot express a CNN"),
        (spaces.Discrete(3), "policy", "cannot express one-hot"),
        (VECTOR, "my-policy", "'my-policy' cannot name C functions"),
    ],
)
def test_parts_that_c_cannot_express_are_refused_by_name(space, name, expected):
    with pytest.raises(ValueError, match=expected):
        header(ActorCritic(space, spaces.Discrete(2)), None, name)
