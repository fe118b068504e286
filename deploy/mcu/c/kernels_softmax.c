/*
 * Softmax in fixed point, integer for integer as TFLite's reference computes it.
 *
 * Qn stands for an int32 with n bits before the binary point: a raw value of 2^(31 - n) is 1.
 */
#include "kernels.h"

#include <limits.h>

/* Integer bits of a sum of exponentials. */
#define SUM_BITS 12

static int32_t saturated(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

static int32_t shifted_left(int32_t value, int bits)
{
    return saturated((int64_t)value * (INT64_C(1) << bits));
}

/* value / 2^bits, to the nearest, halves away from zero, whatever the rounding of the network. */
static int32_t shifted_right(int32_t value, int bits)
{
    const int64_t half = INT64_C(1) << (bits - 1);
    return (int32_t)((value + half - (value < 0)) >> bits);
}

/* e^x for x in [-1/4, 0), Q0: a Taylor series around -1/8. */
static int32_t exponential_near_zero(int32_t x)
{
    const int32_t at_centre = 1895147668; /* e^(-1/8) */
    const int32_t third = 715827883;
    const int32_t d = x + (1 << 28);
    const int32_t d2 = kernel_high(d, d);
    const int32_t d3 = kernel_high(d2, d);
    const int32_t d4 = kernel_high(d2, d2);
    const int32_t higher = kernel_high(shifted_right(d4, 2) + d3, third);
    const int32_t series = d + shifted_right(higher + d2, 1);
    return saturated((int64_t)at_centre + kernel_high(at_centre, series));
}

/* e^x for x <= 0, Q5 -> Q0: that of the last quarter, times e^-2^i for each higher bit. */
static int32_t exponential(int32_t x)
{
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
    const int32_t quarter = 1 << 24;
    if (x == 0) {
        return INT32_MAX;
    }
    const int32_t last = (x & (quarter - 1)) - quarter;
    const int32_t rest = last - x;
    int32_t result = exponential_near_zero(last * (1 << 5));
    for (int bit = 0; bit < 7; bit++) {
        if (rest & (quarter << bit)) {
            result = kernel_high(result, factors[bit]);
        }
    }
    return result;
}

/* 1 / (1 + x) for x in [0, 1), Q0, by three steps of Newton's method. */
static int32_t reciprocal_of_one_plus(int32_t x)
{
    const int32_t half_sum = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t estimate = 1515870810 + kernel_high(half_sum, -1010580540); /* Q2: 48/17 - 32/17 x */
    for (int i = 0; i < 3; i++) {
        const int32_t error = (1 << 29) - kernel_high(half_sum, estimate);
        estimate += shifted_left(kernel_high(estimate, error), 2);
    }
    return shifted_left(estimate, 1);
}

static int leading_zeros(uint32_t value)
{
    int count = 0;
    while (count < 32 && !(value & (UINT32_C(1) << 31))) {
        value <<= 1;
        count++;
    }
    return count;
}

/* e^(value - largest), Q0; 0 where the difference is too small to count. */
static int32_t exponential_of_difference(const struct kernel_softmax *layer, int32_t difference)
{
    if (difference < layer->smallest_difference) {
        return 0;
    }
    return exponential(
        kernel_high(difference * (1 << layer->left_shift), layer->multiplier));
}

static int32_t largest_of(const int8_t *values, int count)
{
    int32_t largest = values[0];
    for (int i = 1; i < count; i++) {
        largest = values[i] > largest ? values[i] : largest;
    }
    return largest;
}

void kernel_softmax(const struct kernel_softmax *layer, const int8_t *from, int8_t *values,
                    int columns, int channels)
{
    for (int column = 0; column < columns; column++) {
        const int32_t largest = largest_of(from, channels);
        int32_t sum = 0;
        for (int i = 0; i < channels; i++) {
            const int32_t share = exponential_of_difference(layer, from[i] - largest);
            sum += share ? shifted_right(share, SUM_BITS) : 0;
        }
        const int headroom = leading_zeros((uint32_t)sum);
        const uint32_t fraction = ((uint32_t)sum << headroom) - (UINT32_C(1) << 31);
        const int32_t scale = reciprocal_of_one_plus((int32_t)fraction);
        const int bits = SUM_BITS - headroom + 31 - 8;
        for (int i = 0; i < channels; i++) {
            const int32_t share = exponential_of_difference(layer, from[i] - largest);
            const int32_t part = share ? shifted_right(kernel_high(scale, share), bits) : 0;
            values[i] = (int8_t)kernel_clamp(part - 128, -128, 127);
        }
        from += channels;
        values += channels;
    }
}
