/* exact.c: the exact build: float64 on one lane, Gymnasium's bits. */
#include "core/layout.h"
#define TARGET operant_exact
#define ISA "exact"
#define LANES 1
#define EXACT 1
#define RUNS_HERE true
#include "core/target.h"
