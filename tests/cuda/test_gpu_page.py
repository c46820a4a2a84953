"""The snippets of docs/gpu.md run, on the emulated device and with a stand-in for CUDA's graphs."""

import contextlib

import torch
from snippets import snippets

from operant.environments.vector import make_vector_env

SECTIONS = ("A first environment", "The contract", "CUDA graphs")


class Graph:
    def replay(self):
        pass


def test_the_pages_snippets_run_in_order(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: contextlib.nullcontext())
    names = {}
    found = [snippet for section in SECTIONS for snippet in snippets(section, "gpu.md")]
    assert len(found) == 4
    for snippet in found:
        exec(compile(snippet.replace('device="cuda"', 'device="emulated"'), "gpu.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    comment = next(line for line in found[1].splitlines() if "print(" in line).split("# ")[1]
    assert 0.9 < float(printed[0]) < 1 and printed[1:] == [comment]  # a reset's reward is 0
    assert names["on_the_cpu"].get_state().tobytes() == names["snapshot"].tobytes()


def test_an_environment_takes_the_memory_that_the_page_states():
    small, large = (make_vector_env("CartPole-v1", num_envs, device="emulated") for num_envs in (1, 1001))
    taken = (large.batch.bytes - small.batch.bytes) / 1000
    returned = sum(each.numel() * each.element_size() for each in small.batch.new_outputs() if each is not None)
    assert (taken, returned) == (56, 22) and 320e6 < (taken + returned) * (1 << 22) < 330e6
