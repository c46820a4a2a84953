"""Training runs on disk: directories, checkpoints and logs."""
