"""PPO in the core against PyTorch: gradients, an update, draws. The same bits on every target and any threads."""

import contextlib
import hashlib
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from operant._native import ffi, lib

DEFAULTS = {
    "num_envs": 64,
    "steps": 8,
    "observation_size": 4,
    "actions": 2,
    "hidden": (64, 64),
    "workers": 1,
    "epochs": 4,
    "minibatches": 4,
    "seed": 1,
    "total_steps": 0,
    "learning_rate": 3e-3,
    "gamma": 0.98,
    "lam": 0.9,
    "clip": 0.2,
    "value_coefficient": 0.5,
    "entropy_coefficient": 0.01,
    "max_grad_norm": 0.5,
}


class Trainer:
    """The calls of train.h with NumPy arrays."""

    def __init__(self, **options):
        self.o = DEFAULTS | options
        hidden = ffi.new("int32_t[]", list(self.o["hidden"]))
        isa = ffi.new("char[]", self.o["isa"].encode()) if "isa" in self.o else ffi.NULL
        fields = {name: value for name, value in self.o.items() if name not in ("isa", "hidden")}
        fields |= {"isa": isa, "hidden": hidden, "hidden_layers": len(hidden)}
        message = ffi.new("char[100]")
        handle = lib.operant_train_open(ffi.new("operant_train_options *", fields), message, 100)
        if handle == ffi.NULL:
            raise ValueError(ffi.string(message).decode())
        self.handle = ffi.gc(handle, lib.operant_train_close)

    @property
    def parameters(self):
        count = ffi.new("int64_t *")
        pointer = lib.operant_train_parameters(self.handle, count)
        return np.frombuffer(ffi.buffer(pointer, 4 * count[0]), np.float32).copy()

    def set_parameters(self, parameters):
        lib.operant_train_set_parameters(self.handle, pointer(parameters))

    def act(self, observations):
        actions, log_probs = np.empty(len(observations), np.int32), np.empty(len(observations), np.float32)
        call = lib.operant_train_act(self.handle, pointer(observations), pointer(actions), pointer(log_probs))
        assert call == lib.OPERANT_OK
        return actions, log_probs

    def values(self, observations):
        values = np.empty(len(observations), np.float32)
        assert lib.operant_train_values(self.handle, pointer(observations), len(values), pointer(values)) == 0
        return values

    def gradient(self, batch):
        gradient = np.empty_like(self.parameters)
        arrays = [pointer(array) for array in batch]
        assert lib.operant_train_gradient(self.handle, len(batch[0]), *arrays, pointer(gradient)) == lib.OPERANT_OK
        return gradient

    def learn(self, experience):
        fields = {name: pointer(array) for name, array in experience.items()}
        metrics = ffi.new("operant_train_metrics *")
        status = lib.operant_train_learn(self.handle, ffi.new("operant_experience *", fields), metrics)
        return status, metrics

    def update(self, batch):
        metrics = ffi.new("operant_train_metrics *")
        assert lib.operant_train_update(self.handle, batch, metrics) == lib.OPERANT_OK
        return metrics


def pointer(array):
    kinds = {"float32": "float[]", "int32": "int32_t[]", "uint8": "uint8_t[]"}
    return ffi.from_buffer(kinds[array.dtype.name], array)


@contextlib.contextmanager
def cartpoles(num_envs, isa="scalar", seed=3, limit=60):
    """A reset batch, and its first observations."""
    env, isa = ffi.new("char[]", b"cartpole"), ffi.new("char[]", isa.encode())
    fields = {"env": env, "isa": isa, "num_envs": num_envs, "max_episode_steps": limit, "workers": 1}
    options = ffi.new("operant_options *", fields | {"autoreset": lib.OPERANT_SAME_STEP})
    batch = lib.operant_open(options, ffi.NULL, 0)
    seeds = np.arange(seed, seed + num_envs, dtype=np.uint32)
    observations = np.empty((num_envs, 4), np.float32)
    lib.operant_seed(batch, ffi.from_buffer("uint32_t[]", seeds), 1, ffi.NULL)
    lib.operant_reset(batch, ffi.NULL, ffi.NULL, ffi.from_buffer(observations))
    yield batch, observations
    lib.operant_close(batch)


def samples(count, width, actions, seed=0):
    """Observations, actions, old log probabilities, advantages and returns."""
    rng = np.random.default_rng(seed)
    old = np.log(rng.uniform(0.5, 1.5, count) / actions)
    parts = (rng.normal(size=(count, width)), old, rng.normal(size=count), rng.normal(size=count) * 3)
    observations, old, advantages, returns = (np.ascontiguousarray(part, np.float32) for part in parts)
    return observations, rng.integers(0, actions, count, dtype=np.int32), old, advantages, returns


class Judge(nn.Module):
    """The same networks and loss in PyTorch, whose parameters have the order that train.h promises."""

    def __init__(self, o, parameters, dtype):
        super().__init__()
        widths = (o["observation_size"], *o["hidden"])
        layers = list(itertools.pairwise(widths))
        self.o, self.dtype = o, dtype
        self.policy = nn.ModuleList(nn.Linear(*shape) for shape in layers)
        self.value = nn.ModuleList(nn.Linear(*shape) for shape in layers)
        self.heads = nn.ModuleList((nn.Linear(widths[-1], o["actions"]), nn.Linear(widths[-1], 1)))
        self.to(dtype)
        nn.utils.vector_to_parameters(torch.tensor(parameters, dtype=dtype), self.parameters())

    def forward(self, x):
        policy = value = torch.as_tensor(x, dtype=self.dtype)
        for hidden in self.policy:
            policy = torch.tanh(hidden(policy))
        for hidden in self.value:
            value = torch.tanh(hidden(value))
        return torch.distributions.Categorical(logits=self.heads[0](policy)), self.heads[1](value)[:, 0]

    def loss(self, batch):
        observations, actions, old, advantages, returns = (torch.as_tensor(part) for part in batch)
        old, advantages, returns = (part.to(self.dtype) for part in (old, advantages, returns))
        distribution, values = self(observations)
        ratio = (distribution.log_prob(actions.long()) - old).exp()
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        clipped = ratio.clamp(1 - self.o["clip"], 1 + self.o["clip"])
        policy_loss = -torch.min(ratio * advantages, clipped * advantages).mean()
        value_loss = 0.5 * functional.mse_loss(values, returns)
        entropy = distribution.entropy().mean()
        return policy_loss + self.o["value_coefficient"] * value_loss - self.o["entropy_coefficient"] * entropy

    def gradient(self, batch):
        self.zero_grad()
        self.loss(batch).backward()
        return torch.cat([p.grad.reshape(-1) for p in self.parameters()]).double().numpy()

    def vector(self):
        return nn.utils.parameters_to_vector(self.parameters()).detach().double().numpy()


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


NETWORKS = [
    {},
    {"hidden": (32,), "observation_size": 1},
    {"hidden": (50, 30, 20), "observation_size": 17, "actions": 5},
    {"hidden": (128, 128), "actions": 64, "entropy_coefficient": 0.0},
    {"hidden": (1, 3), "observation_size": 33, "actions": 3, "clip": 0.05},
]


def name_of(options):
    return "-".join(map(str, options.get("hidden", ("usual",))))


@pytest.mark.parametrize(("count", "times"), [(1000, 1.0), (37, 2.0)])
@pytest.mark.parametrize("options", NETWORKS, ids=name_of)
def test_the_gradient_is_no_farther_from_float64s_than_pytorchs_in_float32(options, count, times):
    """Errors average out over a minibatch; in one of a few samples those of tanh and exp, up to 2 ulp, remain."""
    trainer = Trainer(num_envs=1024, steps=1, minibatches=1, **options)
    ours, theirs = [], []
    for seed in range(8):
        weights = np.random.default_rng(seed).normal(0, 0.3, len(trainer.parameters)).astype(np.float32)
        trainer.set_parameters(weights)
        batch = samples(count, trainer.o["observation_size"], trainer.o["actions"], seed)
        truth = Judge(trainer.o, weights, torch.float64).gradient(batch)
        ours.append(distance(trainer.gradient(batch), truth))
        theirs.append(distance(Judge(trainer.o, weights, torch.float32).gradient(batch), truth))
    assert np.mean(ours) <= times * np.mean(theirs)


def experience(trainer, seed=0):
    """A made-up rollout of the trainer's own policy."""
    o, rng = trainer.o, np.random.default_rng(seed)
    shape = (o["steps"], o["num_envs"])
    observations = rng.normal(size=(o["steps"] + 1, o["num_envs"], o["observation_size"])).astype(np.float32)
    acted = [trainer.act(np.ascontiguousarray(row)) for row in observations[:-1]]
    return {
        "observations": observations,
        "actions": np.stack([actions for actions, _ in acted]),
        "log_probs": np.stack([log_probs for _, log_probs in acted]),
        "rewards": rng.normal(size=shape).astype(np.float32),
        "terminated": (rng.random(shape) < 0.05).astype(np.uint8),
        "truncated": (rng.random(shape) < 0.05).astype(np.uint8),
        "final_values": rng.normal(size=shape).astype(np.float32),
    }


def advantages_of(o, e, values, last_values):
    """Generalised advantage estimates (Schulman et al. 2016) by their recursion, in float64."""
    values = np.concatenate([values, last_values[None]])
    advantages, following = np.zeros(e["rewards"].shape), np.zeros(o["num_envs"])
    for t in reversed(range(o["steps"])):
        ended = (e["terminated"][t] | e["truncated"][t]).astype(bool)
        cut = e["truncated"][t].astype(bool) & ~e["terminated"][t].astype(bool)
        after = np.where(cut, e["final_values"][t], np.where(ended, 0, values[t + 1]))
        delta = e["rewards"][t] + o["gamma"] * after - values[t]
        following = delta + o["gamma"] * o["lam"] * np.where(ended, 0, following)
        advantages[t] = following
    return advantages


def updated_by_pytorch(o, weights, e, dtype):
    """The parameters after one epoch of one minibatch, by PyTorch's Adam and clipping."""
    judge = Judge(o, weights, dtype)
    observations = e["observations"].reshape(-1, o["observation_size"])
    with torch.no_grad():
        values = judge(observations)[1].double().numpy().reshape(o["steps"] + 1, -1)
    advantages = advantages_of(o, e, values[:-1], values[-1])
    batch = [observations[: advantages.size], e["actions"].ravel(), e["log_probs"].ravel()]
    batch += [advantages.ravel(), (advantages + values[:-1]).ravel()]
    adam = torch.optim.Adam(judge.parameters(), lr=o["learning_rate"], eps=1e-5)
    judge.loss(batch).backward()
    nn.utils.clip_grad_norm_(judge.parameters(), o["max_grad_norm"])
    adam.step()
    return judge.vector()


@pytest.mark.parametrize("options", NETWORKS[:3], ids=name_of)
def test_a_whole_update_is_at_most_twice_as_far_from_float64s_as_pytorchs_float32(options):
    trainer = Trainer(epochs=1, minibatches=1, **options)
    weights = trainer.parameters
    e = experience(trainer)
    status, metrics = trainer.learn(e)
    assert status == lib.OPERANT_OK
    truth = updated_by_pytorch(trainer.o, weights, e, torch.float64)
    theirs = distance(updated_by_pytorch(trainer.o, weights, e, torch.float32), truth)
    assert distance(trainer.parameters, truth) <= 2 * theirs
    assert metrics.total_steps == 512
    assert metrics.learning_rate == pytest.approx(3e-3)


def test_actions_are_drawn_with_the_policys_probabilities():
    trainer = Trainer(num_envs=4096, actions=5, hidden=(8,))
    rng = np.random.default_rng(0)
    weights = rng.normal(size=len(trainer.parameters)).astype(np.float32)
    trainer.set_parameters(weights)
    row = rng.normal(size=(1, 4)).astype(np.float32)
    expected = Judge(trainer.o, weights, torch.float64)(row)[0].probs[0].detach().numpy()
    draws = [trainer.act(np.repeat(row, 4096, axis=0)) for _ in range(50)]
    actions = np.concatenate([actions for actions, _ in draws])
    log_probs = np.concatenate([log_probs for _, log_probs in draws])
    np.testing.assert_allclose(np.exp(log_probs), expected[actions], rtol=2e-6)  # a float32 softmax
    counts = np.bincount(actions, minlength=5)
    deviation = np.sqrt(len(actions) * expected * (1 - expected))
    assert (np.abs(counts - len(actions) * expected) < 4.5 * deviation).all(), counts


def test_initial_weights_are_orthogonal():
    weights = torch.tensor(Trainer(actions=3).parameters)
    w = {"first": weights[:256].view(64, 4), "second": weights[320 : 320 + 4096].view(64, 64)}
    torch.testing.assert_close(w["first"].T @ w["first"], 2 * torch.eye(4), rtol=0, atol=1e-6)
    torch.testing.assert_close(w["second"] @ w["second"].T, 2 * torch.eye(64), rtol=0, atol=1e-5)
    head = weights[2 * (320 + 4160) :][: 3 * 64].view(3, 64)
    torch.testing.assert_close(head @ head.T, 1e-4 * torch.eye(3), rtol=0, atol=1e-9)


def trained(updates=2, **options):
    """The hash of the parameters after some updates in CartPoles."""
    trainer = Trainer(num_envs=200, steps=16, epochs=2, total_steps=100_000, **options)
    with cartpoles(200) as (batch, _):
        for _ in range(updates):
            trainer.update(batch)
    return hashlib.sha256(trainer.parameters.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def scalar_hash():
    return trained(isa="scalar")


def test_every_target_trains_to_the_same_bits(isa, scalar_hash):
    assert trained(isa=isa) == scalar_hash


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_any_number_of_threads_trains_to_the_same_bits(workers, scalar_hash):
    assert trained(workers=workers) == scalar_hash


def test_another_seed_trains_to_other_bits(scalar_hash):
    assert trained(seed=2) != scalar_hash


def test_acting_and_learning_as_separate_calls_give_what_an_update_gives():
    together, apart = (Trainer(num_envs=50, steps=20, minibatches=5) for _ in range(2))
    with cartpoles(50) as (batch, _):
        first, second = together.update(batch), together.update(batch)
    with cartpoles(50) as (batch, now):
        for expected in (first, second):
            e = {"observations": np.empty((21, 50, 4), np.float32), "actions": np.empty((20, 50), np.int32)}
            e |= {name: np.zeros((20, 50), np.float32) for name in ("log_probs", "rewards", "final_values")}
            e |= {name: np.zeros((20, 50), np.uint8) for name in ("terminated", "truncated")}
            e["observations"][0] = now
            for t in range(20):
                e["actions"][t], e["log_probs"][t] = apart.act(now)
                now = np.empty_like(now)
                arrays = [ffi.from_buffer(now), ffi.from_buffer(e["rewards"][t])]
                arrays += [pointer(e["terminated"][t]), pointer(e["truncated"][t])]
                output = ffi.new("operant_output *", arrays)
                assert lib.operant_step(batch, pointer(e["actions"][t]), lib.OPERANT_INT32, output) == lib.OPERANT_OK
                e["observations"][t + 1] = now
                finished = lib.operant_last_finished(batch)
                for k in range(finished.count):
                    i = finished.index[k]
                    row = ffi.buffer(ffi.cast("float *", finished.observations) + 4 * k, 16)
                    if e["truncated"][t, i] and not e["terminated"][t, i]:
                        e["final_values"][t, i] = apart.values(np.frombuffer(row, np.float32)[None].copy())[0]
            status, metrics = apart.learn(e)
            assert status == lib.OPERANT_OK
            assert metrics.policy_loss == expected.policy_loss
            assert metrics.entropy == expected.entropy
            assert metrics.gradient_norm == expected.gradient_norm
    assert np.array_equal(together.parameters, apart.parameters)


@pytest.mark.parametrize("name", ["rewards", "observations"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_not_finite_stops_before_the_parameters_change(name, number):
    trainer = Trainer(epochs=1, minibatches=1)
    before, e = trainer.parameters, experience(trainer)
    e[name][3, 5] = number
    status, _ = trainer.learn(e)
    assert status == lib.OPERANT_NOT_FINITE
    assert np.array_equal(trainer.parameters, before)


def test_an_action_out_of_range_is_refused():
    trainer = Trainer()
    batch = samples(10, 4, 2)
    batch[1][9] = -1
    arrays = [pointer(array) for array in batch]
    gradient = pointer(np.empty_like(trainer.parameters))
    assert lib.operant_train_gradient(trainer.handle, 10, *arrays, gradient) == lib.OPERANT_BAD_ACTION
    assert lib.operant_train_gradient(trainer.handle, 9, *arrays[:4], ffi.NULL, gradient) == lib.OPERANT_BAD_ARGUMENT
    e = experience(trainer)
    e["actions"][7, 63] = 2
    assert trainer.learn(e)[0] == lib.OPERANT_BAD_ACTION


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"num_envs": 0}, "num_envs and steps must be at least 1"),
        ({"steps": 1 << 40}, "their product at most 2\\^30"),
        ({"observation_size": 5000}, "observation_size must be from 1 to 4096"),
        ({"actions": 1}, "actions must be from 2 to 64"),
        ({"hidden": ()}, "hidden_layers must be from 1 to 8"),
        ({"hidden": (64, 0)}, "each width of hidden"),
        ({"workers": 0}, "workers must be from 1 to 1024"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"minibatches": 5}, "minibatches must divide"),
        ({"total_steps": -1}, "total_steps"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0 and at most 1"),
        ({"learning_rate": 1.5}, "learning_rate must be above 0 and at most 1"),
        ({"gamma": 1.5}, "gamma and lam must be from 0 to 1"),
        ({"clip": 1.0}, "clip must be between 0 and 1"),
        ({"max_grad_norm": 0.0}, "max_grad_norm must be positive"),
        ({"value_coefficient": float("inf")}, "value_coefficient must be at least 0"),
        ({"isa": "mmx"}, "isa is unknown"),
    ],
)
def test_bad_options_are_refused_with_a_reason(change, reason):
    with pytest.raises(ValueError, match=reason):
        Trainer(**change)


def test_a_batch_of_another_size_or_mode_is_refused():
    trainer, metrics = Trainer(num_envs=10), ffi.new("operant_train_metrics *")
    with cartpoles(11) as (batch, _):
        assert lib.operant_train_update(trainer.handle, batch, metrics) == lib.OPERANT_BAD_ARGUMENT


def test_evaluation_gives_the_mean_return_of_one_greedy_episode_in_each_environment():
    n, trainer, mean = 5, Trainer(), ffi.new("double *")
    with cartpoles(64) as (batch, _):
        for _ in range(4):
            trainer.update(batch)
    with cartpoles(n) as (batch, _):
        assert lib.operant_train_evaluate(trainer.handle, batch, mean) == lib.OPERANT_OK
    judge = Judge(trainer.o, trainer.parameters, torch.float64)
    with cartpoles(n) as (batch, x):
        rewards, flags = np.empty(n, np.float32), np.empty((2, n), np.uint8)
        arrays = (ffi.from_buffer(x), pointer(rewards), pointer(flags[0]), pointer(flags[1]))
        output = ffi.new("operant_output *", arrays)
        lib.operant_reset(batch, ffi.NULL, ffi.NULL, arrays[0])
        total, playing = 0, np.ones(n, bool)
        while playing.any():
            actions = judge(x)[0].logits.argmax(1).numpy().astype(np.int32)
            assert lib.operant_step(batch, pointer(actions), lib.OPERANT_INT32, output) == lib.OPERANT_OK
            total += rewards[playing].sum()
            playing &= ~flags.any(axis=0)
    assert mean[0] == total / n
    assert 10 < mean[0] < 60  # neither a fall at once nor the time limit alone


def test_an_evaluation_without_a_time_limit_is_refused_because_it_may_never_end():
    trainer, mean = Trainer(), ffi.new("double *", 7)
    with cartpoles(3, limit=0) as (batch, _):
        assert lib.operant_train_evaluate(trainer.handle, batch, mean) == lib.OPERANT_BAD_ARGUMENT
    assert mean[0] == 7
