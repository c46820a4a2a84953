#!/bin/sh
# environments.sh NAME...: prints build/environments.h, which core/target.h includes.
#
# It includes the header of each environment, followed by the batch loops, and ends with their list. The Makefile runs it;
# native/build.py writes the same.
folder=$(dirname "$0")
index=0
for name; do
    header=envs/$name.h
    [ -f "$folder/$header" ] || header=envs/variants/$name.h
    cat <<END
#if OPERANT_HAS($index)
#define OPERANT_ENV $name
#include "$header"
#include "core/batch.h"
#undef OPERANT_ENV
#endif
END
    index=$((index + 1))
done
echo "#define OPERANT_ENVIRONMENTS(E)$(printf ' E(%s)' "$@")"
