/* train.h: the C interface of training by PPO; Python reads it through cffi after operant.h.
 *
 * A trainer holds two networks with tanh, one for a policy over discrete actions and one for the value. It takes
 * observations of D floats. Acting and learning are separate calls, so the environments may be anybody's;
 * operant_train_update() does both for a batch of the core. The same options, seed and experience give the same
 * parameters, bit for bit, on every target and with any number of workers. A call made during another on one trainer
 * returns OPERANT_BUSY; so does every call in a child that was forked during one. See examples/train.c. */
#ifndef OPERANT_TRAIN_H
#define OPERANT_TRAIN_H
#include "operant.h"

typedef struct operant_trainer operant_trainer;

typedef struct {
    const char *isa;              /* a name from operant_isa(), or NULL for the best that runs here */
    int64_t num_envs;             /* N: rows that act at once */
    int64_t steps;                /* T: steps of a rollout */
    int32_t observation_size;     /* D */
    int32_t actions;              /* A: number of discrete actions, from 2 to 64 */
    int32_t hidden_layers;        /* from 1 to 8 */
    const int32_t *hidden;        /* [hidden_layers] widths */
    int32_t workers;              /* number of threads, including the caller's */
    int32_t epochs, minibatches;  /* T * N must be a multiple of `minibatches` */
    uint64_t seed;
    int64_t total_steps;          /* the learning rate falls linearly to 0 over so many steps; 0: it is constant */
    float learning_rate, gamma, lam, clip, value_coefficient, entropy_coefficient, max_grad_norm;
} operant_train_options;

/** Returns a new trainer, or NULL with the reason in `message`. */
operant_trainer *operant_train_open(const operant_train_options *options, char *message, int32_t message_size);
void operant_train_close(operant_trainer *trainer);

/** Draws actions [N] and their log probabilities [N] for observations [N, D]. */
operant_status operant_train_act(operant_trainer *trainer, const float *observations, int32_t *actions,
                                 float *log_probs);
/** Writes the most probable actions [rows] for observations [rows, D]. */
operant_status operant_train_greedy(operant_trainer *trainer, const float *observations, int64_t rows,
                                    int32_t *actions);
/** Writes the values [rows] of observations [rows, D]. */
operant_status operant_train_values(operant_trainer *trainer, const float *observations, int64_t rows, float *values);

/** The results of T steps of N environments; arrays are [T, N] unless another shape is stated. */
typedef struct {
    const float *observations;    /* [T + 1, N, D]: before each step, and after the last */
    const int32_t *actions;
    const float *log_probs, *rewards;
    const uint8_t *terminated, *truncated; /* 0 or 1 */
    const float *final_values;    /* the value of an episode's final observation, used only where it was truncated */
} operant_experience;

/** The means over the minibatches of a call, but for the last three. */
typedef struct {
    double policy_loss, value_loss, entropy, approx_kl, clip_fraction, gradient_norm;
    double learning_rate;
    double episode_return;        /* mean of the last 100 episodes that operant_train_update() saw; NaN without one */
    int64_t total_steps;          /* so far */
} operant_train_metrics;

/** Learns from a rollout. OPERANT_NOT_FINITE: a gradient was infinite or NaN; the parameters are those from before that
 *  minibatch. */
operant_status operant_train_learn(operant_trainer *trainer, const operant_experience *experience,
                                   operant_train_metrics *metrics);

/** Plays T steps in a batch with OPERANT_SAME_STEP, N environments and float32, and learns from them. The batch must
 *  have been reset. OPERANT_BAD_ARGUMENT: its sizes or options are others. */
operant_status operant_train_update(operant_trainer *trainer, operant_batch *batch, operant_train_metrics *metrics);

/** Resets such a batch, of any number of environments but with a time limit, because a greedy policy may go in circles.
 *  Plays one episode in each, greedily, and writes their mean return. */
operant_status operant_train_evaluate(operant_trainer *trainer, operant_batch *batch, double *mean_return);

/** The parameters, in PyTorch's order: the policy's hidden layers, the value's, the policy's head, the value's head; of
 *  each the weights [out, in], then the biases. Whoever writes to them calls operant_train_set_parameters(). */
const float *operant_train_parameters(const operant_trainer *trainer, int64_t *count);
void operant_train_set_parameters(operant_trainer *trainer, const float *parameters);

/** Writes the gradient of the loss over `count` samples, at most T * N, as one minibatch, unclipped. `gradient` is in
 *  the parameters' order. */
operant_status operant_train_gradient(operant_trainer *trainer, int64_t count, const float *observations,
                                      const int32_t *actions, const float *log_probs, const float *advantages,
                                      const float *returns, float *gradient);

#endif
