/* network.c: the forward and backward passes, by the products of a target. */
#include "train/network.h"

static void add_layer(train_model *model, train_network *network, int64_t out, bool head) {
    train_layer *y = &network->layers[network->count];
    y->in = network->count ? y[-1].out : network->in;
    y->out = out, y->head = head;
    y->in_pad = train_padded(y->in), y->out_pad = train_padded(y->out);
    y->rows = model->packed_size, y->columns = y->rows + y->out * y->in_pad;
    y->biases = y->columns + (head ? 0 : y->in * y->out_pad), model->packed_size = y->biases + y->out_pad;
    y->chosen = model->chosen && !network->count && (network == model->networks || !model->networks[TRUNK].count);
    y->by_input = y->chosen || (!head && y->in * y->out_pad < y->out * y->in_pad);
    y->d_weight = model->gradient_size;
    y->d_bias = y->d_weight + (y->by_input ? y->in * y->out_pad : y->out * y->in_pad);
    model->gradient_size = y->d_bias + y->out_pad;
    y->weight = model->parameter_count, y->bias = y->weight + y->in * y->out;
    model->parameter_count = y->bias + y->out;
    network->count++;
}

void train_shape(train_model *model, const train_sizes *s) {
    memset(model, 0, sizeof *model);
    train_network *trunk = &model->networks[TRUNK], *policy = &model->networks[POLICY];
    train_network *value = &model->networks[VALUE];
    trunk->in = s->in;
    model->chosen = s->hidden_layers && (s->share || s->value_hidden_layers) ? s->chosen : 0; /* heads take numbers */
    for (int32_t l = 0; s->share && l < s->hidden_layers; l++) add_layer(model, trunk, s->hidden[l], false);
    policy->in = value->in = trunk->count ? trunk->layers[trunk->count - 1].out : s->in;
    for (int32_t l = 0; !s->share && l < s->hidden_layers; l++) add_layer(model, policy, s->hidden[l], false);
    for (int32_t l = 0; !s->share && l < s->value_hidden_layers; l++)
        add_layer(model, value, s->value_hidden[l], false);
    model->activation = s->activation, model->deviations = s->deviations;
    model->log_std = model->parameter_count, model->parameter_count += s->deviations;
    model->d_log_std = model->gradient_size, model->gradient_size += train_padded(s->deviations);
    add_layer(model, policy, s->out, true);
    add_layer(model, value, 1, true);
}

/** A number of almost normal distribution: the sum of twelve uniform ones, which needs no function that C libraries
 *  round differently. */
static double almost_normal(uint64_t *state) {
    double sum = -6;
    for (int k = 0; k < 12; k++) sum += (double)(operant_splitmix64(state) >> 11) * 0x1p-53;
    return sum;
}

/** w [rows, columns] = gain times orthonormal rows, or columns if there are more rows (Gram and Schmidt). Vectors are
 *  made orthogonal by TRAIN_COLUMNS: first to those before them, all at once, then to each other. */
static void orthogonal(float *w, int64_t rows, int64_t columns, double gain, const operant_train_kernels *kernels,
                       uint64_t *state, double *v) {
    const bool wide = columns > rows;
    const int64_t n = wide ? rows : columns, length = wide ? columns : rows;
    double *const block = v + n * length; /* [length, TRAIN_COLUMNS] */
    for (int64_t i = 0; i < n * length; i++) v[i] = almost_normal(state);
    for (int64_t first = 0; first < n; first += TRAIN_COLUMNS) {
        const int64_t count = n - first < TRAIN_COLUMNS ? n - first : TRAIN_COLUMNS;
        for (int64_t k = 0; first && k < length; k++)
            for (int64_t c = 0; c < TRAIN_COLUMNS; c++)
                block[k * TRAIN_COLUMNS + c] = c < count ? v[(first + c) * length + k] : 0;
        if (first) kernels->remove_parts(first, length, v, block);
        for (int64_t k = 0; first && k < length; k++)
            for (int64_t c = 0; c < count; c++) v[(first + c) * length + k] = block[k * TRAIN_COLUMNS + c];
        for (int64_t i = first; i < first + count; i++) {
            double *own = v + i * length, squares = 0;
            for (int64_t j = first; j < i; j++) {
                const double *other = v + j * length;
                double dot = 0;
                for (int64_t k = 0; k < length; k++) dot += own[k] * other[k];
                for (int64_t k = 0; k < length; k++) own[k] -= dot * other[k];
            }
            for (int64_t k = 0; k < length; k++) squares += own[k] * own[k];
            for (int64_t k = 0; k < length; k++) own[k] /= sqrt(squares);
        }
    }
    for (int64_t o = 0; o < rows; o++)
        for (int64_t i = 0; i < columns; i++)
            w[o * columns + i] = (float)(gain * (wide ? v[o * length + i] : v[i * length + o]));
}

int64_t train_work_size(const train_model *model) {
    int64_t largest = 0;
    for (int n = 0; n < NETWORKS; n++)
        for (int32_t l = 0; l < model->networks[n].count; l++) {
            const train_layer *y = &model->networks[n].layers[l];
            const int64_t size = y->in * y->out + (y->in > y->out ? y->in : y->out) * TRAIN_COLUMNS;
            if (size > largest) largest = size;
        }
    return largest;
}

void train_initialize(const train_model *model, const operant_train_kernels *kernels, uint64_t seed, float log_std,
                      float *parameters, double *work) {
    uint64_t state = seed * 0x2545f4914f6cdd1du + 1;
    memset(parameters, 0, (size_t)model->parameter_count * sizeof *parameters);
    for (int n = 0; n < NETWORKS; n++)
        for (int32_t l = 0; l < model->networks[n].count; l++) {
            const train_layer *y = &model->networks[n].layers[l];
            const double gain = !y->head ? sqrt(2) : n == VALUE ? 1 : 0.01;
            orthogonal(parameters + y->weight, y->out, y->in, gain, kernels, &state, work);
        }
    for (int64_t k = 0; k < model->deviations; k++) parameters[model->log_std + k] = log_std;
}

/** Copies matrices whose rows are padded to different lengths. */
static void copy_rows(int64_t rows, int64_t columns, const float *from, int64_t from_row, float *to, int64_t to_row) {
    if (from_row == columns && to_row == columns) columns *= rows, rows = 1;
    for (int64_t i = 0; i < rows; i++) memcpy(to + i * to_row, from + i * from_row, (size_t)columns * sizeof *to);
}

void train_pack(train_model *model, const operant_train_kernels *kernels, const float *parameters) {
    for (int n = 0; n < NETWORKS; n++)
        for (int32_t l = 0; l < model->networks[n].count; l++) {
            const train_layer *y = &model->networks[n].layers[l];
            const float *w = parameters + y->weight;
            float *rows = model->packed + y->rows, *columns = model->packed + y->columns;
            copy_rows(y->out, y->in, w, y->in, rows, y->in_pad);
            if (!y->head) kernels->transpose(y->out, y->in, w, y->in, columns, y->out_pad);
            memcpy(model->packed + y->biases, parameters + y->bias, (size_t)y->out * sizeof(float));
        }
}

void train_unpack_gradient(const train_model *model, const operant_train_kernels *kernels, const float *gradient,
                           float *out) {
    for (int n = 0; n < NETWORKS; n++)
        for (int32_t l = 0; l < model->networks[n].count; l++) {
            const train_layer *y = &model->networks[n].layers[l];
            const float *d = gradient + y->d_weight;
            if (y->by_input) kernels->transpose(y->in, y->out, d, y->out_pad, out + y->weight, y->in);
            else copy_rows(y->out, y->in, d, y->in_pad, out + y->weight, y->in);
            memcpy(out + y->bias, gradient + y->d_bias, (size_t)y->out * sizeof(float));
        }
    memcpy(out + model->log_std, gradient + model->d_log_std, (size_t)model->deviations * sizeof(float));
}

void train_forward(const train_model *model, const operant_train_kernels *kernels, int network, train_activations *a,
                   int64_t rows) {
    const train_network *n = &model->networks[network];
    float **x = a->x[network];
    for (int32_t l = 0; l < n->count; l++) {
        const train_layer *y = &n->layers[l];
        const float *weights = model->packed + y->columns, *biases = model->packed + y->biases;
        if (y->head) {
            kernels->head(rows, y->out, y->in, x[l], y->in_pad, model->packed + y->rows, y->in_pad, biases, x[l + 1],
                          TRAIN_BLOCK);
            return;
        }
        if (y->chosen)
            kernels->add_chosen(rows, model->chosen, a->chosen, weights, y->out_pad, biases, x[l + 1]);
        else
            kernels->product(rows, y->out_pad, y->in, x[l], y->in_pad, 1, weights, y->out_pad, biases, 0, x[l + 1],
                             y->out_pad);
        kernels->activate(model->activation, x[l + 1], a->slopes[network][l + 1], rows * y->out_pad);
    }
}

/** The gradient of a head's biases: sums[out] += the columns' sums, each in the order of the rows. */
static void add_columns(const float *d, int64_t rows, int64_t out, float *sums) {
    for (int64_t o = 0; o < out; o++) {
        float sum = sums[o];
        for (int64_t i = 0; i < rows; i++) sum += d[o * TRAIN_BLOCK + i];
        sums[o] = sum;
    }
}

/** Turns the gradient of a hidden layer's outputs to that of its sums, and adds that of its biases. */
static void deactivate(const train_model *model, const operant_train_kernels *kernels, int network,
                       const train_activations *a, int32_t l, int64_t rows, float *d, float *gradient) {
    const train_layer *y = &model->networks[network].layers[l];
    kernels->deactivate(model->activation, rows, y->out_pad, d, a->x[network][l + 1], a->slopes[network][l + 1],
                        gradient + y->d_bias);
}

void train_backward(const train_model *model, const operant_train_kernels *kernels, int network, train_activations *a,
                    int64_t rows, bool fresh, float *gradient) {
    const train_network *n = &model->networks[network];
    const bool on_trunk = network != TRUNK && model->networks[TRUNK].count;
    float *d = a->d_head[network], *before = a->d[0];
    for (int32_t l = 0; fresh && l < n->count; l++) {
        const train_layer *y = &n->layers[l];
        float *const from = gradient + (y->chosen ? y->d_weight : y->d_bias);
        memset(from, 0, (size_t)(gradient + y->d_bias + y->out_pad - from) * sizeof *from);
    }
    if (network == TRUNK) {
        if (!n->count) return;
        d = a->d_trunk;
        deactivate(model, kernels, TRUNK, a, n->count - 1, rows, d, gradient);
    }
    for (int32_t l = n->count - 1; l >= 0; l--) {
        const train_layer *y = &n->layers[l];
        const float *x = a->x[network][l];
        float *const g = gradient + y->d_weight, *const sum = fresh ? NULL : g;
        const int64_t sample = y->head ? 1 : y->out_pad, output = y->head ? TRAIN_BLOCK : 1; /* steps through d */
        if (y->chosen) kernels->add_to_chosen(rows, model->chosen, a->chosen, d, y->out_pad, g);
        else if (y->by_input)
            kernels->product(y->in, y->out_pad, rows, x, 1, y->in_pad, d, y->out_pad, sum, y->out_pad, g, y->out_pad);
        else
            kernels->product(y->out, y->in_pad, rows, d, output, sample, x, y->in_pad, sum, y->in_pad, g, y->in_pad);
        if (y->head) add_columns(d, rows, y->out, gradient + y->d_bias);
        if (l == 0 && !on_trunk) break;
        float *const to = l ? before : a->d_trunk, *const start = l || network == POLICY ? NULL : to;
        kernels->product(rows, y->in_pad, y->out, d, sample, output, model->packed + y->rows, y->in_pad, start,
                         start ? y->in_pad : 0, to, y->in_pad);
        if (l == 0) break;
        deactivate(model, kernels, network, a, l - 1, rows, before, gradient);
        d = before, before = d == a->d[0] ? a->d[1] : a->d[0];
    }
}
