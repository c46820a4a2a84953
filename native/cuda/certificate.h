/* certificate.h: the hash of core/certificate.c over bytes in a GPU's memory. */

typedef struct {
    const uint8_t *bytes;
    int64_t count;
    uint64_t *hash; /* of the bytes before; updated in place */
} operant_hash_arguments;

static_assert(sizeof(operant_hash_arguments) == OPERANT_HASH_BYTES, "arguments.py and certificate.h differ");

/** Computes Fowler, Noll & Vo's 64-bit hash, variant 1a, in one thread, since each byte depends on the one before. */
KERNEL(operant_hash, operant_hash_arguments) {
    if (THREAD) return;
    uint64_t hash = *a.hash;
    for (int64_t k = 0; k < a.count; k++) hash = (hash ^ a.bytes[k]) * 0x100000001b3u;
    *a.hash = hash;
}
