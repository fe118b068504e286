/*
 * The arithmetic of an int8 network, one row at a time.
 *
 * Values are int8 and stand for (value - zero point) * scale. Weights are symmetric, with a scale
 * for each output channel. Sums are int32; the input's zero point is folded into the bias.
 *
 * A row in memory is [columns][channels], or, where a depthwise layer reads it, [channels][columns];
 * kernels take the strides of both. Margins are part of a row and hold the zero point.
 *
 * Which of kernels_portable.c, kernels_dsp.c and kernels_mve.c is compiled depends on the processor;
 * each has its own order of weights, which weights.h follows.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "model.h"

#if !defined(KERNEL_PORTABLE)
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define KERNEL_MVE
#elif defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define KERNEL_DSP
#else
#define KERNEL_PORTABLE
#endif
#endif

#if defined(KERNEL_DSP)
typedef uint32_t kernel_weight; /* two int16, or one */
#else
typedef int8_t kernel_weight;
#endif

/* For what is only fast where its arguments are constants. */
#if defined(__GNUC__)
#define KERNEL_INLINE static inline __attribute__((always_inline))
#else
#define KERNEL_INLINE static inline
#endif

/* A pointer whose values no other pointer reaches; C++ has no word of its own for it. */
#if defined(__cplusplus)
#define KERNEL_RESTRICT __restrict
#else
#define KERNEL_RESTRICT restrict
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* Bytes that a kernel may read past the last value of a buffer, without using them. */
#define KERNEL_SLACK 16

/* From sums to a row of values: multiplied, shifted, rounded, moved to the zero point, clamped. */
struct kernel_output {
    /*
     * Of each channel: bias; multiplier, of 2^-31, in [2^30, 2^31) or 0; shift, in [-31, 30], to the
     * left where positive. [channels][3], unless the kernel's file has another order.
     */
    const int32_t *numbers;
    int32_t zero_point; /* in [-128, 127], as the two limits */
    int32_t minimum;
    int32_t maximum;
    uint16_t channels;
    uint16_t columns;
    uint16_t channel_stride; /* bytes from a channel to the next */
    uint16_t column_stride;  /* bytes from a column to the next */
};

/* A convolution over all channels. */
struct kernel_convolution {
    struct kernel_output output;
    const kernel_weight *weights; /* [out channels][depth] in the order of the kernel's file */
    uint16_t depth;               /* values that an output sums up: rows * run */
    uint16_t rows;                /* of the window */
    uint16_t run;                 /* values of the window that stand side by side in a row */
    uint16_t step;                /* bytes from a window to the next */
};

/* A convolution of each channel by itself; output channel c reads input channel c / multiplier. */
struct kernel_depthwise {
    struct kernel_output output;
    const kernel_weight *weights; /* [channels][rows][columns] in the order of the kernel's file */
    uint16_t rows;                /* of the window */
    uint16_t columns;             /* of the window */
    uint16_t multiplier;
    uint16_t step;              /* bytes from a window to the next */
    uint16_t in_channel_stride; /* bytes */
    uint16_t in_column_stride;  /* bytes */
};

/* A sum of two rows. */
struct kernel_add {
#if MODEL_FAST_ROUNDING
    int32_t factors[2]; /* of the inputs; the sum of all products is below 2^31 */
    int32_t constant;   /* for the zero points, and half of the last bit */
    int32_t shift;      /* to the right */
#else
    /* Both inputs get 20 more bits and a common scale, then their sum is rescaled. */
    int32_t zero_points[2];
    int32_t multipliers[3]; /* of the two inputs and of the sum */
    int32_t shifts[3];      /* to the right, in [0, 31] */
    int32_t zero_point;
#endif
    int32_t minimum;
    int32_t maximum;
};

/* A rounded mean over a window, or its largest value, of each channel. */
struct kernel_pool {
    uint16_t columns;       /* of the window */
    uint16_t column_stride; /* columns from a window to the next */
    uint16_t in_columns;    /* of the input, without margins */
    uint16_t left;          /* columns of the window that lie before the input at its first place */
    uint16_t channels;
    uint16_t out_columns;
    bool margin_counts; /* whether margins take part, as values, or are left out */
    int32_t minimum;
    int32_t maximum;
};

/* A change of scale, or the end of a mean: (value - from) * multiplier, shifted, + to. */
struct kernel_rescaling {
    int32_t from;
    int32_t to;
    int32_t multiplier;
    int32_t shift;
};

/* Exponentials of the differences to the largest value, as shares of their sum. */
struct kernel_softmax {
    int32_t multiplier;
    int32_t left_shift;
    int32_t smallest_difference;
};

/* rows: the window's rows, each from its first column on; values: where the row's first goes. */
void kernel_convolution(const struct kernel_convolution *layer, const int8_t *const *rows,
                        int8_t *KERNEL_RESTRICT values);
void kernel_depthwise(const struct kernel_depthwise *layer, const int8_t *const *rows,
                      int8_t *KERNEL_RESTRICT values);
/* rows: only those that take part, `count` of them, so at most the window's. */
void kernel_average_pool(const struct kernel_pool *layer, const int8_t *const *rows,
                         int count, int8_t *KERNEL_RESTRICT values);
void kernel_max_pool(const struct kernel_pool *layer, const int8_t *const *rows, int count,
                     int8_t *KERNEL_RESTRICT values);
void kernel_add(const struct kernel_add *layer, const int8_t *first, const int8_t *second,
                int8_t *KERNEL_RESTRICT values, int count);
void kernel_rescale_row(const struct kernel_rescaling *layer, const int8_t *from, int8_t *values,
                        int count);
/* Adds a row to the sums, (value - zero point) each: sums [channels]. */
void kernel_sum_row(const int8_t *row, int columns, int channels, int32_t zero_point, int32_t *sums);
void kernel_mean(const struct kernel_rescaling *layer, const int32_t *sums, int8_t *values,
                 int channels);
void kernel_softmax(const struct kernel_softmax *layer, const int8_t *from, int8_t *values,
                    int columns, int channels);

/*
 * What a layer does to its values at the end. From a zero point of -128 all that is negative becomes
 * -128, whichever way its halves are rounded, which saves an instruction.
 */
enum kernel_finish { KERNEL_SATURATE_FROM_LOWEST, KERNEL_SATURATE, KERNEL_CLAMP };

static inline enum kernel_finish kernel_finish_of(const struct kernel_output *output)
{
    if (output->minimum > -128 || output->maximum < 127) {
        return KERNEL_CLAMP;
    }
    return output->zero_point == -128 ? KERNEL_SATURATE_FROM_LOWEST : KERNEL_SATURATE;
}

/* Columns `start` to `end`, not included, of a row with its margins. */
struct kernel_span {
    int start;
    int end;
};

/* The columns that take part in the pool of an output column. */
static inline struct kernel_span kernel_pool_span(const struct kernel_pool *layer, int column)
{
    struct kernel_span span;
    span.start = column * layer->column_stride;
    span.end = span.start + layer->columns;
    if (!layer->margin_counts) {
        const int end = layer->left + layer->in_columns;
        span.start = span.start > layer->left ? span.start : layer->left;
        span.end = span.end < end ? span.end : end;
    }
    return span;
}

static inline int32_t kernel_clamp(int32_t value, int32_t minimum, int32_t maximum)
{
    return value < minimum ? minimum : value > maximum ? maximum : value;
}

/* value * multiplier / 2^31, to the nearest, halves up. */
static inline int32_t kernel_high(int32_t value, int32_t multiplier)
{
    return (int32_t)(((int64_t)value * multiplier + (1 << 30)) >> 31);
}

/* The same for |value| <= 2^30, which takes the upper half of a product as it is. */
static inline int32_t kernel_high_of_small(int32_t value, int32_t multiplier)
{
#if defined(KERNEL_DSP)
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(value * 2), "r"(multiplier));
    return result;
#else
    return (int32_t)(((int64_t)(value * 2) * multiplier + (INT64_C(1) << 31)) >> 32);
#endif
}

/*
 * value / 2^shift, to the nearest; shift in [0, 31], |value| <= 2^30 where it is not 0. Exact
 * rounding takes halves away from zero, as TFLite does; fast rounding takes them up.
 */
static inline int32_t kernel_shift_right(int32_t value, int32_t shift)
{
    if (shift == 0) {
        return value;
    }
#if !MODEL_FAST_ROUNDING
    value += value >> 31;
#endif
    return (value + (1 << (shift - 1))) >> shift;
}

/* value * multiplier / 2^31 * 2^shift; shift in [-31, 30], |value| * 2^shift <= 2^30. */
static inline int32_t kernel_rescale(int32_t value, int32_t multiplier, int32_t shift)
{
    if (shift > 0) {
        return kernel_high(value * (1 << shift), multiplier);
    }
    return kernel_shift_right(kernel_high_of_small(value, multiplier), -shift);
}

#if defined(__cplusplus)
}
#endif

#endif
