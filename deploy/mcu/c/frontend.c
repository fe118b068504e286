/*
 * A window of samples, its power spectrum, its mel energies, their logarithm.
 *
 * The spectrum of FRONTEND_FFT real samples comes from a complex transform of half as many points:
 * even samples are the real parts, odd samples the imaginary parts, and the two spectra that this
 * mixes are taken apart at the end. The transform is in place, with decimation in time: its first
 * stage reads the samples in bit-reversed order, so nothing has to be sorted.
 */
#include "frontend.h"

#include <string.h>

#define FRONTEND_TABLES
#include "frontend_tables.h"
#include "model.h"

#define POINTS (FRONTEND_FFT / 2)
#define EIGHTH (POINTS / 8)

/* Points of the transforms that the first stage makes; the stages after it take four to one. */
#if FRONTEND_FFT_STAGES % 2 == 0
#define FIRST_SIZE 8
#else
#define FIRST_SIZE 4
#endif

/* For what is only fast where its arguments are constants. */
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

struct complex {
    float re;
    float im;
};

/* Where the samples of a window are. */
struct stretch {
    const int16_t *samples;
    int start;     /* may be negative */
    int count;     /* of the samples after pre-emphasis */
    int reflected; /* whether the window has samples outside of the stretch */
};

/* Sample i after pre-emphasis, in steps of an int16. */
INLINE float emphasised(const int16_t *samples, int i)
{
#if FRONTEND_SAMPLES_LOST
    return (float)samples[i + 1] - FRONTEND_PRE_EMPHASIS * (float)samples[i];
#else
    return (float)samples[i];
#endif
}

/* Sample i of a window. */
INLINE float sample_of(const struct stretch *stretch, int i)
{
    int place = stretch->start + i;
    if (stretch->reflected) {
        place = place < 0 ? -place : place;
        place = place < stretch->count ? place : 2 * (stretch->count - 1) - place;
    }
    return emphasised(stretch->samples, place);
}

/*
 * Input r + `eighth` * EIGHTH of the transform, r below EIGHTH: two samples times the window, of
 * which the first half is stored; zero after the window. Most comparisons are of constants.
 */
INLINE struct complex input(const struct stretch *stretch, int eighth, int r)
{
    const int first = 2 * EIGHTH * eighth;
    const int end = first + 2 * EIGHTH;
    const int i = first + 2 * r;
    if (end > FRONTEND_WINDOW && i >= FRONTEND_WINDOW) {
        return (struct complex){0, 0};
    }
    const float even = sample_of(stretch, i);
    const float odd = sample_of(stretch, i + 1);
    const int can_mirror = end > FRONTEND_WINDOW / 2;
    const int must_mirror = first >= FRONTEND_WINDOW / 2;
    if (!can_mirror || (!must_mirror && i < FRONTEND_WINDOW / 2)) {
        return (struct complex){even * frontend_window[i], odd * frontend_window[i + 1]};
    }
    const float *mirrored = &frontend_window[FRONTEND_WINDOW_MIRROR - i];
    return (struct complex){even * mirrored[0], odd * mirrored[-1]};
}

INLINE struct complex sum(struct complex a, struct complex b)
{
    return (struct complex){a.re + b.re, a.im + b.im};
}

INLINE struct complex difference(struct complex a, struct complex b)
{
    return (struct complex){a.re - b.re, a.im - b.im};
}

INLINE struct complex product(struct complex a, struct complex b)
{
    return (struct complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* a - i b and a + i b. */
INLINE struct complex minus_turned(struct complex a, struct complex b)
{
    return (struct complex){a.re + b.im, a.im - b.re};
}

INLINE struct complex plus_turned(struct complex a, struct complex b)
{
    return (struct complex){a.re - b.im, a.im + b.re};
}

/* exp(-2 pi i k / FRONTEND_FFT), k from 0 to FRONTEND_FFT / 4. */
INLINE struct complex turn(int k)
{
    return (struct complex){frontend_cosine[k], -frontend_cosine[FRONTEND_FFT / 4 - k]};
}

/*
 * One transform from four a fourth as long: point k, at x[0], of those over the inputs 4n, 4n + 2,
 * 4n + 1 and 4n + 3, already turned by 0, 2k, k and 3k, to points k, k + distance, ...
 */
INLINE void join_four(struct complex *x0, struct complex *x1, struct complex *x2,
                      struct complex *x3, struct complex of_0, struct complex of_2,
                      struct complex of_1, struct complex of_3)
{
    const struct complex even = sum(of_0, of_2);
    const struct complex even_opposed = difference(of_0, of_2);
    const struct complex odd = sum(of_1, of_3);
    const struct complex odd_opposed = difference(of_1, of_3);
    *x0 = sum(even, odd);
    *x1 = minus_turned(even_opposed, odd_opposed);
    *x2 = difference(even, odd);
    *x3 = plus_turned(even_opposed, odd_opposed);
}

/* The number that, with its bits in reverse order, follows: 0, EIGHTH / 2, EIGHTH / 4, ... */
INLINE int next_reversed(int reversed)
{
    int bit = EIGHTH / 2;
    while (reversed & bit) {
        reversed ^= bit;
        bit /= 2;
    }
    return reversed | bit;
}

/* Inputs r, r + 2 EIGHTH, r + 4 EIGHTH and r + 6 EIGHTH from an eighth on to one transform. */
INLINE void transform_four(const struct stretch *stretch, int eighth, int r, struct complex *x)
{
    join_four(x, x + 1, x + 2, x + 3, input(stretch, eighth, r), input(stretch, eighth + 4, r),
              input(stretch, eighth + 2, r), input(stretch, eighth + 6, r));
}

#if FIRST_SIZE == 8
/* One transform of eight points from two of four, of which the odd one is turned here. */
INLINE void join_two(const struct complex *even, const struct complex *odd, struct complex *x)
{
    const float half = frontend_cosine[FRONTEND_FFT / 8];
    const struct complex odd_1 = {half * (odd[1].re + odd[1].im), half * (odd[1].im - odd[1].re)};
    const struct complex odd_3 = {half * (odd[3].im - odd[3].re), -half * (odd[3].im + odd[3].re)};
    x[0] = sum(even[0], odd[0]);
    x[1] = sum(even[1], odd_1);
    x[2] = minus_turned(even[2], odd[2]);
    x[3] = sum(even[3], odd_3);
    x[4] = difference(even[0], odd[0]);
    x[5] = difference(even[1], odd_1);
    x[6] = plus_turned(even[2], odd[2]);
    x[7] = difference(even[3], odd_3);
}

/* Inputs r, r + EIGHTH, ... to one transform. */
INLINE void transform_eight(const struct stretch *stretch, int r, struct complex *x)
{
    struct complex even[4];
    struct complex odd[4];
    transform_four(stretch, 0, r, even);
    transform_four(stretch, 1, r, odd);
    join_two(even, odd, x);
}
#else
/* Inputs r, r + EIGHTH, ... to two transforms, of the even and of the odd ones. */
INLINE void transform_eight(const struct stretch *stretch, int r, struct complex *x)
{
    transform_four(stretch, 0, r, x);
    transform_four(stretch, 1, r, x + 4);
}
#endif

/* Windowed samples, in bit-reversed order, to transforms of FIRST_SIZE points. */
INLINE void begin_transform(struct complex *points, const struct stretch *stretch)
{
    int r = 0;
    for (struct complex *x = points; x < points + POINTS; x += 8) {
        transform_eight(stretch, r, x);
        r = next_reversed(r);
    }
}

/* Transforms of `size` points from those of size / 4. */
static void join_fours(struct complex *points, int size)
{
    const int distance = size / 4;
    for (int k = 0; k < distance; k++) {
        const struct complex once = turn(k * (FRONTEND_FFT / size));
        const struct complex twice = product(once, once);
        const struct complex thrice = product(once, twice);
        struct complex *x0 = points + k;
        struct complex *x1 = x0 + distance;
        struct complex *x2 = x1 + distance;
        struct complex *x3 = x2 + distance;
        for (int left = POINTS / size;;) {
            join_four(x0, x1, x2, x3, *x0, product(*x1, twice), product(*x2, once),
                      product(*x3, thrice));
            if (--left == 0) {
                break; /* here: pointers may not leave the array */
            }
            x0 += size;
            x1 += size;
            x2 += size;
            x3 += size;
        }
    }
}

static void transform(struct complex *points, const struct stretch *stretch)
{
    if (stretch->reflected) {
        begin_transform(points, stretch);
    } else { /* the same with constants, and so without most of the comparisons */
        const struct stretch inside = {stretch->samples + stretch->start, 0, 0, 0};
        begin_transform(points, &inside);
    }
    for (int size = 4 * FIRST_SIZE; size <= POINTS; size *= 4) {
        join_fours(points, size);
    }
}

/*
 * From the transform of pairs of samples to the power of bins 1 to POINTS - 1 of the samples, each
 * in place of a real part. What halves sums and differences is in the window.
 */
static void take_powers(struct complex *points)
{
    for (int k = 1; k <= POINTS / 2; k++) {
        struct complex *low = points + k;
        struct complex *high = points + POINTS - k;
        const struct complex even = {low->re + high->re, low->im - high->im};
        const struct complex odd = {low->im + high->im, high->re - low->re};
        const struct complex turned = product(odd, turn(k));
        const struct complex a = sum(even, turned);
        const struct complex b = difference(even, turned);
        low->re = a.re * a.re + a.im * a.im;
        high->re = b.re * b.re + b.im * b.im;
    }
}

/*
 * Between two neighbouring edges of the mel filters, a bin adds a share of its power to the filter
 * that rises there, and the rest to the one before, which falls.
 */
static void add_mels(const struct complex *points, float *mels)
{
    const struct complex *bin = points + FRONTEND_FIRST_BIN;
    const float *share = frontend_shares;
    float rising_before = 0;
    for (int edge = 0; edge <= FRONTEND_MELS; edge++) {
        const struct complex *end = bin + frontend_bins[edge];
        float whole = 0;
        float rising = 0;
        for (; bin < end; bin++) {
            whole += bin->re;
            rising += bin->re * *share++;
        }
        if (edge > 0) {
            mels[edge - 1] = rising_before + (whole - rising);
        }
        rising_before = rising;
    }
}

/*
 * The natural logarithm of a positive normal number, within 1e-6 of it or of 1.
 *
 * x = 2^exponent * fraction, fraction from sqrt(1/2) to sqrt(2), and log(fraction) is 2 artanh(t)
 * with t = (fraction - 1) / (fraction + 1), of which four terms are enough.
 */
static inline float natural_logarithm(float x)
{
    uint32_t bits;
    float fraction;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 23) - 127;
    bits = (bits & 0x7FFFFF) | 0x3F800000;
    memcpy(&fraction, &bits, sizeof fraction);
    if (fraction > 1.41421356f) {
        fraction *= 0.5f;
        exponent += 1;
    }
    const float t = (fraction - 1) / (fraction + 1);
    const float square = t * t;
    const float series = 1 + square * (1 / 3.0f + square * (1 / 5.0f + square * (1 / 7.0f)));
    return (float)exponent * 0.693147181f + 2 * t * series;
}

/* FRONTEND_MELS mel energies of a window, in model_arena. */
static const float *mel_energies(const int16_t *samples, int count, int start)
{
    struct complex *points = (struct complex *)model_arena.floats;
    float *mels = model_arena.floats + FRONTEND_FFT;
    struct stretch stretch = {samples, start, count - FRONTEND_SAMPLES_LOST, 0};
    stretch.reflected = start < 0 || start + FRONTEND_WINDOW > stretch.count;
    transform(points, &stretch);
    take_powers(points);
    add_mels(points, mels);
    return mels;
}

void frontend_log_mel(const int16_t *samples, int count, int start, float *log_mel)
{
    const float *mels = mel_energies(samples, count, start);
    for (int mel = 0; mel < FRONTEND_MELS; mel++) {
        const float value = natural_logarithm(mels[mel] + FRONTEND_LOG_OFFSET);
        log_mel[mel] = (value - FRONTEND_MEAN) / FRONTEND_DEVIATION;
    }
}

/* Rounded to the nearest, and saturated. */
static inline int8_t quantised(float log_mel)
{
    const float level = log_mel * FRONTEND_LEVELS_PER_UNIT + FRONTEND_LEVEL_OF_ZERO;
    if (level <= -128) {
        return -128;
    }
    if (level >= 127) {
        return 127;
    }
    return (int8_t)((int)(level + 128.5f) - 128); /* the conversion cuts off towards zero */
}

void frontend_column(const int16_t *samples, int count, int start, int8_t *column)
{
    const float *mels = mel_energies(samples, count, start);
    for (int mel = 0; mel < FRONTEND_MELS; mel++) {
        column[mel] = quantised(natural_logarithm(mels[mel] + FRONTEND_LOG_OFFSET));
    }
}
