/* exact.c: the exact build: float64 on one lane, Gymnasium's bits. */
#include "core/layout.h"
static bool runs_here(void) { return true; }
#define TARGET operant_exact
#define ISA "exact"
#define LANES 1
#define EXACT 1
#define RUNS_HERE runs_here
#include "core/target.h"
