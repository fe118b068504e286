/*
 * Runs the network on each input of inputs.bin, [rows][columns][channels] int8 one after the other,
 * and writes each output, [MODEL_OUTPUT_SIZE] int8, to outputs.bin. Writes the instructions of the
 * first run, a uint64, to counts.bin: 0 where nothing counts them.
 */
#include <stdint.h>

#include "model.h"
#include "port.h"

static int8_t input[MODEL_INPUT_BYTES];
static int8_t output[MODEL_OUTPUT_SIZE];

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

/* Whether there was another input. */
static int read_input(int file)
{
    const int count = port_read(file, input, sizeof input);
    if (count != 0 && count != MODEL_INPUT_BYTES) {
        port_exit(PORT_SHORT_FILE);
    }
    return count != 0;
}

/* Runs the network once and returns its instructions. */
static uint64_t run(void)
{
    const uint64_t start = port_counter();
    model_run(input, output);
    return port_counter() - start;
}

static void write_counts(uint64_t instructions)
{
    const int file = opened("counts.bin", 'w');
    write_all(file, &instructions, sizeof instructions);
    port_close(file);
}

int main(void)
{
    const int inputs = opened("inputs.bin", 'r');
    const int outputs = opened("outputs.bin", 'w');
    port_start_counter();
    for (int record = 0; read_input(inputs); record++) {
        const uint64_t instructions = run();
        write_all(outputs, output, sizeof output);
        if (record == 0) {
            write_counts(instructions);
        }
    }
    port_close(outputs);
    port_close(inputs);
    return PORT_DONE;
}
