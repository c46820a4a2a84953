/* certificates.c: a program that prints `name isa hash` for every environment, and `train/kind isa hash` for every kind
 * of training, on every target that runs here.
 *
 * Usage: certificates [workers [library]]. Only the scalar target uses the workers: one target suffices to try the
 * threads. With a library, its environment is printed instead. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/train.h"

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

static void print_training(const char *kind, int workers) {
    for (int32_t t = 0; operant_isa(t); t++) {
        const char *isa = operant_isa(t);
        const uint64_t hash = operant_train_certificate(kind, isa, strcmp(isa, "scalar") ? 1 : workers);
        if (hash) printf("train/%s %s %016" PRIx64 "\n", kind, isa, hash); /* not every target trains */
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
        for (int32_t k = 0; operant_train_kind(k); k++) print_training(operant_train_kind(k), workers);
    }
    return 0;
}
