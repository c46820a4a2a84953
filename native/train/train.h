/* train.h: the C interface of training by PPO; Python reads it through cffi after operant.h and rollout.h.
 *
 * A trainer holds a policy, a value function and the optimiser. Acting and learning are separate calls, so the
 * environments may be anybody's; operant_train_collect() acts in a batch of the core. The same options, seed and
 * experience give the same parameters, bit for bit, on every target and with any number of workers. A call made during
 * another on one trainer returns OPERANT_BUSY; so does every call in a child that was forked during one. See
 * examples/train.c. */
#ifndef OPERANT_TRAIN_H
#define OPERANT_TRAIN_H
#include "operant.h"
#include "rollout/rollout.h"

/** The version of the arithmetic: trainers of one version have the same bits. */
int32_t operant_train_version(void);

typedef struct operant_trainer operant_trainer;

typedef enum { OPERANT_TANH, OPERANT_RELU, OPERANT_SILU } operant_activation;

/** Numbers in the row of an observation that are inputs of the networks, or an action mask. */
typedef struct {
    int32_t dtype;   /* operant_dtype */
    int32_t offset;  /* bytes from the row's beginning: a multiple of the number's size */
    int32_t count;   /* numbers */
    int32_t choices; /* 0: each number is an input. Else each is `choices` inputs: 1 at number - start, 0 elsewhere */
    int64_t start;
} operant_part;

typedef struct {
    const char *isa;              /* a name from operant_isa(), or NULL for the best that runs here */
    int64_t rows;                 /* N: rows that act at once, environments or agents of environments */
    int64_t steps;                /* T: steps of a rollout */
    int32_t row_bytes;            /* bytes of a row of observations, a multiple of its numbers' sizes */
    int32_t part_count;
    const operant_part *parts;    /* [part_count] D inputs in all */
    operant_part mask;            /* nonzero where a choice is allowed, for all choices in turn; count 0: no masks */
    const uint8_t *mask_table;    /* [choices of parts[0], choices of the action] the same for each value of a row's
                                   * first number; or NULL */
    int32_t action_size;          /* K: numbers of an action */
    const int32_t *choices;       /* [K] choices of each discrete number; NULL: the action is continuous */
    const float *low, *high;      /* [K] bounds of a continuous action */
    int32_t squash;               /* 1: tanh keeps it within its bounds, which are finite; 0: it is clipped */
    float log_std;                /* initial log of a continuous policy's standard deviation */
    int32_t hidden_layers, value_hidden_layers; /* from 0 to 8 */
    const int32_t *hidden, *value_hidden; /* widths of the policy's layers, and of the value's */
    int32_t activation;           /* operant_activation, after each hidden layer */
    int32_t share;                /* 1: both networks have the layers `hidden` in common, and no others */
    int32_t workers;              /* number of threads, including the caller's */
    int32_t epochs, minibatches;  /* minibatches differ by at most one sample */
    uint64_t seed;
    int32_t normalize_observations; /* 1: by their running mean and variance; rows are float32, without choices */
    int32_t normalize_rewards;    /* 1: rewards are divided by the running deviation of their discounted sums */
    int32_t normalize_advantages; /* 1: to mean 0 and deviation 1 in each minibatch */
    float learning_rate, gamma, lam, max_grad_norm, value_coefficient, entropy_coefficient;
    float clip;                   /* of the probability ratio */
    float value_clip;             /* of the values' change; 0: none */
    float dual_clip;              /* the objective is at least so many times a negative advantage; 0: none */
    float target_kl;              /* an update ends at 1.5 times this divergence; 0: never */
} operant_train_options;

/** Returns a new trainer, or NULL with the reason in `message`. */
operant_trainer *operant_train_open(const operant_train_options *options, char *message, int32_t message_size);
void operant_train_close(operant_trainer *trainer);

/** Sets learning rate and clip for the calls of operant_train_learn() from now on. */
operant_status operant_train_adjust(operant_trainer *trainer, double learning_rate, double clip);

/** Draws actions for `rows` rows of observations: int32_t or float [rows, K]. The random numbers depend on the seed,
 *  `draw` and the row only. `bounded` are the actions within their bounds, for the environment; it may be NULL, or
 *  `actions`, and is equal to `actions` for discrete ones. `log_probs` [rows] are those of `actions`.
 *  OPERANT_BAD_ARGUMENT: a mask allows no choice, or a number is none of its choices. OPERANT_NOT_FINITE:
 *  what the policy makes of an observation is infinite, NaN or beyond 1e37. */
operant_status operant_train_act(operant_trainer *trainer, uint32_t draw, const void *observations, int64_t rows,
                                 void *actions, void *bounded, float *log_probs);
/** Writes the most probable actions, within their bounds: int32_t or float [rows, K]. */
operant_status operant_train_greedy(operant_trainer *trainer, const void *observations, int64_t rows, void *actions);
/** Writes the values [rows] of observations, in units of the rewards that the trainer learns from. OPERANT_NOT_FINITE:
 *  one of them is infinite or NaN. */
operant_status operant_train_values(operant_trainer *trainer, const void *observations, int64_t rows, float *values);

/** The results of T steps of N rows; arrays are [T, N] unless another shape is stated. */
typedef struct {
    const void *observations;     /* [T + 1, N, row_bytes]: before each step, and after the last */
    const void *actions;          /* [T, N, K] as drawn */
    const float *log_probs, *rewards;
    const uint8_t *terminated, *truncated; /* 0 or 1 */
    const float *final_values;    /* the value of an episode's final observation, used only where it was truncated */
} operant_experience;

/** The means over the minibatches of a call, but for the last two. */
typedef struct {
    double policy_loss, value_loss, entropy, approximate_kl, clip_fraction, gradient_norm;
    double explained_variance;    /* 1 - var(returns - values) / var(returns); NaN if all returns are equal */
    int64_t minibatches;          /* so many; 0 if the target of the divergence was passed at once */
} operant_train_metrics;

/** Plays T steps in a batch with OPERANT_SAME_STEP and N rows, whose observations and actions are as in the options.
 *  Every part and the mask have the dtype of the batch's observations.
 *  `experience` points into the trainer's memory, until the next call. The batch must have been reset.
 *  OPERANT_BAD_ARGUMENT: its sizes, types or options are others, or as in operant_train_act(). OPERANT_NOT_FINITE: as
 *  there, or the value of a truncated episode's last observation is. An error of operant_train_act() leaves the batch
 *  after the steps that were played before it. */
operant_status operant_train_collect(operant_trainer *trainer, operant_batch *batch, operant_experience *experience);

/** Learns from a rollout. OPERANT_NOT_FINITE: a gradient, a reward, a log probability or an observation was infinite or
 *  NaN; the parameters are those from before that minibatch. */
operant_status operant_train_learn(operant_trainer *trainer, const operant_experience *experience,
                                   operant_train_metrics *metrics);

/** Resets such a batch, of any number of environments but with a time limit, because a greedy policy may go in circles.
 *  Plays one episode in each, greedily, and writes their mean return. */
operant_status operant_train_evaluate(operant_trainer *trainer, operant_batch *batch, double *mean_return);

enum { OPERANT_EPISODES = 100 };

/** The state on which further training depends, except the environments'. Pointers are into the trainer's memory. */
typedef struct {
    int64_t parameter_count;
    float *parameters;            /* in PyTorch's order: the shared layers, the policy's, the value's, the deviations'
                                   * logs, the policy's head, the value's head; of each the weights [out, in], then the
                                   * biases */
    float *mean, *square;         /* [parameter_count] Adam's moments of the gradient */
    int64_t descents;             /* Adam's steps */
    operant_moments observations, rewards; /* the normalisers' statistics */
    float *reward_sums;           /* [N] discounted */
    uint32_t draw, shuffle;       /* numbers of the next draw of operant_train_collect() and of the next shuffle */
    int64_t episodes;             /* that operant_train_collect() saw end; episode e is at [e % OPERANT_EPISODES] of */
    double returns[100];
    int64_t lengths[100];
} operant_train_state;

/** Returns the state, which may be written to between calls. Whoever did calls operant_train_restored().
 *  OPERANT_NOT_FINITE: a parameter, or a moment, is infinite or NaN. OPERANT_BAD_ARGUMENT: a count is negative or above
 *  2^62. */
operant_train_state *operant_train_view(operant_trainer *trainer);
operant_status operant_train_restored(operant_trainer *trainer);

/** Writes the gradient of the loss over `count` samples, at most T * N, as one minibatch, unclipped. `gradient` is in
 *  the parameters' order. Observations are normalised as in operant_train_act(). `values` are the old ones, for
 *  value_clip. */
operant_status operant_train_gradient(operant_trainer *trainer, int64_t count, const void *observations,
                                      const void *actions, const float *log_probs, const float *values,
                                      const float *advantages, const float *returns, float *gradient);

/** The name of a kind of training that has a certificate, or NULL past the end. */
const char *operant_train_kind(int32_t index);
/** Returns the hash (FNV-1a) of the parameters after a fixed short training of a kind. Two machines, targets, numbers
 *  of workers or versions that return the same hash train to the same bits. Returns 0 if the kind is unknown, the
 *  target does not run here or has no fused multiply-add (scalar trains in its place), or an environment or memory is
 *  missing. */
uint64_t operant_train_certificate(const char *kind, const char *isa, int32_t workers);

#endif
