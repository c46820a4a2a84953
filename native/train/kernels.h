/* kernels.h: the arithmetic of training, LANES numbers at a time.
 *
 * Every sum is one chain of fused multiply-adds in an order that no target, tile or thread changes, and all targets
 * round a fused multiply-add alike. So they compute the same bits. Lanes lie along the outputs, never along a sum.
 *
 * With OPERANT_UNFUSED all targets multiply and add instead: other bits, but also the same on all. The module for pages
 * is compiled so, because WebAssembly has no fused multiply-add, and libm's takes a hundred times as long. */
#include "train/table.h"
#include "train/train.h"

/** a * b + c, rounded once. */
#if defined(OPERANT_UNFUSED)
LANE_FN vf vfma(vf a, vf b, vf c) { return a * b + c; }
#elif defined(__x86_64__) && LANES == 16
LANE_FN vf vfma(vf a, vf b, vf c) { return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
#elif defined(__x86_64__) && LANES == 8
LANE_FN vf vfma(vf a, vf b, vf c) { return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
#elif defined(__aarch64__) && LANES == 4
LANE_FN vf vfma(vf a, vf b, vf c) { return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
#else
LANE_FN vf vfma(vf a, vf b, vf c) { return fmaf(a, b, c); }
#endif

/** tanh within 4e-7: x P(x^2) / Q(x^2), the best of degrees 9 and 8 up to 9.02, where it has become 1. */
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

/** Computes one tile of a product: `rows` rows of `vectors` vectors, both known to the compiler. */
LANE_FN void compute_tile(product_tile t, int64_t i, int64_t j, const int rows, const int vectors) {
    vf sum[TALL_ROWS > TILE_ROWS ? TALL_ROWS : TILE_ROWS][TILE_VECTORS];
    const float *a = t.a + i * t.a_row, *b = t.b + j, *start = t.start ? t.start + i * t.start_row + j : NULL;
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

/** C[m, n] = start[m, n] + A[m, k] B[k, n], where A[m, k] is a[m * a_row + k * a_step], so that A may be transposed.
 *  `start` may be C, or NULL for zeros. Rows of B, C and `start` are padded to TRAIN_PAD columns, of which C's beyond n
 *  may be written. */
static void product(int64_t m, int64_t n, int64_t depth, const float *a, int64_t a_row, int64_t a_step, const float *b,
                    int64_t b_row, const float *start, int64_t start_row, float *c, int64_t c_row) {
    const product_tile t = {depth, a, a_row, a_step, b, b_row, start, start_row, c, c_row};
    int64_t j = 0;
    for (; j + TILE_VECTORS * LANES <= n; j += TILE_VECTORS * LANES) {
        int64_t i = 0;
        for (; i + TILE_ROWS <= m; i += TILE_ROWS) compute_tile(t, i, j, TILE_ROWS, TILE_VECTORS);
        for (; TILE_ROWS > 4 && i + 4 <= m; i += 4) compute_tile(t, i, j, 4, TILE_VECTORS);
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

/** Loads x[g * row] to x[g * row + 3] to lanes 4 g to 4 g + 3. */
LANE_FN vf load_quads(const float *x, int64_t row) {
#if defined(__x86_64__) && LANES == 16
    __m512 quads = _mm512_castps128_ps512(_mm_loadu_ps(x));
    quads = _mm512_insertf32x4(quads, _mm_loadu_ps(x + row), 1);
    quads = _mm512_insertf32x4(quads, _mm_loadu_ps(x + 2 * row), 2);
    return (vf)_mm512_insertf32x4(quads, _mm_loadu_ps(x + 3 * row), 3);
#elif defined(__x86_64__) && LANES == 8
    return (vf)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x)), _mm_loadu_ps(x + row), 1);
#else
    (void)row;
    return LOAD(vf, x);
#endif
}

/* Shuffles of a and b within each four lanes: a0 b0 a1 b1, a2 b2 a3 b3, a0 a1 b0 b1 and a2 a3 b2 b3. */
#define EACH_LOW(k) ((k) / 4 * 4 + (k) % 4 / 2 + (k) % 2 * LANES)
#define EACH_HIGH(k) (2 + EACH_LOW(k))
#define PAIR_LOW(k) ((k) / 4 * 4 + (k) % 2 + (k) % 4 / 2 * LANES)
#define PAIR_HIGH(k) (2 + PAIR_LOW(k))

/** Loads four numbers of each of LANES rows to four columns. */
LANE_FN void transpose_quads(const float *x, int64_t row, vf *columns) {
#if LANES == 1
    (void)row;
    for (int j = 0; j < 4; j++) columns[j] = x[j];
#else
    const vf a = load_quads(x, 4 * row), b = load_quads(x + row, 4 * row);
    const vf c = load_quads(x + 2 * row, 4 * row), d = load_quads(x + 3 * row, 4 * row);
    const vf ab01 = SHUFFLE(a, b, PAIRS(EACH_LOW)), ab23 = SHUFFLE(a, b, PAIRS(EACH_HIGH));
    const vf cd01 = SHUFFLE(c, d, PAIRS(EACH_LOW)), cd23 = SHUFFLE(c, d, PAIRS(EACH_HIGH));
    columns[0] = SHUFFLE(ab01, cd01, PAIRS(PAIR_LOW)), columns[1] = SHUFFLE(ab01, cd01, PAIRS(PAIR_HIGH));
    columns[2] = SHUFFLE(ab23, cd23, PAIRS(PAIR_LOW)), columns[3] = SHUFFLE(ab23, cd23, PAIRS(PAIR_HIGH));
#endif
}

/** to [columns, rows] = the transposed `from` [rows, columns]. */
static void transpose(int64_t rows, int64_t columns, const float *from, int64_t from_row, float *to, int64_t to_row) {
    int64_t i = 0;
    for (; i + LANES <= rows; i += LANES) {
        int64_t j = 0;
        for (; j + 4 <= columns; j += 4) {
            vf quads[4];
            transpose_quads(from + i * from_row + j, from_row, quads);
            UNROLLED for (int k = 0; k < 4; k++) STORE(vf, to + (j + k) * to_row + i, quads[k]);
        }
        for (; j < columns; j++)
            for (int k = 0; k < LANES; k++) to[j * to_row + i + k] = from[(i + k) * from_row + j];
    }
    for (; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) to[j * to_row + i] = from[i * from_row + j];
}

enum { HEAD_VECTORS = 2, HEAD_OUTPUTS = 4 };

/** The operands of `head`, moved to the first row of a tile. */
typedef struct {
    int64_t depth;
    const float *x;
    int64_t x_row;
    const float *weights;
    int64_t weights_row;
    const float *biases;
    float *out;
    int64_t out_row;
} head_tile;

/** Adds `count` terms to the sums of HEAD_VECTORS vectors of rows and of `outputs` outputs from o on. */
LANE_FN void add_quad(head_tile t, int64_t o, int64_t k, const int outputs, int64_t count, vf (*sum)[HEAD_VECTORS]) {
    vf x[HEAD_VECTORS][4];
    UNROLLED for (int v = 0; v < HEAD_VECTORS; v++) transpose_quads(t.x + v * LANES * t.x_row + k, t.x_row, x[v]);
    UNROLLED for (int j = 0; j < 4; j++) {
        if (j >= count) return;
        UNROLLED for (int p = 0; p < outputs; p++) {
            const vf weight = vreal(t.weights[(o + p) * t.weights_row + k + j]);
            UNROLLED for (int v = 0; v < HEAD_VECTORS; v++) sum[p][v] = vfma(weight, x[v][j], sum[p][v]);
        }
    }
}

LANE_FN void compute_head(head_tile t, int64_t o, const int outputs) {
    vf sum[HEAD_OUTPUTS][HEAD_VECTORS];
    UNROLLED for (int p = 0; p < outputs; p++)
        UNROLLED for (int v = 0; v < HEAD_VECTORS; v++) sum[p][v] = vreal(t.biases[o + p]);
    int64_t k = 0;
    for (; k + 4 <= t.depth; k += 4) add_quad(t, o, k, outputs, 4, sum);
    if (k < t.depth) add_quad(t, o, k, outputs, t.depth - k, sum);
    UNROLLED for (int p = 0; p < outputs; p++)
        UNROLLED for (int v = 0; v < HEAD_VECTORS; v++) STORE(vf, t.out + (o + p) * t.out_row + v * LANES, sum[p][v]);
}

/** out[n, rows] = biases[n] + weights[n, depth] times the transposed x [rows, depth]: lanes lie along the rows, so that
 *  a few outputs fill vectors, too. Rows of x and of the weights are padded to TRAIN_PAD numbers. Up to 2 TRAIN_PAD - 1
 *  rows more are read and written. */
static void head(int64_t rows, int64_t n, int64_t depth, const float *x, int64_t x_row, const float *weights,
                 int64_t weights_row, const float *biases, float *out, int64_t out_row) {
    head_tile t = {depth, x, x_row, weights, weights_row, biases, out, out_row};
    for (int64_t r = 0; r < rows; r += HEAD_VECTORS * LANES) {
        int64_t o = 0;
        for (; o + HEAD_OUTPUTS <= n; o += HEAD_OUTPUTS) compute_head(t, o, HEAD_OUTPUTS);
        for (; o + 2 <= n; o += 2) compute_head(t, o, 2);
        if (o < n) compute_head(t, o, 1);
        t.x += HEAD_VECTORS * LANES * x_row, t.out += HEAD_VECTORS * LANES;
    }
}

/** out[r, n] = start[n] + the rows chosen[r, 0] to chosen[r, count - 1] of the weights, in this order: the product with
 *  one-hot inputs, whose zeros change no sum. `n` is a multiple of TRAIN_PAD. */
static void add_chosen(int64_t rows, int64_t count, const int32_t *chosen, const float *weights, int64_t n,
                       const float *start, float *out) {
    for (int64_t r = 0; r < rows; r++, chosen += count, out += n)
        for (int64_t j = 0; j < n; j += LANES) {
            vf sum = LOAD(vf, start + j);
            for (int64_t k = 0; k < count; k++) sum += LOAD(vf, weights + chosen[k] * n + j);
            STORE(vf, out + j, sum);
        }
}

/** Adds row r of x [rows, n] to the rows chosen[r, 0] to chosen[r, count - 1] of the sums: the gradient of such
 *  weights. */
static void add_to_chosen(int64_t rows, int64_t count, const int32_t *chosen, const float *x, int64_t n, float *sums) {
    for (int64_t r = 0; r < rows; r++, x += n)
        for (int64_t k = 0; k < count; k++, chosen++) {
            float *to = sums + *chosen * n;
            for (int64_t j = 0; j < n; j += LANES) STORE(vf, to + j, LOAD(vf, to + j) + LOAD(vf, x + j));
        }
}

/** 1 / (1 + e^-x). */
LANE_FN vf vsigmoid(vf x) { return vreal(1) / (vreal(1) + vexp(-x)); }

/** x = f(x). The derivative of SiLU goes to `slope`; those of the others follow from f(x). `count` is a multiple of
 *  TRAIN_PAD here and below. */
static void activate(int activation, float *x, float *slope, int64_t count) {
    if (activation == OPERANT_TANH)
        for (int64_t i = 0; i < count; i += LANES) STORE(vf, x + i, vtanh(LOAD(vf, x + i)));
    else if (activation == OPERANT_RELU)
        for (int64_t i = 0; i < count; i += LANES) STORE(vf, x + i, vmax(LOAD(vf, x + i), vreal(0)));
    else
        for (int64_t i = 0; i < count; i += LANES) {
            const vf y = LOAD(vf, x + i), s = vsigmoid(y), product = y * s;
            STORE(vf, slope + i, vfma(product, vreal(1) - s, s));
            STORE(vf, x + i, product);
        }
}

enum { DEACTIVATED = 4 }; /* vectors, whose sums hide the latency of an addition */

/** gradient *= f'(x), where y = f(x), and sums[n] += the rows of the result in their order, for `vectors` vectors of
 *  columns from j on. */
LANE_FN void deactivate_columns(int activation, int64_t rows, int64_t n, int64_t j, float *gradient, const float *y,
                                const float *slope, float *sums, const int vectors) {
    vf sum[DEACTIVATED];
    UNROLLED for (int v = 0; v < vectors; v++) sum[v] = LOAD(vf, sums + j + v * LANES);
    for (int64_t i = j; i < rows * n; i += n) {
        UNROLLED for (int v = 0; v < vectors; v++) {
            const int64_t k = i + v * LANES;
            vf g = LOAD(vf, gradient + k);
            if (activation == OPERANT_TANH) {
                const vf t = LOAD(vf, y + k);
                g = vfma(-(t * t), g, g);
            } else if (activation == OPERANT_RELU) g = vsel(LOAD(vf, y + k) > vreal(0), g, vreal(0));
            else g *= LOAD(vf, slope + k);
            STORE(vf, gradient + k, g);
            sum[v] += g;
        }
    }
    UNROLLED for (int v = 0; v < vectors; v++) STORE(vf, sums + j + v * LANES, sum[v]);
}

/** The same for all columns. */
static void deactivate(int activation, int64_t rows, int64_t n, float *gradient, const float *y, const float *slope,
                       float *sums) {
    int64_t j = 0;
    for (; j + DEACTIVATED * LANES <= n; j += DEACTIVATED * LANES)
        deactivate_columns(activation, rows, n, j, gradient, y, slope, sums, DEACTIVATED);
    for (; j < n; j += LANES) deactivate_columns(activation, rows, n, j, gradient, y, slope, sums, 1);
}

/** x[0, count] += the rows 1 to `strands` - 1 of x [strands, row], in their order. */
static void add_strands(int64_t strands, int64_t row, int64_t count, float *x) {
    for (int64_t j = 0; j < count; j += LANES) {
        vf sum = LOAD(vf, x + j);
        for (int64_t k = 1; k < strands; k++) sum += LOAD(vf, x + k * row + j);
        STORE(vf, x + j, sum);
    }
}

/** PPO's loss (Schulman et al. 2017, equation 9) and its derivatives. With `value_clip`, the value's error is the
 *  larger one of the value and of the value clipped around the old one, as in OpenAI's baselines; with `dual_clip`, the
 *  objective at a negative advantage is at least so many times it (Ye et al. 2020). `terms` are the objective, half the
 *  squared error of the value, the entropy, the estimate (ratio - 1) - log ratio of the KL divergence (Schulman 2020),
 *  and 1 where the ratio lies outside 1 - clip to 1 + clip, else 0. */
static void loss(const train_loss *l) {
    const vf one = vreal(1), none = vreal(0), low = vreal(1 - l->clip), high = vreal(1 + l->clip);
    for (int64_t i = 0; i < l->count; i += LANES) {
        const vf log_ratio = LOAD(vf, l->log_probs + i) - LOAD(vf, l->old_log_probs + i), ratio = vexp(log_ratio);
        const vf advantage = LOAD(vf, l->advantages + i), weight = LOAD(vf, l->weights + i);
        const vf plain = ratio * advantage, clipped = vclip(ratio, low, high) * advantage;
        vf objective = vmin(plain, clipped), d = vsel(plain <= clipped, -(weight * plain), none);
        if (l->dual_clip > 0) {
            const vf least = advantage * l->dual_clip;
            const vm bounded = (advantage < none) & (objective < least);
            objective = vsel(bounded, least, objective), d = vsel(bounded, none, d);
        }
        const vf value = LOAD(vf, l->values + i), target = LOAD(vf, l->returns + i);
        vf error = value - target, d_value = error;
        if (l->value_clip > 0) {
            const vf old = LOAD(vf, l->old_values + i), most = vreal(l->value_clip), change = value - old;
            const vf other = old + vclip(change, -most, most) - target;
            const vm larger = other * other > error * error;
            d_value = vsel(larger, vsel(vabs(change) <= most, other, none), error), error = vsel(larger, other, error);
        }
        STORE(vf, l->d_log_probs + i, d);
        STORE(vf, l->d_values + i, weight * l->value_coefficient * d_value);
        STORE(vf, l->terms[0] + i, objective);
        STORE(vf, l->terms[1] + i, R(0.5) * error * error);
        STORE(vf, l->terms[2] + i, LOAD(vf, l->entropies + i));
        STORE(vf, l->terms[3] + i, ratio - one - log_ratio);
        STORE(vf, l->terms[4] + i, vsel(ratio < low, one, vsel(ratio > high, one, none)));
    }
}

/** The largest logit. */
LANE_FN vf largest(const train_categorical *c, int64_t i) {
    vf top = LOAD(vf, c->logits[0] + i);
    for (int32_t a = 1; a < c->choices; a++) top = vmax(top, LOAD(vf, c->logits[a] + i));
    return top;
}

/** Adds the log probabilities of the choices that were taken, and the entropies. */
static void categorical(const train_categorical *c, const int32_t *taken, float *log_probs, float *entropies) {
    for (int64_t i = 0; i < c->count; i += LANES) {
        const vf top = largest(c, i);
        vf total = vreal(0), chosen = vreal(0), mean = vreal(0);
        for (int32_t a = 0; a < c->choices; a++) {
            const vf x = LOAD(vf, c->logits[a] + i) - top, e = vexp(x);
            total += e, mean += e * x;
            chosen = vsel(LOAD(vi, taken + i) == a, x, chosen);
        }
        const vf log_total = vlog(total);
        STORE(vf, log_probs + i, LOAD(vf, log_probs + i) + (chosen - log_total));
        STORE(vf, entropies + i, LOAD(vf, entropies + i) + (log_total - mean / total));
    }
}

/** The loss's derivatives by the logits. */
static void categorical_gradient(const train_categorical *c, const train_derivatives *d, const int32_t *taken,
                                 float *const *d_logits) {
    for (int64_t i = 0; i < c->count; i += LANES) {
        const vf top = largest(c, i), d_log_prob = LOAD(vf, d->d_log_probs + i);
        const vf bonus = LOAD(vf, d->weights + i) * d->entropy_coefficient;
        vf total = vreal(0), mean = vreal(0);
        for (int32_t a = 0; a < c->choices; a++) {
            const vf x = LOAD(vf, c->logits[a] + i) - top, e = vexp(x);
            total += e, mean += e * x;
        }
        mean /= total;
        for (int32_t a = 0; a < c->choices; a++) {
            const vf x = LOAD(vf, c->logits[a] + i) - top, p = vexp(x) / total;
            const vf one = vsel(LOAD(vi, taken + i) == a, vreal(1), vreal(0));
            STORE(vf, d_logits[a] + i, d_log_prob * (one - p) + bonus * (p * (x - mean)));
        }
    }
}

/** Draws a choice for each sample by its uniform number, from the cumulative probabilities; adds its log
 *  probability. */
static void categorical_sample(const train_categorical *c, const float *uniform, int32_t *taken, float *log_probs) {
    for (int64_t i = 0; i < c->count; i += LANES) {
        const vf top = largest(c, i);
        vf total = vreal(0);
        for (int32_t a = 0; a < c->choices; a++) total += vexp(LOAD(vf, c->logits[a] + i) - top);
        const vf mark = LOAD(vf, uniform + i) * total;
        vf below = vreal(0), chosen = vreal(0);
        vi choice = vint(0);
        for (int32_t a = 0; a < c->choices; a++) { /* a choice of probability 0 is never the last one to be taken */
            const vf x = LOAD(vf, c->logits[a] + i) - top, e = vexp(x);
            const vm reached = (mark >= below) & (e > vreal(0));
            choice = vsel_int(reached, vint(a), choice), chosen = vsel(reached, x, chosen);
            below += e;
        }
        STORE(vi, taken + i, choice);
        STORE(vf, log_probs + i, LOAD(vf, log_probs + i) + (chosen - vlog(total)));
    }
}

/** Half of the nodes and weights of the Gauss-Hermite quadrature of E[f(x)], where x is standard normal; the other half
 *  has the nodes' signs changed. */
static const struct { float node, weight; } quadrature[16] = {
        {R(0.27554641923027584), R(0.21170556988047928)},
        {R(0.8272849037797652), R(0.1565389937575985)},
        {R(1.3809801992721442), R(0.08534480827208074)},
        {R(1.9380049059257174), R(0.03410984772609207)},
        {R(2.4998404151873954), R(0.009903461702320593)},
        {R(3.0681351690131216), R(0.0020620510513078808)},
        {R(3.644781249880833), R(0.00030255702581706285)},
        {R(4.23202110999541), R(3.0559803060896336e-05)},
        {R(4.832604613244489), R(2.0596221039534275e-06)},
        {R(5.450033273623428), R(8.88129071310589e-08)},
        {R(6.088964309076987), R(2.3125184120742393e-09)},
        {R(6.755930830540705), R(3.347501239801196e-11)},
        {R(7.460755754121519), R(2.3780648557778086e-13)},
        {R(8.219728765382245), R(6.755290223670204e-16)},
        {R(9.064399210702405), R(5.208449591960913e-19)},
        {R(10.077422674229465), R(4.1246074890182835e-23)},
};

/** E[log |da/du|] of the squashed action a of u, and its derivatives by mean and log_std. The log of the slope is
 *  log sech^2 u + log((high - low) / 2) (Haarnoja et al. 2018, appendix C). */
LANE_FN vf squashed(const train_normal *n, vf mean, vf *by_mean, vf *by_log_std) {
    const vf deviation = vexp(vreal(n->log_std));
    vf sum = vreal(0), d_mean = vreal(0), d_log_std = vreal(0);
    for (int k = 0; k < 32; k++) {
        const float node = k < 16 ? quadrature[k].node : -quadrature[k - 16].node, weight = quadrature[k & 15].weight;
        const vf u = vfma(deviation, vreal(node), mean), size = vabs(u);
        sum += weight * (R(0.6931471805599453) - size - vlog1p_of_unit(vexp(R(-2) * size)));
        const vf slope = weight * vtanh(u);
        d_mean += slope, d_log_std = vfma(slope, deviation * node, d_log_std);
    }
    *by_mean = R(-2) * d_mean, *by_log_std = R(-2) * d_log_std;
    return R(2) * sum + vlog(vreal((n->high - n->low) * R(0.5)));
}

static const float LOG_SQRT_2_PI = R(0.9189385332046727);

/** Adds the log densities of the numbers that were drawn (before they were squashed), and the entropies. */
static void normal_log_prob(const train_normal *n, const float *taken, float *log_probs, float *entropies) {
    const vf inverse = vexp(vreal(-n->log_std));
    const float scale = n->log_std + LOG_SQRT_2_PI;
    for (int64_t i = 0; i < n->count; i += LANES) {
        const vf mean = LOAD(vf, n->mean + i), z = (LOAD(vf, taken + i) - mean) * inverse;
        vf ignored, entropy = vreal(scale + R(0.5));
        if (n->squash) entropy += squashed(n, mean, &ignored, &ignored);
        STORE(vf, log_probs + i, LOAD(vf, log_probs + i) + (R(-0.5) * z * z - scale));
        STORE(vf, entropies + i, LOAD(vf, entropies + i) + entropy);
    }
}

/** The loss's derivatives by the mean, and of each sample by log_std. */
static void normal_gradient(const train_normal *n, const train_derivatives *d, const float *taken, float *d_mean,
                            float *d_log_std) {
    const vf inverse = vexp(vreal(-n->log_std));
    for (int64_t i = 0; i < n->count; i += LANES) {
        const vf mean = LOAD(vf, n->mean + i), z = (LOAD(vf, taken + i) - mean) * inverse;
        const vf d_log_prob = LOAD(vf, d->d_log_probs + i);
        const vf bonus = LOAD(vf, d->weights + i) * d->entropy_coefficient;
        vf by_mean = vreal(0), by_log_std = vreal(0);
        if (n->squash && d->entropy_coefficient != 0) squashed(n, mean, &by_mean, &by_log_std);
        STORE(vf, d_mean + i, d_log_prob * z * inverse - bonus * by_mean);
        STORE(vf, d_log_std + i, d_log_prob * (z * z - vreal(1)) - bonus * (vreal(1) + by_log_std));
    }
}

/** Draws a normal number for each sample from two uniform ones (Box and Muller 1958); adds its log density. */
static void normal_sample(const train_normal *n, const float *uniform, const float *other, float *taken,
                          float *log_probs) {
    const vf deviation = vexp(vreal(n->log_std)), inverse = vexp(vreal(-n->log_std));
    const float scale = n->log_std + LOG_SQRT_2_PI;
    for (int64_t i = 0; i < n->count; i += LANES) {
        const vf radius = vsqrt(R(-2) * vlog(vreal(1) - LOAD(vf, uniform + i))), mean = LOAD(vf, n->mean + i);
        const vf drawn = mean + deviation * (radius * vcos(R(6.283185307179586) * LOAD(vf, other + i)));
        const vf z = (drawn - mean) * inverse; /* as it is computed from the number drawn, to the bit */
        STORE(vf, taken + i, drawn);
        STORE(vf, log_probs + i, LOAD(vf, log_probs + i) + (R(-0.5) * z * z - scale));
    }
}

/** Squashes or clips what was drawn to its bounds. */
static void bound(const train_normal *n, const float *taken, float *bounded) {
    const vf low = vreal(n->low), high = vreal(n->high);
    for (int64_t i = 0; i < n->count; i += LANES) {
        vf x = LOAD(vf, taken + i);
        if (n->squash) x = low + (high - low) * (R(0.5) * (vtanh(x) + vreal(1)));
        STORE(vf, bounded + i, vclip(x, low, high));
    }
}

LANE_FN vi lane_numbers(void) {
    static const lane_int lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return LOAD(vi, lanes);
}

/** Uniform numbers in [0, 1), two for each row from `first` on, drawn from Threefry. */
static void uniforms(int64_t count, const uint32_t key[2], uint32_t draw, uint32_t first, float *out, float *other) {
    for (int64_t i = 0; i < count; i += LANES) {
        vu row = (vu)(lane_numbers() + (lane_int)(first + (uint32_t)i)), at = (vu)vint((lane_int)draw);
        threefry2x32((vu)vint((lane_int)key[0]), (vu)vint((lane_int)key[1]), &row, &at);
        STORE(vf, out + i, vfloat((vi)(row >> 8)) * R(1.0 / 16777216.0));
        STORE(vf, other + i, vfloat((vi)(at >> 8)) * R(1.0 / 16777216.0));
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

/** True where |x| is one of the `most` smallest numbers above 0. */
LANE_FN vm vsmallest(vf x, uint32_t most) { return (vm)((bits_of(vabs(x)) - 1u) < most); }

/** A step of Adam (Kingma and Ba 2015) with b1 = 0.9, b2 = 0.999 and epsilon = 1e-5. `scale` clips the gradient;
 *  `rate`, at most 10, holds the first moment's correction, and `root` is the square root of the second's.
 *
 *  Where the gradient is 0 from some step on, as of a dead ReLU, the moments decay until rounding leaves them as they
 *  are: at 4 and 500 times the smallest number. A CPU takes a hundred cycles for such numbers, so they are passed by.
 *  The bits are the same: with so small a moment no parameter above 1e-30 changes. */
static void adam(int64_t count, float *parameters, float *mean, float *square, const float *gradient, float scale,
                 float rate, float root) {
    for (int64_t i = 0; i < count; i += LANES) {
        const vf g = LOAD(vf, gradient + i) * scale, p = LOAD(vf, parameters + i);
        const vf m0 = LOAD(vf, mean + i), v0 = LOAD(vf, square + i);
        const vm none = g == vreal(0), m_stays = none & vsmallest(m0, 4) & (vabs(p) > vreal(R(1e-30)));
        const vm v_stays = none & vsmallest(v0, 500);
        const vf from = vsel(m_stays, vreal(0), m0), m = vfma(vreal(R(0.1)), g - from, from);
        const vf v = vfma(g * R(0.001), g, vsel(v_stays, vreal(0), v0) * R(0.999));
        STORE(vf, mean + i, vsel(m_stays, m0, m));
        STORE(vf, square + i, vsel(v_stays, v0, v));
        STORE(vf, parameters + i, p - rate * m / (vsqrt(v) / root + R(1e-5)));
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

/* float64, TRAIN_COLUMNS of them in as many vectors as are held in registers. */
enum { WIDE_LANES = LANES >= 4 ? LANES / 2 : 2 };
typedef double vdouble __attribute__((vector_size(WIDE_LANES * 8), may_alias));
typedef vdouble vdouble_anywhere __attribute__((aligned(8), may_alias));
enum { WIDE_VECTORS = TRAIN_COLUMNS / WIDE_LANES };

/** Removes from each of `columns` [length, TRAIN_COLUMNS] its part along each of `rows` [count, length] in turn
 *  (modified Gram and Schmidt). Each dot product is one chain without a fused multiply-add, as if a column were
 *  alone. While a part is removed, the next dot product is summed. */
static void remove_parts(int64_t count, int64_t length, const double *rows, double *columns) {
    const vdouble none = {0};
    vdouble dot[WIDE_VECTORS], next[WIDE_VECTORS];
    UNROLLED for (int v = 0; v < WIDE_VECTORS; v++) dot[v] = none;
    for (int64_t j = -1; j < count; j++) {
        const double *removed = rows + (j < 0 ? 0 : j) * length, *summed = rows + (j + 1 < count ? j + 1 : j) * length;
        UNROLLED for (int v = 0; v < WIDE_VECTORS; v++) next[v] = none;
        for (int64_t k = 0; k < length; k++) {
            const vdouble along = removed[k] + none, with = summed[k] + none;
            double *to = columns + k * TRAIN_COLUMNS;
            UNROLLED for (int v = 0; v < WIDE_VECTORS; v++) {
                const vdouble x = LOAD(vdouble, to + v * WIDE_LANES) - dot[v] * along;
                next[v] += x * with;
                STORE(vdouble, to + v * WIDE_LANES, x);
            }
        }
        UNROLLED for (int v = 0; v < WIDE_VECTORS; v++) dot[v] = next[v];
    }
}

static const operant_train_kernels train_kernels = {
    product, head, transpose, add_chosen, add_to_chosen, activate, deactivate, add_strands, loss, categorical,
    categorical_gradient, categorical_sample, normal_log_prob, normal_gradient, normal_sample, bound, uniforms, permute,
    adam, squares, remove_parts,
};
