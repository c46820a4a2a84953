/* rounded.c: a program that prints `name function ...` for every environment.
 *
 * They are the functions that libms round differently and that the exact build calls while it computes the certificate.
 * The linker replaces each of them by one that records its name (--wrap; see ROUNDED in the Makefile). */
#include <stdio.h>
#include <string.h>

#include "operant.h"

static const char *called[16];

static void note(const char *function) {
    int i = 0;
    while (called[i] && strcmp(called[i], function)) i++;
    called[i] = function;
}

#define OF_ONE(type, name)                 \
    type __real_##name(type);              \
    type __wrap_##name(type x) {           \
        note(#name);                       \
        return __real_##name(x);           \
    }
#define OF_TWO(type, name)                 \
    type __real_##name(type, type);        \
    type __wrap_##name(type x, type y) {   \
        note(#name);                       \
        return __real_##name(x, y);        \
    }

OF_ONE(double, sin)
OF_ONE(double, cos)
OF_ONE(double, exp)
OF_ONE(double, log)
OF_ONE(double, log1p)
OF_TWO(double, pow)
OF_ONE(float, sinf)
OF_ONE(float, cosf)
OF_TWO(float, powf)

void __real_sincos(double, double *, double *);
void __wrap_sincos(double x, double *sine, double *cosine) {
    note("sincos");
    __real_sincos(x, sine, cosine);
}

int main(void) {
    for (int32_t e = 0; e < operant_env_count(); e++) {
        const char *name = operant_env(e).name;
        memset(called, 0, sizeof called);
        operant_certificate(NULL, name, "exact", 1, 1);
        printf("%s", name);
        for (int i = 0; called[i]; i++) printf(" %s", called[i]);
        printf("\n");
    }
    return 0;
}
