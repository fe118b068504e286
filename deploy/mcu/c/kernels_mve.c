/*
 * Layers with the vectors of Cortex-M55 (MVE).
 *
 * Weights are int8. Of a convolution they are [fours of out channels][blocks][4][16], the depth cut
 * into blocks of 16; of a depthwise layer with a window of at most 4 x 4 whose columns stand side
 * by side [channels][columns][4], the window's rows filled up to four; of another depthwise layer
 * [channels][rows][columns]. What is filled up is 0. The numbers of four channels are a struct
 * scales.
 */
#include "kernels.h"

#if defined(KERNEL_MVE)

#include <arm_mve.h>

/* What turns the sums of four channels into values. */
struct scales {
    int32_t bias[4];
    int32_t multiplier[4]; /* of 2^-31 */
    int8_t left[4];        /* shifts before the multiplication, in [0, 30] */
    int8_t right[4];       /* shifts after it, in [-31, 0], that is to the right */
};

#define BLOCK 16
#define BLOCKS(depth) (((depth) + BLOCK - 1) / BLOCK)

/* Vectors are loaded faster from where they are aligned, and interleaved only to there. */
#define ALIGNED __attribute__((aligned(16)))

/* Windows of four columns, [blocks][4][16]; what fills up the depth meets weights of 0. */
static int8_t windows[4 * BLOCK * BLOCKS(MODEL_LARGEST_DEPTH)] ALIGNED;

/* The rows of four channels, woven: [channels][columns][4 rows], and what is read past them. */
#define PIECE 64
static int8_t woven[4 * PIECE * 4 + BLOCK] ALIGNED;

/* A vector of four registers. */
static inline int32x4_t vector_of(int32_t a, int32_t b, int32_t c, int32_t d)
{
    int32x4_t result;
    __asm__("vmov %q0[2], %q0[0], %1, %3\n\t"
            "vmov %q0[3], %q0[1], %2, %4"
            : "=&w"(result)
            : "r"(a), "r"(b), "r"(c), "r"(d));
    return result;
}

/*
 * Whether it matters that halves are taken away from zero, not up; not so where all that is
 * negative becomes the minimum.
 */
static inline bool rounds_away(const struct kernel_output *output)
{
    return output->minimum < output->zero_point;
}

/* high / 2^-right, to the nearest; halves go away from zero or up. */
KERNEL_INLINE int32x4_t shifted(int32x4_t high, int32x4_t right, bool away)
{
    if (away && !MODEL_FAST_ROUNDING) { /* one less where negative, unless there is no shift */
        high = vaddq_s32(high, vshrq_n_s32(vandq_s32(high, right), 31));
    }
    return vrshlq_s32(high, right);
}

static inline int32x4_t clamped(int32x4_t value, int32_t minimum, int32_t maximum)
{
    return vminq_s32(vmaxq_s32(value, vdupq_n_s32(minimum)), vdupq_n_s32(maximum));
}

/*
 * The next numbers of four channels, at `offset` in their scales, and what is done with them. The
 * scales are read here, not by intrinsics, for the compiler would keep them where it has no room.
 */
#define LOAD(VLDR, offset) VLDR " %q[numbers], [%[scales], #" offset "]\n\t"
#define APPLY(OPERATION, sums) OPERATION " %q[" sums "], %q[" sums "], %q[numbers]\n\t"

/* Adds the biases of four channels, shifts to the left, multiplies; returns the other shifts. */
KERNEL_INLINE int32x4_t multiply(int32x4_t *sums, const struct scales *scales)
{
    int32x4_t numbers;
    __asm__(LOAD("vldrw.32", "0") APPLY("vadd.i32", "sums")
            LOAD("vldrb.s32", "32") APPLY("vshl.s32", "sums")
            LOAD("vldrw.32", "16") APPLY("vqrdmulh.s32", "sums")
            LOAD("vldrb.s32", "36")
            : [sums] "+w"(*sums), [numbers] "=&w"(numbers)
            : [scales] "l"(scales), "m"(*scales));
    return numbers;
}

/* The same for two columns. */
KERNEL_INLINE int32x4_t multiply_two(int32x4_t sums[2], const struct scales *scales)
{
    int32x4_t numbers;
    __asm__(LOAD("vldrw.32", "0") APPLY("vadd.i32", "first") APPLY("vadd.i32", "second")
            LOAD("vldrb.s32", "32") APPLY("vshl.s32", "first") APPLY("vshl.s32", "second")
            LOAD("vldrw.32", "16") APPLY("vqrdmulh.s32", "first") APPLY("vqrdmulh.s32", "second")
            LOAD("vldrb.s32", "36")
            : [first] "+w"(sums[0]), [second] "+w"(sums[1]), [numbers] "=&w"(numbers)
            : [scales] "l"(scales), "m"(*scales));
    return numbers;
}

/* Products of sums and multipliers to values. */
KERNEL_INLINE int32x4_t finished(const struct kernel_output *output, int32x4_t high,
                                 int32x4_t right, bool away)
{
    const int32x4_t value = vaddq_n_s32(shifted(high, right, away), output->zero_point);
    return clamped(value, output->minimum, output->maximum);
}

/* Sums of four channels to values. */
KERNEL_INLINE int32x4_t rescaled(const struct kernel_output *output, int32x4_t sums,
                                 const struct scales *scales, bool away)
{
    const int32x4_t right = multiply(&sums, scales);
    return finished(output, sums, right, away);
}

/* Sums of one channel, the i-th of its four, to values. */
KERNEL_INLINE int32x4_t rescaled_channel(const struct kernel_output *output, int32x4_t sums,
                                         const struct scales *scales, int i, bool away)
{
    sums = vshlq_r_s32(vaddq_n_s32(sums, scales->bias[i]), scales->left[i]);
    const int32x4_t high = vqrdmulhq_n_s32(sums, scales->multiplier[i]);
    const int32x4_t value = away ? shifted(high, vdupq_n_s32(scales->right[i]), true)
                                 : vrshlq_n_s32(high, scales->right[i]);
    return clamped(vaddq_n_s32(value, output->zero_point), output->minimum, output->maximum);
}

/* The first `count` of four values. */
static inline void store(int8_t *values, int32x4_t four, int count)
{
    if (count >= 4) {
        vstrbq_s32(values, four);
    } else {
        vstrbq_p_s32(values, four, vctp32q((uint32_t)count));
    }
}

/* --- Convolution -------------------------------------------------------------------------------*/

/* Copies the window that starts at `offset` of each row to one piece. */
static void join(const struct kernel_convolution *layer, const int8_t *const *rows, int offset,
                 int8_t *to)
{
    const int blocks = BLOCKS(layer->run);
    const int too_many = BLOCK * blocks - layer->run;
    for (const int8_t *const *const end = rows + layer->rows; rows < end; rows++) {
        const int8_t *from = *rows + offset;
        for (int block = 0; block < blocks; block++) {
            vstrbq_s8(to, vldrbq_s8(from));
            from += BLOCK;
            to += BLOCK;
        }
        to -= too_many; /* they are overwritten next, or meet weights of 0 */
    }
}

/* Gathers the windows of `count` columns, at most four, from `column` on. */
static void gather(const struct kernel_convolution *layer, const int8_t *const *rows, int column,
                   int count)
{
    static int8_t joined[BLOCK * (BLOCKS(MODEL_LARGEST_DEPTH) + 1)] ALIGNED;
    const int8_t *from = rows[0] + column * layer->step;
    for (int i = 0; i < count; i++) {
        int8_t *to = windows + BLOCK * i;
        const int8_t *block = from;
        if (layer->rows > 1) {
            join(layer, rows, (column + i) * layer->step, joined);
            block = joined;
        }
        for (int left = layer->depth; left > 0; left -= BLOCK) {
            vstrbq_s8(to, vldrbq_s8(block));
            block += BLOCK;
            to += 4 * BLOCK;
        }
        from += layer->step;
    }
}

/* A block of four streams, a to d, times a block of two, x and y. */
#define MULTIPLY_BLOCKS(VMLADAV)                                                                   \
    "vldrb.8 %q[x], [%[two]], #16\n\t"                                                             \
    "vldrb.8 %q[even], [%[four]], #16\n\t" VMLADAV " %[ax], %q[even], %q[x]\n\t"                   \
    "vldrb.8 %q[y], [%[two]], #48\n\t" VMLADAV " %[ay], %q[even], %q[y]\n\t"                       \
    "vldrb.8 %q[odd], [%[four]], #16\n\t" VMLADAV " %[bx], %q[odd], %q[x]\n\t"                     \
    "vldrb.8 %q[even], [%[four]], #16\n\t" VMLADAV " %[by], %q[odd], %q[y]\n\t"                    \
    "vldrb.8 %q[odd], [%[four]], #16\n\t" VMLADAV " %[cx], %q[even], %q[x]\n\t"                    \
    VMLADAV " %[dx], %q[odd], %q[x]\n\t"                                                           \
    VMLADAV " %[cy], %q[even], %q[y]\n\t"                                                          \
    VMLADAV " %[dy], %q[odd], %q[y]\n\t"

/*
 * Products of four streams and two, summed up; both are [blocks][4][16], at least one block.
 * VMLADAV sums up into a register of even number; there are eight, so that none is left for a
 * hardware loop. Loads and products take turns, as the processor overlaps the one with the other.
 * Returns the end of `four`.
 */
KERNEL_INLINE const int8_t *multiply_4x2(const int8_t *four, const int8_t *two, int blocks,
                                         int32x4_t sums[2])
{
    int32_t ax, ay, bx, by, cx, cy, dx, dy;
    int8x16_t even, odd, x, y;
    __asm__(MULTIPLY_BLOCKS("vmladav.s8")
            "subs %[blocks], #1\n\t"
            "beq 2f\n"
            "1:\n\t"
            MULTIPLY_BLOCKS("vmladava.s8")
            "subs %[blocks], #1\n\t"
            "bne 1b\n"
            "2:"
            : [four] "+r"(four), [two] "+r"(two), [blocks] "+r"(blocks), [ax] "=&Te"(ax),
              [ay] "=&Te"(ay), [bx] "=&Te"(bx), [by] "=&Te"(by), [cx] "=&Te"(cx),
              [cy] "=&Te"(cy), [dx] "=&Te"(dx), [dy] "=&Te"(dy), [even] "=&w"(even),
              [odd] "=&w"(odd), [x] "=&w"(x), [y] "=&w"(y)
            :
            : "cc", "memory");
    sums[0] = vector_of(ax, bx, cx, dx);
    sums[1] = vector_of(ay, by, cy, dy);
    return four;
}

/* The same with one stream. */
KERNEL_INLINE int32x4_t multiply_4x1(const int8_t *four, const int8_t *one, int blocks)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (; blocks > 0; blocks--) {
        const int8x16_t x = vldrbq_s8(one);
        a = vmladavaq_s8(a, vldrbq_s8(four), x);
        b = vmladavaq_s8(b, vldrbq_s8(four + BLOCK), x);
        c = vmladavaq_s8(c, vldrbq_s8(four + 2 * BLOCK), x);
        d = vmladavaq_s8(d, vldrbq_s8(four + 3 * BLOCK), x);
        four += 4 * BLOCK;
        one += 4 * BLOCK;
    }
    return vector_of(a, b, c, d);
}

/* All channels of two columns, channels side by side. */
KERNEL_INLINE void convolve_two(const struct kernel_convolution *layer, const int8_t *window,
                                int8_t *restrict values, bool away)
{
    const struct kernel_output output = layer->output;
    const struct scales *scales = (const struct scales *)output.numbers;
    const int blocks = BLOCKS(layer->depth);
    const int8_t *weights = layer->weights;
    const int8_t *const end = values + output.channels;
    while (values < end) {
        int32x4_t sums[2];
        weights = multiply_4x2(weights, window, blocks, sums);
        const int32x4_t right = multiply_two(sums, scales);
        const int32x4_t first = finished(&output, sums[0], right, away);
        const int32x4_t second = finished(&output, sums[1], right, away);
        if (end - values >= 4) {
            vstrbq_s32(values, first);
            vstrbq_s32(values + output.column_stride, second);
        } else {
            const mve_pred16_t rest = vctp32q((uint32_t)(end - values));
            vstrbq_p_s32(values, first, rest);
            vstrbq_p_s32(values + output.column_stride, second, rest);
        }
        scales++;
        values += 4;
    }
}

/* All channels of one column. */
KERNEL_INLINE void convolve_one(const struct kernel_convolution *layer, const int8_t *window,
                                int8_t *restrict values, bool away)
{
    const struct kernel_output output = layer->output;
    const struct scales *scales = (const struct scales *)output.numbers;
    const int blocks = BLOCKS(layer->depth);
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), output.channel_stride);
    const int8_t *weights = layer->weights;
    for (int left = output.channels; left > 0; left -= 4) {
        const int32x4_t sums = multiply_4x1(weights, window, blocks);
        const int32x4_t four = rescaled(&output, sums, scales, away);
        if (output.channel_stride == 1 && left >= 4) {
            vstrbq_s32(values, four);
        } else {
            vstrbq_scatter_offset_p_s32(values, places, four, vctp32q((uint32_t)left));
        }
        weights += 4 * BLOCK * blocks;
        scales++;
        values += 4 * output.channel_stride;
    }
}

/* The i-th and the next of four channels, of which `left` are there, in four columns. */
KERNEL_INLINE void convolve_pair(const struct kernel_output *output, const int8_t *weights,
                                 int blocks, const struct scales *scales, int i, int left,
                                 int8_t *restrict values, bool away)
{
    int32x4_t sums[2];
    multiply_4x2(windows, weights + BLOCK * i, blocks, sums);
    values += i * output->channel_stride;
    vstrbq_s32(values, rescaled_channel(output, sums[0], scales, i, away));
    if (i + 1 < left) {
        values += output->channel_stride;
        vstrbq_s32(values, rescaled_channel(output, sums[1], scales, i + 1, away));
    }
}

/* All channels of four columns, columns side by side. */
KERNEL_INLINE void convolve_planes(const struct kernel_convolution *layer,
                                   int8_t *restrict values, bool away)
{
    const struct kernel_output output = layer->output;
    const struct scales *scales = (const struct scales *)output.numbers;
    const int blocks = BLOCKS(layer->depth);
    const int8_t *weights = layer->weights;
    for (int left = output.channels; left > 0; left -= 4) {
        convolve_pair(&output, weights, blocks, scales, 0, left, values, away);
        if (left > 2) {
            convolve_pair(&output, weights, blocks, scales, 2, left, values, away);
        }
        weights += 4 * BLOCK * blocks;
        scales++;
        values += 4 * output.channel_stride;
    }
}

/* The columns that have been gathered. */
KERNEL_INLINE void convolve(const struct kernel_convolution *layer, int count,
                            int8_t *restrict values, bool away)
{
    const int stride = layer->output.column_stride;
    int column = 0;
    if (count == 4 && stride == 1) {
        convolve_planes(layer, values, away);
        return;
    }
    for (; column + 2 <= count && layer->output.channel_stride == 1; column += 2) {
        convolve_two(layer, windows + BLOCK * column, values + column * stride, away);
    }
    for (; column < count; column++) {
        convolve_one(layer, windows + BLOCK * column, values + column * stride, away);
    }
}

void kernel_convolution(const struct kernel_convolution *layer, const int8_t *const *rows,
                        int8_t *restrict values)
{
    const bool away = rounds_away(&layer->output);
    for (int column = 0; column < layer->output.columns; column += 4) {
        const int left = layer->output.columns - column;
        const int count = left < 4 ? left : 4;
        gather(layer, rows, column, count);
        if (away) {
            convolve(layer, count, values, true);
        } else {
            convolve(layer, count, values, false);
        }
        values += 4 * layer->output.column_stride;
    }
}

/* --- Depthwise convolution ---------------------------------------------------------------------*/

/*
 * Weaves `columns` of up to four rows into [columns][4], so that the values of a window stand side
 * by side. A row that is missing meets weights of 0.
 */
static void weave(const int8_t *const *rows, int count, int offset, int columns, int8_t *to)
{
    const int8_t *a = rows[0] + offset;
    const int8_t *b = rows[count > 1 ? 1 : 0] + offset;
    const int8_t *c = rows[count > 2 ? 2 : 0] + offset;
    const int8_t *d = rows[count > 3 ? 3 : 0] + offset;
    for (; columns > 0; columns -= BLOCK) {
        __asm__ volatile("vldrb.8 q0, [%[a]], #16\n\t"
                         "vldrb.8 q1, [%[b]], #16\n\t"
                         "vldrb.8 q2, [%[c]], #16\n\t"
                         "vldrb.8 q3, [%[d]], #16\n\t"
                         "vst40.8 {q0, q1, q2, q3}, [%[to]]\n\t"
                         "vst41.8 {q0, q1, q2, q3}, [%[to]]\n\t"
                         "vst42.8 {q0, q1, q2, q3}, [%[to]]\n\t"
                         "vst43.8 {q0, q1, q2, q3}, [%[to]]!"
                         : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [to] "+r"(to)
                         :
                         : "q0", "q1", "q2", "q3", "memory");
    }
}

/* Weaves a piece of the rows that four channels read; returns the columns from one to the next. */
static int weave_four(const struct kernel_depthwise *layer, const int8_t *const *rows, int channel,
                      int offset, int columns)
{
    const int stride = layer->in_channel_stride;
    const int left = layer->output.channels - channel;
    const int count = left < 4 ? left : 4;
    if (columns <= stride && stride <= PIECE && layer->multiplier == 1) { /* all at once */
        weave(rows, layer->rows, channel * stride + offset, (count - 1) * stride + columns, woven);
        return stride;
    }
    for (int i = 0; i < count; i++) {
        const int from = (channel + i) / layer->multiplier * stride + offset;
        weave(rows, layer->rows, from, columns, woven + 4 * PIECE * i);
    }
    return PIECE;
}

/* Products of four woven windows, each with its weights; moves on to the next, `STEP` bytes on. */
#define MULTIPLY_WOVEN(STEP)                                                                       \
    __asm__("vldrb.8 %q[x], [%[a]], #" STEP "\n\t"                                                 \
            "vldrb.8 %q[y], [%[b]], #" STEP "\n\t"                                                 \
            "vmladav.s8 %[sum_a], %q[x], %q[weights_a]\n\t"                                        \
            "vldrb.8 %q[x], [%[c]], #" STEP "\n\t"                                                 \
            "vmladav.s8 %[sum_b], %q[y], %q[weights_b]\n\t"                                        \
            "vldrb.8 %q[y], [%[d]], #" STEP "\n\t"                                                 \
            "vmladav.s8 %[sum_c], %q[x], %q[weights_c]\n\t"                                        \
            "vmladav.s8 %[sum_d], %q[y], %q[weights_d]"                                            \
            : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [sum_a] "=&Te"(sum_a),           \
              [sum_b] "=&Te"(sum_b), [sum_c] "=&Te"(sum_c), [sum_d] "=&Te"(sum_d),                 \
              [x] "=&w"(x), [y] "=&w"(y)                                                           \
            : [weights_a] "w"(weights_a), [weights_b] "w"(weights_b), [weights_c] "w"(weights_c),  \
              [weights_d] "w"(weights_d)                                                           \
            : "memory")

/* `columns` of the `left` channels from `channel` on, at most four, whose rows are woven. */
KERNEL_INLINE void convolve_woven(const struct kernel_depthwise *layer, int channel, int columns,
                                  int pitch, int8_t *restrict values, bool away, int step,
                                  int left)
{
    const struct kernel_output output = layer->output;
    const struct scales *scales = (const struct scales *)output.numbers + channel / 4;
    const int area = 4 * layer->columns;
    const int8_t *const weights = layer->weights + channel * area;
    const int8x16_t weights_a = vldrbq_z_s8(weights, vctp8q((uint32_t)area));
    const int8x16_t weights_b = vldrbq_z_s8(weights + area, vctp8q((uint32_t)area));
    const int8x16_t weights_c = vldrbq_z_s8(weights + 2 * area, vctp8q((uint32_t)area));
    const int8x16_t weights_d = vldrbq_z_s8(weights + 3 * area, vctp8q((uint32_t)area));
    const int8_t *a = woven;
    const int8_t *b = a + 4 * pitch;
    const int8_t *c = b + 4 * pitch;
    const int8_t *d = c + 4 * pitch;
    for (; columns > 0; columns--) {
        int32_t sum_a, sum_b, sum_c, sum_d;
        int8x16_t x, y;
        if (step == 1) {
            MULTIPLY_WOVEN("4");
        } else if (step == 2) {
            MULTIPLY_WOVEN("8");
        } else {
            MULTIPLY_WOVEN("0");
            a += 4 * step;
            b += 4 * step;
            c += 4 * step;
            d += 4 * step;
        }
        const int32x4_t sums = vector_of(sum_a, sum_b, sum_c, sum_d);
        const int32x4_t four = rescaled(&output, sums, scales, away);
        store(values, four, left);
        values += output.column_stride;
    }
}

/* The same for each step that there is an instruction for. */
static void depthwise_piece(const struct kernel_depthwise *layer, int channel, int columns,
                            int pitch, int8_t *restrict values)
{
    const int left = layer->output.channels - channel;
    const bool usual = left >= 4 && !rounds_away(&layer->output);
    if (usual && layer->step == 1) {
        convolve_woven(layer, channel, columns, pitch, values, false, 1, 4);
    } else if (usual && layer->step == 2) {
        convolve_woven(layer, channel, columns, pitch, values, false, 2, 4);
    } else {
        convolve_woven(layer, channel, columns, pitch, values, true, layer->step, left);
    }
}

/* Windows of at most 4 x 4 whose columns stand side by side, on pieces of rows. */
static void depthwise_woven(const struct kernel_depthwise *layer, const int8_t *const *rows,
                            int8_t *restrict values)
{
    const struct kernel_output *output = &layer->output;
    const int step = layer->step;
    const int most = (PIECE - layer->columns) / step + 1;
    for (int channel = 0; channel < output->channels; channel += 4) {
        for (int column = 0; column < output->columns; column += most) {
            const int left = output->columns - column;
            const int count = left < most ? left : most;
            const int width = (count - 1) * step + layer->columns;
            const int pitch = weave_four(layer, rows, channel, column * step, width);
            depthwise_piece(layer, channel, count, pitch,
                            values + channel + column * output->column_stride);
        }
    }
}

/* One channel by any window. */
static void depthwise_any(const struct kernel_depthwise *layer, const int8_t *const *rows,
                          int channel, int8_t *restrict values)
{
    const struct kernel_output *output = &layer->output;
    const struct scales *scales = (const struct scales *)output->numbers + channel / 4;
    const int start = channel / layer->multiplier * layer->in_channel_stride;
    for (int column = 0; column < output->columns; column++) {
        const int8_t *weights = layer->weights + channel * layer->rows * layer->columns;
        int32_t sum = 0;
        for (int row = 0; row < layer->rows; row++) {
            const int8_t *value = rows[row] + start + column * layer->step;
            for (int i = 0; i < layer->columns; i++) {
                sum += *value * *weights++;
                value += layer->in_column_stride;
            }
        }
        const int32x4_t four =
            rescaled_channel(output, vdupq_n_s32(sum), scales, channel % 4, true);
        values[column * output->column_stride] = (int8_t)vgetq_lane_s32(four, 0);
    }
}

void kernel_depthwise(const struct kernel_depthwise *layer, const int8_t *const *rows,
                      int8_t *restrict values)
{
    if (layer->rows <= 4 && layer->columns <= 4 && layer->in_column_stride == 1) {
        depthwise_woven(layer, rows, values);
        return;
    }
    for (int channel = 0; channel < layer->output.channels; channel++) {
        depthwise_any(layer, rows, channel, values);
        values += layer->output.channel_stride;
    }
}

/* --- Sums and means ----------------------------------------------------------------------------*/

#if MODEL_FAST_ROUNDING

void kernel_add(const struct kernel_add *layer, const int8_t *first, const int8_t *second,
                int8_t *restrict values, int count)
{
    const int32_t minimum = layer->minimum;
    const int32_t maximum = layer->maximum;
    const int32_t factors[2] = {layer->factors[0], layer->factors[1]};
    const int32_t constant = layer->constant;
    const int32_t shift = -layer->shift;
    for (; count > 0; count -= 4) {
        int32x4_t sum = vmulq_n_s32(vldrbq_s32(first), factors[0]);
        sum = vmlaq_n_s32(sum, vldrbq_s32(second), factors[1]);
        sum = vshlq_r_s32(vaddq_n_s32(sum, constant), shift);
        store(values, clamped(sum, minimum, maximum), count);
        first += 4;
        second += 4;
        values += 4;
    }
}

#else

/* Four values with 20 more bits, from the zero point on, in the common scale. */
KERNEL_INLINE int32x4_t widened(const int8_t *values, int32_t zero_point, int32_t multiplier,
                                int32x4_t right)
{
    const int32x4_t value = vshlq_n_s32(vsubq_n_s32(vldrbq_s32(values), zero_point), 20);
    return shifted(vqrdmulhq_n_s32(value, multiplier), right, true);
}

void kernel_add(const struct kernel_add *layer, const int8_t *first, const int8_t *second,
                int8_t *restrict values, int count)
{
    const struct kernel_add numbers = *layer;
    const int32x4_t first_right = vdupq_n_s32(-numbers.shifts[0]);
    const int32x4_t second_right = vdupq_n_s32(-numbers.shifts[1]);
    const int32x4_t right = vdupq_n_s32(-numbers.shifts[2]);
    for (; count > 0; count -= 4) {
        int32x4_t sum = vaddq_s32(
            widened(first, numbers.zero_points[0], numbers.multipliers[0], first_right),
            widened(second, numbers.zero_points[1], numbers.multipliers[1], second_right));
        sum = shifted(vqrdmulhq_n_s32(sum, numbers.multipliers[2]), right, true);
        sum = vaddq_n_s32(sum, numbers.zero_point);
        store(values, clamped(sum, numbers.minimum, numbers.maximum), count);
        first += 4;
        second += 4;
        values += 4;
    }
}

#endif

/* Largest window whose means a multiplication gives. */
#define LARGEST_AREA 2048

/*
 * Four sums / area, to the nearest, halves away from zero; area up to LARGEST_AREA, |sum| up to 128
 * of it. With n = 2 * |sum| + area, n / (2 * area) rounded down is the upper word of
 * n * reciprocal, where reciprocal is 2^31 / area rounded up: 2 * area * reciprocal exceeds 2^32 by
 * less than 2 * area, and n times that is below 2^32, too little to reach the next quotient.
 */
static inline int32x4_t rounded_means(int32x4_t sums, int area, uint32_t reciprocal)
{
    const int32x4_t doubled = vshlq_n_s32(vabsq_s32(sums), 1);
    const uint32x4_t n = vreinterpretq_u32_s32(vaddq_n_s32(doubled, area));
    const int32x4_t means = vreinterpretq_s32_u32(vmulhq_u32(n, vdupq_n_u32(reciprocal)));
    const int32x4_t signs = vshrq_n_s32(sums, 31);
    return vsubq_s32(veorq_s32(means, signs), signs);
}

/* The same for any area. */
static int32x4_t divided_means(int32x4_t sums, int area)
{
    int32_t lanes[4];
    vstrwq_s32(lanes, sums);
    for (int i = 0; i < 4; i++) {
        lanes[i] = (lanes[i] > 0 ? lanes[i] + area / 2 : lanes[i] - area / 2) / area;
    }
    return vldrwq_s32(lanes);
}

/* Sums of four channels, from byte `offset` of each row on. */
static inline int32x4_t sums_of_window(const int8_t *const *rows, int count, int columns,
                                       int channels, int offset)
{
    int32x4_t sums = vdupq_n_s32(0);
    for (int row = 0; row < count; row++) {
        const int8_t *value = rows[row] + offset;
        for (int column = 0; column < columns; column++) {
            sums = vaddq_s32(sums, vldrbq_s32(value));
            value += channels;
        }
    }
    return sums;
}

/* Columns `start` to `end`, in the row with its margins, of all channels. */
static void pool_column(const struct kernel_pool *layer, const int8_t *const *rows,
                        int count, int start, int end, int8_t *restrict values)
{
    const int channels = layer->channels;
    const int area = count * (end - start);
    const uint32_t reciprocal = (((uint32_t)1 << 31) + (uint32_t)area - 1) / (uint32_t)area;
    for (int channel = 0; channel < channels; channel += 4) {
        const int32x4_t sums =
            sums_of_window(rows, count, end - start, channels, start * channels + channel);
        const int32x4_t means = area <= LARGEST_AREA ? rounded_means(sums, area, reciprocal)
                                                     : divided_means(sums, area);
        const int32x4_t four = clamped(means, layer->minimum, layer->maximum);
        store(values + channel, four, channels - channel);
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
