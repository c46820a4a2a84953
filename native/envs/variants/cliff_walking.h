/* cliff_walking.h: walk along a cliff; see toy_text/cliff_walking.h. */
enum { X(slippery) = 0 };
#include "envs/toy_text/cliff_walking.h"
