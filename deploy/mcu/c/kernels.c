/* The layers that are the same on every processor. */
#include "kernels.h"

#include <string.h>

#if !defined(KERNEL_MVE) /* whose sums and pooling are in kernels_mve.c */

#if MODEL_FAST_ROUNDING

/* One rounding instead of three. */
void kernel_add(const struct kernel_add *layer, const int8_t *first, const int8_t *second,
                int8_t *restrict values, int count)
{
    const int32_t a = layer->factors[0];
    const int32_t b = layer->factors[1];
    const int32_t constant = layer->constant;
    const int32_t shift = layer->shift;
    const int32_t minimum = layer->minimum;
    const int32_t maximum = layer->maximum;
    for (int i = 0; i < count; i++) {
        const int32_t sum = (first[i] * a + second[i] * b + constant) >> shift;
        values[i] = (int8_t)kernel_clamp(sum, minimum, maximum);
    }
}

#else

void kernel_add(const struct kernel_add *layer, const int8_t *first, const int8_t *second,
                int8_t *restrict values, int count)
{
    for (int i = 0; i < count; i++) {
        int32_t a = (first[i] - layer->zero_points[0]) * (1 << 20);
        int32_t b = (second[i] - layer->zero_points[1]) * (1 << 20);
        a = kernel_shift_right(kernel_high_of_small(a, layer->multipliers[0]), layer->shifts[0]);
        b = kernel_shift_right(kernel_high_of_small(b, layer->multipliers[1]), layer->shifts[1]);
        const int32_t sum =
            kernel_shift_right(kernel_high_of_small(a + b, layer->multipliers[2]), layer->shifts[2]);
        values[i] =
            (int8_t)kernel_clamp(sum + layer->zero_point, layer->minimum, layer->maximum);
    }
}

#endif

/* sum / count, to the nearest, halves away from zero. */
static int32_t rounded_mean(int32_t sum, int32_t count)
{
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* Sum of `columns` values of one channel in each of the rows. */
static int32_t sum_of_channel(const int8_t *const *rows, int count, int columns, int channels,
                              int offset)
{
    int32_t sum = 0;
    for (int row = 0; row < count; row++) {
        const int8_t *value = rows[row] + offset;
        const int8_t *const end = value + columns * channels;
        for (; value < end; value += channels) {
            sum += *value;
        }
    }
    return sum;
}

/* The same of four channels, two in each word, for windows of at most LARGEST_PACKED_AREA. */
#define LARGEST_PACKED_AREA 256
static void sum_of_four(const int8_t *const *rows, int count, int columns, int channels, int offset,
                        int32_t sums[4])
{
    uint32_t even = 0;
    uint32_t odd = 0;
    for (int row = 0; row < count; row++) {
        const int8_t *value = rows[row] + offset;
        const int8_t *const end = value + columns * channels;
        for (; value < end; value += channels) {
            uint32_t four;
            memcpy(&four, value, sizeof four);
            four ^= 0x80808080; /* value + 128, so that no sum borrows from its neighbour */
            even += four & 0x00FF00FF;
            odd += (four >> 8) & 0x00FF00FF;
        }
    }
    const int32_t moved = 128 * count * columns;
    sums[0] = (int32_t)(even & 0xFFFF) - moved;
    sums[1] = (int32_t)(odd & 0xFFFF) - moved;
    sums[2] = (int32_t)(even >> 16) - moved;
    sums[3] = (int32_t)(odd >> 16) - moved;
}

static inline int8_t pooled(const struct kernel_pool *layer, int32_t sum, int32_t area)
{
    return (int8_t)kernel_clamp(rounded_mean(sum, area), layer->minimum, layer->maximum);
}

/* Columns `start` to `end`, in the row with its margins, of all channels. */
static void pool_column(const struct kernel_pool *layer, const int8_t *const *rows,
                        int count, int start, int end, int8_t *restrict values)
{
    const int channels = layer->channels;
    const int columns = end - start;
    const int area = count * columns;
    int channel = 0;
    for (; area <= LARGEST_PACKED_AREA && channel + 4 <= channels; channel += 4) {
        int32_t sums[4];
        sum_of_four(rows, count, columns, channels, start * channels + channel, sums);
        for (int i = 0; i < 4; i++) {
            *values++ = pooled(layer, sums[i], area);
        }
    }
    for (; channel < channels; channel++) {
        const int32_t sum =
            sum_of_channel(rows, count, columns, channels, start * channels + channel);
        *values++ = pooled(layer, sum, area);
    }
}

void kernel_average_pool(const struct kernel_pool *layer, const int8_t *const *rows,
                         int count, int8_t *restrict values)
{
    for (int column = 0; column < layer->out_columns; column++) {
        const struct kernel_span span = kernel_pool_span(layer, column);
        pool_column(layer, rows, count, span.start, span.end, values + column * layer->channels);
    }
}

#endif

/* Raises each of `count` values to that of `from` where that is larger. */
static inline void raise_to(const int8_t *from, int count, int8_t *restrict values)
{
    for (int i = 0; i < count; i++) {
        values[i] = from[i] > values[i] ? from[i] : values[i];
    }
}

void kernel_max_pool(const struct kernel_pool *layer, const int8_t *const *rows, int count,
                     int8_t *restrict values)
{
    const int channels = layer->channels;
    for (int column = 0; column < layer->out_columns; column++) {
        const struct kernel_span span = kernel_pool_span(layer, column);
        memset(values, layer->minimum, (size_t)channels);
        for (int row = 0; row < count; row++) {
            for (int place = span.start; place < span.end; place++) {
                raise_to(rows[row] + place * channels, channels, values);
            }
        }
        for (int channel = 0; channel < channels; channel++) {
            values[channel] = (int8_t)kernel_clamp(values[channel], -128, layer->maximum);
        }
        values += channels;
    }
}

void kernel_rescale_row(const struct kernel_rescaling *layer, const int8_t *from, int8_t *values,
                        int count)
{
    for (int i = 0; i < count; i++) {
        const int32_t value =
            kernel_rescale(from[i] - layer->from, layer->multiplier, layer->shift);
        values[i] = (int8_t)kernel_clamp(value + layer->to, -128, 127);
    }
}

void kernel_sum_row(const int8_t *row, int columns, int channels, int32_t zero_point, int32_t *sums)
{
    for (int column = 0; column < columns; column++) {
        for (int channel = 0; channel < channels; channel++) {
            sums[channel] += *row++ - zero_point;
        }
    }
}

void kernel_mean(const struct kernel_rescaling *layer, const int32_t *sums, int8_t *values,
                 int channels)
{
    for (int channel = 0; channel < channels; channel++) {
        const int32_t value = kernel_rescale(sums[channel], layer->multiplier, layer->shift);
        values[channel] = (int8_t)kernel_clamp(value + layer->to, -128, 127);
    }
}
