/*
 * Instructions from SysTick, in an emulator that gives each instruction the same time.
 *
 * board.h says how many ticks (BOARD_TICKS) take as long as how many instructions
 * (BOARD_INSTRUCTIONS). A period of the timer is a whole number of both, so nothing is rounded away.
 */
#include <stdint.h>

#include "board.h"
#include "port.h"

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018u)
#define RUN_WITH_INTERRUPT_FROM_PROCESSOR_CLOCK 7u

#define PERIODS_OF_RATIO ((1u << 24) / BOARD_TICKS)
#define PERIOD_TICKS (PERIODS_OF_RATIO * BOARD_TICKS)
#define PERIOD_INSTRUCTIONS (PERIODS_OF_RATIO * BOARD_INSTRUCTIONS)

static volatile uint32_t periods;

void systick_handler(void);

void systick_handler(void)
{
    periods++;
}

void port_start_counter(void)
{
    periods = 0;
    SYSTICK_RELOAD = PERIOD_TICKS - 1u;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = RUN_WITH_INTERRUPT_FROM_PROCESSOR_CLOCK;
}

/* The timer counts down, and is at 0 when a period begins. */
uint64_t port_counter(void)
{
    if ((SYSTICK_CONTROL & 1u) == 0) {
        return 0; /* a processor without this timer reads as 0 */
    }
    uint32_t before;
    uint32_t value;
    do {
        before = periods;
        value = SYSTICK_VALUE;
    } while (before != periods);
    const uint32_t ticks = value == 0 ? 0 : PERIOD_TICKS - value;
    return (uint64_t)before * PERIOD_INSTRUCTIONS + ticks * BOARD_INSTRUCTIONS / BOARD_TICKS;
}
