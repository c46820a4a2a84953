"""The core's normal numbers and dot products are NumPy's."""

import numpy as np

from operant._native import ffi, lib
from operant.engines.mujoco_library import numpy_fuses


def test_normal_numbers_are_those_of_numpys_generator():
    """Three hundred thousand reach every layer of the ziggurat, its wedges and its tail."""
    drawn = np.empty(300_000)
    for seed in (0, 5, 1 << 40):
        words = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32)
        lib.operant_standard_normals(
            ffi.from_buffer("uint32_t[]", words), 2, ffi.from_buffer("double[]", drawn), len(drawn)
        )
        assert (drawn == np.random.default_rng(seed).standard_normal(len(drawn))).all()


def test_dot_products_of_three_numbers_are_numpys():
    for x in np.random.default_rng(1).normal(size=(500, 3)):
        assert lib.operant_dot(ffi.from_buffer("double[]", x), 3, numpy_fuses()) == x.dot(x)
