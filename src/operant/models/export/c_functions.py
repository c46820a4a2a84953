"""The C functions of an exported policy; NAME is replaced by the header's prefix."""

from __future__ import annotations

FUNCTIONS = {
    "tanh": "static inline float NAME_tanh(float x) { return tanhf(x); }\n",
    "relu": "static inline float NAME_relu(float x) { return x > 0.0f ? x : 0.0f; }\n",
    "elu": "static inline float NAME_elu(float x) { return x > 0.0f ? x : expf(x) - 1.0f; }\n",
    "silu": "static inline float NAME_silu(float x) { return x / (1.0f + expf(-x)); }\n",
    "gelu": """\
/* x P(X <= x) of a standard normal X = x erfc(-x / sqrt 2) / 2, with the Chebyshev fit of erfc in Numerical Recipes
 * (section 6.2, fractional error below 1.2e-7), because erff is not needed otherwise. */
static inline float NAME_gelu(float x) {
    float z = 0.70710678f * (x < 0.0f ? -x : x), t = 1.0f / (1.0f + 0.5f * z);
    float s = 0.17087277f;
    s = s * t - 0.82215223f;
    s = s * t + 1.48851587f;
    s = s * t - 1.13520398f;
    s = s * t + 0.27886807f;
    s = s * t - 0.18628806f;
    s = s * t + 0.09678418f;
    s = s * t + 0.37409196f;
    s = s * t + 1.00002368f;
    float tail = 0.5f * t * expf(-z * z - 1.26551223f + s * t);
    return x < 0.0f ? x * tail : x * (1.0f - tail);
}
""",
    "sigmoid": "static inline float NAME_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }\n",
    "standardize": """\
/* Computes in double and rounds once, as in training. */
static inline void NAME_standardize(const float *x, const double *mean, const double *deviation, double clip, int n,
                                    float *y) {
    for (int k = 0; k < n; k++) {
        double z = ((double)x[k] - mean[k]) / deviation[k];
        y[k] = (float)(z > clip ? clip : z < -clip ? -clip : z);
    }
}
""",
    "linear": """\
/* y[r] = bias[r] + sum over c of weight[r][c] x[c]. */
static inline void NAME_linear(const float *weight, const float *bias, const float *x, int columns, int rows,
                               float *y) {
    for (int r = 0; r < rows; r++) {
        float sum = 0.0f;
        for (int c = 0; c < columns; c++) sum += weight[r * columns + c] * x[c];
        y[r] = sum + bias[r];
    }
}
""",
    "lstm": """\
/* Gates in torch's order (input, forget, cell, output): a from the observation, b from the hidden state. */
static inline void NAME_lstm(const float *a, const float *b, int n, float *state) {
    float *hidden = state, *cell = state + n;
    for (int k = 0; k < n; k++) {
        float in = NAME_sigmoid(a[k] + b[k]), forget = NAME_sigmoid(a[n + k] + b[n + k]);
        float fresh = NAME_tanh(a[2 * n + k] + b[2 * n + k]), out = NAME_sigmoid(a[3 * n + k] + b[3 * n + k]);
        cell[k] = forget * cell[k] + in * fresh;
        hidden[k] = out * NAME_tanh(cell[k]);
    }
}
""",
    "argmax": """\
static inline int NAME_argmax(const float *x, int n) {
    int best = 0;
    for (int k = 1; k < n; k++)
        if (x[k] > x[best]) best = k;
    return best;
}
""",
    "clip": """\
static inline void NAME_clip(const float *x, const float *low, const float *high, int n, float *y) {
    for (int k = 0; k < n; k++) y[k] = x[k] < low[k] ? low[k] : x[k] > high[k] ? high[k] : x[k];
}
""",
    "squash": """\
static inline void NAME_squash(const float *x, const float *low, const float *high, int n, float *y) {
    for (int k = 0; k < n; k++) {
        float z = low[k] + (high[k] - low[k]) * (0.5f * (tanhf(x[k]) + 1.0f));
        y[k] = z < low[k] ? low[k] : z > high[k] ? high[k] : z;
    }
}
""",
}
