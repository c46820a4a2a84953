"""Where training runs: devices, threads and processes."""
