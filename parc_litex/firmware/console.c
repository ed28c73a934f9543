/* What firmware needs beside its purpose: text on the UART, two functions of string.h, the cache. */
#include "console.h"

#include <generated/csr.h>

void *memcpy(void *to, const void *from, size_t bytes) {
    unsigned char *out = to;
    const unsigned char *in = from;
    while (bytes--) *out++ = *in++;
    return to;
}

void *memset(void *to, int value, size_t bytes) {
    unsigned char *out = to;
    while (bytes--) *out++ = (unsigned char)value;
    return to;
}

void isr(void);
void isr(void) {}

static void put(char c) {
    while (uart_txfull_read()) {
    }
    uart_rxtx_write((uint32_t)c);
    uart_ev_pending_write(1); /* a character has gone: that is no event for us */
}

void print(const char *text) {
    for (; *text; ++text) {
        if (*text == '\n') put('\r');
        put(*text);
    }
}

void print_number(uint32_t value) {
    char digits[11];
    int at = 10;
    digits[at] = 0;
    do digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    print(digits + at);
}

/* VexRiscv's data cache writes through, and is emptied as a whole. */
void sync(void *context, void *memory, size_t bytes) {
    (void)context, (void)memory, (void)bytes;
    __asm__ volatile(".word 0x500F\n" ::: "memory");
}
