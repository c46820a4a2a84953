/* certificates.c: a program that prints `name isa hash` for every environment on every target that runs here.
 *
 * Usage: certificates [workers [library]]. Only the scalar target uses the workers: one target suffices to try the
 * threads. With a library, its environment is printed instead of the core's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operant.h"

static void print_hashes(const operant_library *library, const char *name, int workers) {
    for (int32_t t = 0; operant_isa(t); t++) {
        if (!operant_isa_runs_here(t)) continue;
        const char *isa = operant_isa(t);
        const int exact = !strcmp(isa, "exact"), scalar = !strcmp(isa, "scalar");
        const uint64_t hash = operant_certificate(library, name, isa, exact, scalar ? workers : 1);
        if (library && !hash) continue; /* it may have fewer targets */
        printf("%s %s %016" PRIx64 "\n", name, isa, hash);
    }
}

int main(int count, char **arguments) {
    const int workers = count > 1 ? atoi(arguments[1]) : 1;
    if (count > 2) {
        char message[256];
        const operant_library *library = operant_load(arguments[2], message, sizeof message);
        if (!library) return fprintf(stderr, "%s\n", message), 1;
        print_hashes(library, operant_library_env(library).name, workers);
    } else {
        for (int32_t e = 0; e < operant_env_count(); e++) print_hashes(NULL, operant_env(e).name, workers);
    }
    return 0;
}
