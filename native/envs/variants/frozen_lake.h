/* frozen_lake.h: cross a frozen lake of 4 x 4 tiles; see toy_text/frozen_lake.h. */
enum {
    X(width) = 4, X(last) = 15,
    X(row_0) = 0x00, X(row_1) = 0x44, X(row_2) = 0x40, X(row_3) = 0x81,
    X(row_4) = 0, X(row_5) = 0, X(row_6) = 0, X(row_7) = 0
};
#include "envs/toy_text/frozen_lake.h"
