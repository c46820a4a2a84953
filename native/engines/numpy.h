/* numpy.h: NumPy's sums, norms and draws of float64, to the bit, for tasks whose reference is Gymnasium's Python. */
#ifndef OPERANT_ENGINES_NUMPY_H
#define OPERANT_ENGINES_NUMPY_H
#include "core/layout.h"
#include "engines/ziggurat.h"

static inline double numpy_clip(double x, double low, double high) {
    if (isnan(x)) return x; /* np.clip keeps it */
    x = x > low ? x : low;
    return x < high ? x : high;
}

/** Defines a sum in the order of np.sum: eight accumulators from 8 numbers on, halves above 128. ELEMENT is the number
 *  that index i contributes. */
#define DEFINE_NUMPY_SUM(name, type, ELEMENT)                                                                          \
    static inline type name(const type *a, int64_t n, type low, type high) {                                           \
        (void)low, (void)high;                                                                                         \
        if (n < 8) {                                                                                                   \
            type sum = -(type)0;                                                                                       \
            for (int64_t i = 0; i < n; i++) sum += ELEMENT(a[i]);                                                      \
            return sum;                                                                                                \
        }                                                                                                              \
        if (n > 128) {                                                                                                 \
            const int64_t half = n / 2 - n / 2 % 8;                                                                    \
            return name(a, half, low, high) + name(a + half, n - half, low, high);                                     \
        }                                                                                                              \
        type r[8];                                                                                                     \
        int64_t i = 8;                                                                                                 \
        for (int k = 0; k < 8; k++) r[k] = ELEMENT(a[k]);                                                              \
        for (; i < n - n % 8; i += 8)                                                                                  \
            for (int k = 0; k < 8; k++) r[k] += ELEMENT(a[i + k]);                                                     \
        type sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));                                  \
        for (; i < n; i++) sum += ELEMENT(a[i]);                                                                       \
        return sum;                                                                                                    \
    }

#define ITSELF(x) (x)
#define SQUARE(x) ((x) * (x))
#define CLIPPED_SQUARE(x) SQUARE(numpy_clip(x, low, high))
DEFINE_NUMPY_SUM(numpy_sum_of, double, ITSELF)
DEFINE_NUMPY_SUM(numpy_square_sum_of, double, SQUARE)
DEFINE_NUMPY_SUM(numpy_square_sum_of_floats, float, SQUARE)
DEFINE_NUMPY_SUM(numpy_clipped_square_sum_of, double, CLIPPED_SQUARE)

/* A reduction begins with 0, which makes a sum of nothing, or of negative zeros, a positive zero. */
static inline double numpy_sum(const double *a, int64_t n) { return 0.0 + numpy_sum_of(a, n, 0, 0); }
static inline double numpy_square_sum(const double *a, int64_t n) { return 0.0 + numpy_square_sum_of(a, n, 0, 0); }
static inline float numpy_square_sum_float(const float *a, int64_t n) {
    return 0.0f + numpy_square_sum_of_floats(a, n, 0, 0);
}
/** np.sum(np.square(np.clip(a, low, high))). */
static inline double numpy_clipped_square_sum(const double *a, int64_t n, double low, double high) {
    return 0.0 + numpy_clipped_square_sum_of(a, n, low, high);
}

/** x.dot(x) of 2 or 3 numbers as NumPy's BLAS adds them up: with a fused multiply-add on some CPUs. */
static inline double numpy_dot(const double *x, int32_t n, bool fused) {
    double sum = x[0] * x[0];
    for (int32_t i = 1; i < n; i++) sum = fused ? fma(x[i], x[i], sum) : sum + x[i] * x[i];
    return sum;
}

static inline double numpy_norm(const double *x, int32_t n, bool fused) { return sqrt(numpy_dot(x, n, fused)); }

/** x**2 of a NumPy scalar: the C library's pow, which is not always x * x. Compilers would make it that. */
static inline double numpy_power2(double x) {
    volatile double two = 2;
    return pow(x, two);
}

static inline double draw(operant_pcg64 *g) { return (double)(operant_pcg64_next(g) >> 11) * 0x1p-53; }

static inline double draw_uniform(operant_pcg64 *g, double low, double high) { return low + (high - low) * draw(g); }

/** Generator.standard_normal: Marsaglia and Tsang's ziggurat (2000). */
static inline double draw_normal(operant_pcg64 *g) {
    for (;;) {
        const uint64_t bits = operant_pcg64_next(g), magnitude = bits >> 9 & 0x000fffffffffffff;
        const int layer = bits & 0xff;
        double x = (double)magnitude * ziggurat_width[layer];
        if (bits >> 8 & 1) x = -x;
        if (magnitude < ziggurat_inside[layer]) return x;
        if (layer == 0)
            for (;;) {
                const double beyond = -ZIGGURAT_INVERSE_EDGE * log1p(-draw(g)), height = -log1p(-draw(g));
                if (height + height > beyond * beyond)
                    return magnitude >> 8 & 1 ? -(ZIGGURAT_EDGE + beyond) : ZIGGURAT_EDGE + beyond;
            }
        const double above = ziggurat_height[layer - 1] - ziggurat_height[layer];
        if (above * draw(g) + ziggurat_height[layer] < exp(-0.5 * x * x)) return x;
    }
}

#endif
