"""Plain Python versions of the environments that have no other; and Gymnasium's toy text classes with a `state`.

Each plain version is a `gymnasium.Env` that draws from `np_random` and computes in float64, with operations in the
order of its header. It judges the exact build bit for bit, draws the frames, and is the benchmark's baseline.
Gymnasium's toy text classes only gain a `state`, the numbers of the header's state, so that they can draw ours.
"""
