/* table.h: the kernels of training that a target offers. */
#ifndef OPERANT_TRAIN_TABLE_H
#define OPERANT_TRAIN_TABLE_H
#include <stdint.h>

enum {
    TRAIN_PAD = 16, /* rows of matrices and columns of samples are multiples of this long, on every target */
    TRAIN_TERMS = 5 /* what categorical_loss tells of each sample */
};

/** A minibatch's samples in columns of `count` numbers each, a multiple of TRAIN_PAD. */
typedef struct {
    int64_t count;
    int32_t actions;                  /* A */
    const float *const *logits;       /* [A] columns */
    const float *values, *old_log_probs, *advantages, *returns;
    const float *weights;             /* of each sample in the mean; 0 for a sample that only fills the column */
    const int32_t *taken;             /* the action of each sample */
    float clip, value_coefficient, entropy_coefficient;
    float *const *d_logits;           /* [A] columns: the loss's derivative */
    float *d_values;
    float *const *terms;              /* [TRAIN_TERMS] columns: see categorical_loss */
} train_loss;

typedef struct operant_train_kernels {
    void (*product)(int64_t m, int64_t n, int64_t depth, const float *a, int64_t a_row, int64_t a_step, const float *b,
                    int64_t b_row, const float *start, int64_t start_row, float *c, int64_t c_row);
    void (*activate)(float *x, int64_t count);
    void (*deactivate)(float *gradient, const float *y, int64_t count);
    void (*add_rows)(const float *x, int64_t rows, int64_t n, float *sums);
    void (*add_strands)(const float *x, int64_t strands, int64_t count, float *sums);
    void (*categorical_loss)(const train_loss *);
    void (*categorical_sample)(int64_t count, int32_t actions, const float *const *logits, const float *uniform,
                               int32_t *taken, float *log_probs);
    void (*uniforms)(int64_t count, const uint32_t key[2], uint32_t time, uint32_t first, float *out);
    void (*permute)(int64_t first, int64_t last, int64_t count, uint32_t key, int32_t *order);
    void (*adam)(int64_t count, float *parameters, float *mean, float *square, const float *gradient, float scale,
                 float rate, float root);
    double (*squares)(int64_t count, const float *x);
} operant_train_kernels;

#endif
