"""Anybody's Python environments as one `gymnasium.vector.VectorEnv`, in worker processes, in threads or in this one."""
