"""Adam compared with PyTorch's, and training without importing PyTorch's compiler."""

import subprocess
import sys

import pytest
import torch

from operant.models.machine.adam import Adam


def trained(optimizer, parameters, step_size):
    """Returns the parameters after 50 steps down sum(k (p - k)^2), k = 0, 1, 2, ..."""
    target = torch.arange(float(len(parameters)))
    for _ in range(50):
        parameters.grad = 2 * target * (parameters.detach() - target)
        step_size(optimizer)
        optimizer.step()
    return parameters.detach()


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_it_moves_parameters_as_pytorchs_does(epsilon):
    ours, theirs = (torch.zeros(7, requires_grad=True) for _ in range(2))

    def ours_halved(optimizer):
        optimizer.learning_rate *= 0.99

    def theirs_halved(optimizer):
        optimizer.param_groups[0]["lr"] *= 0.99

    mine = trained(Adam(ours, 0.1, epsilon=epsilon), ours, ours_halved)
    reference = trained(torch.optim.Adam([theirs], lr=0.1, eps=epsilon), theirs, theirs_halved)
    assert reference[1] > 0.5
    torch.testing.assert_close(mine, reference, rtol=1e-6, atol=1e-6)  # some ulps, accumulated over 50 steps


def test_the_first_step_is_as_long_as_the_learning_rate():
    parameters = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
    parameters.grad = torch.tensor([0.5, -4.0, 0.0])
    Adam(parameters, 0.25).step()
    assert parameters.tolist() == pytest.approx([0.75, -1.75, 3.0], rel=1e-6)


def test_it_continues_identically_from_a_state():
    whole, first, second = (torch.ones(3, requires_grad=True) for _ in range(3))
    gradients = torch.tensor([[1.0, -2.0, 0.1], [0.3, 5.0, -1.0], [0.7, 0.1, 2.0]])
    optimizers = Adam(whole, 0.1), Adam(first, 0.1)
    for gradient in gradients[:2]:
        for parameters, optimizer in zip((whole, first), optimizers, strict=True):
            parameters.grad = gradient
            optimizer.step()
    with torch.no_grad():
        second.copy_(first)
    resumed = Adam(second, 0.1)
    resumed.load_state_dict(optimizers[1].state_dict())
    for parameters, optimizer in ((whole, optimizers[0]), (second, resumed)):
        parameters.grad = gradients[2]
        optimizer.step()
    assert torch.equal(whole, second)


def test_training_does_not_import_pytorchs_compiler():
    code = (
        "import sys; from operant.models.algorithms.torch_ppo import TorchPPO as PPO; "
        "PPO('operant/CartPole-v1', PPO.Config(num_envs=4)).learn(256); print('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
