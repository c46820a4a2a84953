/* frozen_lake.h: cross a frozen lake of 4 x 4 tiles; see toy_text/frozen_lake.h. */
#define LAKE_COLUMNS 4
#define LAKE_LAST_TILE 15
#define LAKE_TILES 0x00, 0x44, 0x40, 0x81, 0, 0, 0, 0
#include "envs/toy_text/frozen_lake.h"
