/* Driver of accelerators made by parc-hdl with their memory outside.
 *
 * C99 for a freestanding compiler: nothing is allocated, and of the library only memcpy and memset
 * are called. NAME.h of a build has its hash and its programs; NAME.bin is what they are read from.
 *
 *   struct parc acc;
 *   struct parc_bus bus = parc_mmio(0x90000000u);
 *   static const struct parc_program program = NAME_PROGRAM_0;
 *   error = parc_probe(&acc, &bus, NAME_HASH);
 *   error = parc_load(&acc, &program, image, &memory, 1);
 *   memcpy(parc_input(&acc, 0), frame, program.input_bytes);
 *   error = parc_run(&acc, 1);
 *   ... parc_output(&acc, 0), program.output_bytes ...
 *
 * Every call that can fail returns PARC_OK, or what parc_text() tells in words: a PARC_STOP_ code
 * of the accelerator, or a PARC_FAILED_ code of this driver. One struct parc is used by one thread
 * at a time. BSD-2-Clause. */
#ifndef PARC_H
#define PARC_H

#include <stddef.h>
#include <stdint.h>

#include "parc_registers.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PARC_OK 0

/* How registers are reached. */
struct parc_bus {
    void *context; /* handed to the functions below */
    /* Read, or write, the register at a byte; anything but 0 is an error of the bus. */
    int (*read)(void *context, uint32_t at, uint32_t *value);
    int (*write)(void *context, uint32_t at, uint32_t value);
    /* Make memory the same to processor and accelerator, both ways; or NULL where it always is. */
    void (*sync)(void *context, void *memory, size_t bytes);
    /* Called between two polls by parc_wait(), to sleep or to wait for the interrupt; or NULL. */
    void (*pause)(void *context);
};

/* Memory that both see. */
struct parc_memory {
    void *at;         /* as the processor sees it */
    uint64_t address; /* as the accelerator does, a multiple of PARC_ALIGNMENT */
    size_t bytes;
};

/* A program of NAME.bin, and bytes of a frame: NAME_PROGRAM_0 and so on of NAME.h. */
struct parc_program {
    uint32_t offset, bytes, input_bytes, output_bytes, scratch_bytes;
};

struct parc {
    struct parc_bus bus;
    struct parc_memory memory;
    struct parc_program program;
    uint32_t frames;      /* that memory has room for */
    size_t input, output; /* where they begin in memory */
};

/* Registers in the processor's own memory, which no cache keeps. */
struct parc_bus parc_mmio(uintptr_t base);

/* See whether the accelerator of that hash is there, and stop whatever it is doing. */
int parc_probe(struct parc *self, const struct parc_bus *bus, uint64_t hash);

/* Bytes of memory that a program needs for so many frames; 0 where there can't be as many. */
size_t parc_bytes(const struct parc_program *program, uint32_t frames);

/* Copy a program of the image NAME.bin to memory, and lay out frames behind it. */
int parc_load(struct parc *self, const struct parc_program *program, const void *image,
              const struct parc_memory *memory, uint32_t frames);

/* A frame's bytes, counted from 0; NULL beyond those that there is room for. */
void *parc_input(const struct parc *self, uint32_t frame);
const void *parc_output(const struct parc *self, uint32_t frame);

/* Begin with frame 0. */
int parc_start(struct parc *self, uint32_t frames);

/* PARC_FAILED_BUSY, or how it ended. */
int parc_poll(struct parc *self);

/* Poll so many times at most, or without end where that is 0: then PARC_FAILED_LATE. */
int parc_wait(struct parc *self, uint32_t polls);

/* Start, and wait for the end. */
int parc_run(struct parc *self, uint32_t frames);

/* Stop; it is still busy until all that is under way on the bus has ended. */
int parc_abort(struct parc *self);

/* Let both ends, or neither, raise the interrupt; what was raised before is forgotten. */
int parc_interrupts(struct parc *self, int enabled);

/* In an interrupt's handler: lower it; parc_poll() then tells how it ended. */
int parc_acknowledge(struct parc *self);

/* The descriptor at which it stopped. */
int parc_stopped_at(struct parc *self, uint32_t *descriptor);

/* A counter since the start: PARC_CYCLES, PARC_WAITING, PARC_READ_BYTES or PARC_WRITTEN_BYTES. */
int parc_count(struct parc *self, uint32_t counter, uint64_t *value);

/* What an error means: a text that lasts. */
const char *parc_text(int error);

#ifdef __cplusplus
}
#endif

#endif
