/* simple_spread_2.h: two agents cover two landmarks; see mpe/spread.h. */
#define AGENTS 2
#include "envs/mpe/spread.h"
#undef AGENTS
