/* trainer.h: the trainer, and the parts of it that its files share.
 *
 * A call is a sequence of stages. In each, the workers take tickets until none is left; what a ticket computes does not
 * depend on the worker. */
#ifndef OPERANT_TRAIN_TRAINER_H
#define OPERANT_TRAIN_TRAINER_H
#include "core/dispatch.h"
#include "train/network.h"
#include "train/train.h"

enum {
    MOST_NUMBERS = 256,  /* numbers of an action */
    MOST_OUTPUTS = 1024, /* outputs of a policy: choices of all numbers, or means */
    MOST_WIDTH = 4096,
    MOST_PARTS = 4096,
    MOST_WORKERS = 1024,
    MOST_STRANDS = 16
};

/** One worker's memory; columns have TRAIN_BLOCK numbers. */
typedef struct {
    train_activations a;
    float **outputs, **d_outputs;     /* [outputs] columns of `a`: logits or means */
    float **taken, *bounded;          /* [K] columns of int32_t or float */
    float *terms[TRAIN_TERMS];
    float *log_probs, *entropies, *old_log_probs, *old_values, *advantages, *returns, *weights;
    float *values, *d_values;         /* columns of `a` */
    float *d_log_probs, *d_log_std, *uniform, *other;
} train_scratch;

/** A strand's part of a minibatch's sums. */
typedef struct { double sum, squares, terms[TRAIN_TERMS]; } train_sums;

struct operant_trainer {
    operant_train_options o;          /* whose pointers lead to copies */
    operant_train_state state;
    const operant_target *target;
    const operant_train_kernels *kernels;
    train_model model;
    int64_t samples;                  /* T * N */
    int32_t inputs, outputs;          /* D, and the policy's outputs */
    bool plain;                       /* a row is D floats */
    int64_t row_bytes, action_size;
    float *gradient;                  /* [parameter_count], padded */
    float *strand_gradients;          /* [MOST_STRANDS, gradient_size] */
    double power1, power2;            /* of Adam's decay rates: 0.9 and 0.999 to the number of steps */
    double learning_rate;
    train_sums strands[MOST_STRANDS];
    double *centre, *scale;           /* [D] the normaliser's, as they are during a rollout and its update */

    /* A rollout, in the memory of the trainer. */
    uint8_t *observations, *final_observations; /* [T + 1, N] and [N] rows */
    void *actions, *bounded;          /* [T, N, K] and [N, K] */
    float *log_probs, *rewards, *scaled, *values, *final_values, *advantages, *returns;
    int32_t *order, *truncations;     /* [T * N] and [N] */
    uint8_t *terminated, *truncated;

    operant_pool *pool;
    train_scratch *scratches;         /* [workers] */
    atomic_llong ticket;
    atomic_int faults;                /* those that this call met */
    void *memory;
    size_t bytes;
    atomic_int busy;                  /* 1 during a call, for ever in a child that was forked in it */
};

/** Faults that a worker may meet. A call reports the first of these, whichever was met first. */
enum {
    TRAIN_MISFIT = 1,   /* a number is none of its choices, or a mask allows none */
    TRAIN_INFINITE = 2  /* an output of a network is infinite, NaN or too large to compute with */
};
static inline void train_report(operant_trainer *t, int fault) { atomic_fetch_or(&t->faults, fault); }
static inline operant_status train_verdict(operant_trainer *t) {
    const int faults = atomic_load(&t->faults);
    return faults & TRAIN_MISFIT ? OPERANT_BAD_ARGUMENT : faults ? OPERANT_NOT_FINITE : OPERANT_OK;
}

/** Runs compute(argument, worker's memory, ticket) for each ticket. */
typedef void train_compute(void *argument, train_scratch *, int64_t ticket);
void train_run(operant_trainer *, int64_t tickets, train_compute *compute, void *argument);

static inline int64_t train_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t train_blocks(int64_t rows) { return (rows + TRAIN_BLOCK - 1) / TRAIN_BLOCK; }

/** The beginning and the end of a public call. `enter` returns false if another one is in progress. */
static inline bool train_enter(operant_trainer *t) {
    int free_now = 0;
    const bool entered = atomic_compare_exchange_strong(&t->busy, &free_now, 1);
    if (entered) atomic_store(&t->faults, 0);
    return entered;
}
static inline operant_status train_leave(operant_trainer *t, operant_status status) {
    atomic_store(&t->busy, 0);
    return status;
}

/** A reason why options are refused; returns true, for `return train_refuse(...)`. */
typedef struct { char text[256]; } train_reason;
__attribute__((format(printf, 2, 3))) bool train_refuse(train_reason *, const char *format, ...);

/* inputs.c */

/** Returns true, with the reason, if the parts of an observation are refused. */
bool train_inputs_fault(const operant_train_options *, train_reason *);
/** D, the number of inputs that are 1 in each row where all are one-hot (else 0), and whether a row is D floats. */
int32_t train_input_count(const operant_train_options *);
int32_t train_chosen_count(const operant_train_options *);
bool train_rows_are_plain(const operant_train_options *);
/** Takes over the normaliser's statistics for the next rollout. */
void train_freeze_normalizer(operant_trainer *);
/** Observations: row i is at first + order[i] * row_bytes, or without an order at first + i * row_bytes. */
typedef struct { const uint8_t *first; const int32_t *order; } train_rows;
/** Writes the networks' inputs from `rows` observations. */
void train_take_rows(operant_trainer *, train_scratch *, train_rows, int64_t rows);
/** Forbids choices by the masks of `rows` observations: their logits in the columns become the lowest. Returns false if
 *  a row has none left. */
bool train_mask_rows(const operant_trainer *, train_scratch *, train_rows, int64_t rows);

/* heads.c: `rows` rows, whose outputs are in the columns of the worker's memory. */

/** Reports outputs of the policy that are not finite. */
void train_check_outputs(operant_trainer *, const train_scratch *, int64_t rows);
/** Sets log_probs and entropies of the actions that are in `taken`. */
void train_evaluate_actions(const operant_trainer *, train_scratch *, int64_t rows);
/** Writes the gradient of the outputs to d_outputs, and adds that of the deviations. */
void train_differentiate_actions(const operant_trainer *, train_scratch *, int64_t rows, float *gradient);
/** Draws actions for rows `first` on; they go to `taken`, and their log probabilities to log_probs. */
void train_draw_actions(const operant_trainer *, train_scratch *, uint32_t draw, int64_t first, int64_t rows);
/** Sets `taken` to the most probable actions. */
void train_choose_actions(const operant_trainer *, train_scratch *, int64_t rows);
/** Copies column k of `taken` to numbers of `actions`, at actions[row * K + k]; and within its bounds to `bounded`.
 *  Both may be NULL. */
void train_give_actions(const operant_trainer *, train_scratch *, int64_t rows, float *actions, float *bounded);

/* ppo.c */

/** Evaluates the value function for rows of observations, and reports values that are not finite. */
void train_evaluate_values(operant_trainer *, const void *observations, int64_t rows, float *values);

#endif
