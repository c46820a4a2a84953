/* kernels.h: the arithmetic of training, LANES numbers at a time.
 *
 * Every sum is one chain of fused multiply-adds in an order that no target, tile or thread changes, and all targets
 * round a fused multiply-add alike. So they compute the same bits. Lanes lie along the outputs, never along a sum. */
#include "train/table.h"

/** a * b + c, rounded once. */
#if defined(__x86_64__) && LANES == 16
LANE_FN vf vfma(vf a, vf b, vf c) { return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
#elif defined(__x86_64__) && LANES == 8
LANE_FN vf vfma(vf a, vf b, vf c) { return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
#elif defined(__aarch64__) && LANES == 4
LANE_FN vf vfma(vf a, vf b, vf c) { return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
#else
LANE_FN vf vfma(vf a, vf b, vf c) { return fmaf(a, b, c); }
#endif

/** tanh to 2 ulp: x P(x^2) / Q(x^2), the best of degrees 9 and 8 up to 9.02, where it has become 1. */
LANE_FN vf vtanh(vf x) {
    x = vclip(x, vreal(R(-9.02)), vreal(R(9.02)));
    const vf z = x * x;
    vf p = vfma(vreal(R(1.3318890479225455e-8)), z, vreal(R(2.0583347400048818e-5)));
    vf q = vfma(vreal(R(7.761944141148641e-7)), z, vreal(R(3.28307949943424e-4)));
    p = vfma(p, z, vreal(R(3.494026413071702e-3)));
    q = vfma(q, z, vreal(R(2.58710422980907e-2)));
    p = vfma(p, z, vreal(R(0.1337971111745867)));
    q = vfma(q, z, vreal(R(0.46713026362533666)));
    p = vfma(p, z, vreal(1));
    q = vfma(q, z, vreal(1));
    return x * p / q;
}

/* The tile of a product that is held in registers: as many sums as hide the latency of an addition. */
#if LANES == 16
enum { TILE_ROWS = 6, TILE_VECTORS = 4, TALL_ROWS = 12 };
#elif LANES == 8
enum { TILE_ROWS = 3, TILE_VECTORS = 4, TALL_ROWS = 12 };
#else
enum { TILE_ROWS = 4, TILE_VECTORS = 2, TALL_ROWS = LANES == 1 ? 4 : 12 };
#endif

/** The operands of `product`, moved to the first element of a tile. */
typedef struct {
    int64_t depth;
    const float *a;
    int64_t a_row, a_step;
    const float *b;
    int64_t b_row;
    const float *start; /* NULL for zeros */
    int64_t start_row;
    float *c;
    int64_t c_row;
} product_tile;

/** One tile of a product: `rows` rows of `vectors` vectors, both known to the compiler. */
LANE_FN void compute_tile(product_tile t, int64_t i, int64_t j, const int rows, const int vectors) {
    vf sum[TALL_ROWS > TILE_ROWS ? TALL_ROWS : TILE_ROWS][TILE_VECTORS];
    const float *a = t.a + i * t.a_row, *b = t.b + j;
    const float *start = t.start ? t.start + i * t.start_row + j : NULL;
    float *c = t.c + i * t.c_row + j;
    UNROLLED for (int r = 0; r < rows; r++)
        UNROLLED for (int v = 0; v < vectors; v++)
            sum[r][v] = start ? LOAD(vf, start + r * t.start_row + v * LANES) : vreal(0);
    for (int64_t k = 0; k < t.depth; k++) {
        vf right[TILE_VECTORS];
        UNROLLED for (int v = 0; v < vectors; v++) right[v] = LOAD(vf, b + k * t.b_row + v * LANES);
        UNROLLED for (int r = 0; r < rows; r++) {
            const vf left = vreal(a[r * t.a_row + k * t.a_step]);
            UNROLLED for (int v = 0; v < vectors; v++) sum[r][v] = vfma(left, right[v], sum[r][v]);
        }
    }
    UNROLLED for (int r = 0; r < rows; r++)
        UNROLLED for (int v = 0; v < vectors; v++) STORE(vf, c + r * t.c_row + v * LANES, sum[r][v]);
}

/** C[m, n] = start[m, n] + A[m, k] B[k, n], where A[m, k] is a[m * a_row + k * a_step], so that A may be transposed,
 *  and n is a multiple of TRAIN_PAD. `start` may be C, or NULL for zeros. */
static void product(int64_t m, int64_t n, int64_t depth, const float *a, int64_t a_row, int64_t a_step, const float *b,
                    int64_t b_row, const float *start, int64_t start_row, float *c, int64_t c_row) {
    const product_tile t = {depth, a, a_row, a_step, b, b_row, start, start_row, c, c_row};
    int64_t j = 0;
    for (; j + TILE_VECTORS * LANES <= n; j += TILE_VECTORS * LANES) {
        int64_t i = 0;
        for (; i + TILE_ROWS <= m; i += TILE_ROWS) compute_tile(t, i, j, TILE_ROWS, TILE_VECTORS);
        for (; i + 2 <= m; i += 2) compute_tile(t, i, j, 2, TILE_VECTORS);
        if (i < m) compute_tile(t, i, j, 1, TILE_VECTORS);
    }
    for (; j < n; j += LANES) {
        int64_t i = 0;
        for (; i + TALL_ROWS <= m; i += TALL_ROWS) compute_tile(t, i, j, TALL_ROWS, 1);
        for (; i + 4 <= m; i += 4) compute_tile(t, i, j, 4, 1);
        for (; i < m; i++) compute_tile(t, i, j, 1, 1);
    }
}

/** x = tanh(x); `count` is a multiple of TRAIN_PAD here and below. */
static void activate(float *x, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) STORE(vf, x + i, vtanh(LOAD(vf, x + i)));
}

/** gradient *= 1 - y^2, the derivative of tanh where it is y. */
static void deactivate(float *gradient, const float *y, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        const vf t = LOAD(vf, y + i), g = LOAD(vf, gradient + i);
        STORE(vf, gradient + i, vfma(-(t * t), g, g));
    }
}

/** sums[n] += each of `rows` rows, in their order. */
static void add_rows(const float *x, int64_t rows, int64_t n, float *sums) {
    for (int64_t j = 0; j < n; j += LANES) {
        vf sum = LOAD(vf, sums + j);
        for (int64_t r = 0; r < rows; r++) sum += LOAD(vf, x + r * n + j);
        STORE(vf, sums + j, sum);
    }
}

/** sums[count] = the sum of `strands` rows, in their order. `sums` may be the first of them. */
static void add_strands(const float *x, int64_t strands, int64_t count, float *sums) {
    for (int64_t j = 0; j < count; j += LANES) {
        vf sum = LOAD(vf, x + j);
        for (int64_t k = 1; k < strands; k++) sum += LOAD(vf, x + k * count + j);
        STORE(vf, sums + j, sum);
    }
}

/** PPO's loss (Schulman et al. 2017, equation 9) of samples with a categorical policy, and its derivatives. `terms` are
 *  the clipped objective, half the squared error of the value, the entropy, the estimate (ratio - 1) - log ratio of the
 *  KL divergence (Schulman 2020), and 1 where the ratio lies outside 1 - clip to 1 + clip, else 0. */
static void categorical_loss(const train_loss *l) {
    const vf one = vreal(1), low = vreal(1 - l->clip), high = vreal(1 + l->clip);
    for (int64_t i = 0; i < l->count; i += LANES) {
        vf top = LOAD(vf, l->logits[0] + i);
        for (int32_t a = 1; a < l->actions; a++) top = vmax(top, LOAD(vf, l->logits[a] + i));
        vf total = vreal(0), chosen = vreal(0);
        const vi taken = LOAD(vi, l->taken + i);
        for (int32_t a = 0; a < l->actions; a++) {
            const vf x = LOAD(vf, l->logits[a] + i) - top;
            total += vexp(x);
            chosen = vsel(taken == a, x, chosen);
        }
        const vf log_total = vlog(total), log_ratio = chosen - log_total - LOAD(vf, l->old_log_probs + i);
        const vf ratio = vexp(log_ratio), advantage = LOAD(vf, l->advantages + i), weight = LOAD(vf, l->weights + i);
        const vf plain = ratio * advantage, clipped = vclip(ratio, low, high) * advantage;
        const vf d_log_prob = vsel(plain <= clipped, -(weight * plain), vreal(0));
        vf entropy = vreal(0);
        for (int32_t a = 0; a < l->actions; a++) {
            const vf x = LOAD(vf, l->logits[a] + i) - top;
            entropy -= vexp(x) / total * (x - log_total);
        }
        for (int32_t a = 0; a < l->actions; a++) {
            const vf x = LOAD(vf, l->logits[a] + i) - top, p = vexp(x) / total;
            const vf d_entropy = -(p * (x - log_total + entropy));
            const vf d = d_log_prob * (vsel(taken == a, one, vreal(0)) - p);
            STORE(vf, l->d_logits[a] + i, d - weight * l->entropy_coefficient * d_entropy);
        }
        const vf error = LOAD(vf, l->values + i) - LOAD(vf, l->returns + i);
        STORE(vf, l->d_values + i, weight * l->value_coefficient * error);
        STORE(vf, l->terms[0] + i, vmin(plain, clipped));
        STORE(vf, l->terms[1] + i, R(0.5) * error * error);
        STORE(vf, l->terms[2] + i, entropy);
        STORE(vf, l->terms[3] + i, ratio - one - log_ratio);
        STORE(vf, l->terms[4] + i, vsel(ratio < low, one, vsel(ratio > high, one, vreal(0))));
    }
}

/** Draws an action for each sample by its uniform number, from the cumulative probabilities. */
static void categorical_sample(int64_t count, int32_t actions, const float *const *logits, const float *uniform,
                               int32_t *taken, float *log_probs) {
    for (int64_t i = 0; i < count; i += LANES) {
        vf top = LOAD(vf, logits[0] + i);
        for (int32_t a = 1; a < actions; a++) top = vmax(top, LOAD(vf, logits[a] + i));
        vf total = vreal(0);
        for (int32_t a = 0; a < actions; a++) total += vexp(LOAD(vf, logits[a] + i) - top);
        const vf mark = LOAD(vf, uniform + i) * total;
        vf below = vreal(0), chosen = LOAD(vf, logits[0] + i);
        vi action = vint(0);
        for (int32_t a = 0; a < actions - 1; a++) {
            below += vexp(LOAD(vf, logits[a] + i) - top);
            const vm beyond = mark >= below;
            action = vsel_int(beyond, vint(a + 1), action);
            chosen = vsel(beyond, LOAD(vf, logits[a + 1] + i), chosen);
        }
        STORE(vi, taken + i, action);
        STORE(vf, log_probs + i, chosen - top - vlog(total));
    }
}

LANE_FN vi lane_numbers(void) {
    static const lane_int lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return LOAD(vi, lanes);
}

/** Uniform numbers in [0, 1) for the rows from `first` on at `time`, drawn from Threefry. */
static void uniforms(int64_t count, const uint32_t key[2], uint32_t time, uint32_t first, float *out) {
    for (int64_t i = 0; i < count; i += LANES) {
        vu row = (vu)(lane_numbers() + (lane_int)(first + (uint32_t)i)), at = (vu)vint((lane_int)time);
        threefry2x32((vu)vint((lane_int)key[0]), (vu)vint((lane_int)key[1]), &row, &at);
        STORE(vf, out + i, vfloat((vi)(row >> 8)) * R(1.0 / 16777216.0));
    }
}

/** The finaliser "lowbias32" of C. Wellons (2018). */
LANE_FN vu mix_bits(vu x) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

/** A Feistel network of six rounds over numbers of high_bits + low_bits bits. */
LANE_FN vu permute_bits(vu x, int high_bits, int low_bits, uint32_t key) {
    const uint32_t golden = 0x9e3779b9u, high_mask = (1u << high_bits) - 1, low_mask = (1u << low_bits) - 1;
    vu high = x >> low_bits, low = x & low_mask;
    for (uint32_t round = 0; round < 6; round += 2) {
        high ^= mix_bits(low + (key + round * golden)) & high_mask;
        low ^= mix_bits(high + (key + (round + 1) * golden)) & low_mask;
    }
    return high << low_bits | low;
}

/** order[i] is the place of i in a permutation of [0, count), for i from `first` to `last`: each is permuted among the
 *  next power of two, again and again until it falls within [0, count). Writes up to LANES - 1 numbers more. */
static void permute(int64_t first, int64_t last, int64_t count, uint32_t key, int32_t *order) {
    int bits = 2;
    while ((int64_t)1 << bits < count) bits++;
    for (int64_t i = first; i < last; i += LANES) {
        vi at = lane_numbers() + (lane_int)i;
        at = (vi)permute_bits((vu)vsel_int(at < (lane_int)count, at, vint(0)), bits - bits / 2, bits / 2, key);
        while (vany(at >= (lane_int)count))
            at = vsel_int(at < (lane_int)count, at, (vi)permute_bits((vu)at, bits - bits / 2, bits / 2, key));
        STORE(vi, order + i, at);
    }
}

/** A step of Adam (Kingma and Ba 2015) with b1 = 0.9, b2 = 0.999 and epsilon = 1e-5. `scale` clips the gradient; `rate`
 *  holds the first moment's correction, and `root` is the square root of the second's. */
static void adam(int64_t count, float *parameters, float *mean, float *square, const float *gradient, float scale,
                 float rate, float root) {
    for (int64_t i = 0; i < count; i += LANES) {
        const vf g = LOAD(vf, gradient + i) * scale;
        const vf m = vfma(vreal(R(0.1)), g - LOAD(vf, mean + i), LOAD(vf, mean + i));
        const vf v = vfma(g * R(0.001), g, LOAD(vf, square + i) * R(0.999));
        STORE(vf, mean + i, m);
        STORE(vf, square + i, v);
        STORE(vf, parameters + i, LOAD(vf, parameters + i) - rate * m / (vsqrt(v) / root + R(1e-5)));
    }
}

/** The sum of squares, in TRAIN_PAD chains that are then added in order. */
static double squares(int64_t count, const float *x) {
    enum { CHAINS = TRAIN_PAD / LANES };
    vf chain[CHAINS];
    float each[TRAIN_PAD];
    double sum = 0;
    for (int c = 0; c < CHAINS; c++) chain[c] = vreal(0);
    for (int64_t i = 0; i < count; i += TRAIN_PAD)
        for (int c = 0; c < CHAINS; c++) {
            const vf y = LOAD(vf, x + i + c * LANES);
            chain[c] = vfma(y, y, chain[c]);
        }
    for (int c = 0; c < CHAINS; c++) STORE(vf, each + c * LANES, chain[c]);
    for (int k = 0; k < TRAIN_PAD; k++) sum += each[k];
    return sum;
}

static const operant_train_kernels train_kernels = {
    product,          activate,           deactivate, add_rows, add_strands,
    categorical_loss, categorical_sample, uniforms,   permute,  adam,        squares,
};
