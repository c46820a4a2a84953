"""Environments in a GPU's memory: the same headers, compiled at first use, with the same bits as on the CPU.

`gymnasium.make_vec("operant/CartPole-v1", num_envs=4096, device="cuda")` makes a `CudaVectorEnv`. device="emulated"
runs the GPU's code on the CPU, thread by thread: for tests, and for writing code that will run on a GPU elsewhere.

Needs PyTorch and NVIDIA's compiler: `pip install "operant[cuda]"`.
"""

import importlib.util

if importlib.util.find_spec("torch") is None:
    raise ImportError("device='cuda' and device='emulated' need PyTorch: pip install 'operant[cuda]'", name="torch")
