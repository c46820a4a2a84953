/* simple_spread_4.h: four agents cover four landmarks; see mpe/spread.h. */
#define AGENTS 4
#include "envs/mpe/spread.h"
#undef AGENTS
