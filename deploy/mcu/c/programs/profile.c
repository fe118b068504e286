/*
 * Counts the instructions of each layer in one run on the first input of inputs.bin, and writes them,
 * [MODEL_LAYERS] uint64, to layers.bin. To be compiled with -DMODEL_PROFILE.
 */
#include <stdint.h>

#include "model.h"
#include "port.h"

#define EMPTY_PAIRS 256

static int8_t input[MODEL_INPUT_BYTES];
static int8_t output[MODEL_OUTPUT_SIZE];
static uint64_t instructions[MODEL_LAYERS];
static uint64_t pairs[MODEL_LAYERS]; /* of begin and end */
static uint64_t begun;

void model_layer_begin(int layer)
{
    (void)layer;
    begun = port_counter();
}

void model_layer_end(int layer)
{
    instructions[layer] += port_counter() - begun;
    pairs[layer]++;
}

/* What EMPTY_PAIRS pairs count although nothing stands between them. */
static uint64_t cost_of_counting(void)
{
    for (int pair = 0; pair < EMPTY_PAIRS; pair++) {
        model_layer_begin(0);
        model_layer_end(0);
    }
    const uint64_t cost = instructions[0];
    instructions[0] = 0;
    pairs[0] = 0;
    return cost;
}

static void take_off(uint64_t cost)
{
    for (int layer = 0; layer < MODEL_LAYERS; layer++) {
        const uint64_t own = pairs[layer] * cost / EMPTY_PAIRS;
        instructions[layer] -= own < instructions[layer] ? own : instructions[layer];
    }
}

static void read_input(void)
{
    const int file = port_open("inputs.bin", 'r');
    if (file < 0) {
        port_exit(PORT_NO_FILE);
    }
    if (port_read(file, input, sizeof input) != MODEL_INPUT_BYTES) {
        port_exit(PORT_SHORT_FILE);
    }
    port_close(file);
}

static void write_layers(void)
{
    const int file = port_open("layers.bin", 'w');
    if (file < 0 || port_write(file, instructions, sizeof instructions) != sizeof instructions) {
        port_exit(PORT_NO_FILE);
    }
    port_close(file);
}

int main(void)
{
    read_input();
    port_start_counter();
    const uint64_t cost = cost_of_counting();
    model_run(input, output);
    take_off(cost);
    write_layers();
    return PORT_DONE;
}
