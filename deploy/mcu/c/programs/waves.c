/*
 * Classifies recordings of a second: of each SCENE_RATE_HZ int16 samples in waves.bin, one after
 * the other, the logits, [SCENE_LABELS] int8, go to outputs.bin. If there is a file want_maps, what
 * the network reads, [mels][columns] int8, goes to maps.bin. Writes two uint64 to counts.bin, the
 * instructions of the front end and of the network for the first recording: 0 where nothing counts
 * them.
 */
#include <stdint.h>

#include "model.h"
#include "port.h"
#include "scene.h"

#define CHUNK 160 /* samples read at a time */

struct counts {
    uint64_t front_end;
    uint64_t network;
};

static int opened(const char *path, char mode)
{
    const int file = port_open(path, mode);
    if (file < 0) {
        port_exit(PORT_NO_FILE);
    }
    return file;
}

static void write_all(int file, const void *bytes, int count)
{
    if (port_write(file, bytes, count) != count) {
        port_exit(PORT_NO_FILE);
    }
}

/* Reads the next samples of a recording. Returns whether there are any, at its very start only. */
static int read_samples(int waves, int16_t *samples, int count, int at_start)
{
    const int bytes = count * (int)sizeof *samples;
    const int found = port_read(waves, samples, bytes);
    if (found != bytes && !(at_start && found == 0)) {
        port_exit(PORT_SHORT_FILE);
    }
    return found != 0;
}

/* Hears one recording; returns whether there was another. Reading it is not counted. */
static int hear(int waves, struct counts *counts)
{
    int16_t samples[CHUNK];
    scene_reset();
    for (int heard = 0; heard < SCENE_RATE_HZ; heard += CHUNK) {
        const int left = SCENE_RATE_HZ - heard;
        const int count = left < CHUNK ? left : CHUNK;
        if (!read_samples(waves, samples, count, heard == 0)) {
            return 0;
        }
        const uint64_t start = port_counter();
        scene_push_samples(samples, count);
        counts->front_end += port_counter() - start;
    }
    const uint64_t start = port_counter();
    scene_finish();
    counts->front_end += port_counter() - start;
    return 1;
}

static void classify(int outputs, struct counts *counts)
{
    int8_t logits[SCENE_LABELS];
    const uint64_t start = port_counter();
    scene_run(logits);
    counts->network += port_counter() - start;
    write_all(outputs, logits, SCENE_LABELS);
}

static void write_map(int maps)
{
    int8_t values[SCENE_COLUMNS];
    for (int row = 0; row < MODEL_INPUT_ROWS; row++) {
        scene_row(row, values);
        write_all(maps, values, SCENE_COLUMNS);
    }
}

static void write_counts(const struct counts *counts)
{
    const int file = opened("counts.bin", 'w');
    write_all(file, counts, sizeof *counts);
    port_close(file);
}

/* -1 if nobody wants the maps. */
static int opened_maps(void)
{
    const int wanted = port_open("want_maps", 'r');
    if (wanted < 0) {
        return -1;
    }
    port_close(wanted);
    return opened("maps.bin", 'w');
}

int main(void)
{
    const int waves = opened("waves.bin", 'r');
    const int outputs = opened("outputs.bin", 'w');
    const int maps = opened_maps();
    struct counts counts = {0, 0};
    port_start_counter();
    for (int record = 0; hear(waves, &counts); record++) {
        classify(outputs, &counts);
        if (maps >= 0) {
            write_map(maps);
        }
        if (record == 0) {
            write_counts(&counts);
        }
    }
    if (maps >= 0) {
        port_close(maps);
    }
    port_close(outputs);
    port_close(waves);
    return PORT_DONE;
}
