/* network.c: the forward and backward passes, by the products of a target. */
#include "train/network.h"

void train_shape(train_model *model, int32_t in, int32_t out, int32_t hidden_layers, const int32_t *hidden) {
    memset(model, 0, sizeof *model);
    for (int n = 0; n < NETWORKS; n++) {
        train_network *network = &model->networks[n];
        network->count = hidden_layers + 1;
        for (int32_t l = 0; l < network->count; l++) {
            train_layer *y = &network->layers[l];
            y->in = l ? hidden[l - 1] : in;
            y->out = l < hidden_layers ? hidden[l] : n == VALUE ? 1 : out;
            y->in_pad = train_padded(y->in), y->out_pad = train_padded(y->out);
            y->rows = model->packed_size, y->columns = y->rows + y->out * y->in_pad;
            y->biases = y->columns + y->in * y->out_pad, model->packed_size = y->biases + y->out_pad;
            y->by_input = y->in * y->out_pad < y->out * y->in_pad;
            y->d_weight = model->gradient_size;
            y->d_bias = y->d_weight + (y->by_input ? y->in * y->out_pad : y->out * y->in_pad);
            model->gradient_size = y->d_bias + y->out_pad;
        }
    }
    for (int heads = 0; heads < 2; heads++)
        for (int n = 0; n < NETWORKS; n++)
            for (int32_t l = 0; l <= hidden_layers; l++) {
                train_layer *y = &model->networks[n].layers[l];
                if ((l == hidden_layers) != heads) continue;
                y->weight = model->parameter_count, y->bias = y->weight + y->in * y->out;
                model->parameter_count = y->bias + y->out;
            }
}

/** A number of almost normal distribution: the sum of twelve uniform ones, which needs no function that C libraries
 *  round differently. */
static double almost_normal(uint64_t *state) {
    double sum = -6;
    for (int k = 0; k < 12; k++) sum += (double)(operant_splitmix64(state) >> 11) * 0x1p-53;
    return sum;
}

/** w [rows, columns] = gain times orthonormal rows, or columns if there are more rows (Gram and Schmidt). */
static void orthogonal(float *w, int64_t rows, int64_t columns, double gain, uint64_t *state, double *v) {
    const bool wide = columns > rows;
    const int64_t n = wide ? rows : columns, length = wide ? columns : rows;
    for (int64_t i = 0; i < n * length; i++) v[i] = almost_normal(state);
    for (int64_t i = 0; i < n; i++) {
        double *own = v + i * length, squares = 0;
        for (int64_t j = 0; j < i; j++) {
            const double *other = v + j * length;
            double dot = 0;
            for (int64_t k = 0; k < length; k++) dot += own[k] * other[k];
            for (int64_t k = 0; k < length; k++) own[k] -= dot * other[k];
        }
        for (int64_t k = 0; k < length; k++) squares += own[k] * own[k];
        for (int64_t k = 0; k < length; k++) own[k] /= sqrt(squares);
    }
    for (int64_t o = 0; o < rows; o++)
        for (int64_t i = 0; i < columns; i++)
            w[o * columns + i] = (float)(gain * (wide ? v[o * length + i] : v[i * length + o]));
}

void train_initialize(const train_model *model, uint64_t seed, float *parameters, double *work) {
    uint64_t state = seed * 0x2545f4914f6cdd1du + 1;
    memset(parameters, 0, (size_t)model->parameter_count * sizeof *parameters);
    for (int n = 0; n < NETWORKS; n++)
        for (int32_t l = 0; l < model->networks[n].count; l++) {
            const train_layer *y = &model->networks[n].layers[l];
            const bool head = l == model->networks[n].count - 1;
            const double gain = !head ? sqrt(2) : n == VALUE ? 1 : 0.01;
            orthogonal(parameters + y->weight, y->out, y->in, gain, &state, work);
        }
}

void train_pack(train_model *model, const float *parameters) {
    for (int n = 0; n < NETWORKS; n++)
        for (int32_t l = 0; l < model->networks[n].count; l++) {
            const train_layer *y = &model->networks[n].layers[l];
            const float *w = parameters + y->weight;
            float *rows = model->packed + y->rows, *columns = model->packed + y->columns;
            for (int64_t o = 0; o < y->out; o++)
                for (int64_t i = 0; i < y->in; i++) {
                    rows[o * y->in_pad + i] = w[o * y->in + i];
                    columns[i * y->out_pad + o] = w[o * y->in + i];
                }
            memcpy(model->packed + y->biases, parameters + y->bias, (size_t)y->out * sizeof(float));
        }
}

void train_unpack_gradient(const train_model *model, const float *gradient, float *out) {
    for (int n = 0; n < NETWORKS; n++)
        for (int32_t l = 0; l < model->networks[n].count; l++) {
            const train_layer *y = &model->networks[n].layers[l];
            const float *d = gradient + y->d_weight;
            for (int64_t o = 0; o < y->out; o++)
                for (int64_t i = 0; i < y->in; i++)
                    out[y->weight + o * y->in + i] = d[y->by_input ? i * y->out_pad + o : o * y->in_pad + i];
            memcpy(out + y->bias, gradient + y->d_bias, (size_t)y->out * sizeof(float));
        }
}

const float *train_forward(const train_model *model, const operant_train_kernels *kernels, int network,
                           train_activations *a, int64_t rows) {
    const train_network *n = &model->networks[network];
    float **x = a->x[network];
    for (int32_t l = 0; l < n->count; l++) {
        const train_layer *y = &n->layers[l];
        kernels->product(rows, y->out_pad, y->in, x[l], y->in_pad, 1, model->packed + y->columns, y->out_pad,
                         model->packed + y->biases, 0, x[l + 1], y->out_pad);
        if (l < n->count - 1) kernels->activate(x[l + 1], rows * y->out_pad);
    }
    return x[n->count];
}

void train_backward(const train_model *model, const operant_train_kernels *kernels, int network, train_activations *a,
                    int64_t rows, float *gradient) {
    const train_network *n = &model->networks[network];
    float *d = a->d[0], *before = a->d[1];
    for (int32_t l = n->count - 1; l >= 0; l--) {
        const train_layer *y = &n->layers[l];
        const float *x = a->x[network][l];
        float *g = gradient + y->d_weight;
        if (y->by_input)
            kernels->product(y->in, y->out_pad, rows, x, 1, y->in_pad, d, y->out_pad, g, y->out_pad, g, y->out_pad);
        else kernels->product(y->out, y->in_pad, rows, d, 1, y->out_pad, x, y->in_pad, g, y->in_pad, g, y->in_pad);
        kernels->add_rows(d, rows, y->out_pad, gradient + y->d_bias);
        if (l == 0) break;
        kernels->product(rows, y->in_pad, y->out, d, y->out_pad, 1, model->packed + y->rows, y->in_pad, NULL, 0,
                         before, y->in_pad);
        kernels->deactivate(before, x, rows * y->in_pad);
        float *const spare = d;
        d = before, before = spare;
    }
}
