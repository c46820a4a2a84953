/* table.h: the kernels of training that a target offers. */
#ifndef OPERANT_TRAIN_TABLE_H
#define OPERANT_TRAIN_TABLE_H
#include <stdint.h>

enum {
    TRAIN_PAD = 16, /* rows of matrices and columns of samples are multiples of this long, on every target */
    TRAIN_TERMS = 5, /* what `loss` tells of each sample */
    TRAIN_COLUMNS = 16 /* columns that are made orthogonal at once */
};

/** Samples in columns of `count` numbers each, a multiple of TRAIN_PAD. */
typedef struct {
    int64_t count;
    const float *log_probs, *entropies, *values; /* of the present networks */
    const float *old_log_probs, *old_values, *advantages, *returns;
    const float *weights;            /* of each sample in the mean; 0 for a sample that only fills the column */
    float clip, value_clip, dual_clip, value_coefficient;
    float *d_log_probs, *d_values;   /* the loss's derivatives, but for the entropy bonus */
    float *const *terms;             /* [TRAIN_TERMS] columns: see `loss` */
} train_loss;

/** One discrete number of an action. */
typedef struct {
    int64_t count;
    int32_t choices;
    const float *const *logits;      /* [choices] columns */
} train_categorical;

/** One continuous number of an action: normal, or its tanh between bounds if `squash`. */
typedef struct {
    int64_t count;
    const float *mean;
    float log_std;
    int32_t squash;
    float low, high;
} train_normal;

/** The numbers from which the loss's derivatives by a distribution's parameters follow. */
typedef struct {
    const float *d_log_probs, *weights;
    float entropy_coefficient;
} train_derivatives;

typedef struct operant_train_kernels {
    void (*product)(int64_t m, int64_t n, int64_t depth, const float *a, int64_t a_row, int64_t a_step, const float *b,
                    int64_t b_row, const float *start, int64_t start_row, float *c, int64_t c_row);
    void (*head)(int64_t rows, int64_t n, int64_t depth, const float *x, int64_t x_row, const float *weights,
                 int64_t weights_row, const float *biases, float *out, int64_t out_row);
    void (*transpose)(int64_t rows, int64_t columns, const float *from, int64_t from_row, float *to, int64_t to_row);
    void (*add_chosen)(int64_t rows, int64_t count, const int32_t *chosen, const float *weights, int64_t n,
                       const float *start, float *out);
    void (*add_to_chosen)(int64_t rows, int64_t count, const int32_t *chosen, const float *x, int64_t n, float *sums);
    void (*activate)(int activation, float *x, float *slope, int64_t count);
    void (*deactivate)(int activation, int64_t rows, int64_t n, float *gradient, const float *y, const float *slope,
                       float *sums);
    void (*add_strands)(int64_t strands, int64_t row, int64_t count, float *x);
    void (*loss)(const train_loss *);
    void (*categorical)(const train_categorical *, const int32_t *taken, float *log_probs, float *entropies);
    void (*categorical_gradient)(const train_categorical *, const train_derivatives *, const int32_t *taken,
                                 float *const *d_logits);
    void (*categorical_sample)(const train_categorical *, const float *uniform, int32_t *taken, float *log_probs);
    void (*normal)(const train_normal *, const float *taken, float *log_probs, float *entropies);
    void (*normal_gradient)(const train_normal *, const train_derivatives *, const float *taken, float *d_mean,
                            float *d_log_std);
    void (*normal_sample)(const train_normal *, const float *uniform, const float *other, float *taken,
                          float *log_probs);
    void (*bound)(const train_normal *, const float *taken, float *bounded);
    void (*uniforms)(int64_t count, const uint32_t key[2], uint32_t draw, uint32_t first, float *out, float *other);
    void (*permute)(int64_t first, int64_t last, int64_t count, uint32_t key, int32_t *order);
    void (*adam)(int64_t count, float *parameters, float *mean, float *square, const float *gradient, float scale,
                 float rate, float root);
    double (*squares)(int64_t count, const float *x);
    void (*remove_parts)(int64_t count, int64_t length, const double *rows, double *columns);
} operant_train_kernels;

#endif
