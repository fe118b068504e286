/*
 * Convolutions with the DSP instructions of Cortex-M4, M7 and M33: two products at a time.
 *
 * Weights are int16, two in a word, and doubled, as are the biases, for SMMULR gives the upper half
 * of a product; shifts to the left are in them too, so that those that remain are to the right. Of a
 * convolution they are [pairs of out channels][depth / 4][2][4], each four in the order 0, 2, 1, 3,
 * the depth filled up with zeros to a multiple of 8; of a 3 x 3 depthwise layer on columns side by
 * side five words a channel, (00, 02), (10, 12), (20, 22), (01, 11), (21, 0); of another depthwise
 * layer [channels][rows][columns], one in a word.
 */
#include "kernels.h"

#if defined(KERNEL_DSP)

#include <string.h>

#define GROUP 8
#define PADDED(depth) (((depth) + GROUP - 1) / GROUP * GROUP)

/* Two windows as int16: four values of the one, then the same four of the other, and so on. */
static uint32_t unpacked[PADDED(MODEL_LARGEST_DEPTH)];

/* Instructions that C has no operator for; lo and hi are the halves of a word. */
static inline uint32_t sxtb16(uint32_t x) /* (byte 0, byte 2) as two int16 */
{
    uint32_t result;
    __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(x));
    return result;
}

static inline uint32_t sxtb16_odd(uint32_t x) /* (byte 1, byte 3) as two int16 */
{
    uint32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(x));
    return result;
}

static inline int32_t smlad(uint32_t x, uint32_t y, int32_t sum) /* + lo * lo + hi * hi */
{
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
}

static inline int32_t smlabb(uint32_t x, uint32_t y, int32_t sum) /* + lo * lo */
{
    int32_t result;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
}

static inline int32_t smlabt(uint32_t x, uint32_t y, int32_t sum) /* + lo * hi */
{
    int32_t result;
    __asm__("smlabt %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
}

static inline int32_t smlatb(uint32_t x, uint32_t y, int32_t sum) /* + hi * lo */
{
    int32_t result;
    __asm__("smlatb %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
}

static inline int32_t smlatt(uint32_t x, uint32_t y, int32_t sum) /* + hi * hi */
{
    int32_t result;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
}

static inline int32_t smmulr(int32_t x, int32_t y) /* x * y / 2^32, rounded */
{
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(x), "r"(y));
    return result;
}

static inline int32_t saturated(int32_t x) /* to int8 */
{
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x));
    return result;
}

static inline uint32_t word_at(const int8_t *bytes) /* at any address */
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* A doubled sum to a value; numbers are the channel's. */
KERNEL_INLINE int8_t rescaled(const struct kernel_output *output, int32_t doubled,
                        const int32_t *numbers, enum kernel_finish finish)
{
    const int32_t shift = numbers[2];
    const int32_t high = smmulr(doubled, numbers[1]);
    if (finish == KERNEL_SATURATE_FROM_LOWEST) {
        return (int8_t)saturated(((high + ((1 << shift) >> 1)) >> shift) - 128);
    }
    const int32_t value = kernel_shift_right(high, shift) + output->zero_point;
    if (finish == KERNEL_SATURATE) {
        return (int8_t)saturated(value);
    }
    return (int8_t)kernel_clamp(value, output->minimum, output->maximum);
}

/* Unpacks a window's values to every second group of four; what fills up the depth meets zeros. */
static void unpack_window(const struct kernel_convolution *layer, const int8_t *const *rows,
                          int column, uint32_t *values)
{
    int8_t window[PADDED(MODEL_LARGEST_DEPTH)];
    const int8_t *from = rows[0] + column * layer->step;
    if (layer->rows > 1) {
        const int run = layer->run;
        const int8_t *const end = window + layer->depth;
        for (int8_t *to = window; to < end; to += run) {
            from = *rows++ + column * layer->step;
            for (int i = 0; i < run; i++) {
                to[i] = from[i];
            }
        }
        from = window;
    }
    for (int i = 0; i < PADDED(layer->depth); i += 4) {
        const uint32_t word = word_at(from + i);
        values[i] = sxtb16(word);
        values[i + 1] = sxtb16_odd(word);
    }
}

/* Sums of two channels over two windows: [left, right][first, second channel]. */
KERNEL_INLINE const kernel_weight *add_products(const kernel_weight *weights, const uint32_t *end,
                                                int32_t sums[4])
{
    const uint32_t *values = unpacked;
    uint32_t left0, left1, right0, right1, weight0, weight1;
    __asm__("1:\n\t"
            "ldrd %[l0], %[l1], [%[values]], #8\n\t"
            "ldrd %[w0], %[w1], [%[weights]], #8\n\t"
            "ldrd %[r0], %[r1], [%[values]], #8\n\t"
            "smlad %[lf], %[l0], %[w0], %[lf]\n\t"
            "smlad %[rf], %[r0], %[w0], %[rf]\n\t"
            "smlad %[lf], %[l1], %[w1], %[lf]\n\t"
            "smlad %[rf], %[r1], %[w1], %[rf]\n\t"
            "ldrd %[w0], %[w1], [%[weights]], #8\n\t"
            "smlad %[ls], %[l0], %[w0], %[ls]\n\t"
            "smlad %[rs], %[r0], %[w0], %[rs]\n\t"
            "smlad %[ls], %[l1], %[w1], %[ls]\n\t"
            "smlad %[rs], %[r1], %[w1], %[rs]\n\t"
            "ldrd %[l0], %[l1], [%[values]], #8\n\t"
            "ldrd %[w0], %[w1], [%[weights]], #8\n\t"
            "ldrd %[r0], %[r1], [%[values]], #8\n\t"
            "smlad %[lf], %[l0], %[w0], %[lf]\n\t"
            "smlad %[rf], %[r0], %[w0], %[rf]\n\t"
            "smlad %[lf], %[l1], %[w1], %[lf]\n\t"
            "smlad %[rf], %[r1], %[w1], %[rf]\n\t"
            "ldrd %[w0], %[w1], [%[weights]], #8\n\t"
            "cmp %[values], %[end]\n\t"
            "smlad %[ls], %[l0], %[w0], %[ls]\n\t"
            "smlad %[rs], %[r0], %[w0], %[rs]\n\t"
            "smlad %[ls], %[l1], %[w1], %[ls]\n\t"
            "smlad %[rs], %[r1], %[w1], %[rs]\n\t"
            "bne 1b"
            : [lf] "+r"(sums[0]), [ls] "+r"(sums[1]), [rf] "+r"(sums[2]), [rs] "+r"(sums[3]),
              [values] "+r"(values), [weights] "+r"(weights), [l0] "=&r"(left0),
              [l1] "=&r"(left1), [r0] "=&r"(right0), [r1] "=&r"(right1), [w0] "=&r"(weight0),
              [w1] "=&r"(weight1)
            : [end] "r"(end)
            : "cc", "memory");
    return weights;
}

/* The channels of two columns, two at a time; where one is left, it meets weights of zero. */
KERNEL_INLINE void convolve_columns(const struct kernel_convolution *layer, int8_t *restrict left,
                                    int8_t *restrict right, enum kernel_finish finish)
{
    const struct kernel_output *output = &layer->output;
    const uint32_t *const end = unpacked + PADDED(layer->depth);
    const kernel_weight *weights = layer->weights;
    const int stride = output->channel_stride;
    const int32_t *numbers = output->numbers;
    const int32_t *const last = numbers + 3 * (output->channels - 1);
    for (; numbers < last; numbers += 6) {
        int32_t sums[4] = {numbers[0], numbers[3], numbers[0], numbers[3]};
        weights = add_products(weights, end, sums);
        *right = rescaled(output, sums[2], numbers, finish);
        *left = rescaled(output, sums[0], numbers, finish);
        right[stride] = rescaled(output, sums[3], numbers + 3, finish);
        left[stride] = rescaled(output, sums[1], numbers + 3, finish);
        left += 2 * stride;
        right += 2 * stride;
    }
    if (numbers == last) {
        int32_t sums[4] = {numbers[0], 0, numbers[0], 0};
        add_products(weights, end, sums);
        *right = rescaled(output, sums[2], numbers, finish);
        *left = rescaled(output, sums[0], numbers, finish);
    }
}

/* Two columns at a time; where one is left, it is computed twice. */
void kernel_convolution(const struct kernel_convolution *layer, const int8_t *const *rows,
                        int8_t *restrict values)
{
    const struct kernel_output *output = &layer->output;
    const enum kernel_finish finish = kernel_finish_of(output);
    for (int left = 0; left < output->columns; left += 2) {
        const int right = left + 1 < output->columns ? left + 1 : left;
        int8_t *const left_values = values + left * output->column_stride;
        int8_t *const right_values = values + right * output->column_stride;
        unpack_window(layer, rows, left, unpacked);
        unpack_window(layer, rows, right, unpacked + 2);
        if (finish == KERNEL_SATURATE_FROM_LOWEST) {
            convolve_columns(layer, left_values, right_values, KERNEL_SATURATE_FROM_LOWEST);
        } else if (finish == KERNEL_SATURATE) {
            convolve_columns(layer, left_values, right_values, KERNEL_SATURATE);
        } else {
            convolve_columns(layer, left_values, right_values, KERNEL_CLAMP);
        }
    }
}

/* A row of a 3 x 3 window: its outer weights, and the place of the middle one in `middles`. */
#define ADD_ROW(row, outer, MIDDLE, middles)                                                       \
    do {                                                                                           \
        const uint32_t word = word_at(row);                                                        \
        const uint32_t even = sxtb16(word);                                                        \
        const uint32_t odd = sxtb16_odd(word);                                                     \
        left = smlad(even, outer, left);                                                           \
        left = smlab##MIDDLE(odd, middles, left);                                                  \
        right = smlad(odd, outer, right);                                                          \
        right = smlat##MIDDLE(even, middles, right);                                               \
    } while (0)

/* One channel of a row, two columns at a time, whose windows lie one value apart. */
KERNEL_INLINE void depthwise_3x3(const struct kernel_output *output, const kernel_weight *weights,
                                 const int8_t *a, const int8_t *b, const int8_t *c, int channel,
                                 int8_t *restrict values, enum kernel_finish finish)
{
    const int32_t *const numbers = output->numbers + 3 * channel;
    const int32_t bias = numbers[0];
    const uint32_t upper = weights[0], centre = weights[1], lower = weights[2];
    const uint32_t middles = weights[3], last = weights[4];
    const int stride = output->column_stride;
    for (int column = 0; column < output->columns; column += 2) {
        int32_t left = bias;
        int32_t right = bias;
        ADD_ROW(a, upper, b, middles);
        ADD_ROW(b, centre, t, middles);
        ADD_ROW(c, lower, b, last);
        values[0] = rescaled(output, left, numbers, finish);
        if (column + 1 < output->columns) {
            values[stride] = rescaled(output, right, numbers, finish);
        }
        values += 2 * stride;
        a += 2;
        b += 2;
        c += 2;
    }
}

/* As depthwise_3x3, one column at a time, whose windows lie `step` values apart. */
KERNEL_INLINE void depthwise_3x3_apart(const struct kernel_output *output, const kernel_weight *weights,
                                       const int8_t *a, const int8_t *b, const int8_t *c,
                                       int channel, int step, int8_t *restrict values,
                                       enum kernel_finish finish)
{
    const int32_t *const numbers = output->numbers + 3 * channel;
    for (int column = 0; column < output->columns; column++) {
        const uint32_t word_a = word_at(a), word_b = word_at(b), word_c = word_at(c);
        int32_t sum = numbers[0];
        sum = smlad(sxtb16(word_a), weights[0], sum);
        sum = smlabb(sxtb16_odd(word_a), weights[3], sum);
        sum = smlad(sxtb16(word_b), weights[1], sum);
        sum = smlabt(sxtb16_odd(word_b), weights[3], sum);
        sum = smlad(sxtb16(word_c), weights[2], sum);
        sum = smlabb(sxtb16_odd(word_c), weights[4], sum);
        *values = rescaled(output, sum, numbers, finish);
        values += output->column_stride;
        a += step;
        b += step;
        c += step;
    }
}

static void depthwise_any(const struct kernel_depthwise *layer, const int8_t *const *rows,
                          int channel, int8_t *restrict values)
{
    const struct kernel_output *output = &layer->output;
    const int32_t *const numbers = output->numbers + 3 * channel;
    const int start = channel / layer->multiplier * layer->in_channel_stride;
    for (int column = 0; column < output->columns; column++) {
        const kernel_weight *weights = layer->weights + channel * layer->rows * layer->columns;
        int32_t sum = numbers[0];
        for (int row = 0; row < layer->rows; row++) {
            const int8_t *value = rows[row] + start + column * layer->step;
            for (int i = 0; i < layer->columns; i++) {
                sum += *value * (int32_t)*weights++;
                value += layer->in_column_stride;
            }
        }
        values[column * output->column_stride] =
            rescaled(output, sum, numbers, KERNEL_CLAMP);
    }
}

/* One channel by a 3 x 3 window on columns that stand side by side. */
KERNEL_INLINE void depthwise_side_by_side(const struct kernel_depthwise *layer,
                                          const int8_t *const *rows, int channel,
                                          int8_t *restrict values,                                          enum kernel_finish finish)
{
    const kernel_weight *const weights = layer->weights + 5 * channel;
    const int start = channel / layer->multiplier * layer->in_channel_stride;
    const int8_t *const a = rows[0] + start;
    const int8_t *const b = rows[1] + start;
    const int8_t *const c = rows[2] + start;
    if (layer->step == 1) {
        depthwise_3x3(&layer->output, weights, a, b, c, channel, values, finish);
    } else {
        depthwise_3x3_apart(&layer->output, weights, a, b, c, channel, layer->step, values,
                            finish);
    }
}

void kernel_depthwise(const struct kernel_depthwise *layer, const int8_t *const *rows,
                      int8_t *restrict values)
{
    const bool fast = layer->rows == 3 && layer->columns == 3 && layer->in_column_stride == 1;
    const enum kernel_finish finish = kernel_finish_of(&layer->output);
    for (int channel = 0; channel < layer->output.channels; channel++) {
        if (!fast) {
            depthwise_any(layer, rows, channel, values);
        } else if (finish == KERNEL_SATURATE_FROM_LOWEST) {
            depthwise_side_by_side(layer, rows, channel, values, KERNEL_SATURATE_FROM_LOWEST);
        } else {
            depthwise_side_by_side(layer, rows, channel, values, KERNEL_CLAMP);
        }
        values += layer->output.channel_stride;
    }
}

#endif
