/*
 * From a microphone's samples to logits: push samples as they come, run the network at any time.
 *
 * One recording at a time. It may be endless: what is kept are the last samples and columns.
 */
#ifndef SCENE_H
#define SCENE_H

#include <stdint.h>

#include "frontend_tables.h" /* SCENE_RATE_HZ, SCENE_HOP, SCENE_COLUMNS, SCENE_LABELS */

#if defined(__cplusplus)
extern "C" {
#endif

/* The scenes' names, in the order of the logits. */
extern const char *const scene_labels[SCENE_LABELS];

/* Begins a recording. What its first windows have before it is its reflection. */
void scene_reset(void);

/*
 * Goes on with the recording by `count` samples, of SCENE_RATE_HZ, and computes each column as soon
 * as its window is full. Returns the columns computed since scene_reset, at most INT_MAX. Before
 * the first scene_reset, and after scene_finish, samples are left out.
 */
int scene_push_samples(const int16_t *samples, int count);

/*
 * Ends the recording: computes its last columns, which have the reflection of its end. There are
 * none if it is too short to be reflected: FRONTEND_WINDOW / 2 samples or fewer.
 */
void scene_finish(void);

/* Whether SCENE_COLUMNS columns have been heard since scene_reset. */
int scene_ready(void);

/*
 * Runs the network on the last SCENE_COLUMNS columns and writes SCENE_LABELS logits. Columns not
 * heard yet are those of silence. The recording may go on afterwards.
 */
void scene_run(int8_t *logits);

/* One mel of the last SCENE_COLUMNS columns, oldest first; row from 0 to FRONTEND_MELS - 1. */
void scene_row(int row, int8_t *values);

#if defined(__cplusplus)
}
#endif

#endif
