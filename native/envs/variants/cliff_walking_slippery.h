/* cliff_walking_slippery.h: walk along a slippery cliff; see toy_text/cliff_walking.h. */
enum { X(slippery) = 1 };
#include "envs/toy_text/cliff_walking.h"
