#!/bin/sh
# environments.sh NAME...: prints build/environments.h, which core/target.h includes.
#
# It includes the header of each environment, followed by the batch loops, and ends with their list. The Makefile and
# native/build.py write it.
index=0
for name; do
    cat <<END
#if OPERANT_HAS($index)
#define OPERANT_ENV $name
#include "envs/$name.h"
#include "core/batch.h"
#undef OPERANT_ENV
#endif
END
    index=$((index + 1))
done
echo "#define OPERANT_ENVIRONMENTS(E)$(printf ' E(%s)' "$@")"
