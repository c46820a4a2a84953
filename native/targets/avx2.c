/* avx2.c: the fast build for AVX2 with its fused multiply-add, which only training uses; 8 lanes. */
#include "core/layout.h"
#if defined(__x86_64__)
#include "platform/cpu.h"
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define TARGET operant_avx2
#define ISA "avx2"
#define LANES 8
#define EXACT 0
#define RUNS_HERE cpu_has_avx2()
#include "core/target.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
