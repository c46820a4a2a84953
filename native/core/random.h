/* random.h: the random numbers of one environment, drawn by X_reset, X_step and X_observe through an `rng`.
 *
 * Fast build: Threefry-2x32-20 (Salmon et al. 2011), counter-based. A number depends only on the environment's 64-bit
 * seed, its episode, the purpose of the draw, and the number of draws before it, so there is no generator state.
 * Exact build: NumPy's PCG64 (O'Neill 2014), one generator per environment, advanced by every draw. */

/** The purposes of draws. Each has its own stream, so one never shifts another. */
enum { FOR_RESET = 0, FOR_PARAMS = 0x50415241, FOR_STEP = 0x53544550 };

#if EXACT

typedef struct {
    operant_pcg64 *generator;
    vi elapsed; /* steps since the episode began */
    int called; /* see below */
} rng;

LANE_FN real next_double(operant_pcg64 *g) { return (real)(operant_pcg64_next(g) >> 11) * (1.0 / 9007199254740992.0); }
CALLED_FN real called_next_double(operant_pcg64 *g) { return next_double(g); }
LANE_FN vf uniform(rng *r, vf low, vf high) {
    return low + (high - low) * (r->called ? called_next_double(r->generator) : next_double(r->generator));
}

/* A draw is rejected with a probability below range / 2^32, so below one half: so many in a row with one below 2^-128.
 * Only a state that no seed gives has them, such as zeros, of which the generator draws zeros for ever. */
enum { MOST_REJECTIONS = 128 };

/** Generator.integers(low, high), and with it Generator.choice: Lemire (2019) on 32 bits. */
LANE_FN vi uniform_int(rng *r, lane_int low, lane_int high) {
    const uint32_t range = (uint32_t)(high - low);
    if (range == 1) return low; /* without a draw */
    uint64_t product = (uint64_t)operant_pcg64_next32(r->generator) * range;
    if ((uint32_t)product < range) {
        const uint32_t threshold = -range % range;
        for (int rejected = 0; (uint32_t)product < threshold && rejected < MOST_REJECTIONS; rejected++)
            product = (uint64_t)operant_pcg64_next32(r->generator) * range;
    }
    return low + (vi)(product >> 32);
}

#else

enum { BLOCKS_PER_STEP = 64 }; /* of two numbers: X_step with its X_observe may draw at most 128 */

typedef struct {
    vu key0, key1, episode, block, spare;
    int has_spare; /* a compile-time constant once the environment is inlined */
    vi elapsed;
    int called; /* the same: 1 calls the cipher, which is compiled sooner; 0 inlines it, which runs faster */
} rng;

LANE_FN vu rotate_left(vu x, int bits) { return (x << bits) | (x >> (32 - bits)); }

/** The Threefry-2x32 cipher with 20 rounds: counter (c0, c1) under key (k0, k1), in place. */
LANE_FN void threefry2x32(vu k0, vu k1, vu *c0, vu *c1) {
    static const int rotations[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    const vu keys[3] = {k0, k1, k0 ^ k1 ^ 0x1BD11BDAu};
    vu x0 = *c0 + keys[0], x1 = *c1 + keys[1];
    for (int group = 0; group < 5; group++) {
        for (int i = 0; i < 4; i++) {
            x0 += x1;
            x1 = rotate_left(x1, rotations[(group & 1) * 4 + i]) ^ x0;
        }
        x0 += keys[(group + 1) % 3];
        x1 += keys[(group + 2) % 3] + (uint32_t)(group + 1);
    }
    *c0 = x0, *c1 = x1;
}

CALLED_FN void called_threefry2x32(vu k0, vu k1, vu *c0, vu *c1) { threefry2x32(k0, k1, c0, c1); }

/** A uniform number in [low, high), of 24 random bits. */
LANE_FN vf uniform(rng *r, vf low, vf high) {
    vu word = r->spare;
    if (!r->has_spare) {
        vu c0 = r->block, c1 = r->episode;
        if (r->called) called_threefry2x32(r->key0, r->key1, &c0, &c1);
        else threefry2x32(r->key0, r->key1, &c0, &c1);
        r->block += 1;
        r->spare = c1;
        word = c0;
    }
    r->has_spare = !r->has_spare;
    return low + (high - low) * (vfloat((vi)(word >> 8)) * R(1.0 / 16777216.0));
}

/** An integer in [low, high), with equal probabilities to one in 2^24; high - low is at most 2^24. */
LANE_FN vi uniform_int(rng *r, lane_int low, lane_int high) {
    return low + vtrunc(uniform(r, vreal(0), vreal((real)(high - low))));
}

#endif

/** True until the first step of the episode. */
LANE_FN vm is_fresh(const rng *r) { return r->elapsed == 0; }

/* Gymnasium holds some states in float64 after a reset and in float32 from the first step on, or the other way round.
 * The exact build rounds in the same way; the fast build has only float32. */
#if EXACT
LANE_FN vf narrow_unless(vm fresh, vf x) { return fresh ? x : narrow(x); }
LANE_FN void vsincos_narrow_if(vm fresh, vf x, vf *sine, vf *cosine) {
    if (fresh) *sine = operant_numpy_sinf((float)x), *cosine = operant_numpy_cosf((float)x);
    else vsincos(x, sine, cosine);
}
#else
LANE_FN vf narrow_unless(vm fresh, vf x) { return (void)fresh, x; }
LANE_FN void vsincos_narrow_if(vm fresh, vf x, vf *sine, vf *cosine) { (void)fresh, vsincos(x, sine, cosine); }
#endif
