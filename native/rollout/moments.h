/* moments.h: mean and variance of each feature, and standardising by them, compiled for every target.
 *
 * Rows are read as one flat run of numbers, in stretches of several rows. Number j of a stretch belongs to feature
 * j % D and is added to sum j. So loops fill whole vectors for any D, and the order of additions depends only on D. */

/** Adds the numbers of each stretch to sums[0..length). */
static void add_numbers(const float *restrict batch, int64_t count, int64_t length, double *restrict sums) {
    for (int64_t s = 0; s < count; s++, batch += length)
        for (int64_t j = 0; j < length; j++) sums[j] += (double)batch[j];
}

/** Adds their squared distances from centre[0..length). */
static void add_squares(const float *restrict batch, int64_t count, int64_t length, const double *restrict centre,
                        double *restrict sums) {
    for (int64_t s = 0; s < count; s++, batch += length)
        for (int64_t j = 0; j < length; j++) {
            const double distance = (double)batch[j] - centre[j];
            sums[j] += distance * distance;
        }
}

/** Adds up the rows of a stretch: total[d] = sum of sums[s * features + d] over s. */
static void fold(const double *sums, int64_t strands, int64_t features, double *total) {
    memcpy(total, sums, (size_t)features * sizeof *total);
    for (int64_t s = 1; s < strands; s++)
        for (int64_t d = 0; d < features; d++) total[d] += sums[s * features + d];
}

/** Computes mean and sum of squared deviations of `rows` rows. `scratch` is [2, strands * features]. */
static void moments(const float *batch, int64_t rows, int64_t features, int64_t strands, double *scratch, double *mean,
                    double *squares) {
    const int64_t length = strands * features, whole = rows / strands, rest = rows % strands * features;
    double *sums = scratch, *centre = scratch + length;
    memset(sums, 0, (size_t)length * sizeof *sums);
    add_numbers(batch, whole, length, sums);
    add_numbers(batch + whole * length, 1, rest, sums);
    fold(sums, strands, features, mean);
    for (int64_t d = 0; d < features; d++) mean[d] /= (double)rows;
    for (int64_t j = 0; j < length; j++) centre[j] = mean[j % features];
    memset(sums, 0, (size_t)length * sizeof *sums);
    add_squares(batch, whole, length, centre, sums);
    add_squares(batch + whole * length, 1, rest, centre, sums);
    fold(sums, strands, features, squares);
}

/** Writes out = (x - centre) * scale, clipped to [-clip, clip], for `count` numbers in stretches of `length`. */
static void standardize(const float *batch, int64_t count, int64_t length, const double *centre, const double *scale,
                        double clip, float *out) {
    for (int64_t start = 0; start < count; start += length) {
        const int64_t stop = count - start < length ? count - start : length;
        UNALIASED
        for (int64_t j = 0; j < stop; j++) {
            double x = ((double)batch[start + j] - centre[j]) * scale[j];
            x = x > clip ? clip : x;
            out[start + j] = (float)(x < -clip ? -clip : x);
        }
    }
}
