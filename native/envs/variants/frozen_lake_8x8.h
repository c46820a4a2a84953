/* frozen_lake_8x8.h: cross a frozen lake of 8 x 8 tiles; see toy_text/frozen_lake.h. */
enum {
    X(width) = 8, X(last) = 63,
    X(row_0) = 0x0000, X(row_1) = 0x0000, X(row_2) = 0x0040, X(row_3) = 0x0400,
    X(row_4) = 0x0040, X(row_5) = 0x1014, X(row_6) = 0x1104, X(row_7) = 0x8040
};
#include "envs/toy_text/frozen_lake.h"
