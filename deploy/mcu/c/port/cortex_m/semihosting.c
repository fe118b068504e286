/* Files and the end of a program through a debugger or an emulator (Arm semihosting). */
#include <stdint.h>

#include "port.h"

#define OPEN 0x01
#define CLOSE 0x02
#define WRITE 0x05
#define READ 0x06
#define EXIT_EXTENDED 0x20

#define MODE_READ_BINARY 1
#define MODE_WRITE_BINARY 5
#define STOPPED_BY_APPLICATION 0x20026u

/* arguments: the words that the operation reads. */
static int call(int operation, const void *arguments)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t length(const char *text)
{
    uint32_t count = 0;
    while (text[count] != '\0') {
        count++;
    }
    return count;
}

/* The host answers with the bytes that are left over. */
static int transfer(int operation, int file, const void *bytes, int count)
{
    const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)bytes, (uint32_t)count};
    const int left = call(operation, arguments);
    return left < 0 || left > count ? 0 : count - left;
}

int port_open(const char *path, char mode)
{
    const uint32_t host_mode = mode == 'w' ? MODE_WRITE_BINARY : MODE_READ_BINARY;
    const uint32_t arguments[3] = {(uint32_t)path, host_mode, length(path)};
    return call(OPEN, arguments);
}

int port_read(int file, void *bytes, int count)
{
    return transfer(READ, file, bytes, count);
}

int port_write(int file, const void *bytes, int count)
{
    return transfer(WRITE, file, bytes, count);
}

void port_close(int file)
{
    const uint32_t arguments[1] = {(uint32_t)file};
    call(CLOSE, arguments);
}

void port_exit(int code)
{
    const uint32_t arguments[2] = {STOPPED_BY_APPLICATION, (uint32_t)code};
    for (;;) {
        call(EXIT_EXTENDED, arguments);
    }
}
