/* rollout.h: the C interface of the training kernels; Python reads it through cffi after operant.h.
 *
 * A rollout is T steps of N environments, in arrays [T, N] with one row per step. All calls are pure functions of their
 * arguments, with the same bits on every target and for any number of workers (threads, including the caller's). `isa`
 * is a name from operant_isa(), or NULL for the best that runs here. Outputs must not overlap inputs. */
#ifndef OPERANT_ROLLOUT_H
#define OPERANT_ROLLOUT_H
#include "operant.h"

typedef struct {
    int64_t steps, num_envs;     /* T, N */
    const float *rewards;        /* [T, N] */
    const float *values;         /* [T, N] V of the observation before the step; unused by operant_discounted_returns */
    const uint8_t *terminated;   /* [T, N] 0 or 1 */
    const uint8_t *truncated;    /* [T, N] 0 or 1 */
    const float *final_values;   /* [T, N] V of the final observation, used only where truncated and not terminated */
    const float *last_values;    /* [N] V of the observation after the last step */
    float gamma, lam;            /* discount, and lambda of the advantages */
} operant_rollout;

/** Computes generalised advantage estimates. Writes advantages and returns [T, N]. */
operant_status operant_gae(const operant_rollout *rollout, const char *isa, int32_t workers, float *advantages,
                           float *returns);

/** Computes V-trace. log_ratios [T, N] is log(target policy / behaviour policy) of the actions. Writes the value
 *  targets and the policy-gradient advantages [T, N]. */
operant_status operant_vtrace(const operant_rollout *rollout, const float *log_ratios, float rho_bar, float c_bar,
                              const char *isa, int32_t workers, float *targets, float *advantages);

/** Computes discounted sums of rewards, bootstrapped from final_values and last_values. Writes returns [T, N]. */
operant_status operant_discounted_returns(const operant_rollout *rollout, const char *isa, int32_t workers,
                                          float *returns);

/** Mean and sum of squared deviations of each feature over `count` rows. */
typedef struct {
    int64_t features;  /* D */
    double count;
    double *mean;      /* [D] */
    double *squares;   /* [D] sum of (x - mean)^2 */
} operant_moments;

/** Adds the rows of `batch` [rows, D] to the moments. */
operant_status operant_update_moments(operant_moments *moments, const float *batch, int64_t rows, const char *isa,
                                      int32_t workers);

/** Writes out[r, d] = (batch[r, d] - mean[d]) / sqrt(variance[d] + epsilon), clipped to [-clip, clip], computed in
 *  double. The mean is subtracted only if `centred`. The variance is 1 while count is 0. `out` may be `batch`. */
operant_status operant_standardize(const operant_moments *moments, const float *batch, int64_t rows, double epsilon,
                                   double clip, int32_t centred, const char *isa, float *out);

#endif
