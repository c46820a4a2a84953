/* frozen_lake_8x8.h: cross a frozen lake of 8 x 8 tiles; see toy_text/frozen_lake.h. */
#define LAKE_COLUMNS 8
#define LAKE_LAST_TILE 63
#define LAKE_TILES 0x0000, 0x0000, 0x0040, 0x0400, 0x0040, 0x1014, 0x1104, 0x8040
#include "envs/toy_text/frozen_lake.h"
