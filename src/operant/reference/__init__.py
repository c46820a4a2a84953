"""The environments that are no one else's, in plain Python: the slow obvious versions. And Gymnasium's toy text.

Each is a `gymnasium.Env` that draws from `np_random` and computes in float64, in the order of its header's operations.
It judges the exact build bit for bit, draws the frames, and is what the benchmark compares with. Gymnasium's classes
get a `state` here, of the numbers of the header's, and are otherwise as they are.
"""
