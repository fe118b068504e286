/*
 * What the programs ask of a board: files, an end and a counter.
 *
 * port/cortex_m answers through a debugger or an emulator (semihosting), port/host through stdio.
 */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

/* How a program ends. */
#define PORT_DONE 0
#define PORT_NO_FILE 64        /* a file cannot be opened, or not be written */
#define PORT_SHORT_FILE 65     /* a file ends within a record */
#define PORT_FAULT 70          /* the processor refused an instruction or an address */
#define PORT_STACK_OVERFLOW 71 /* the stack grew out of its memory */
#define PORT_INTERRUPT 72      /* an interrupt that nobody handles */

/* Opens a file for reading ('r') or for writing from its start ('w'); -1 where it cannot. */
int port_open(const char *path, char mode);

/* Reads up to `count` bytes; returns how many there were, less than `count` only at the end. */
int port_read(int file, void *bytes, int count);

/* Writes `count` bytes; returns how many were written. */
int port_write(int file, const void *bytes, int count);

void port_close(int file);

/* Ends the program; code in [0, 255]. */
__attribute__((noreturn)) void port_exit(int code);

void port_start_counter(void);

/* Instructions since port_start_counter in an emulator that counts them; 0 where nothing does. */
uint64_t port_counter(void);

#if defined(__cplusplus)
}
#endif

#endif
