"""Environments in a GPU's memory: the same headers, compiled at first use, with the same bits as on the CPU.

`gymnasium.make_vec("operant/CartPole-v1", num_envs=4096, device="cuda")` makes a `CudaVectorEnv`. device="emulated"
runs the GPU's code on the CPU, thread by thread: for tests, and for writing what is to run where there is a GPU.

Needs PyTorch and NVIDIA's compiler: `pip install "operant[cuda]"`.
"""
