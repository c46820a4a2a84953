/* training.h: the training kernels of a GPU: rollout/'s advantages and returns, a thread for each column; Adam. */
#include "rollout/rollout.h"
#include "rollout/advantages.h"

typedef struct {
    operant_rollout rollout;
    const float *log_ratios; /* [T, N] for V-trace */
    float *first, *second;   /* [T, N] outputs: advantages and returns, or targets and advantages, or only returns */
    float rho_bar, c_bar;    /* for V-trace */
} operant_advantage_arguments;

/* Everything that changes from one step to the next is in the GPU's memory, so that a CUDA graph can replay it. */
typedef struct {
    float *parameters;           /* [P] */
    const float *gradient;       /* [P] */
    float *mean, *square;        /* [P] running means of the gradient and of its square */
    const double *learning_rate; /* [1] */
    int64_t *steps;              /* [1] number of steps made */
    const float *norm;           /* [1] length of the gradient; NULL: no clipping */
    float *factors;              /* [3] for operant_device_adam: of the gradient, of the deviation, and of the update */
    int64_t size;                /* P */
    double first, second;        /* decay of `mean` and of `square` */
    float epsilon, max_norm;
} operant_adam_arguments;

/* The host relies on these sizes. */
static_assert(sizeof(operant_advantage_arguments) == OPERANT_ADVANTAGE_BYTES, "arguments.py and training.h differ");
static_assert(sizeof(operant_adam_arguments) == OPERANT_ADAM_BYTES, "arguments.py and training.h differ");

KERNEL(operant_device_gae, operant_advantage_arguments) {
    if (THREAD < a.rollout.num_envs) gae(&a.rollout, THREAD, THREAD + 1, a.first, a.second);
}

KERNEL(operant_device_vtrace, operant_advantage_arguments) {
    if (THREAD < a.rollout.num_envs)
        vtrace(&a.rollout, a.log_ratios, a.rho_bar, a.c_bar, THREAD, THREAD + 1, a.first, a.second);
}

KERNEL(operant_device_discounted_returns, operant_advantage_arguments) {
    if (THREAD < a.rollout.num_envs) discounted_returns(&a.rollout, THREAD, THREAD + 1, a.first);
}

/** Returns base^exponent by squaring, with the same bits on a GPU as on a CPU; their pow() differ. */
LANE_FN double power(double base, int64_t exponent) {
    double result = 1;
    for (; exponent; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

/** Counts a step of Adam and computes the factors that all parameters share; one thread, before operant_device_adam. */
KERNEL(operant_device_adam_begin, operant_adam_arguments) {
    if (THREAD != 0) return;
    const int64_t steps = *a.steps + 1;
    const float shortened = a.norm ? a.max_norm / (*a.norm + 1e-6f) : 1.0f;
    *a.steps = steps;
    a.factors[0] = shortened > 1 ? 1.0f : shortened; /* NaN stays NaN */
    a.factors[1] = (float)sqrt(1 - power(a.second, steps));
    a.factors[2] = (float)(-*a.learning_rate / (1 - power(a.first, steps)));
}

/** m += (1 - b1) (g - m);  v = b2 v + (1 - b2) g^2;  p -= a m / (1 - b1^t) / (sqrt(v) / sqrt(1 - b2^t) + e), in the
 *  order of src/operant/models/machine/adam.py. */
KERNEL(operant_device_adam, operant_adam_arguments) {
    const int64_t i = THREAD;
    if (i >= a.size) return;
    const float gradient = a.gradient[i] * a.factors[0], before = a.mean[i];
    const float mean = before + (float)(1 - a.first) * (gradient - before);
    const float square = a.square[i] * (float)a.second + (float)(1 - a.second) * gradient * gradient;
    const float deviation = sqrtf(square) / a.factors[1] + a.epsilon;
    a.mean[i] = mean;
    a.square[i] = square;
    a.parameters[i] += a.factors[2] * mean / deviation;
}
