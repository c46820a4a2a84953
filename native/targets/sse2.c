/* sse2.c: the fast build for every x86-64, 4 lanes. */
#include "core/layout.h"
#if defined(__x86_64__)
#define TARGET operant_sse2
#define ISA "sse2"
#define LANES 4
#define EXACT 0
#define RUNS_HERE true
#include "core/target.h"
#endif
