/* Vectors of VECTOR floats and the functions of them that a step needs, each to about one part in ten million.
 *
 * The polynomials are those of the Cephes library (Moshier), the reductions the usual ones; a NaN stays one.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef float Floats __attribute__((vector_size(4 * VECTOR)));
typedef int32_t Ints __attribute__((vector_size(4 * VECTOR)));
typedef double Doubles __attribute__((vector_size(4 * VECTOR)));
typedef int64_t Longs __attribute__((vector_size(4 * VECTOR)));
typedef float LooseFloats __attribute__((vector_size(4 * VECTOR), aligned(4), may_alias));
typedef double LooseDoubles __attribute__((vector_size(4 * VECTOR), aligned(8), may_alias));

INLINE Floats load(const float *from) { return *(const LooseFloats *)from; }
INLINE void store(float *to, Floats values) { *(LooseFloats *)to = values; }
INLINE Floats all(float value) { return value - (Floats){0}; } /* and not +, which would turn -0 */
INLINE Floats chosen(Ints which, Floats yes, Floats no) { return (Floats)((which & (Ints)yes) | (~which & (Ints)no)); }
INLINE Floats at_least(Floats values, float least) { return chosen(values < least, all(least), values); }
INLINE Floats at_most(Floats values, float most) { return chosen(values > most, all(most), values); }
INLINE Floats size_of(Floats values) { return (Floats)((Ints)values & 0x7fffffff); }

/* Writes the first `count` of a vector. */
INLINE void store_some(float *to, Floats values, int64_t count) {
    if (count >= VECTOR) {
        store(to, values);
        return;
    }
    float each[VECTOR];
    store(each, values);
    for (int64_t i = 0; i < count; i++) to[i] = each[i];
}

/* exp(x) - 1 = power * rest + (power - 1), power a power of two: so that nothing is lost near 0. */
typedef struct {
    Floats power, rest;
} Exponential;

INLINE Exponential exponential(Floats x) {
    x = at_most(at_least(x, -87.0f), 88.0f);
    Floats rounded = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the nearest whole number is in the last bits */
    Ints whole = (Ints)rounded - 0x4b400000;
    Floats n = rounded - 12582912.0f;
    Floats r = x - n * 0.693359375f + n * 2.12194440e-4f;
    Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return (Exponential){(Floats)((whole + 127) << 23), p * (r * r) + r};
}

INLINE Floats exp_of(Floats x) {
    Exponential e = exponential(x);
    return e.power * e.rest + e.power;
}

INLINE Floats sigmoid(Floats x) { return 1.0f / (1.0f + exp_of(-x)); }

INLINE Floats tanh_of(Floats x) { /* (exp(2x) - 1) / (exp(2x) + 1) */
    x = at_most(at_least(x, -10.0f), 10.0f);
    Exponential e = exponential(x + x);
    Floats less = e.power * e.rest + (e.power - 1.0f);
    return less / (less + 2.0f);
}

/* log(1 + t) for t from 0 to 1. */
INLINE Floats log_of_one_and(Floats t) {
    Ints large = t > 0.41421356f;
    Floats f = chosen(large, t * 0.5f - 0.5f, t); /* halved: (1 + t) / 2 - 1 */
    Floats z = f * f;
    Floats p = f * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    Floats one = chosen(large, all(1.0f), all(0.0f));
    return f + (p * f * z - 0.5f * z - one * 2.12194440e-4f) + one * 0.693359375f;
}

INLINE Floats softplus(Floats x) { return at_least(x, 0.0f) + log_of_one_and(exp_of(-size_of(x))); }

/* Sine and cosine of angles up to a few thousand. */
INLINE void sine_and_cosine(Floats x, Floats *sine, Floats *cosine) {
    Floats rounded = x * 0.636619772f + 12582912.0f;
    Ints quarter = (Ints)rounded;
    Floats n = rounded - 12582912.0f;
    Floats r = ((x - n * 1.5703125f) - n * 4.837512969970703125e-4f) - n * 7.54978995489188e-8f;
    Floats z = r * r;
    Floats s = ((z * -1.9515295891e-4f + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
    Floats c = ((z * 2.443315711809948e-5f - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
    Ints swapped = (quarter & 1) != 0;
    *sine = (Floats)((Ints)chosen(swapped, c, s) ^ ((quarter & 2) << 30));
    *cosine = (Floats)((Ints)chosen(swapped, s, c) ^ (((quarter + 1) & 2) << 30));
}

/* exp(x) - 1 for x from 0 to 700, in float64: Taylor's series to r^13, |r| <= log(2) / 2. */
INLINE Doubles exp_less_one(Doubles x) {
    static const double inverse[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
                                     1.0 / 40320,      1.0 / 5040,      1.0 / 720,      1.0 / 120,     1.0 / 24,
                                     1.0 / 6,          0.5,             1.0};
    Doubles rounded = x * 1.44269504088896340736 + 6755399441055744.0; /* 1.5 * 2^52 */
    Longs whole = (Longs)rounded - 0x4338000000000000;
    Doubles n = rounded - 6755399441055744.0;
    Doubles r = x - n * 6.93147180369123816490e-1 - n * 1.90821492927058770002e-10;
    Doubles p = inverse[0] - (Doubles){0};
    for (int i = 1; i < 13; i++) p = p * r + inverse[i];
    Doubles power = (Doubles)((whole + 1023) << 52);
    return power * (p * r) + (power - 1.0);
}
