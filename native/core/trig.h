/* trig.h: sines, cosines, angles and powers.
 *
 * The exact build calls the C library, as NumPy and Python do for float64. The fast build evaluates the same
 * polynomials on every target, without contraction into FMA, so that all targets return the same bits. */

#if EXACT

LANE_FN vf vsin(vf x) { return sin(x); }
LANE_FN vf vcos(vf x) { return cos(x); }
LANE_FN void vsincos(vf x, vf *sine, vf *cosine) { *sine = sin(x), *cosine = cos(x); }
LANE_FN void vsincos_near_zero(vf x, vf *sine, vf *cosine) { vsincos(x, sine, cosine); }
/** cos(x - pi/2). */
LANE_FN vf vcos_less_quarter(vf x) { return cos(x - M_PI / 2); }

/* x squared, computed like `x**2` in Python and NumPy by C's pow, which differs from x * x in 0.08% of cases. The
 * exponent is volatile because compilers turn pow(x, 2) into x * x. If x * x is exact, as for most parameters, pow
 * returns it. */
static const volatile float TWO = 2;
LANE_FN vf vsquare(vf x) { return x == (float)x ? x * x : pow(x, (double)TWO); }
LANE_FN vf vsquare_narrow(vf x) { return powf((float)x, TWO); }

/** ((x + pi) % (2 pi)) - pi with NumPy's `%`: the remainder takes the divisor's sign. */
LANE_FN vf vangle_mod(vf x) {
    double turn = 2 * M_PI, rest = fmod(x + M_PI, turn);
    if (rest < 0) rest += turn;
    return rest - M_PI;
}

/** x minus whole turns, one at a time until -pi <= x <= pi; all at once for a large x, which would take too long. */
LANE_FN vf vangle_wrap(vf x) {
    if (fabs(x) > 1e6) x = fmod(x, 2 * M_PI);
    while (x > M_PI) x -= M_PI - -M_PI;
    while (x < -M_PI) x += M_PI - -M_PI;
    return x;
}

#else

/* Minimax polynomials on [-pi/4, pi/4] and the three-part pi/2 of Cephes' sinf and cosf (Moshier 1992). */
LANE_FN vf sine_polynomial(vf r, vf r2) {
    vf p = (r2 * R(-1.9515295891e-4) + R(8.3321608736e-3)) * r2 - R(1.6666654611e-1);
    return p * r2 * r + r;
}

LANE_FN vf cosine_polynomial(vf r2) {
    vf p = (r2 * R(2.443315711809948e-5) - R(1.388731625493765e-3)) * r2 + R(4.166664568298827e-2);
    return p * r2 * r2 - r2 * R(0.5) + R(1.0);
}

/** x minus the nearest multiple of pi/2, whose number is in the low bits of *quadrant. */
LANE_FN vf reduce(vf x, vu *quadrant) {
    vf shifted = x * R(0.6366197723675814) + ROUND_MAGIC;
    vf n = shifted - ROUND_MAGIC;
    *quadrant = bits_of(shifted);
    return x - n * R(1.5703125) - n * R(4.837512969970703125e-4) - n * R(7.54978995489188216e-8);
}

LANE_FN vf quadrant_sine(vf sine, vf cosine, vu quadrant) {
    vm odd = (quadrant & 1) != 0;
    return from_bits(bits_of(vsel(odd, cosine, sine)) ^ ((quadrant & 2) << 30));
}

/** sin and cos of x, to 2 ulp for |x| < 8000; any finite x is safe. */
LANE_FN void vsincos(vf x, vf *sine, vf *cosine) {
    vu quadrant;
    vf r = reduce(x, &quadrant), r2 = r * r;
    vf s = sine_polynomial(r, r2), c = cosine_polynomial(r2);
    *sine = quadrant_sine(s, c, quadrant);
    *cosine = quadrant_sine(s, c, quadrant + 1);
}

LANE_FN vf vsin(vf x) {
    vu quadrant;
    vf r = reduce(x, &quadrant), r2 = r * r;
    return quadrant_sine(sine_polynomial(r, r2), cosine_polynomial(r2), quadrant);
}

LANE_FN vf vcos(vf x) {
    vu quadrant;
    vf r = reduce(x, &quadrant), r2 = r * r;
    return quadrant_sine(sine_polynomial(r, r2), cosine_polynomial(r2), quadrant + 1);
}

/** cos(x - pi/2): sin(x). */
LANE_FN vf vcos_less_quarter(vf x) { return vsin(x); }

/** vsincos for angles that are rarely beyond pi/4: the same bits, without the reduction if every lane is within. */
LANE_FN void vsincos_near_zero(vf x, vf *sine, vf *cosine) {
    if (__builtin_expect(vany(vabs(x) > R(0.78)), 0)) {
        vsincos(x, sine, cosine);
        return;
    }
    vf r2 = x * x;
    *sine = sine_polynomial(x, r2);
    *cosine = cosine_polynomial(r2);
}

LANE_FN vf vsquare(vf x) { return x * x; }
LANE_FN vf vsquare_narrow(vf x) { return x * x; }

/** x minus whole turns, in [-pi, pi). 2 pi is split into two parts to keep the difference accurate. */
LANE_FN vf vangle_mod(vf x) {
    vf turns = vfloor(x * R(0.15915494309189535) + R(0.5));
    return x - turns * R(6.28125) - turns * R(1.9353071795864769e-3);
}
LANE_FN vf vangle_wrap(vf x) { return vangle_mod(x); }

#endif
