/* exponential.h: exponentials and logarithms.
 *
 * The exact build calls the C library. The fast build evaluates the same polynomials on every target; see trig.h. */

#if EXACT

LANE_FN vf vexp(vf x) { return exp(x); }
LANE_FN vf vlog(vf x) { return log(x); }

/** log(1 + exp(x)), computed like NumPy's logaddexp(0, x). */
LANE_FN vf vsoftplus(vf x) {
    if (x == 0) return M_LN2;
    return x < 0 ? log1p(exp(x)) : x + log1p(exp(-x));
}

#else

/** e^x to 2 ulp for x in [-87, 88]; 0 below, and e^88 above. The polynomial of Cephes' expf (Moshier 1992). */
LANE_FN vf vexp(vf x) {
    vf within = vclip(x, vreal(-87), vreal(88));
    vf shifted = within * R(1.44269504088896341) + ROUND_MAGIC, n = shifted - ROUND_MAGIC;
    vf r = within - n * R(0.693359375) - n * R(-2.12194440e-4);
    vf p = R(1.9875691500e-4) * r + R(1.3981999507e-3);
    p = p * r + R(8.3334519073e-3);
    p = p * r + R(4.1665795894e-2);
    p = p * r + R(1.6666665459e-1);
    p = p * r + R(5.0000001201e-1);
    vf two_to_n = from_bits((bits_of(shifted) << 23) + (127u << 23));
    return vsel(x < R(-87), vreal(0), (p * r * r + r + R(1)) * two_to_n);
}

/** The natural logarithm of normal positive numbers to 2 ulp; of other numbers it is undefined. Cephes' logf (Moshier
 *  1992), with x = (1 + f) 2^n and 1 + f from sqrt(1/2) to sqrt(2). */
LANE_FN vf vlog(vf x) {
    const lane_bits sqrt_half = 0x3f3504f3u;
    vu above = bits_of(x) - sqrt_half;
    vf n = vfloat((vi)above >> 23), f = from_bits((above & 0x7fffffu) + sqrt_half) - R(1), f2 = f * f;
    vf p = R(7.0376836292e-2) * f - R(1.1514610310e-1);
    p = p * f + R(1.1676998740e-1);
    p = p * f - R(1.2420140846e-1);
    p = p * f + R(1.4249322787e-1);
    p = p * f - R(1.6668057665e-1);
    p = p * f + R(2.0000714765e-1);
    p = p * f - R(2.4999993993e-1);
    p = p * f + R(3.3333331174e-1);
    return (f + (p * f * f2 - n * R(2.12194440e-4) - R(0.5) * f2)) + n * R(0.693359375);
}

/** log(1 + x) to 2 ulp for x in [0, 1]: 2 artanh(x / (x + 2)), whose argument is below 1/3. */
LANE_FN vf vlog1p_of_unit(vf x) {
    vf s = x / (x + R(2)), s2 = s * s;
    vf p = R(1.0 / 13) * s2 + R(1.0 / 11);
    p = p * s2 + R(1.0 / 9);
    p = p * s2 + R(1.0 / 7);
    p = p * s2 + R(1.0 / 5);
    p = p * s2 + R(1.0 / 3);
    return R(2) * (s + s * s2 * p);
}

/** log(1 + exp(x)); 0 for x < -87, without computing anything if that holds in every lane. */
LANE_FN vf vsoftplus(vf x) {
    if (!vany(x >= R(-87))) return vreal(0);
    return vmax(x, vreal(0)) + vlog1p_of_unit(vexp(-vabs(x)));
}

#endif
