/* The programs on a computer: files through stdio, nothing counted. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "port.h"

#define MOST_FILES 8

static FILE *files[MOST_FILES];

int port_open(const char *path, char mode)
{
    for (int file = 0; file < MOST_FILES; file++) {
        if (files[file] == NULL) {
            files[file] = fopen(path, mode == 'w' ? "wb" : "rb");
            return files[file] == NULL ? -1 : file;
        }
    }
    return -1;
}

int port_read(int file, void *bytes, int count)
{
    return (int)fread(bytes, 1, (size_t)count, files[file]);
}

int port_write(int file, const void *bytes, int count)
{
    return (int)fwrite(bytes, 1, (size_t)count, files[file]);
}

void port_close(int file)
{
    fclose(files[file]);
    files[file] = NULL;
}

void port_exit(int code)
{
    exit(code);
}

void port_start_counter(void)
{
}

uint64_t port_counter(void)
{
    return 0;
}
