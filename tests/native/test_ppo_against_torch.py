"""PPO in the core against PyTorch in float64, and PyTorch in float32: gradients, whole updates, distributions."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import distributions, nn
from torch.nn import functional
from trainers import KINDS, Trainer

from operant._native import lib
from operant.models.networks.distributions import TanhNormal

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "silu": functional.silu}


def layers(widths):
    return nn.ModuleList(nn.Linear(*shape) for shape in itertools.pairwise(widths))


class Judge(nn.Module):
    """The same networks and loss in PyTorch, whose parameters have the order that train.h promises."""

    def __init__(self, trainer, parameters, dtype):
        super().__init__()
        self.o, self.observations, self.dtype = trainer.o, trainer.observations, dtype
        rows = self.observations.draw(np.random.default_rng(0), 1)
        inputs = self.observations.inputs(rows).shape[-1]
        outputs = sum(self.o["choices"]) if trainer.discrete else trainer.action_size
        hidden = self.o["hidden"]
        self.trunk = layers((inputs, *hidden)) if self.o.get("share") else nn.ModuleList()
        inputs = hidden[-1] if self.o.get("share") else inputs
        self.policy = layers((inputs, *(() if self.o.get("share") else hidden)))
        self.value = layers((inputs, *self.o["value_hidden"]))
        deviations = [] if trainer.discrete else [nn.Parameter(torch.zeros(outputs))]
        self.log_std = nn.ParameterList(deviations)
        widths = [self.policy[-1].out_features if self.policy else inputs]
        widths += [self.value[-1].out_features if self.value else inputs]
        self.heads = nn.ModuleList((nn.Linear(widths[0], outputs), nn.Linear(widths[1], 1)))
        self.to(dtype)
        nn.utils.vector_to_parameters(torch.tensor(parameters, dtype=dtype), self.parameters())

    def forward(self, rows):
        x = torch.as_tensor(self.observations.inputs(rows), dtype=self.dtype)
        activation = ACTIVATIONS[self.o["activation"]]
        for layer in self.trunk:
            x = activation(layer(x))
        policy = value = x
        for layer in self.policy:
            policy = activation(layer(policy))
        for layer in self.value:
            value = activation(layer(value))
        return Policy(self, self.heads[0](policy), self.observations.masks(rows)), self.heads[1](value)[..., 0]

    def loss(self, batch):
        rows, actions, *columns = batch
        old, old_values, advantages, returns = (torch.as_tensor(part, dtype=self.dtype) for part in columns)
        policy, values = self(rows)
        ratio = (policy.log_prob(torch.as_tensor(actions)) - old).exp()
        if self.o["normalize_advantages"]:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        clip = self.o["clip"]
        objective = torch.min(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
        if dual := self.o.get("dual_clip"):
            objective = torch.where(advantages < 0, torch.max(objective, dual * advantages), objective)
        errors = (values - returns) ** 2
        if limit := self.o.get("value_clip"):
            errors = torch.max(errors, (old_values + (values - old_values).clamp(-limit, limit) - returns) ** 2)
        losses = self.o["value_coefficient"] * 0.5 * errors.mean() - objective.mean()
        return losses - self.o["entropy_coefficient"] * policy.entropy().mean()

    def gradient(self, batch):
        self.zero_grad()
        self.loss(batch).backward()
        return torch.cat([p.grad.reshape(-1) for p in self.parameters()]).double().numpy()

    def vector(self):
        return nn.utils.parameters_to_vector(self.parameters()).detach().double().numpy()


class Policy:
    """torch.distributions over each number of an action."""

    def __init__(self, judge, outputs, masks):
        o = judge.o
        self.squashed = None
        if "choices" in o:
            if masks is not None:
                outputs = outputs.masked_fill(~torch.as_tensor(masks), torch.finfo(outputs.dtype).min / 2)
            self.parts = [distributions.Categorical(logits=part) for part in outputs.split(o["choices"], dim=-1)]
            return
        log_std = judge.log_std[0]
        self.parts = [
            distributions.Normal(mean, deviation)
            for mean, deviation in zip(outputs.unbind(-1), log_std.exp(), strict=True)
        ]
        if o.get("squash"):
            low, high = (torch.tensor(o[name], dtype=outputs.dtype) for name in ("low", "high"))
            self.squashed = TanhNormal(outputs, log_std, low, high)

    def log_prob(self, actions):
        return sum(part.log_prob(actions[..., k]) for k, part in enumerate(self.parts))

    def entropy(self):
        return self.squashed.entropy() if self.squashed else sum(part.entropy() for part in self.parts)


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def samples(trainer, count, seed):
    """Observations, actions, old log probabilities, old values, advantages and returns, far from the policy's own."""
    rng = np.random.default_rng(seed)
    rows = trainer.observations.draw(rng, count)
    actions, _, log_probs = trainer.act(rows, seed)
    columns = (
        log_probs + np.log(rng.uniform(0.5, 1.5, count)),
        trainer.values(rows) + rng.normal(0, 0.5, count),
        rng.normal(size=count),
        3 * rng.normal(size=count),
    )
    return rows, actions, *(np.ascontiguousarray(column, np.float32) for column in columns)


@pytest.mark.parametrize(("count", "times"), [(1000, 1.0), (37, 2.0)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_no_farther_from_float64s_than_pytorchs_in_float32(kind, count, times):
    """Errors average out over a minibatch; in one of a few samples those of tanh and exp, up to 2 ulp, remain."""
    trainer = Trainer(kind, rows=1024, steps=1, minibatches=1)
    ours, theirs = [], []
    for seed in range(8):
        weights = trainer.randomize(seed)
        batch = samples(trainer, count, seed)
        truth = Judge(trainer, weights, torch.float64).gradient(batch)
        ours.append(distance(trainer.gradient(batch), truth))
        theirs.append(distance(Judge(trainer, weights, torch.float32).gradient(batch), truth))
    assert np.mean(ours) <= times * np.mean(theirs)


def advantages_of(o, e, values):
    """Generalised advantage estimates (Schulman et al. 2016) by their recursion, in float64."""
    advantages, following = np.zeros(e["rewards"].shape), np.zeros(o["rows"])
    for t in reversed(range(o["steps"])):
        ended = (e["terminated"][t] | e["truncated"][t]).astype(bool)
        cut = e["truncated"][t].astype(bool) & ~e["terminated"][t].astype(bool)
        after = np.where(cut, e["final_values"][t], np.where(ended, 0, values[t + 1]))
        delta = e["rewards"][t] + o["gamma"] * after - values[t]
        following = delta + o["gamma"] * o["lam"] * np.where(ended, 0, following)
        advantages[t] = following
    return advantages


def updated_by_pytorch(trainer, weights, e, dtype):
    """The parameters after passes of one minibatch each, by PyTorch's Adam and clipping."""
    o, judge = trainer.o, Judge(trainer, weights, dtype)
    with torch.no_grad():
        values = judge(e["observations"])[1].double().numpy()
    advantages = advantages_of(o, e, values)
    batch = [e["observations"][:-1].ravel(), e["actions"].reshape(-1, trainer.action_size), e["log_probs"].ravel()]
    batch += [values[:-1].ravel(), advantages.ravel(), (advantages + values[:-1]).ravel()]
    adam = torch.optim.Adam(judge.parameters(), lr=o["learning_rate"], eps=1e-5)
    for _ in range(o["epochs"]):
        adam.zero_grad()
        judge.loss(batch).backward()
        nn.utils.clip_grad_norm_(judge.parameters(), o["max_grad_norm"])
        adam.step()
    return judge.vector()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_update_is_at_most_twice_as_far_from_float64s_as_pytorchs_float32(kind):
    """On average of three seeds. The learning rate is that of a run in the middle of annealing."""
    ours, theirs = [], []
    for seed in range(3):
        trainer = Trainer(kind, epochs=2, minibatches=1)
        trainer.o["learning_rate"] = 1e-3
        assert lib.operant_train_adjust(trainer.handle, 1e-3, trainer.o["clip"]) == lib.OPERANT_OK
        weights = trainer.randomize(seed)
        e = trainer.experience(seed)
        status, metrics = trainer.learn(e)
        assert status == lib.OPERANT_OK
        assert metrics.minibatches == 2
        truth = updated_by_pytorch(trainer, weights, e, torch.float64)
        ours.append(distance(trainer.parameters, truth))
        theirs.append(distance(updated_by_pytorch(trainer, weights, e, torch.float32), truth))
    assert np.mean(ours) <= 2 * np.mean(theirs)


@pytest.mark.parametrize("kind", ["five actions", "several choices", "masked", "masked by a table"])
def test_discrete_actions_are_drawn_with_the_policys_probabilities(kind):
    trainer = Trainer(kind, rows=4096)
    weights = trainer.randomize(0)
    row = trainer.observations.draw(np.random.default_rng(0), 1)
    policy = Judge(trainer, weights, torch.float64)(row)[0]
    draws = [trainer.act(np.repeat(row, 4096), draw) for draw in range(50)]
    actions = np.concatenate([actions for actions, _, _ in draws])
    log_probs = np.concatenate([log_probs for _, _, log_probs in draws])
    expected = policy.log_prob(torch.as_tensor(actions)).detach().numpy()
    np.testing.assert_allclose(log_probs, expected, rtol=2e-6, atol=2e-6)  # a float32 softmax
    for k, part in enumerate(policy.parts):
        probabilities = part.probs[0].detach().numpy()
        counts = np.bincount(actions[:, k], minlength=len(probabilities))
        deviations = np.sqrt(len(actions) * probabilities * (1 - probabilities))
        assert (np.abs(counts - len(actions) * probabilities) <= 4.5 * deviations).all(), counts
    assert (trainer.greedy(row)[0] == [part.probs[0].argmax().item() for part in policy.parts]).all()


@pytest.mark.parametrize("kind", ["normal", "squashed"])
def test_continuous_actions_are_drawn_with_the_policys_mean_and_deviation(kind):
    trainer = Trainer(kind, rows=4096)
    weights = trainer.randomize(0)
    row = trainer.observations.draw(np.random.default_rng(0), 1)
    policy = Judge(trainer, weights, torch.float64)(row)[0]
    draws = [trainer.act(np.repeat(row, 4096), draw) for draw in range(50)]
    actions, bounded, log_probs = (np.concatenate(parts) for parts in zip(*draws, strict=True))
    expected = policy.log_prob(torch.as_tensor(actions, dtype=torch.float64)).detach().numpy()
    np.testing.assert_allclose(log_probs, expected, rtol=2e-6, atol=2e-6)
    low, high = (np.array(trainer.o[name], np.float32) for name in ("low", "high"))
    within = np.clip(actions, low, high)
    if kind == "squashed":
        within = (low + (high - low) * 0.5 * (np.tanh(actions.astype(np.float64)) + 1)).astype(np.float32)
        np.testing.assert_allclose(bounded, within, rtol=0, atol=5e-7)  # a few ulp of the width, 2.5
        assert (bounded >= low).all()
        assert (bounded <= high).all()
    else:
        assert np.array_equal(bounded, within)
    for k, part in enumerate(policy.parts):
        z = (actions[:, k] - part.mean.item()) / part.stddev.item()
        assert abs(z.mean()) < 4.5 / math.sqrt(len(z))
        assert abs(z.var() - 1) < 4.5 * math.sqrt(2 / len(z))
        assert abs((z**4).mean() - 3) < 4.5 * math.sqrt(96 / len(z))  # its fourth moment is normal's
    assert abs(np.corrcoef(actions.T)[0, 1]) < 4.5 / math.sqrt(len(actions))


def test_initial_weights_are_orthogonal():
    weights = torch.tensor(Trainer("categorical", choices=(3,)).parameters)
    w = {"first": weights[:256].view(64, 4), "second": weights[320 : 320 + 4096].view(64, 64)}
    torch.testing.assert_close(w["first"].T @ w["first"], 2 * torch.eye(4), rtol=0, atol=1e-6)
    torch.testing.assert_close(w["second"] @ w["second"].T, 2 * torch.eye(64), rtol=0, atol=1e-5)
    head = weights[2 * (320 + 4160) :][: 3 * 64].view(3, 64)
    torch.testing.assert_close(head @ head.T, 1e-4 * torch.eye(3), rtol=0, atol=1e-9)
