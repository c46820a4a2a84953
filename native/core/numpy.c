/* numpy.c: NumPy's SeedSequence, PCG64 and float32 sines, with NumPy's bits, for the exact build. */
#include "core/layout.h"

static uint32_t hash_word(uint32_t value, uint32_t *constant, uint32_t multiplier) {
    value ^= *constant;
    *constant *= multiplier;
    value *= *constant;
    return value ^ (value >> 16);
}

static uint32_t mix(uint32_t x, uint32_t y) {
    uint32_t result = 0xca01f9ddu * x - 0x4973f715u * y;
    return result ^ (result >> 16);
}

/** numpy.random.SeedSequence(entropy).generate_state(count): `words` is the entropy, least significant word first. */
void operant_seed_sequence(const uint32_t *words, int32_t num_words, uint32_t *state, int32_t count) {
    uint32_t pool[4], constant = 0x43b0d7e5u;
    while (num_words > 4 && words[num_words - 1] == 0) num_words--;
    for (int i = 0; i < 4; i++) pool[i] = hash_word(i < num_words ? words[i] : 0, &constant, 0x931e8875u);
    for (int source = 0; source < 4; source++)
        for (int target = 0; target < 4; target++)
            if (source != target) pool[target] = mix(pool[target], hash_word(pool[source], &constant, 0x931e8875u));
    for (int source = 4; source < num_words; source++)
        for (int target = 0; target < 4; target++)
            pool[target] = mix(pool[target], hash_word(words[source], &constant, 0x931e8875u));
    constant = 0x8b51f9ddu;
    for (int i = 0; i < count; i++) state[i] = hash_word(pool[i % 4], &constant, 0x58f38dedu);
}

static uint64_t pair(const uint32_t *words) { return words[0] | (uint64_t)words[1] << 32; }

/** numpy.random.PCG64(SeedSequence(entropy)). */
void operant_pcg64_seed(operant_pcg64 *g, const uint32_t *words, int32_t num_words) {
    uint32_t state[8];
    operant_seed_sequence(words, num_words, state, 8);
    unsigned __int128 start = (unsigned __int128)pair(state) << 64 | pair(state + 2);
    unsigned __int128 stream = (unsigned __int128)pair(state + 4) << 64 | pair(state + 6);
    unsigned __int128 increment = stream << 1 | 1, value = (increment + start) * OPERANT_PCG64_MULTIPLIER + increment;
    *g = (operant_pcg64){(uint64_t)(value >> 64), (uint64_t)value, (uint64_t)(increment >> 64), (uint64_t)increment, 0};
}

/* NumPy evaluates float32 sin and cos with its own polynomials (loops_trigonometric) if the CPU has FMA, else with the
 * C library's. The choice depends on the NumPy in this process. */
static int numpy_has_simd_trig = 1;

void operant_numpy_simd_trig(int32_t enabled) { numpy_has_simd_trig = enabled; }

static float numpy_sine(float x, int quarter_turns) {
    float n = (x * 0x1.45f306p-1f + 0x1.8p+23f) - 0x1.8p+23f;
    float r = fmaf(n, -0x1.921fb0p+00f, x);
    r = fmaf(n, -0x1.5110b4p-22f, r);
    r = fmaf(n, -0x1.846988p-48f, r);
    float r2 = r * r;
    int quadrant = (int)n + quarter_turns;
    float value;
    if (quadrant & 1) {
        value = fmaf(0x1.98e616p-16f, r2, -0x1.6c06dcp-10f);
        value = fmaf(value, r2, 0x1.55553cp-05f);
        value = fmaf(value, r2, -0x1.000000p-01f);
        value = fmaf(value, r2, 0x1.000000p+00f);
    } else {
        value = fmaf(0x1.7d3bbcp-19f, r2, -0x1.a06bbap-13f);
        value = fmaf(value, r2, 0x1.11119ap-07f);
        value = fmaf(value, r2, -0x1.555556p-03f);
        value = fmaf(value, r2, 0.0f);
        value = fmaf(value, r, r);
    }
    return quadrant & 2 ? 0.0f - value : value;
}

float operant_numpy_sinf(float x) { return numpy_has_simd_trig && fabsf(x) < 70000.0f ? numpy_sine(x, 0) : sinf(x); }
float operant_numpy_cosf(float x) { return numpy_has_simd_trig && fabsf(x) < 70000.0f ? numpy_sine(x, 1) : cosf(x); }
