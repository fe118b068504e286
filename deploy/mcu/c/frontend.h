/*
 * The front end: from samples to the int8 log-mel values that the network reads.
 *
 * Its numbers and tables are in frontend_tables.h. It works in FRONTEND_SCRATCH_BYTES of
 * model_arena, which hold nothing before and after a call.
 */
#ifndef FRONTEND_H
#define FRONTEND_H

#include <stdint.h>

#include "frontend_tables.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Samples that one window takes from the microphone. */
#define FRONTEND_REACH (FRONTEND_WINDOW + FRONTEND_SAMPLES_LOST)

/*
 * One column of the network's input, [FRONTEND_MELS], lowest mel first.
 *
 * `samples` holds `count` successive samples and the window begins at samples[start], where `start`
 * may be negative. What the window has before the first or after the last of them is their
 * reflection, which they must be enough for.
 */
void frontend_column(const int16_t *samples, int count, int start, int8_t *column);

/* As frontend_column, before quantisation: the normalised natural logarithm. */
void frontend_log_mel(const int16_t *samples, int count, int start, float *log_mel);

#if defined(__cplusplus)
}
#endif

#endif
