"""The fast build's logarithm against the C library's in double precision."""

from test_random import answers

# For each exponent of the input, prints the largest error in ulp of float32 over every mantissa. Near 1 the ulp is
# still the result's own, however small: log(1 + f) is about f.
PROGRAM = r"""
#include <stdio.h>
#include "core/layout.h"
#define LANES 1
#define EXACT 0
#include "core/lanes.h"
#include "core/trig.h"
#include "core/exponential.h"
int main(void) {
    int exponent;
    while (scanf("%d", &exponent) == 1) {
        double worst = 0;
        for (int mantissa = 0; mantissa < 1 << 23; mantissa++) {
            float x = ldexpf(1.0f + (float)mantissa / 8388608.0f, exponent);
            double expected = log((double)x);
            float size = fabsf((float)expected), ulp = nextafterf(size, INFINITY) - size;
            double error = expected == 0 ? vlog(x) != 0 : fabs(vlog(x) - expected) / ulp;
            worst = error > worst ? error : worst;
        }
        printf("%.3f\n", worst);
    }
    return 0;
}
"""


def test_the_logarithm_is_within_two_ulps(tmp_path):
    exponents = ["-24", "-2", "-1", "0", "1", "60"]
    errors = [float(line) for line in answers(tmp_path, PROGRAM, exponents)]
    assert len(errors) == len(exponents)
    assert max(errors) <= 2.0
    assert max(errors) > 0.5  # a float32 cannot do better than half an ulp: something was compared
