/* table.h: the training kernels that each target offers. */
#ifndef OPERANT_ROLLOUT_TABLE_H
#define OPERANT_ROLLOUT_TABLE_H
#include "rollout/rollout.h"

/** The first three compute columns [first, last), whose number is a multiple of the target's lanes. */
typedef struct operant_rollout_kernels {
    void (*gae)(const operant_rollout *, int64_t first, int64_t last, float *advantages, float *returns);
    void (*vtrace)(const operant_rollout *, const float *log_ratios, float rho_bar, float c_bar, int64_t first,
                   int64_t last, float *targets, float *advantages);
    void (*discounted_returns)(const operant_rollout *, int64_t first, int64_t last, float *returns);
    void (*moments)(const float *batch, int64_t rows, int64_t features, int64_t strands, double *scratch, double *mean,
                    double *squares);
    void (*standardize)(const float *batch, int64_t count, int64_t length, const double *centre, const double *scale,
                        double clip, float *out);
} operant_rollout_kernels;

#endif
