/* From reset to main: the vector table, the memory of C, and what happens to faults. */
#include <stdint.h>

#include "port.h"

/* Set by the linker script. */
extern uint32_t stack_start[], stack_end[];
extern uint32_t data_start[], data_end[];
extern const uint32_t data_in_flash[];
extern uint32_t bss_start[], bss_end[];

int main(void);
void reset_handler(void);
void systick_handler(void);

#if !defined(STACK_BYTES)
#define STACK_BYTES 4096 /* a multiple of 8 */
#endif

__attribute__((section(".bss.stack"), used, aligned(8))) static uint8_t stack[STACK_BYTES];

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88u)
#define FLOATING_POINT_ACCESS (0xFu << 20)

/* Also needed by vectors of integers, which live in the registers of floating point. */
static inline void enable_floating_point(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    COPROCESSOR_ACCESS |= FLOATING_POINT_ACCESS;
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
}

/* A function of its own: what it saves on entry may be registers that reset_handler turns on. */
__attribute__((noinline)) static void fill_memory(void)
{
    const uint32_t *from = data_in_flash;
    for (uint32_t *to = data_start; to < data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = bss_start; to < bss_end; to++) {
        *to = 0;
    }
}

void reset_handler(void)
{
    enable_floating_point();
    fill_memory();
    port_exit(main());
}

/* pointer: where the stack pointer stood. */
__attribute__((used)) static void end_in_fault(const uint32_t *pointer)
{
    port_exit(pointer < stack_start ? PORT_STACK_OVERFLOW : PORT_FAULT);
}

/* Takes a fresh stack, because the fault may be that there is none left. */
__attribute__((naked)) static void fault_handler(void)
{
    __asm__ volatile("mov r0, sp\n"
                     "ldr r1, =stack_end\n"
                     "mov sp, r1\n"
                     "ldr r1, =end_in_fault\n"
                     "bx r1\n"
                     ".ltorg");
}

static void unexpected_handler(void)
{
    port_exit(PORT_INTERRUPT);
}

union vector {
    const uint32_t *stack;
    void (*handler)(void);
};

__attribute__((section(".vectors"), used)) static const union vector vectors[16] = {
    {.stack = stack_end},
    {.handler = reset_handler},
    {.handler = unexpected_handler}, /* non-maskable interrupt */
    {.handler = fault_handler},      /* hard */
    {.handler = fault_handler},      /* memory management */
    {.handler = fault_handler},      /* bus */
    {.handler = fault_handler},      /* usage */
    {.handler = fault_handler},      /* security */
    {0},
    {0},
    {0},
    {.handler = unexpected_handler}, /* supervisor call */
    {.handler = unexpected_handler}, /* debug monitor */
    {0},
    {.handler = unexpected_handler}, /* pended supervisor call */
    {.handler = systick_handler},
};
