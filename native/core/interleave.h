/* interleave.h: shuffles of whole vectors in registers, from D vectors of LANES observations to LANES rows of D. */

#if LANES == 4
#define PAIRS(f) f(0), f(1), f(2), f(3)
#elif LANES == 8
#define PAIRS(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)
#elif LANES == 16
#define PAIRS(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15)
#endif

#if LANES > 1
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
#endif
#define LOW_HALF(k) ((k) % 2 ? LANES + (k) / 2 : (k) / 2)
#define HIGH_HALF(k) (LANES / 2 + LOW_HALF(k))

/** a0 b0 a1 b1 ... over two vectors. */
LANE_FN void interleave2(vf a, vf b, vf *low, vf *high) {
    *low = SHUFFLE(a, b, PAIRS(LOW_HALF));
    *high = SHUFFLE(a, b, PAIRS(HIGH_HALF));
}

/* Element e of a0 b0 c0 a1 b1 c1 ... is component e % 3 of lane e / 3. Each output vector takes two shuffles: first of
 * a and b, then with c. */
#define AB(j, k) (((j) * LANES + (k)) % 3 == 1 ? LANES + ((j) * LANES + (k)) / 3 : ((j) * LANES + (k)) / 3)
#define ABC(j, k) (((j) * LANES + (k)) % 3 == 2 ? LANES + ((j) * LANES + (k)) / 3 : (k))
#define AB0(k) AB(0, k)
#define AB1(k) AB(1, k)
#define AB2(k) AB(2, k)
#define ABC0(k) ABC(0, k)
#define ABC1(k) ABC(1, k)
#define ABC2(k) ABC(2, k)

/** a0 b0 c0 a1 b1 c1 ... over three vectors. */
LANE_FN void interleave3(const vf *abc, vf *out) {
    out[0] = SHUFFLE(SHUFFLE(abc[0], abc[1], PAIRS(AB0)), abc[2], PAIRS(ABC0));
    out[1] = SHUFFLE(SHUFFLE(abc[0], abc[1], PAIRS(AB1)), abc[2], PAIRS(ABC1));
    out[2] = SHUFFLE(SHUFFLE(abc[0], abc[1], PAIRS(AB2)), abc[2], PAIRS(ABC2));
}
#endif

#if LANES > 1
/** a0 b0 c0 d0 a1 b1 c1 d1 ... over four vectors. */
LANE_FN void interleave4(const vf *abcd, vf *out) {
    vf even[2], odd[2];
    interleave2(abcd[0], abcd[2], &even[0], &even[1]);
    interleave2(abcd[1], abcd[3], &odd[0], &odd[1]);
    interleave2(even[0], odd[0], &out[0], &out[1]);
    interleave2(even[1], odd[1], &out[2], &out[3]);
}

/** Stores rows of more than four numbers, four columns at a time; the last four may overlap the ones before. */
LANE_FN void store_wide_rows(float *rows, const vf *columns, int size) {
    for (int first = 0; first < size; first += 4) {
        const int d = first + 4 > size ? size - 4 : first;
        vf quads[4];
        interleave4(columns + d, quads);
        UNROLLED for (int lane = 0; lane < LANES; lane++)
            memcpy(rows + lane * size + d, (const char *)quads + lane * 16, 16);
    }
}
#endif

/** Stores `size` vectors of LANES observations as LANES rows. */
LANE_FN void store_rows(float *rows, const vf *columns, int size) {
#if LANES > 1
    vf out[6];
    if (size == 1) {
        out[0] = columns[0];
    } else if (size == 2) {
        interleave2(columns[0], columns[1], &out[0], &out[1]);
    } else if (size == 3) {
        interleave3(columns, out);
    } else if (size == 4) {
        interleave4(columns, out);
    } else if (size == 6) {
        vf even[3], odd[3];
        interleave3((const vf[]){columns[0], columns[2], columns[4]}, even);
        interleave3((const vf[]){columns[1], columns[3], columns[5]}, odd);
        for (int j = 0; j < 3; j++) interleave2(even[j], odd[j], &out[2 * j], &out[2 * j + 1]);
    } else if (size > 4) {
        store_wide_rows(rows, columns, size);
        return;
    }
    UNROLLED for (int j = 0; j < size; j++) STORE(vf, rows + j * LANES, out[j]);
#else
    for (int d = 0; d < size; d++) rows[d] = (float)columns[d];
#endif
}

/** Stores the lowest bytes of `size` vectors of LANES integers as LANES rows. */
LANE_FN void store_byte_rows(uint8_t *rows, const vi *columns, int size) {
#if LANES > 1
    if (size >= 16) {
        /* Four columns are packed into one of 32 bits. Four of these are 16 bytes of every row; the last 16 may overlap
         * the ones before. */
        for (int first = 0; first < size; first += 16) {
            const int d = first + 16 > size ? size - 16 : first;
            vf words[4], quads[4];
            for (int q = 0; q < 4; q++) {
                const vi *c = columns + d + 4 * q;
                words[q] = from_bits((vu)((c[0] & 255) | (c[1] & 255) << 8 | (c[2] & 255) << 16 | c[3] << 24));
            }
            interleave4(words, quads);
            UNROLLED for (int lane = 0; lane < LANES; lane++)
                memcpy(rows + lane * size + d, (const char *)quads + lane * 16, 16);
        }
        return;
    }
#endif
    for (int d = 0; d < size; d++) {
        lane_int each[LANES];
        memcpy(each, columns + d, sizeof each);
        for (int lane = 0; lane < LANES; lane++) rows[lane * size + d] = (uint8_t)each[lane];
    }
}

/** Stores `size` numbers of each lane as LANES rows of bytes. The numbers are given as `planes` planes, one for each
 *  bit of a number, the lowest first. Each plane is a string of `size` bits, 32 per word. */
LANE_FN void store_bit_rows(uint8_t *rows, const vi *words, int size, int planes) {
    const int length = (size + 31) / 32; /* words per plane */
#if defined(__x86_64__) && LANES == 16
    uint64_t masks[planes][(size + 63) / 64][LANES];
    for (int plane = 0; plane < planes; plane++, words += length)
        for (int k = 0; 2 * k < length; k++) {
            const vf high = 2 * k + 1 < length ? from_bits((vu)words[2 * k + 1]) : vreal(0);
            vf pair[2];
            interleave2(from_bits((vu)words[2 * k]), high, &pair[0], &pair[1]);
            memcpy(masks[plane][k], pair, sizeof pair);
        }
    for (int lane = 0; lane < LANES; lane++, rows += size)
        for (int k = 0; 64 * k < size; k++) {
            __m512i bytes = _mm512_maskz_mov_epi8(masks[0][k][lane], _mm512_set1_epi8(1));
            for (int plane = 1; plane < planes; plane++)
                bytes = _mm512_or_si512(
                    bytes, _mm512_maskz_mov_epi8(masks[plane][k][lane], _mm512_set1_epi8((char)(1 << plane))));
            if (64 * k + 64 <= size) _mm512_storeu_si512(rows + 64 * k, bytes);
            else _mm512_mask_storeu_epi8(rows + 64 * k, ((__mmask64)1 << size % 64) - 1, bytes);
        }
#else
    lane_int each[planes * length][LANES];
    memcpy(each, words, sizeof each);
    for (int lane = 0; lane < LANES; lane++, rows += size) {
        int first = 0;
#if defined(__x86_64__) && LANES == 8
        const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
        const __m256i bit_of = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
        for (; first + 32 <= size; first += 32) {
            __m256i bytes = _mm256_setzero_si256();
            for (int plane = 0; plane < planes; plane++) {
                const __m256i alike = _mm256_set1_epi32(each[plane * length + first / 32][lane]);
                const __m256i word = _mm256_shuffle_epi8(alike, byte_of);
                const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(word, bit_of), bit_of);
                bytes = _mm256_or_si256(bytes, _mm256_and_si256(set, _mm256_set1_epi8((char)(1 << plane))));
            }
            _mm256_storeu_si256((__m256i *)(rows + first), bytes);
        }
#endif
        for (; first < size; first += 8) {
            uint64_t bytes = 0;
            for (int plane = 0; plane < planes; plane++)
                bytes |= bytes_of_bits((uint64_t)each[plane * length + first / 32][lane] >> first % 32 & 255) << plane;
            memcpy(rows + first, &bytes, first + 8 <= size ? 8 : (size_t)(size - first));
        }
    }
#endif
}

/** Stores `size` vectors of LANES integers as LANES rows of 64-bit integers. */
LANE_FN void store_integer_rows(int64_t *rows, const vi *columns, int size) {
    for (int d = 0; d < size; d++) {
        lane_int each[LANES];
        memcpy(each, columns + d, sizeof each);
        for (int lane = 0; lane < LANES; lane++) rows[lane * size + d] = each[lane];
    }
}

/** Stores `size` vectors of LANES rewards as LANES rows. */
LANE_FN void store_reals(real *rows, const vf *columns, int size) {
#if EXACT
    for (int k = 0; k < size; k++) rows[k] = columns[k];
#else
    store_rows(rows, columns, size);
#endif
}
