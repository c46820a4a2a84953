/* simple_spread_5.h: five agents cover five landmarks; see mpe/spread.h. */
#define AGENTS 5
#include "envs/mpe/spread.h"
#undef AGENTS
