/* lanes.h: the four types that physics is written over, and the arithmetic on them.
 *
 *   real  one number, the same in every lane      vf  a real in each lane
 *   vm    a truth in each lane                    vi  an integer in each lane
 *
 * The target defines LANES and EXACT. With several lanes these are GCC/Clang vectors, so `a * b + c` is ordinary C.
 * With one lane they are plain scalars, also for a thread of a GPU, whose compiler reads this file as C++. Write
 * constants as R(0.5), broadcast a real with vreal(), and never branch on a lane. */
#ifndef LANES
#error "a target defines LANES and EXACT before it includes core/target.h"
#endif

/* Only the needed intrinsics, because a compiler takes longer to read all of them than to compile an environment. */
#if defined(__x86_64__) && LANES == 8
#if defined(__GNUC__) && !defined(__clang__)
/* AVX2 needs only these of the 46,000 lines of GCC's immintrin.h. The files refuse to be included without it. */
#include <smmintrin.h>
#define _IMMINTRIN_H_INCLUDED
#include <avxintrin.h>
#include <avx2intrin.h>
#include <fmaintrin.h>
#undef _IMMINTRIN_H_INCLUDED
#else
#include <immintrin.h>
#endif
#elif defined(__x86_64__) && LANES > 8
#include <immintrin.h>
#elif defined(__x86_64__) && LANES > 1
#include <emmintrin.h>
#elif defined(__aarch64__) && LANES > 1
#include <arm_neon.h>
#elif defined(__wasm_simd128__) && LANES > 1
#include <wasm_simd128.h>
#endif
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wbitwise-instead-of-logical" /* with one lane: a select must not branch */
#endif

#if defined(__clang__) || defined(__CUDACC__)
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 64")
#endif

enum { MOST_UNROLLED = 32 }; /* columns: for more, a loop is as fast, and faster to compile */

#if defined(__CUDACC__)
#define LANE_FN static __device__ __forceinline__
#define CALLED_FN static __device__ __noinline__
#else
#define LANE_FN static inline __attribute__((always_inline, unused))
#define CALLED_FN static __attribute__((noinline, unused))
#endif
#define R(constant) ((real)(constant))

/** VALUE(point, x, y): a struct with these members. In C it is (point){x, y}, in C++ (on a GPU) point{x, y}. */
#if defined(__cplusplus)
#define VALUE(type, ...) (type{__VA_ARGS__})
#else
#define VALUE(type, ...) ((type){__VA_ARGS__})
#endif

/** A parameter as a member of a struct. A header lists each of its parameters once, and makes its struct from the list:
 *
 *      #define PARAMETERS(P)                \
 *          P(gravity, 9.8, "m/s2", 0, 1000) \
 *          P(dt, 0.02, "s", 1e-6, 1)
 *      typedef struct { PARAMETERS(MEMBER) } cartpole_params;
 *
 *  From the same list core/batch.h makes the table of names, defaults, units and bounds. */
#define MEMBER(name, value, unit, low, high) vf name;

#if EXACT
typedef double real;
typedef int64_t lane_int;
typedef uint64_t lane_bits;
#else
typedef float real;
typedef int32_t lane_int;
typedef uint32_t lane_bits;
#endif

#if LANES == 1
typedef real vf __attribute__((may_alias));
typedef lane_int vi __attribute__((may_alias));
typedef lane_bits vu __attribute__((may_alias));
typedef int vm;
typedef uint8_t vb;
typedef uint32_t vw;
#else
typedef real vf __attribute__((vector_size(LANES * sizeof(real)), may_alias));
typedef lane_int vi __attribute__((vector_size(LANES * sizeof(real)), may_alias));
typedef lane_bits vu __attribute__((vector_size(LANES * sizeof(real)), may_alias));
typedef vi vm;                                                               /* all bits set where true */
typedef uint8_t vb __attribute__((vector_size(LANES), may_alias));          /* a byte per lane */
typedef uint32_t vw __attribute__((vector_size(LANES * 4), may_alias));     /* a 32-bit word per lane */
#endif

/* Lanes in memory at any address. (GCC would split a memcpy of 32 bytes in two.) */
typedef vf vf_anywhere __attribute__((aligned(sizeof(real)), may_alias));
typedef vu vu_anywhere __attribute__((aligned(sizeof(real)), may_alias));
typedef vi vi_anywhere __attribute__((aligned(sizeof(real)), may_alias));
typedef vw vw_anywhere __attribute__((aligned(4), may_alias));
#define LOAD(type, from) (*(const type##_anywhere *)(from))
#define STORE(type, to, lanes) (*(type##_anywhere *)(to) = (lanes))

LANE_FN vu bits_of(vf x) { vu u; memcpy(&u, &x, sizeof u); return u; }
LANE_FN vf from_bits(vu u) { vf x; memcpy(&x, &u, sizeof x); return x; }

#if LANES == 1
LANE_FN vf vreal(real x) { return x; }
LANE_FN vi vint(lane_int x) { return x; }
LANE_FN vf vsel(vm m, vf a, vf b) { return m ? a : b; }
LANE_FN vi vsel_int(vm m, vi a, vi b) { return m ? a : b; }
LANE_FN vm vnot(vm m) { return !m; }
LANE_FN vf vfloat(vi x) { return (vf)x; }
LANE_FN vb vbytes(vm m) { return (vb)m; }
LANE_FN unsigned mask_bits(vm m) { return (unsigned)m; }
#else
LANE_FN vf vreal(real x) { return x - (vf){0}; } /* -0 is kept: -0 - 0 is -0, but 0 + -0 is 0 */
LANE_FN vi vint(lane_int x) { return (vi){0} + x; }
LANE_FN vi vsel_int(vm m, vi a, vi b) { return (m & a) | (~m & b); }
LANE_FN vm vnot(vm m) { return ~m; }
LANE_FN vf vfloat(vi x) { return __builtin_convertvector(x, vf); }
LANE_FN vf vsel(vm m, vf a, vf b) {
#if defined(__x86_64__) && LANES == 8
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m);
#else
    return from_bits((vu)((m & (vi)a) | (~m & (vi)b)));
#endif
}
/** One byte per lane: 1 where true. */
LANE_FN vb vbytes(vm m) {
#if defined(__x86_64__) && LANES == 16
    return (vb)_mm_maskz_set1_epi8(_mm512_movepi32_mask((__m512i)m), 1);
#elif defined(__x86_64__)
#if LANES == 8
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)m), _mm256_extracti128_si256((__m256i)m, 1));
#else
    __m128i words = _mm_packs_epi32((__m128i)m, (__m128i)m);
#endif
    __m128i bytes = _mm_and_si128(_mm_packs_epi16(words, words), _mm_set1_epi8(1));
    vb result;
    memcpy(&result, &bytes, sizeof result);
    return result;
#else
    return __builtin_convertvector(m, vb) & 1;
#endif
}
/** One bit per lane, lane 0 lowest. */
LANE_FN unsigned mask_bits(vm m) {
#if defined(__x86_64__) && LANES == 16
    return _mm512_movepi32_mask((__m512i)m);
#elif defined(__x86_64__) && LANES == 8
    return (unsigned)_mm256_movemask_ps((__m256)m);
#elif defined(__x86_64__)
    return (unsigned)_mm_movemask_ps((__m128)m);
#elif defined(__wasm_simd128__)
    return wasm_i32x4_bitmask((v128_t)m);
#else
    return vaddvq_u32((uint32x4_t)m & (uint32x4_t){1, 2, 4, 8});
#endif
}
#endif

LANE_FN int vany(vm m) { return mask_bits(m) != 0; }

#ifndef OPERANT_CUDA /* on a GPU every thread has one lane, and nothing is listed */
/** Writes first + lane for every true lane to `list`, which has room for LANES more; returns their number. */
LANE_FN int append_lanes(int32_t *list, vm m, int32_t first) {
    unsigned bits = mask_bits(m);
#if defined(__x86_64__) && LANES == 16
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i environments = _mm512_add_epi32(lanes, _mm512_set1_epi32(first));
    _mm512_storeu_si512(list, _mm512_maskz_compress_epi32((__mmask16)bits, environments));
    return __builtin_popcount(bits);
#else
    int count = 0;
    for (; bits; bits &= bits - 1) list[count++] = first + __builtin_ctz(bits);
    return count;
#endif
}

#endif

/** from[at[lane]] in each lane. */
LANE_FN vf vgather(const real *from, const int32_t *at) {
#if defined(__x86_64__) && LANES == 16
    return (vf)_mm512_i32gather_ps(_mm512_loadu_si512(at), from, 4);
#elif defined(__x86_64__) && LANES == 8
    return (vf)_mm256_i32gather_ps(from, _mm256_loadu_si256((const __m256i *)at), 4);
#else
    real each[LANES];
    vf x;
    for (int lane = 0; lane < LANES; lane++) each[lane] = from[at[lane]];
    memcpy(&x, each, sizeof x);
    return x;
#endif
}

/** to[at[lane]] = x[lane]; lanes with the same place must have the same value. */
LANE_FN void vscatter(real *to, const int32_t *at, vf x) {
#if defined(__x86_64__) && LANES == 16
    _mm512_i32scatter_ps(to, _mm512_loadu_si512(at), (__m512)x, 4);
#else
    real each[LANES];
    memcpy(each, &x, sizeof x);
    for (int lane = 0; lane < LANES; lane++) to[at[lane]] = each[lane];
#endif
}

#if !EXACT
LANE_FN vu vgather_bits(const uint32_t *from, const int32_t *at) {
#if defined(__x86_64__) && LANES == 16
    return (vu)_mm512_i32gather_epi32(_mm512_loadu_si512(at), from, 4);
#elif defined(__x86_64__) && LANES == 8
    return (vu)_mm256_i32gather_epi32((const int *)from, _mm256_loadu_si256((const __m256i *)at), 4);
#else
    uint32_t each[LANES];
    vu x;
    for (int lane = 0; lane < LANES; lane++) each[lane] = from[at[lane]];
    memcpy(&x, each, sizeof x);
    return x;
#endif
}

LANE_FN void vscatter_bits(uint32_t *to, const int32_t *at, vu x) {
#if defined(__x86_64__) && LANES == 16
    _mm512_i32scatter_epi32(to, _mm512_loadu_si512(at), (__m512i)x, 4);
#else
    uint32_t each[LANES];
    memcpy(each, &x, sizeof x);
    for (int lane = 0; lane < LANES; lane++) to[at[lane]] = each[lane];
#endif
}
#endif

/** Loads columns of LANES reals that lie `stride` reals apart. */
LANE_FN void load_columns(vf *to, const real *from, int64_t stride, int count) {
    if (count <= MOST_UNROLLED) UNROLLED for (int k = 0; k < count; k++) to[k] = LOAD(vf, from + k * stride);
    else for (int k = 0; k < count; k++) to[k] = LOAD(vf, from + k * stride);
}

LANE_FN void store_columns(real *to, const vf *from, int64_t stride, int count) {
    if (count <= MOST_UNROLLED) UNROLLED for (int k = 0; k < count; k++) STORE(vf, to + k * stride, from[k]);
    else for (int k = 0; k < count; k++) STORE(vf, to + k * stride, from[k]);
}

/** Spreads eight bits to the lowest of every four. */
LANE_FN vu vspread4(vu bits) {
    bits = (bits | bits << 12) & 0x000f000f;
    bits = (bits | bits << 6) & 0x03030303;
    return (bits | bits << 3) & 0x11111111;
}

/** Eight bits as eight bytes of 0 or 1, the lowest bit first in memory. */
LANE_FN uint64_t bytes_of_bits(uint64_t bits) {
    return ((bits & 127) * 0x0002040810204081u & 0x0101010101010101u) | bits >> 7 << 56;
}

/* Functions with an index in each lane. It must be in range in every lane, even if the result is not used. */
#if LANES == 1
LANE_FN vi vtrunc(vf x) { return (vi)x; }
LANE_FN vf vlookup(const real *table, vi index) { return table[index]; }
LANE_FN vi vlookup_int(const lane_int *table, vi index) { return table[index]; }
LANE_FN vf vpick(const vf *cells, vi index) { return cells[index]; }
LANE_FN vi vpick_int(const vi *cells, vi index) { return cells[index]; }
LANE_FN void vput(vf *cells, vi index, vf value) { cells[index] = value; }
LANE_FN void vput_int(vi *cells, vi index, vi value) { cells[index] = value; }
#else
/** The integer part, toward zero. */
LANE_FN vi vtrunc(vf x) { return __builtin_convertvector(x, vi); }

/** table[index] in each lane. */
LANE_FN vf vlookup(const real *table, vi index) {
    int32_t at[LANES];
    memcpy(at, &index, sizeof at);
    return vgather(table, at);
}
LANE_FN vi vlookup_int(const lane_int *table, vi index) {
    int32_t at[LANES];
    memcpy(at, &index, sizeof at);
    return (vi)vgather_bits((const uint32_t *)table, at);
}

/** The position of each lane's cells[index] among all numbers of `cells`. */
LANE_FN vi own_lane(vi index) {
    static const int32_t lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return index * LANES + LOAD(vi, lanes);
}

/** cells[index] in each lane, where `cells` is an array of lanes, such as a member of the state. */
LANE_FN vf vpick(const vf *cells, vi index) { return vlookup((const real *)cells, own_lane(index)); }
LANE_FN vi vpick_int(const vi *cells, vi index) { return vlookup_int((const lane_int *)cells, own_lane(index)); }

/** cells[index] = value in each lane. */
LANE_FN void vput(vf *cells, vi index, vf value) {
    int32_t at[LANES];
    index = own_lane(index);
    memcpy(at, &index, sizeof at);
    vscatter((real *)cells, at, value);
}
LANE_FN void vput_int(vi *cells, vi index, vi value) { vput((vf *)cells, index, from_bits((vu)value)); }
#endif

#define SIGN_BIT ((lane_bits)1 << (8 * sizeof(real) - 1))

LANE_FN vf vabs(vf x) { return from_bits(bits_of(x) & ~SIGN_BIT); }
/* The smaller and the larger one; a if neither is, as for NaN. x86 has instructions that do just this. */
#if defined(__x86_64__) && LANES == 16
LANE_FN vf vmin(vf a, vf b) { return (vf)_mm512_min_ps((__m512)b, (__m512)a); }
LANE_FN vf vmax(vf a, vf b) { return (vf)_mm512_max_ps((__m512)b, (__m512)a); }
#elif defined(__x86_64__) && LANES == 8
LANE_FN vf vmin(vf a, vf b) { return (vf)_mm256_min_ps((__m256)b, (__m256)a); }
LANE_FN vf vmax(vf a, vf b) { return (vf)_mm256_max_ps((__m256)b, (__m256)a); }
#elif defined(__x86_64__) && LANES == 4
LANE_FN vf vmin(vf a, vf b) { return (vf)_mm_min_ps((__m128)b, (__m128)a); }
LANE_FN vf vmax(vf a, vf b) { return (vf)_mm_max_ps((__m128)b, (__m128)a); }
#else
LANE_FN vf vmin(vf a, vf b) { return vsel(b < a, b, a); }
LANE_FN vf vmax(vf a, vf b) { return vsel(b > a, b, a); }
#endif
LANE_FN vf vclip(vf x, vf low, vf high) { return vmin(vmax(x, low), high); }

/** The correctly rounded square root. */
LANE_FN vf vsqrt(vf x) {
#if EXACT
    return sqrt(x);
#elif LANES == 1
    return sqrtf(x);
#elif defined(__x86_64__) && LANES == 16
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__x86_64__) && LANES == 8
    return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__x86_64__)
    return (vf)_mm_sqrt_ps((__m128)x);
#elif defined(__wasm_simd128__)
    return (vf)wasm_f32x4_sqrt((v128_t)x);
#else
    return (vf)vsqrtq_f32((float32x4_t)x);
#endif
}

/** The nearest integer, ties to even, for |x| < 2^22: adding 1.5 * 2^23 pushes the fraction out of a float. */
#define ROUND_MAGIC R(12582912.0)

#if EXACT
LANE_FN vf vdiv(vf a, vf b) { return a / b; }
LANE_FN vf vfloor(vf x) { return floor(x); }
/** x rounded to float32, where Gymnasium has a float32. The fast build has no other numbers. */
LANE_FN vf narrow(vf x) { return (float)x; }
#else
/** a / b, for a `b` that is a parameter or shared by several quotients. The fast build multiplies by 1 / b, which the
 *  compiler moves out of the loop. The exact build divides. */
LANE_FN vf vdiv(vf a, vf b) { return a * (R(1.0) / b); }
LANE_FN vf vfloor(vf x) {
    vf nearest = (x + ROUND_MAGIC) - ROUND_MAGIC;
    return nearest - vsel(nearest > x, vreal(1), vreal(0));
}
LANE_FN vf narrow(vf x) { return x; }
#endif
