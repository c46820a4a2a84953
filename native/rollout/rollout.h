/* rollout.h: the training kernels' C interface, which Python reads through cffi after operant.h.
 *
 * A rollout is T steps of N environments, in arrays [T, N], one row a step. All calls are pure functions of their
 * arguments with the same bits on every target and for any number of workers (threads, the caller's included). `isa`
 * names a target as operant_isa() does; NULL takes the best that runs here. Outputs must not overlap inputs. */
#ifndef OPERANT_ROLLOUT_H
#define OPERANT_ROLLOUT_H
#include "operant.h"

typedef struct {
    int64_t steps, num_envs;     /* T, N */
    const float *rewards;        /* [T, N] */
    const float *values;         /* [T, N] V of the observation that the step began on; unused by operant_discounted_returns */
    const uint8_t *terminated;   /* [T, N] 0 or 1 */
    const uint8_t *truncated;    /* [T, N] 0 or 1 */
    const float *final_values;   /* [T, N] V of the episode's last observation, read only where truncated and not terminated */
    const float *last_values;    /* [N] V of the observation that the last step led to */
    float gamma, lam;                  /* discount, and the decay of later differences */
} operant_rollout;

/** Generalised advantage estimation. Writes advantages and returns [T, N]. */
operant_status operant_gae(const operant_rollout *rollout, const char *isa, int32_t workers, float *advantages,
                           float *returns);

/** V-trace, with log_ratios[T, N] the logarithm of target over behaviour policy. Writes the value targets and the
 *  policy-gradient advantages [T, N]. */
operant_status operant_vtrace(const operant_rollout *rollout, const float *log_ratios, float rho_bar, float c_bar,
                              const char *isa, int32_t workers, float *targets, float *advantages);

/** Discounted sums of rewards, bootstrapped from final_values and last_values. Writes returns [T, N]. */
operant_status operant_discounted_returns(const operant_rollout *rollout, const char *isa, int32_t workers,
                                          float *returns);

/** Mean and sum of squared deviations of each feature over `count` rows. */
typedef struct {
    int64_t features;  /* D */
    double count;
    double *mean;      /* [D] */
    double *squares;   /* [D] sum of (x - mean)^2 */
} operant_moments;

/** Takes `rows` further rows of `batch` [rows, D] into the moments. */
operant_status operant_update_moments(operant_moments *moments, const float *batch, int64_t rows, const char *isa,
                                      int32_t workers);

/** out[r, d] = (batch[r, d] - mean[d]) / sqrt(variance[d] + epsilon) within [-clip, clip], computed in double; without
 *  subtracting the mean unless `centred`. The variance is 1 while count is 0. `out` may be `batch`. */
operant_status operant_standardize(const operant_moments *moments, const float *batch, int64_t rows, double epsilon,
                                   double clip, int32_t centred, const char *isa, float *out);

#endif
