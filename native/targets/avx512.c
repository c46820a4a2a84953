/* avx512.c: the fast build for avx512, 16 lanes. */
#include "core/layout.h"
#if defined(__x86_64__)
#include "platform/cpu.h"
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")
#endif
#define TARGET operant_avx512
#define ISA "avx512"
#define LANES 16
#define EXACT 0
#define RUNS_HERE cpu_has_avx512()
#include "core/target.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
