/* certificates.c: a program that prints `name isa hash` for every environment on every target that runs here.
 *
 * Usage: certificates [workers]. Only the scalar target uses the workers: one target suffices to try the threads. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operant.h"

int main(int count, char **arguments) {
    const int workers = count > 1 ? atoi(arguments[1]) : 1;
    for (int32_t e = 0; e < operant_env_count(); e++)
        for (int32_t t = 0; operant_isa(t); t++) {
            const char *name = operant_env(e).name, *isa = operant_isa(t);
            int exact = !strcmp(isa, "exact"), scalar = !strcmp(isa, "scalar");
            if (!operant_isa_runs_here(t)) continue;
            printf("%s %s %016" PRIx64 "\n", name, isa, operant_certificate(NULL, name, isa, exact, scalar ? workers : 1));
        }
    return 0;
}
