/* network.h: multilayer perceptrons for a policy and a value, over one vector of parameters.
 *
 * The parameters are in PyTorch's order: the layers that both share, the policy's hidden layers, the value's, the logs
 * of a continuous policy's deviations, the policy's head, the value's head; of each layer the weights [out, in], then
 * the biases. For the products, weights are kept a second time, packed: as rows for the gradient of the inputs and for
 * a head's outputs, and transposed for a hidden layer's outputs, both padded with zeros. */
#ifndef OPERANT_TRAIN_NETWORK_H
#define OPERANT_TRAIN_NETWORK_H
#include "core/layout.h"
#include "train/table.h"

enum { TRAIN_LAYERS = 8, TRAIN_BLOCK = 64 /* rows at once: their activations stay in the first-level cache */ };

typedef struct {
    int64_t in, out, in_pad, out_pad;
    int64_t weight, bias;            /* places in the parameters */
    int64_t rows, columns, biases;   /* places in `packed`: [out, in_pad], unless a head [in, out_pad], [out_pad] */
    bool by_input;                   /* the layout of the gradient, of a hidden layer whichever is smaller: */
    int64_t d_weight, d_bias;        /* [in, out_pad] or [out, in_pad], then [out_pad] */
    bool head;                       /* without an activation; the outputs are columns */
    bool chosen;                     /* the inputs are one-hot: see train_activations */
} train_layer;

typedef struct {
    int64_t in;
    int32_t count;
    train_layer layers[TRAIN_LAYERS + 1];
} train_network;

/** TRUNK has the shared hidden layers. POLICY and VALUE read its outputs, and end in a linear head. */
enum { TRUNK, POLICY, VALUE, NETWORKS };

typedef struct {
    train_network networks[NETWORKS];
    int activation;                  /* operant_activation */
    int64_t chosen;                  /* number of inputs that are 1 in each row, all others being 0; or 0 */
    int64_t deviations;              /* number of log deviations, at ... */
    int64_t log_std, d_log_std;      /* ... in the parameters, and in the gradient */
    int64_t parameter_count, packed_size, gradient_size;
    float *packed;                   /* [packed_size] */
} train_model;

/** One thread's activations and gradients. */
typedef struct {
    float *x[NETWORKS][TRAIN_LAYERS + 2];     /* [TRAIN_BLOCK, pad]: the input, then each hidden layer's output, then
                                               * the head's [out, TRAIN_BLOCK] */
    int32_t *chosen;                          /* [TRAIN_BLOCK, model.chosen] the inputs that are 1, instead of x */
    float *slopes[NETWORKS][TRAIN_LAYERS + 2]; /* SiLU's derivatives; else NULL */
    float *d_head[NETWORKS];                  /* the gradients of the heads' outputs, [out, TRAIN_BLOCK] */
    float *d[2], *d_trunk;                    /* the gradients of two layers in turn, and of the trunk's output */
} train_activations;

_Static_assert(TRAIN_BLOCK % (2 * TRAIN_PAD) == 0, "the kernel `head` reads and writes so many rows at once");

static inline int64_t train_padded(int64_t n) { return (n + TRAIN_PAD - 1) / TRAIN_PAD * TRAIN_PAD; }

typedef struct {
    int32_t in, out;                 /* inputs, and outputs of the policy */
    int32_t hidden_layers, value_hidden_layers;
    const int32_t *hidden, *value_hidden;
    int32_t deviations, activation, chosen;
    bool share;
} train_sizes;

/** Lays out the layers. */
void train_shape(train_model *model, const train_sizes *sizes);

/** Writes the initial parameters: orthogonal weights (Saxe et al. 2014) with a gain of sqrt(2), of 0.01 in the policy's
 *  head and 1 in the value's; biases of 0. `work` [train_work_size(model)] is written to. */
void train_initialize(const train_model *model, const operant_train_kernels *kernels, uint64_t seed, float log_std,
                      float *parameters, double *work);
int64_t train_work_size(const train_model *model);

/** Copies the parameters to `packed`. */
void train_pack(train_model *model, const operant_train_kernels *kernels, const float *parameters);

/** Evaluates a network on `rows` rows at x[network][0]. */
void train_forward(const train_model *model, const operant_train_kernels *kernels, int network, train_activations *a,
                   int64_t rows);

/** Adds what follows from the outputs' gradient, at d_head[network], to `gradient` [gradient_size]; if it is `fresh`,
 *  writes over what it holds. The policy writes the gradient of a trunk's outputs, the value adds to it, and then the
 *  trunk starts from it. */
void train_backward(const train_model *model, const operant_train_kernels *kernels, int network, train_activations *a,
                    int64_t rows, bool fresh, float *gradient);

/** Copies a gradient from its layout to that of the parameters. */
void train_unpack_gradient(const train_model *model, const operant_train_kernels *kernels, const float *gradient,
                           float *out);

#endif
