/*
 * Classifies recordings of one second: for each SCENE_RATE_HZ int16 samples in waves.bin, the
 * logits go to outputs.bin and, if there is a file want_maps, the map that the network reads,
 * [mels][columns], to maps.bin. counts.bin gets two uint64, of the first recording: instructions
 * of the front end and of the network.
 *
 * Ends with 0, or with 1 if a file cannot be opened or written or a recording is cut short.
 */
#include <stdint.h>

#include "model.h"
#include "port.h"
#include "scene.h"

#define CHUNK 160 /* samples read at a time */

static int is_good = 1;

static void write_all(int file, const void *bytes, int count)
{
    if (port_write(file, bytes, count) != count) {
        is_good = 0;
    }
}

/* Listens to one recording; returns the bytes of it that there are. Counts the front end only. */
static int hear(int waves, uint64_t *instructions)
{
    int16_t chunk[CHUNK];
    int bytes_read = 0;
    scene_reset();
    for (int left = SCENE_RATE_HZ; left > 0; left -= CHUNK) {
        const int bytes = (left < CHUNK ? left : CHUNK) * (int)sizeof(int16_t);
        const int found = port_read(waves, chunk, bytes);
        bytes_read += found > 0 ? found : 0;
        if (found != bytes) {
            return bytes_read;
        }
        const uint64_t begin = port_counter();
        scene_push_samples(chunk, bytes / (int)sizeof(int16_t));
        *instructions += port_counter() - begin;
    }
    const uint64_t begin = port_counter();
    scene_finish();
    *instructions += port_counter() - begin;
    return bytes_read;
}

static void write_map(int maps)
{
    int8_t row[SCENE_COLUMNS];
    for (int mel = 0; mel < MODEL_INPUT_ROWS; mel++) {
        scene_row(mel, row);
        write_all(maps, row, SCENE_COLUMNS);
    }
}

static void classify(int outputs, uint64_t *instructions)
{
    int8_t logits[SCENE_LABELS];
    const uint64_t begin = port_counter();
    scene_run(logits);
    *instructions += port_counter() - begin;
    write_all(outputs, logits, SCENE_LABELS);
}

static void write_counts(const uint64_t counts[2])
{
    const int file = port_open("counts.bin", 'w');
    if (file < 0) {
        is_good = 0;
        return;
    }
    write_all(file, counts, 2 * (int)sizeof(uint64_t));
    port_close(file);
}

/* -1 where nobody wants the maps. */
static int open_maps(void)
{
    const int wanted = port_open("want_maps", 'r');
    if (wanted < 0) {
        return -1;
    }
    port_close(wanted);
    const int maps = port_open("maps.bin", 'w');
    is_good = is_good && maps >= 0;
    return maps;
}

static void classify_all(int waves, int outputs, int maps)
{
    const int whole = SCENE_RATE_HZ * (int)sizeof(int16_t);
    for (int first = 1;; first = 0) {
        uint64_t counts[2] = {0, 0};
        const int bytes = hear(waves, &counts[0]);
        if (bytes < whole) {
            is_good = is_good && bytes == 0;
            return;
        }
        classify(outputs, &counts[1]);
        if (maps >= 0) {
            write_map(maps);
        }
        if (first) {
            write_counts(counts);
        }
    }
}

int main(void)
{
    const int waves = port_open("waves.bin", 'r');
    const int outputs = port_open("outputs.bin", 'w');
    const int maps = open_maps();
    port_start_counter();
    if (waves >= 0 && outputs >= 0 && is_good) {
        classify_all(waves, outputs, maps);
        port_close(waves);
        port_close(outputs);
    } else {
        is_good = 0;
    }
    if (maps >= 0) {
        port_close(maps);
    }
    port_exit(is_good ? 0 : 1);
    return 0;
}
