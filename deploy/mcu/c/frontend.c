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
#define QUARTER (POINTS / 4)

struct complex {
    float re;
    float im;
};

/* Where the samples of a window are; `count` is that of the samples after pre-emphasis. */
struct stretch {
    const int16_t *samples;
    int start;
    int count;
    int at_edge; /* whether the window has samples outside of the stretch */
};

/* Sample i after pre-emphasis, in steps of an int16. */
static inline float emphasised(const int16_t *samples, int i)
{
#if FRONTEND_SAMPLES_LOST
    return (float)samples[i + 1] - FRONTEND_PRE_EMPHASIS * (float)samples[i];
#else
    return (float)samples[i];
#endif
}

/* Sample i of a window, of which a stretch may hold only a part. */
static inline float sample_of(const struct stretch *stretch, int i)
{
    int place = stretch->start + i;
    if (stretch->at_edge) {
        place = place < 0 ? -place : place;
        place = place < stretch->count ? place : 2 * (stretch->count - 1) - place;
    }
    return emphasised(stretch->samples, place);
}

/* Samples i and i + 1, i even, times the window, which is stored up to its middle. */
static inline struct complex windowed(const struct stretch *stretch, int i)
{
    const int mirrored = i >= FRONTEND_WINDOW / 2;
    const float *weight = frontend_window + (mirrored ? FRONTEND_WINDOW_MIRROR - i : i);
    const float next = mirrored ? weight[-1] : weight[1];
    return (struct complex){sample_of(stretch, i) * weight[0], sample_of(stretch, i + 1) * next};
}

/* Input r of a quarter of the transform's inputs; those after the window are zero. */
static inline struct complex input(const struct stretch *stretch, int quarter, int r)
{
    const int i = 2 * (quarter * QUARTER + r);
    if (2 * (quarter + 1) * QUARTER > FRONTEND_WINDOW && i >= FRONTEND_WINDOW) {
        return (struct complex){0, 0};
    }
    return windowed(stretch, i);
}

static inline struct complex sum(struct complex a, struct complex b)
{
    return (struct complex){a.re + b.re, a.im + b.im};
}

static inline struct complex difference(struct complex a, struct complex b)
{
    return (struct complex){a.re - b.re, a.im - b.im};
}

static inline struct complex product(struct complex a, struct complex b)
{
    return (struct complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* a - i b and a + i b. */
static inline struct complex minus_turned(struct complex a, struct complex b)
{
    return (struct complex){a.re + b.im, a.im - b.re};
}

static inline struct complex plus_turned(struct complex a, struct complex b)
{
    return (struct complex){a.re - b.im, a.im + b.re};
}

/* exp(-2 pi i k / FRONTEND_FFT), k from 0 to FRONTEND_FFT / 4. */
static inline struct complex turn(int k)
{
    return (struct complex){frontend_cosine[k], -frontend_cosine[FRONTEND_FFT / 4 - k]};
}

/*
 * One transform from four a fourth as long: point k, at x[0], of those over the inputs 4n, 4n + 2,
 * 4n + 1 and 4n + 3, already turned by 0, 2k, k and 3k, to points k, k + distance, ...
 */
static inline void join_four(struct complex *x, int distance, struct complex of_0,
                             struct complex of_2, struct complex of_1, struct complex of_3)
{
    const struct complex even = sum(of_0, of_2);
    const struct complex even_opposed = difference(of_0, of_2);
    const struct complex odd = sum(of_1, of_3);
    const struct complex odd_opposed = difference(of_1, of_3);
    x[0] = sum(even, odd);
    x[distance] = minus_turned(even_opposed, odd_opposed);
    x[2 * distance] = difference(even, odd);
    x[3 * distance] = plus_turned(even_opposed, odd_opposed);
}

/* The number that, bit-reversed below QUARTER, follows: 0, QUARTER / 2, QUARTER / 4, ... */
static inline int next_reversed(int reversed)
{
    int bit = QUARTER / 2;
    while (reversed & bit) {
        reversed ^= bit;
        bit /= 2;
    }
    return reversed | bit;
}

/* Transforms of four windowed inputs each. */
static inline void transform_fours(struct complex *points, const struct stretch *stretch)
{
    int r = 0;
    for (struct complex *x = points; x < points + POINTS; x += 4) {
        join_four(x, 1, input(stretch, 0, r), input(stretch, 2, r), input(stretch, 1, r),
                  input(stretch, 3, r));
        r = next_reversed(r);
    }
}

/* One transform of eight points from two of four. */
static inline void join_two(struct complex *x)
{
    const float half = frontend_cosine[FRONTEND_FFT / 8];
    const struct complex odd[4] = {
        x[4],
        {half * (x[5].re + x[5].im), half * (x[5].im - x[5].re)},
        {x[6].im, -x[6].re},
        {half * (x[7].im - x[7].re), -half * (x[7].im + x[7].re)},
    };
    for (int k = 0; k < 4; k++) {
        x[k + 4] = difference(x[k], odd[k]);
        x[k] = sum(x[k], odd[k]);
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
        for (struct complex *x = points + k; x < points + POINTS; x += size) {
            join_four(x, distance, x[0], product(x[distance], twice),
                      product(x[2 * distance], once), product(x[3 * distance], thrice));
        }
    }
}

static void transform(struct complex *points, const struct stretch *stretch)
{
    int size = 4;
    if (stretch->at_edge) {
        transform_fours(points, stretch);
    } else {
        /* A copy of which the compiler knows that nothing is reflected. */
        const struct stretch inside = {stretch->samples + stretch->start, 0, 0, 0};
        transform_fours(points, &inside);
    }
#if FRONTEND_FFT_STAGES % 2 == 0
    for (struct complex *x = points; x < points + POINTS; x += 8) {
        join_two(x);
    }
    size = 8;
#endif
    while (size < POINTS) {
        size *= 4;
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
    stretch.at_edge = start < 0 || start + FRONTEND_WINDOW > stretch.count;
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
