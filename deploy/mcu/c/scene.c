/* The last samples and the last columns of a recording. */
#include "scene.h"

#include <limits.h>
#include <string.h>

#include "frontend.h"
#include "model.h"

#if MODEL_INPUT_ROWS != FRONTEND_MELS || MODEL_INPUT_COLUMNS != SCENE_COLUMNS
#error "the network's input is not a map of this front end"
#endif
#if MODEL_INPUT_CHANNELS != 1
#error "a map has one channel"
#endif
#if MODEL_OUTPUT_SIZE != SCENE_LABELS
#error "the network has not one logit for each label"
#endif
#if MODEL_ARENA_BYTES < FRONTEND_SCRATCH_BYTES
#error "model_arena is too small for the front end"
#endif

/* A window, and one sample before it, which its reflection may need at the end of a recording. */
#define KEPT_BEFORE 1
#define SAMPLES (KEPT_BEFORE + FRONTEND_REACH)

const char *const scene_labels[SCENE_LABELS] = {SCENE_LABEL_NAMES};

static int16_t samples_kept[SAMPLES];
static int held;  /* samples in it */
static int start; /* where in it the next window begins; negative before the recording */
static int listening;

static int8_t columns_kept[SCENE_COLUMNS][FRONTEND_MELS];
static int oldest; /* of the ring of columns */
static int computed;

void scene_reset(void)
{
    held = 0;
    start = -(FRONTEND_WINDOW / 2);
    listening = 1;
    oldest = 0;
    computed = 0;
    memset(columns_kept, FRONTEND_SILENCE, sizeof columns_kept);
}

/* Samples that the next window needs, its reflection before the recording included. */
static int needed(void)
{
    const int end = start + FRONTEND_WINDOW;
    const int reflected_end = 1 - start;
    return (end > reflected_end ? end : reflected_end) + FRONTEND_SAMPLES_LOST;
}

/* Drops the first samples: moves the others forward in blocks that do not overlap. */
static void drop_samples(int count)
{
    held -= count;
    for (int i = 0; i < held; i += count) {
        const int block = held - i < count ? held - i : count;
        memcpy(samples_kept + i, samples_kept + i + count, (size_t)block * sizeof(int16_t));
    }
}

static void compute_column(void)
{
    frontend_column(samples_kept, held, start, columns_kept[oldest]);
    oldest = oldest + 1 < SCENE_COLUMNS ? oldest + 1 : 0;
    computed += computed < INT_MAX;
    start += SCENE_HOP;
    if (start > KEPT_BEFORE) {
        drop_samples(start - KEPT_BEFORE);
        start = KEPT_BEFORE;
    }
}

int scene_push_samples(const int16_t *samples, int count)
{
    while (listening && count > 0) {
        const int missing = needed() - held;
        const int taken = count < missing ? count : missing;
        memcpy(samples_kept + held, samples, (size_t)taken * sizeof(int16_t));
        held += taken;
        samples += taken;
        count -= taken;
        if (taken == missing) {
            compute_column();
        }
    }
    return computed;
}

void scene_finish(void)
{
    const int long_enough = computed > 0;
    /* The last window is the last whose middle is not beyond the end. */
    while (listening && long_enough &&
           start + FRONTEND_WINDOW / 2 <= held - FRONTEND_SAMPLES_LOST) {
        compute_column();
    }
    listening = 0;
}

int scene_ready(void)
{
    return computed >= SCENE_COLUMNS;
}

void scene_row(int row, int8_t *values)
{
    for (int column = oldest; column < SCENE_COLUMNS; column++) {
        *values++ = columns_kept[column][row];
    }
    for (int column = 0; column < oldest; column++) {
        *values++ = columns_kept[column][row];
    }
}

void scene_run(int8_t *logits)
{
    model_run_rows(scene_row, logits);
}
