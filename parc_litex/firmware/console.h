#ifndef CONSOLE_H
#define CONSOLE_H
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

void print(const char *text);
void print_number(uint32_t value);

/* Has the processor see what others wrote to memory. */
void sync(void *context, void *memory, size_t bytes);
#endif
