"""The algorithm of docs/add-an-algorithm.md works."""

import re
import sys
import types
from pathlib import Path

import torch

torch.set_num_threads(1)

PAGE = Path(__file__).parents[3] / "docs" / "add-an-algorithm.md"


def test_the_algorithm_of_the_page_learns(monkeypatch):
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    module = types.ModuleType("awr")
    monkeypatch.setitem(sys.modules, "awr", module)  # dataclasses look up annotations there
    exec(snippet, module.__dict__)
    config = module.AWRConfig(num_envs=64, rollout_steps=16, learning_rate=0.01)
    *_, last = module.AWR("operant/CartPole-v1", config).iterate(64 * 16 * 25)
    assert last["episode_return"] > 50  # an untrained policy reaches 22
    recurrent = module.AWR("operant/CartPole-v1", module.AWRConfig(num_envs=8, lstm=8))
    before = recurrent.parameters.detach().clone()
    assert recurrent.learn(1).updates == 1 and not torch.equal(recurrent.parameters, before)
