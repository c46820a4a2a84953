/* fnv1a.h: the hash FNV-1a of 64 bits, of which certificates consist. */
#ifndef OPERANT_FNV1A_H
#define OPERANT_FNV1A_H
#include <stddef.h>
#include <stdint.h>

static const uint64_t FNV1A_START = 0xcbf29ce484222325u;

/** The hash of what was hashed before, followed by `size` bytes. */
static inline uint64_t fnv1a(uint64_t hash, const void *bytes, size_t size) {
    for (const uint8_t *at = bytes; size--; at++) hash = (hash ^ *at) * 0x100000001b3u;
    return hash;
}

#endif
