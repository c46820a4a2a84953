/* cliff_walking.h: walk along a cliff; see toy_text/cliff_walking.h. */
#define CLIFF_IS_SLIPPERY 0
#include "envs/toy_text/cliff_walking.h"
