"""The machine of a training run: devices, threads and processes."""
