"""The README of a generated project: from the emulator to a board with a microphone."""

from __future__ import annotations

from deploy.mcu.network import macs
from deploy.mcu.plan import Plan
from deploy.mcu.plan_text import plan_table
from deploy.model_file import ModelInfo

HEAD = """\
# A scene classifier in C

An int8 network{and_front_end} as plain C99: no heap, no operating system, nothing of the C
library but `memcpy` and `memset`. Written by TinyScene for {target}, with {rounding} rounding.

- input {rows} x {columns} x {channels} int8, output {outputs} int8, {macs:,} MACs
- {arena:,} bytes of working memory for the network, beside what the front end keeps

| file | what it is |
|---|---|
| `model.h`, `model.c`, `weights.h` | the network: interface, schedule, constants |
| `kernels*.c` | its arithmetic; the compiler's target chooses among MVE, DSP and plain C |
{front_end_files}| `port/`, `programs/` | emulated boards and the host, and what to try there |
| `golden/` | the network's file, inputs, and the outputs of LiteRT's reference kernels |

## Try it

```
make BOARD=host run          # on this computer
make BOARD=mps2-an386 run    # on an emulated Cortex-M4: needs arm-none-eabi-gcc and QEMU
tinyscene mcu test .         # the same, compared with LiteRT and TFLM, integer for integer
tinyscene mcu report .       # flash, RAM, instructions per layer
```

"""

FRONT_END_FILES = """\
| `frontend.h`, `frontend.c`, `frontend_tables.h` | log-mel: window, FFT, mel filters, logarithm |
| `scene.h`, `scene.c` | from microphone samples to logits, as they arrive |
"""

BOARD = """\
## On your board

Add every `.c` file of this folder (not those of `programs/` and `port/`) to your project, with
`-O2` and the flags of the processor; C++ may include the headers. A second of sound is
{hop_count} columns of {hop} samples at {rate:,} Hz:

```c
#include "scene.h"

void microphone_has(const int16_t *samples, int count)  /* from the main loop, not the interrupt */
{{
    static int columns_at_last_run;
    const int columns = scene_push_samples(samples, count);
    if (scene_ready() && columns - columns_at_last_run >= SCENE_COLUMNS) {{
        int8_t logits[MODEL_OUTPUT_SIZE];
        scene_run(logits);
        columns_at_last_run = columns;
    }}
}}
```

Call `scene_reset()` once at the start. The largest logit is the scene, by `scene_labels`.

**STM32** (for example a B-L4S5I-IOT01A, whose DFSDM turns its PDM microphones into samples): let
a circular DMA of two halves fill `int16_t half[2][512]`; the interrupt of a half only notes which
one is full, and the main loop passes it to `microphone_has`:

```c
static volatile int full = -1;
void HAL_DFSDM_FilterRegConvHalfCpltCallback(DFSDM_Filter_HandleTypeDef *f) {{ (void)f; full = 0; }}
void HAL_DFSDM_FilterRegConvCpltCallback(DFSDM_Filter_HandleTypeDef *f) {{ (void)f; full = 1; }}
/* main loop */
if (full >= 0) {{ const int now = full; full = -1; microphone_has(half[now], 512); }}
```

Shift the filter's 24 bits down to 16 first. To count cycles, turn the counter on once and read it:

```c
CoreDebug->DEMCR |= CoreDebug_DEMCR_TRCENA_Msk;
DWT->CYCCNT = 0;
DWT->CTRL |= DWT_CTRL_CYCCNTENA_Msk;
scene_run(logits);
uint32_t cycles = DWT->CYCCNT;
```

**RP2040** (a Pico with a PDM microphone on its PIO, or an ADC one): it has no floating-point unit,
so the front end runs in soft float and one core may not keep up with {rate:,} Hz; measure before
you rely on it. Capture on the one core, push and run on the other:

```c
void core1_main(void)
{{
    scene_reset();
    for (;;) {{
        int16_t *block = (int16_t *)multicore_fifo_pop_blocking();  /* filled by core 0's DMA */
        const uint64_t start = time_us_64();
        microphone_has(block, 512);
        printf("%llu us\\n", time_us_64() - start);
    }}
}}
```

No figure here was measured on silicon: TinyScene's are instructions under emulation.
"""

NETWORK_ONLY = """\
## On your board

Add `model.c` and every `kernels*.c` to your project with `-O2`, fill an `int8_t` input of
`MODEL_INPUT_BYTES` in the scale that `model.h` gives, and call `model_run(input, output)`. The
file had no JSON of labels and front end beside it, so there is no front end here.
"""

PLAN = """\
## Memory plan

Rows of each tensor that are held at a time, and where; one no longer needed is overwritten.

```
{table}
```
"""


def project_readme(plan: Plan, info: ModelInfo | None, target: str, rounding: str) -> str:
    """The text of README.md."""
    source = plan.network.tensors[plan.network.input]
    head = HEAD.format(
        and_front_end=" with its front end" if info else "",
        target=target,
        rounding=rounding,
        rows=source.rows,
        columns=source.columns,
        channels=source.channels,
        outputs=plan.network.tensors[plan.network.output].size,
        macs=sum(macs(plan.network, layer) for layer in plan.network.layers),
        arena=plan.arena_bytes,
        front_end_files=FRONT_END_FILES if info else "",
    )
    board = NETWORK_ONLY
    if info:
        board = BOARD.format(
            hop_count=source.columns, hop=info.front_end.hop_length, rate=info.front_end.rate_hz
        )
    return head + board + "\n" + PLAN.format(table=plan_table(plan))
