"""The generators of the C core against published numbers and against NumPy."""

import numpy as np
import pytest
from building import ROOT, run

# Random123's known answers (kat_vectors) for threefry2x32 with 20 rounds: counter, key, result.
THREEFRY = [
    ("00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"),
    ("ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"),
    ("243f6a88 85a308d3", "13198a2e 03707344", "c4923a9c 483df7a0"),
]
THREEFRY_PROGRAM = r"""
#include <stdio.h>
#include "core/layout.h"
#define LANES 1
#define EXACT 0
#include "core/lanes.h"
#include "core/trig.h"
#include "core/random.h"
int main(void) {
    uint32_t c0, c1, k0, k1;
    while (scanf("%x %x %x %x", &c0, &c1, &k0, &k1) == 4) {
        threefry2x32(k0, k1, &c0, &c1);
        printf("%08x %08x\n", c0, c1);
    }
    return 0;
}
"""
# Reads a word count and the words of a seed; prints SeedSequence's first 8 words and PCG64's first 4 numbers.
NUMPY_PROGRAM = r"""
#include <inttypes.h>
#include <stdio.h>
#include "core/layout.h"
int main(void) {
    for (int count; scanf("%d", &count) == 1;) {
        uint32_t words[32], state[8];
        for (int i = 0; i < count; i++)
            if (scanf("%" SCNu32, &words[i]) != 1) return 1;
        operant_seed_sequence(words, count, state, 8);
        for (int i = 0; i < 8; i++) printf("%" PRIu32 " ", state[i]);
        operant_pcg64 generator;
        operant_pcg64_seed(&generator, words, count);
        for (int i = 0; i < 4; i++) printf("%" PRIu64 "%c", operant_pcg64_next(&generator), i < 3 ? ' ' : '\n');
    }
    return 0;
}
"""
# Draws an integer below `range` from a generator whose state and increment are 0: it gives zeros, which are rejected.
ENDLESS_PROGRAM = r"""
#include <inttypes.h>
#include <stdio.h>
#include "core/layout.h"
#define LANES 1
#define EXACT 1
#include "core/lanes.h"
#include "core/trig.h"
#include "core/random.h"
int main(void) {
    for (int64_t range; scanf("%" SCNd64, &range) == 1;) {
        operant_pcg64 zeros = {0};
        rng r = {&zeros, 1, 0};
        printf("%" PRId64 "\n", (int64_t)uniform_int(&r, 0, (lane_int)range));
    }
    return 0;
}
"""


def answers(tmp_path, program, questions):
    """The output of a C program that includes the core's headers, one line for each line of input."""
    (tmp_path / "program.c").write_text(program)
    sources = [tmp_path / "program.c", ROOT / "native" / "core" / "numpy.c"]
    flags = ["-std=gnu11", "-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    run("cc", *flags, f"-I{ROOT / 'native'}", *sources, "-lm", "-o", tmp_path / "program")
    return run(tmp_path / "program", input="\n".join(questions) + "\n", timeout=60).splitlines()


def test_threefry_gives_the_published_numbers(tmp_path):
    questions = [f"{counter} {key}" for counter, key, _ in THREEFRY]
    assert answers(tmp_path, THREEFRY_PROGRAM, questions) == [result for _, _, result in THREEFRY]


def words_of(seed, padding):
    words = [seed >> shift & 0xFFFFFFFF for shift in range(0, max(seed.bit_length(), 1), 32)]
    return words + [0] * padding


@pytest.mark.parametrize("padding", [0, 1, 3], ids=lambda padding: f"{padding} zero words above")
def test_seed_sequence_and_pcg64_give_numpys_numbers(tmp_path, padding):
    drawn = np.random.default_rng(0)
    seeds = [0, 1, 42, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1, 2**64, 2**96 + 1, 2**128 - 1, 2**128, 2**201 - 1]
    seeds += [int.from_bytes(drawn.bytes(size), "little") for size in range(1, 41) for _ in range(5)]
    questions = []
    for seed in seeds:
        words = words_of(seed, padding)
        questions.append(f"{len(words)} {' '.join(map(str, words))}")
    for seed, line in zip(seeds, answers(tmp_path, NUMPY_PROGRAM, questions), strict=True):
        numbers = [int(number) for number in line.split()]
        assert numbers[:8] == np.random.SeedSequence(seed).generate_state(8).tolist(), seed
        assert numbers[8:] == np.random.PCG64(seed).random_raw(4).tolist(), seed


def test_a_generator_of_zeros_which_no_seed_gives_ends_every_bounded_draw(tmp_path):
    ranges = [2, 3, 13, 120, (1 << 31) - 1]
    assert answers(tmp_path, ENDLESS_PROGRAM, [str(range_) for range_ in ranges]) == ["0"] * len(ranges)
