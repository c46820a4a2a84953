/* prelude.h: core/ and envs/ for the threads of a GPU.
 *
 * Every thread has one lane, so the code is the scalar build's, and with --fmad=false the bits are the same. Three
 * compilers read native/cuda: NVRTC, when a batch is opened on a GPU; nvcc, which finds the same errors without one;
 * and any other C++ compiler, for which a kernel is a loop over its threads, for tests and device="emulated". */
#define OPERANT_CUDA 1
#define LANES 1
#define EXACT 0

#if defined(__CUDACC_RTC__)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define FLT_MAX 3.40282346638528859811704183484516925e+38F
#else
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#endif
#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif
#ifndef NULL
#define NULL 0
#endif

#include "core/lanes.h"
#include "core/trig.h"
#include "core/exponential.h"
#include "core/random.h"
#include "core/normal.h"

/* X(step) is cartpole_step while OPERANT_ENV is cartpole. */
#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define X(name) PASTE(OPERANT_ENV, name)

/* KERNEL(name, type) { ... } defines a kernel that takes one struct `a` by value. THREAD is the thread's number in the
 * whole grid. A kernel is launched with at least as many threads as it needs, and returns at once in those beyond. */
enum { BLOCK_THREADS = 256 };

#if defined(__CUDACC__)
#define KERNEL(name, type) extern "C" __global__ void __launch_bounds__(BLOCK_THREADS) name(const type a)
#define THREAD ((int64_t)blockIdx.x * BLOCK_THREADS + threadIdx.x)

/** Sets *least to the smaller of itself and `value`, atomically. */
LANE_FN void lower(uint64_t *least, uint64_t value) {
    atomicMin((unsigned long long *)least, (unsigned long long)value);
}
#else
#define KERNEL(name, type)                                                                                           \
    static void name##_thread(const type &a, const int64_t THREAD);                                                  \
    extern "C" void name(unsigned blocks, void *const *arguments) {                                                  \
        for (int64_t thread = 0; thread < (int64_t)blocks * BLOCK_THREADS; thread++)                                 \
            name##_thread(*(const type *)arguments[0], thread);                                                      \
    }                                                                                                                \
    static void name##_thread(const type &a, const int64_t THREAD)

LANE_FN void lower(uint64_t *least, uint64_t value) { *least = value < *least ? value : *least; }
#endif
