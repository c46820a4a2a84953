"""Options: their types, limits and errors."""

import dataclasses
import math

import numpy as np
import pytest

from operant.models.algorithms import configs
from operant.models.algorithms.on_policy import OnPolicyConfig
from operant.models.algorithms.options import describe, make_config
from operant.models.algorithms.ppo import PPOConfig
from operant.models.networks.actor_critic import ACTIVATIONS


def test_layers_of_options_override_the_earlier_ones():
    config = make_config(PPOConfig, {"epochs": 2, "clip": 0.1}, {"epochs": 3})
    assert (config.epochs, config.clip, config.minibatches) == (3, 0.1, 4)


def test_integers_become_floats_and_lists_become_tuples():
    config = PPOConfig(gamma=1, hidden=[32, 16])
    assert type(config.gamma) is float and config.hidden == (32, 16)


def test_the_activations_to_choose_from_are_those_of_the_networks():
    assert tuple(ACTIVATIONS) == configs.ACTIVATIONS


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PPOConfig().clip = 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gama": 0.9}, r"unknown option 'gama': did you mean 'gamma'\?"),
        ({"zzz": 1}, "unknown option 'zzz': choose from num_envs, rollout_steps, "),
        ({"gamma": 1.5}, r"gamma=1.5 must be at most 1$"),
        ({"gamma": math.nan}, "gamma=nan must be a number"),
        ({"learning_rate": 0}, "learning_rate=0.0 must be above 0"),
        ({"epochs": 0}, "epochs=0 must be at least 1"),
        ({"epochs": 2.5}, "epochs=2.5 must be an integer"),
        ({"epochs": True}, "epochs=True must be an integer"),
        ({"anneal": 1}, "anneal=1 must be true or false"),
        ({"gamma": "high"}, "gamma='high' must be a number"),
        ({"device": 3}, "device=3 must be a word"),
        ({"hidden": (64, 0)}, r"hidden=\(64, 0\) must be a list of positive integers"),
        ({"hidden": 64}, r"hidden=64 must be a list of positive integers, such as \(64, 64\)"),
        ({"hidden": "64"}, r"hidden='64' must be a list of positive integers"),
        ({"hidden": [64, True]}, r"hidden=\(64, True\) must be a list of positive integers"),
        ({"hidden": np.array([64.0])}, r"hidden=\(64.0,\) must be a list of positive integers"),
        ({"learning_rate": np.array([1e-3, 1e-4])}, r"learning_rate=\[0.001, 0.0001\] must be a number"),
        ({"epochs": np.float64(2)}, "epochs=2.0 must be an integer"),
        ({"activation": "tan"}, r"activation='tan': did you mean 'tanh'\?"),
        ({"activation": "zzz"}, "activation='zzz': choose from tanh, relu, "),
        ({"dual_clip": 0.5}, "dual_clip=0.5 must be above 1, or 0 for no bound"),
    ],
)
def test_an_invalid_option_is_named_with_its_allowed_values(options, message):
    with pytest.raises(ValueError, match=message) as error:
        make_config(PPOConfig, options)
    assert "\n" not in str(error.value)


def test_numbers_and_arrays_of_numpy_become_pythons():
    config = PPOConfig(num_envs=np.int64(4), gamma=np.float64(0.5), clip=np.float32(0.25), hidden=np.array([32, 16]))
    kinds = [type(each) for each in (config.num_envs, config.gamma, config.clip, config.hidden)]
    assert kinds == [int, float, float, tuple]
    assert config == PPOConfig(num_envs=4, gamma=0.5, clip=0.25, hidden=(32, 16))
    assert type(PPOConfig(hidden=[np.int32(8)]).hidden[0]) is int
    assert PPOConfig(anneal=np.bool_(False)).anneal is False


@pytest.mark.parametrize("kind", [PPOConfig, configs.A2CConfig, configs.TRPOConfig, configs.VMPOConfig])
def test_only_a_limit_may_be_infinite(kind):
    limits = {"max_grad_norm", "clip", "value_clip", "dual_clip", "target_kl"}
    for field in dataclasses.fields(kind):
        if isinstance(field.default, float):
            if field.name in limits:
                assert getattr(kind(**{field.name: math.inf}), field.name) == math.inf
            else:
                with pytest.raises(ValueError, match=f"^{field.name}=inf must be (finite|at most 1)"):
                    kind(**{field.name: math.inf})


@pytest.mark.parametrize("name", ["ppo", "a2c", "reinforce", "trpo", "vmpo"])
def test_every_option_of_every_algorithm_says_what_it_means(name):
    import importlib

    config = getattr(importlib.import_module(f"operant.models.algorithms.{name}"), f"{name.upper()}Config")
    assert issubclass(config, OnPolicyConfig)
    config()  # checks that the defaults are valid
    for field in dataclasses.fields(config):
        assert field.metadata["meaning"] and not field.metadata["meaning"].endswith("."), field.name


def test_types_are_described_in_words():
    kinds = [int, float, bool, str, tuple[int, ...]]
    assert [describe(kind) for kind in kinds] == ["an integer", "a number", "true or false", "a word", describe(list)]
