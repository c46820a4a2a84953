"""Two local processes that train one policy with gloo."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from data_parallel_worker import BUDGET, solve, vmpo_gradient

from operant.models import PPO
from operant.models.algorithms.ppo import PPOConfig
from operant.models.algorithms.torch_ppo import TorchPPO
from operant.runs.run_directory import RunDirectory
from operant.utils import CheckpointFolder, load_checkpoint

pytestmark = pytest.mark.test_all("starts pairs of processes, by torchrun and by hand, that train")

WORKER = Path(__file__).parent / "data_parallel_worker.py"
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d"]
TORCHRUN += ["--rdzv-endpoint", "localhost:0", "-m", "operant.cli.main"]
QUIET = ["--quiet", "--num-envs", "16", "--hidden", "8"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder with the results of both processes."""
    path = tmp_path_factory.mktemp("results")
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([sys.executable, WORKER, path], env=os.environ | common | {"RANK": str(rank)})
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    return path


@pytest.fixture(scope="module")
def results(folder):
    return [load_checkpoint(folder / f"{rank}.safetensors") for rank in range(2)]


def both(results, key):
    """Returns a result that both processes must have, bit for bit."""
    assert results[0][key] == results[1][key]
    return results[0][key]


def test_weights_are_the_same_bits_in_all_processes_after_training(results):
    weights = both(results, "weights")
    untrained = TorchPPO("operant/CartPole-v1", PPOConfig(num_envs=1, hidden=(8,)), seed=3).parameters
    assert not np.allclose(weights, untrained.tolist(), atol=1e-3)
    assert both(results, "spread")


def test_each_process_has_environments_of_its_own(results):
    assert results[0]["own_observations"] != results[1]["own_observations"]


def test_the_gradient_is_that_of_one_process_with_the_whole_batch(results):
    ppo = TorchPPO("operant/CartPole-v1", PPOConfig(num_envs=2, max_grad_norm=1e9))
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    ppo._descend(ppo.policy.values(inputs).square().mean())
    expected = ppo.parameters.grad.numpy()
    # Sums of 64 terms in float32, in another order: some ulps, 6e-8, of the largest.
    np.testing.assert_allclose(both(results, "gradient"), expected, rtol=0, atol=2e-6 * np.abs(expected).max())


def test_processes_on_devices_train_the_same_as_on_the_cpu(results):
    weights = both(results, "devices")
    # The fused Adam rounds each product, and sums are added in another order.
    np.testing.assert_allclose(weights["emulated"], weights["cpu"], rtol=0, atol=2e-6)


def test_statistics_cover_the_data_of_all_processes(results):
    merged, whole = both(results, "merged"), results[0]["whole"]
    assert merged["count"] == whole["count"] == 120
    for name in ("mean", "squares"):
        np.testing.assert_allclose(merged[name], whole[name], rtol=1e-12)  # float64, merged in another order
    assert both(results, "observations")["count"] == 8 * 256
    assert both(results, "rewards")["count"] == pytest.approx(8 * 256, abs=1e-3)  # the initial variance has weight 1e-4


def test_metrics_cover_all_processes(results):
    metrics = [result["metrics"] for result in results]
    assert metrics[0] == pytest.approx(metrics[1], nan_ok=True)
    assert metrics[0]["steps"] == 8 * 256
    assert metrics[0]["episodes"] == sum(result["own_episodes"] for result in results)


def test_a_resumed_run_equals_an_uninterrupted_one(results):
    assert both(results, "resumed") == both(results, "weights")


def test_every_algorithm_keeps_its_weights_the_same_in_all_processes(results):
    weights = both(results, "algorithms")
    assert set(weights) == {"a2c", "reinforce", "trpo", "vmpo", "ppo with rnd", "rnd"}
    assert all(np.isfinite(each).all() for each in weights.values())
    untrained = TorchPPO("operant/CartPole-v1", PPOConfig(num_envs=1, hidden=(8,)), seed=1).parameters.tolist()
    assert all(each != untrained for each in weights.values())


def test_advantages_are_standardized_over_all_processes(results):
    squares = torch.arange(10.0).square()
    expected = (squares - squares.mean()) / squares.std()
    torch.testing.assert_close(torch.tensor(results[0]["standardized"] + results[1]["standardized"]), expected)


def test_v_mpo_follows_the_better_half_of_all_advantages(results):
    expected = vmpo_gradient(1, 0)
    # Sums of 128 terms in float32, in another order: some ulps, 6e-8, of the largest.
    atol = 4e-6 * np.abs(expected).max()
    np.testing.assert_allclose(both(results, "vmpo_gradient"), expected, rtol=0, atol=atol)


def test_another_number_of_processes_is_refused_by_name(folder):
    with pytest.raises(
        ValueError, match=r"is from 2 process.*not from 1: start the same number with torchrun --nproc-per-node 2"
    ):
        PPO.load(folder / "middle.safetensors")


def test_any_process_can_ask_all_to_stop(results):
    assert both(results, "anywhere") == [True, False]


def test_two_processes_learn_within_as_many_steps_as_one(results):
    torch.set_num_threads(1)
    two, one = both(results, "solved"), solve()
    assert one is not None and two is not None, f"a mean return of 150 within {BUDGET} steps"
    assert 0.5 < two / one < 2  # the episodes differ; different seeds alone differ by less


def start(folder, *arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPERANT_RUNS": str(folder)}
    command = [sys.executable, *TORCHRUN, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_torchrun_keeps_one_run_which_ctrl_c_ends_and_as_many_processes_resume(tmp_path):
    options = ["--timesteps", "100000000", "--checkpoint-every", "1000", *QUIET]
    process = start(tmp_path, "train", "cartpole", *options)
    while process.poll() is None and not list(tmp_path.glob("*/metrics.csv")):
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    [run] = RunDirectory.all(tmp_path)
    assert run.status == "interrupted", err
    checkpoint = CheckpointFolder(run.checkpoints).latest()
    steps = int(checkpoint.stem.partition("-")[2])
    total = str(steps + 4 * 16 * 32)

    alone = [sys.executable, "-m", "operant.cli.main", "resume", run.path, "--timesteps", total]
    refused = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "start the same number with torchrun --nproc-per-node 2" in refused.stderr

    process = start(tmp_path, "resume", run.id, "--timesteps", total, "--quiet")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.count(f"{int(total):,} steps in") == 1  # one process reports
    run.refresh()
    assert run.status == "finished"
