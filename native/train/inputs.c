/* inputs.c: the networks' inputs from rows of observations. */
#include <float.h>

#include "rollout/table.h"
#include "train/trainer.h"

static int64_t size_of(int32_t dtype) {
    switch (dtype) {
    case OPERANT_INT64: case OPERANT_FLOAT64: return 8;
    case OPERANT_INT32: case OPERANT_FLOAT32: return 4;
    case OPERANT_INT16: return 2;
    default: return 1;
    }
}

static bool fits(const operant_part *p, int64_t row_bytes) {
    if (p->dtype < OPERANT_INT32 || p->dtype > OPERANT_INT16) return false;
    const int64_t size = size_of(p->dtype);
    return p->count >= 1 && p->offset >= 0 && p->offset % size == 0 && row_bytes % size == 0 &&
           p->offset + p->count * size <= row_bytes;
}

static bool is_float(const operant_part *p) { return p->dtype == OPERANT_FLOAT32 || p->dtype == OPERANT_FLOAT64; }

bool train_inputs_fault(const operant_train_options *o, train_reason *why) {
    const int bytes = o->row_bytes;
    if (bytes < 1 || bytes > 1 << 24) return train_refuse(why, "row_bytes=%d must be from 1 to 2^24", bytes);
    if (o->part_count < 1 || o->part_count > MOST_PARTS)
        return train_refuse(why, "part_count=%d must be from 1 to %d", o->part_count, MOST_PARTS);
    if (!o->parts) return train_refuse(why, "parts must not be NULL");
    int64_t inputs = 0;
    for (int32_t k = 0; k < o->part_count; k++) {
        const operant_part *p = &o->parts[k];
        if (!fits(p, o->row_bytes))
            return train_refuse(why, "part %d, %d numbers of dtype %d at byte %d, must lie within row_bytes=%d, at a "
                                "multiple of its numbers' size", k, p->count, p->dtype, p->offset, bytes);
        if (p->choices < 0 || p->choices > MOST_WIDTH)
            return train_refuse(why, "choices=%d of part %d must be from 0 to %d", p->choices, k, MOST_WIDTH);
        if (p->choices && is_float(p)) return train_refuse(why, "choices of part %d must be integers, not floats", k);
        inputs += (int64_t)p->count * (p->choices ? p->choices : 1);
        if (inputs > MOST_WIDTH)
            return train_refuse(why, "a network must have at most %d inputs, but up to part %d there are %lld",
                                MOST_WIDTH, k, (long long)inputs);
    }
    if (o->mask.count && !fits(&o->mask, o->row_bytes))
        return train_refuse(why, "the mask, %d numbers of dtype %d at byte %d, must lie within row_bytes=%d",
                            o->mask.count, o->mask.dtype, o->mask.offset, bytes);
    if (o->mask.count && o->mask_table) return train_refuse(why, "mask and mask_table exclude each other");
    if (o->mask_table && !o->parts[0].choices)
        return train_refuse(why, "mask_table needs choices in the first part, which has none");
    if (o->normalize_observations && !train_rows_are_plain(o))
        return train_refuse(why, "normalize_observations needs rows of float32 without choices");
    return false;
}

int32_t train_input_count(const operant_train_options *o) {
    int32_t inputs = 0;
    for (int32_t k = 0; k < o->part_count; k++)
        inputs += o->parts[k].count * (o->parts[k].choices ? o->parts[k].choices : 1);
    return inputs;
}

int32_t train_chosen_count(const operant_train_options *o) {
    int32_t count = 0;
    for (int32_t k = 0; k < o->part_count; k++) {
        if (!o->parts[k].choices) return 0;
        count += o->parts[k].count;
    }
    return count;
}

bool train_rows_are_plain(const operant_train_options *o) {
    const operant_part *p = o->parts;
    return o->part_count == 1 && p->dtype == OPERANT_FLOAT32 && !p->choices && p->count * 4 == o->row_bytes;
}

void train_freeze_normalizer(operant_trainer *t) {
    const operant_moments *m = &t->state.observations;
    for (int64_t d = 0; t->o.normalize_observations && d < m->features; d++) {
        t->centre[d] = m->mean[d];
        t->scale[d] = 1 / sqrt((m->count > 0 ? m->squares[d] / m->count : 1) + 1e-8);
    }
}

#define TAKE_NUMBERS(type)                                      \
    for (int64_t j = 0; j < p->count; j++) {                    \
        type x;                                                 \
        memcpy(&x, from + j * (int64_t)sizeof x, sizeof x);     \
        to[j] = (float)x;                                       \
    }

static void take_numbers(const operant_part *p, const uint8_t *from, float *to) {
    switch (p->dtype) {
    case OPERANT_INT32: TAKE_NUMBERS(int32_t) break;
    case OPERANT_INT64: TAKE_NUMBERS(int64_t) break;
    case OPERANT_FLOAT32: TAKE_NUMBERS(float) break;
    case OPERANT_FLOAT64: TAKE_NUMBERS(double) break;
    case OPERANT_INT8: TAKE_NUMBERS(int8_t) break;
    case OPERANT_INT16: TAKE_NUMBERS(int16_t) break;
    default: TAKE_NUMBERS(uint8_t)
    }
}

/** Number j of a part of integers. */
static int64_t integer(const operant_part *p, const uint8_t *row, int64_t j) {
    const uint8_t *from = row + p->offset + j * size_of(p->dtype);
    int64_t wide;
    int32_t word;
    int16_t half;
    switch (p->dtype) {
    case OPERANT_INT64: memcpy(&wide, from, 8); return wide;
    case OPERANT_INT32: memcpy(&word, from, 4); return word;
    case OPERANT_INT16: memcpy(&half, from, 2); return half;
    case OPERANT_INT8: return (int8_t)*from;
    default: return *from;
    }
}

/** The place of number j among its choices; -1 if it is none of them. */
static int64_t choice(const operant_part *p, const uint8_t *row, int64_t j) {
    const uint64_t place = (uint64_t)integer(p, row, j) - (uint64_t)p->start;
    return place < (uint64_t)p->choices ? (int64_t)place : -1;
}

/** Copies a row of floats; most rows are too short for a call of memcpy to pay. */
static void copy_floats(float *to, const uint8_t *from, int64_t count) {
    int64_t j = 0;
    for (; j + 4 <= count; j += 4) memcpy(to + j, from + j * 4, 16);
    for (; j < count; j++) memcpy(to + j, from + j * 4, 4);
}

/** Lists the inputs of a row that are 1, where all others are 0. */
static void take_choices(operant_trainer *t, int32_t *to, const uint8_t *observation) {
    int32_t first = 0;
    for (int32_t k = 0; k < t->o.part_count; k++) {
        const operant_part *p = &t->o.parts[k];
        for (int64_t j = 0; j < p->count; j++, first += p->choices) {
            const int64_t place = choice(p, observation, j);
            if (place < 0) train_report(t, TRAIN_MISFIT);
            *to++ = first + (place < 0 ? 0 : (int32_t)place);
        }
    }
}

static const uint8_t *row_at(const operant_trainer *t, train_rows from, int64_t i) {
    return from.first + (from.order ? from.order[i] : i) * t->row_bytes;
}

/** Writes row `row` of inputs that are not copied as they are. */
static void take_row(operant_trainer *t, train_scratch *c, int64_t row, const uint8_t *observation) {
    if (t->model.chosen) {
        take_choices(t, c->a.chosen + row * t->model.chosen, observation);
        return;
    }
    float *to = c->a.x[TRUNK][0] + row * train_padded(t->inputs);
    if (t->o.normalize_observations) {
        t->target->rollout->standardize((const float *)observation, t->inputs, t->inputs, t->centre, t->scale, 10, to);
        return;
    }
    for (int32_t k = 0; k < t->o.part_count; k++) {
        const operant_part *p = &t->o.parts[k];
        if (!p->choices) {
            take_numbers(p, observation + p->offset, to);
            to += p->count;
            continue;
        }
        memset(to, 0, (size_t)p->count * (size_t)p->choices * sizeof *to);
        for (int64_t j = 0; j < p->count; j++, to += p->choices) {
            const int64_t place = choice(p, observation, j);
            if (place < 0) train_report(t, TRAIN_MISFIT);
            else to[place] = 1;
        }
    }
}

void train_take_rows(operant_trainer *t, train_scratch *c, train_rows from, int64_t rows) {
    const bool copied = t->plain && !t->o.normalize_observations;
    float *to = c->a.x[TRUNK][0];
    const int64_t count = t->inputs, pad = train_padded(count);
    for (int64_t i = 0; i < rows; i++)
        if (copied) copy_floats(to + i * pad, row_at(t, from, i), count);
        else take_row(t, c, i, row_at(t, from, i));
}

/** Forbids the choices of row `row`; returns false if none is left. */
static bool mask_row(const operant_trainer *t, train_scratch *c, int64_t row, const uint8_t *observation) {
    const uint8_t *table = t->o.mask_table;
    if (table) {
        const int64_t place = choice(t->o.parts, observation, 0);
        if (place < 0) return false;
        table += place * t->outputs;
    }
    bool any = true;
    for (int64_t k = 0, a = 0; k < t->action_size; k++) {
        bool some = false;
        for (const int64_t end = a + t->o.choices[k]; a < end; a++) {
            float number = 0;
            if (!table) {
                const operant_part one = {t->o.mask.dtype, 0, 1, 0, 0};
                take_numbers(&one, observation + t->o.mask.offset + a * size_of(one.dtype), &number);
            }
            if (table ? table[a] != 0 : number != 0) some = true;
            else c->outputs[a][row] = -FLT_MAX / 2; /* finite, so that 0 times it is 0 */
        }
        any &= some;
    }
    return any;
}

bool train_mask_rows(const operant_trainer *t, train_scratch *c, train_rows from, int64_t rows) {
    bool any = true;
    if (t->o.mask_table || t->o.mask.count)
        for (int64_t i = 0; i < rows; i++) any &= mask_row(t, c, i, row_at(t, from, i));
    return any;
}
