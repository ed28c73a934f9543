/* What a processor does: every frame of a file through program 0, and errors on demand.
 *
 *   run IMAGE INPUT OUTPUT FRAMES     all frames at once, then one by one with the interrupt
 *   hash | bus | address | memory | frames | read | write | program | late     an error's text */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "driven.h"

#define CHECK(call)                                                  \
    do {                                                             \
        const int error_ = (call);                                   \
        if (error_ != PARC_OK) {                                     \
            fprintf(stderr, "%s: %s\n", #call, parc_text(error_));   \
            return 1;                                                \
        }                                                            \
    } while (0)

static const struct parc_program program = BUILD_PROGRAM_0;

static unsigned char *slurp(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    unsigned char *content;
    long size;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) exit(4);
    rewind(file);
    *bytes = (size_t)size;
    content = malloc(*bytes + 1);
    if (content == NULL || fread(content, 1, *bytes, file) != *bytes) exit(4);
    fclose(file);
    return content;
}

static int run(struct parc *acc, const unsigned char *input, const char *path, uint32_t frames) {
    FILE *file = fopen(path, "wb");
    uint32_t frame, again;
    uint64_t cycles;
    if (file == NULL) return 4;
    for (frame = 0; frame < frames; ++frame)
        memcpy(parc_input(acc, frame), input + (size_t)frame * program.input_bytes,
               program.input_bytes);
    CHECK(parc_run(acc, frames));
    for (frame = 0; frame < frames; ++frame)
        fwrite(parc_output(acc, frame), 1, program.output_bytes, file);
    for (frame = 0; frame < frames; ++frame) {
        memcpy(parc_input(acc, 0), input + (size_t)frame * program.input_bytes,
               program.input_bytes);
        CHECK(parc_interrupts(acc, 1));
        CHECK(parc_start(acc, 1));
        if (parc_poll(acc) != PARC_FAILED_BUSY || parc_start(acc, 1) != PARC_FAILED_BUSY) return 5;
        for (again = 0; !driven_interrupt(); ++again) {
            if (again == 1000) return 6;
            acc->bus.pause(acc->bus.context);
        }
        CHECK(parc_acknowledge(acc));
        if (driven_interrupt()) return 7;
        CHECK(parc_poll(acc));
        fwrite(parc_output(acc, 0), 1, program.output_bytes, file);
    }
    CHECK(parc_count(acc, PARC_CYCLES, &cycles));
    printf("%lu\n", (unsigned long)cycles);
    return fclose(file) == 0 ? 0 : 4;
}

static int broken_read(void *context, uint32_t at, uint32_t *value) {
    (void)context, (void)at, (void)value;
    return 2;
}

static int fail(struct parc *acc, const char *what, const struct parc_memory *memory,
                const void *image) {
    struct parc_bus bus = acc->bus;
    struct parc_memory little = *memory;
    uint32_t frames = 1, value;
    if (strcmp(what, "hash") == 0) return parc_probe(acc, &bus, BUILD_HASH ^ 1u);
    if (strcmp(what, "bus") == 0) {
        bus.read = broken_read;
        return parc_probe(acc, &bus, BUILD_HASH);
    }
    /* Where there is no register, the accelerator itself answers with an error. */
    if (strcmp(what, "address") == 0)
        return bus.read(bus.context, 0xf0u, &value) ? PARC_FAILED_BUS : PARC_OK;
    if (strcmp(what, "memory") == 0) little.bytes = parc_bytes(&program, frames) - 1;
    if (parc_load(acc, &program, image, &little, frames) != PARC_OK)
        return parc_load(acc, &program, image, &little, frames);
    if (strcmp(what, "frames") == 0) return parc_start(acc, 2);
    memset(parc_input(acc, 0), 0, program.input_bytes);
    if (strcmp(what, "read") == 0) driven_set("read_error", 100);
    if (strcmp(what, "write") == 0) driven_set("write_error", 0);
    if (strcmp(what, "program") == 0) memset(memory->at, 0, 4);
    if (strcmp(what, "late") == 0) {
        if (parc_start(acc, 1) != PARC_OK) return PARC_OK;
        return parc_wait(acc, 2);
    }
    return parc_run(acc, 1);
}

int parc_host(const struct parc_bus *bus, const struct parc_memory *memory, int argc, char **argv) {
    struct parc acc;
    size_t bytes;
    unsigned char *image, *input;
    int result, again;
    if (argc < 2) return 2;
    image = slurp(argv[1], &bytes);
    CHECK(parc_probe(&acc, bus, BUILD_HASH));
    if (strcmp(argv[0], "run") == 0) {
        const uint32_t frames = (uint32_t)strtoul(argv[4], NULL, 10);
        input = slurp(argv[2], &bytes);
        if (bytes != (size_t)frames * program.input_bytes) return 2;
        CHECK(parc_load(&acc, &program, image, memory, frames));
        if (parc_input(&acc, frames) != NULL || parc_output(&acc, frames) != NULL) return 8;
        result = run(&acc, input, argv[3], frames);
        free(input);
    } else {
        puts(parc_text(fail(&acc, argv[0], memory, image)));
        driven_set("read_error", -1), driven_set("write_error", -1);
        /* A probe finds it, whatever it was doing; then all is as at first. */
        CHECK(parc_probe(&acc, bus, BUILD_HASH));
        CHECK(parc_load(&acc, &program, image, memory, 1));
        for (again = 0; again < 2; ++again) CHECK(parc_run(&acc, 1));
        result = 0;
    }
    free(image);
    return result;
}
