/*
 * Convolutions in plain C, for any processor.
 *
 * Weights are int8: of a convolution [pairs of out channels][depth][2], filled up with zeros to an
 * even number of channels, of a depthwise layer [channels][rows][columns].
 */
#include "kernels.h"

#if defined(KERNEL_PORTABLE)

/* Windows of several rows, gathered: two columns at a time. */
static int8_t gathered[2][MODEL_LARGEST_DEPTH];

/* A sum to a value; numbers are the channel's. */
KERNEL_INLINE int8_t rescaled(const struct kernel_output *output, int32_t sum,
                              const int32_t *numbers, enum kernel_finish finish)
{
    const int32_t shift = numbers[2];
    if (finish == KERNEL_SATURATE_FROM_LOWEST && shift <= 0) {
        const int32_t high = kernel_high_of_small(sum, numbers[1]);
        return (int8_t)kernel_clamp(((high + ((1 << -shift) >> 1)) >> -shift) - 128, -128, 127);
    }
    const int32_t value = kernel_rescale(sum, numbers[1], shift) + output->zero_point;
    if (finish == KERNEL_SATURATE) {
        return (int8_t)kernel_clamp(value, -128, 127);
    }
    return (int8_t)kernel_clamp(value, output->minimum, output->maximum);
}

/* The values of a window, [depth]. */
static const int8_t *window_at(const struct kernel_convolution *layer, const int8_t *const *rows,
                               int column, int8_t *scratch)
{
    if (layer->rows == 1) {
        return rows[0] + column * layer->step;
    }
    const int run = layer->run;
    const int8_t *const end = scratch + layer->depth;
    for (int8_t *to = scratch; to < end; to += run) {
        const int8_t *from = *rows++ + column * layer->step;
        for (int i = 0; i < run; i++) {
            to[i] = from[i];
        }
    }
    return scratch;
}

/* One value of each window with the weights of two channels. */
#define ADD_PRODUCTS                                                                               \
    do {                                                                                           \
        const int32_t left_value = *in_left++;                                                     \
        const int32_t right_value = *in_right++;                                                   \
        const int32_t first_weight = *weights++;                                                   \
        const int32_t second_weight = *weights++;                                                  \
        left_first += left_value * first_weight;                                                   \
        right_first += right_value * first_weight;                                                 \
        left_second += left_value * second_weight;                                                 \
        right_second += right_value * second_weight;                                               \
    } while (0)

/* The channels of two columns, two at a time; where one is left, it meets weights of zero. */
KERNEL_INLINE void convolve_columns(const struct kernel_convolution *layer,
                                    const int8_t *left_window, const int8_t *right_window,
                                    int8_t *restrict left, int8_t *restrict right,
                                    enum kernel_finish finish)
{
    const struct kernel_output *output = &layer->output;
    const int8_t *const start = left_window + layer->depth % 8;
    const int8_t *const end = left_window + layer->depth;
    const int stride = output->channel_stride;
    const int8_t *weights = layer->weights;
    const int32_t *numbers = output->numbers;
    const int32_t *const last = numbers + 3 * (output->channels - 1);
    for (; numbers <= last; numbers += 6) {
        int32_t left_first = numbers[0];
        int32_t right_first = left_first;
        int32_t left_second = numbers < last ? numbers[3] : 0;
        int32_t right_second = left_second;
        const int8_t *in_left = left_window;
        const int8_t *in_right = right_window;
        while (in_left < start) {
            ADD_PRODUCTS;
        }
        while (in_left < end) {
            ADD_PRODUCTS;
            ADD_PRODUCTS;
            ADD_PRODUCTS;
            ADD_PRODUCTS;
            ADD_PRODUCTS;
            ADD_PRODUCTS;
            ADD_PRODUCTS;
            ADD_PRODUCTS;
        }
        *right = rescaled(output, right_first, numbers, finish);
        *left = rescaled(output, left_first, numbers, finish);
        if (numbers < last) {
            right[stride] = rescaled(output, right_second, numbers + 3, finish);
            left[stride] = rescaled(output, left_second, numbers + 3, finish);
        }
        left += 2 * stride;
        right += 2 * stride;
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
        const int8_t *const left_window = window_at(layer, rows, left, gathered[0]);
        const int8_t *const right_window = window_at(layer, rows, right, gathered[1]);
        int8_t *const to_left = values + left * output->column_stride;
        int8_t *const to_right = values + right * output->column_stride;
        if (finish == KERNEL_SATURATE_FROM_LOWEST) {
            convolve_columns(layer, left_window, right_window, to_left, to_right,
                             KERNEL_SATURATE_FROM_LOWEST);
        } else if (finish == KERNEL_SATURATE) {
            convolve_columns(layer, left_window, right_window, to_left, to_right,
                             KERNEL_SATURATE);
        } else {
            convolve_columns(layer, left_window, right_window, to_left, to_right, KERNEL_CLAMP);
        }
    }
}

/* One channel of a row by a window of 3 x 3 whose columns stand side by side. */
KERNEL_INLINE void depthwise_3x3(const struct kernel_depthwise *layer, const int8_t *const *rows,
                                 int channel, int8_t *restrict values,
                                 enum kernel_finish finish)
{
    const struct kernel_output *output = &layer->output;
    const int32_t *const numbers = output->numbers + 3 * channel;
    const int8_t *const w = layer->weights + 9 * channel;
    const int start = channel / layer->multiplier * layer->in_channel_stride;
    const int step = layer->step;
    const int8_t *a = rows[0] + start;
    const int8_t *b = rows[1] + start;
    const int8_t *c = rows[2] + start;
    const int8_t *const end = a + output->columns * step;
    while (a < end) {
        int32_t sum = numbers[0];
        sum += a[0] * w[0] + a[1] * w[1] + a[2] * w[2];
        sum += b[0] * w[3] + b[1] * w[4] + b[2] * w[5];
        sum += c[0] * w[6] + c[1] * w[7] + c[2] * w[8];
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
        const int8_t *weights = layer->weights + channel * layer->rows * layer->columns;
        int32_t sum = numbers[0];
        for (int row = 0; row < layer->rows; row++) {
            const int8_t *value = rows[row] + start + column * layer->step;
            for (int i = 0; i < layer->columns; i++) {
                sum += *value * *weights++;
                value += layer->in_column_stride;
            }
        }
        values[column * output->column_stride] =
            rescaled(output, sum, numbers, KERNEL_CLAMP);
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
            depthwise_3x3(layer, rows, channel, values, KERNEL_SATURATE_FROM_LOWEST);
        } else {
            depthwise_3x3(layer, rows, channel, values, KERNEL_CLAMP);
        }
        values += layer->output.channel_stride;
    }
}

#endif
