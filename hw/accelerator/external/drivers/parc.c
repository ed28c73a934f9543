/* See parc.h. BSD-2-Clause. */
#include "parc.h"

#include <string.h>

#define TRY(call)                                   \
    do {                                            \
        const int error_ = (call);                  \
        if (error_ != PARC_OK) return error_;       \
    } while (0)

/* Polls until what was under way on the bus has ended after an abort. */
#define PATIENCE 0x100000u

static int mmio_read(void *context, uint32_t at, uint32_t *value) {
    *value = *(volatile uint32_t *)((uintptr_t)context + at);
    return 0;
}

static int mmio_write(void *context, uint32_t at, uint32_t value) {
    *(volatile uint32_t *)((uintptr_t)context + at) = value;
    return 0;
}

struct parc_bus parc_mmio(uintptr_t base) {
    struct parc_bus bus;
    memset(&bus, 0, sizeof bus);
    bus.context = (void *)base;
    bus.read = mmio_read;
    bus.write = mmio_write;
    return bus;
}

static int get(struct parc *self, uint32_t at, uint32_t *value) {
    return self->bus.read(self->bus.context, at, value) ? PARC_FAILED_BUS : PARC_OK;
}

static int set(struct parc *self, uint32_t at, uint32_t value) {
    return self->bus.write(self->bus.context, at, value) ? PARC_FAILED_BUS : PARC_OK;
}

static void sync(struct parc *self, size_t first, size_t bytes) {
    if (self->bus.sync != NULL && bytes != 0)
        self->bus.sync(self->bus.context, (unsigned char *)self->memory.at + first, bytes);
}

int parc_probe(struct parc *self, const struct parc_bus *bus, uint64_t hash) {
    uint32_t value, high;
    int error;
    memset(self, 0, sizeof *self);
    self->bus = *bus;
    TRY(get(self, PARC_ID, &value));
    if (value != PARC_ID_RESET) return PARC_FAILED_ID;
    TRY(get(self, PARC_VERSION, &value));
    if (value != PARC_VERSION_RESET) return PARC_FAILED_VERSION;
    TRY(get(self, PARC_HASH_LOW, &value));
    TRY(get(self, PARC_HASH_HIGH, &high));
    if (value != (uint32_t)hash || high != (uint32_t)(hash >> 32)) return PARC_FAILED_HASH;
    TRY(parc_interrupts(self, 0));
    TRY(get(self, PARC_STATUS, &value));
    if (!(value & PARC_STATUS_BUSY)) return PARC_OK;
    TRY(parc_abort(self));
    error = parc_wait(self, PATIENCE);
    return error == PARC_FAILED_BUS || error == PARC_FAILED_LATE ? error : PARC_OK;
}

/* Where a region of so many bytes ends that begins at an aligned byte; all in 64 bits. */
static uint64_t after(uint64_t at, uint64_t bytes) {
    return (at + bytes + (PARC_ALIGNMENT - 1)) / PARC_ALIGNMENT * PARC_ALIGNMENT;
}

size_t parc_bytes(const struct parc_program *program, uint32_t frames) {
    const uint64_t in = (uint64_t)program->input_bytes * frames;
    const uint64_t out = (uint64_t)program->output_bytes * frames;
    uint64_t end;
    /* A region's size has 32 bits. */
    if (frames == 0 || in > UINT32_MAX || out > UINT32_MAX) return 0;
    end = after(after(after(after(0, program->bytes), in), out), program->scratch_bytes);
    return end > SIZE_MAX ? 0 : (size_t)end;
}

static int name_region(struct parc *self, uint32_t base, size_t first, uint32_t bytes) {
    const uint64_t address = self->memory.address + first;
    TRY(set(self, base, (uint32_t)address));
    TRY(set(self, base + (PARC_PROGRAM_BASE_HIGH - PARC_PROGRAM_BASE), (uint32_t)(address >> 32)));
    return set(self, base + (PARC_PROGRAM_SIZE - PARC_PROGRAM_BASE), bytes);
}

int parc_load(struct parc *self, const struct parc_program *program, const void *image,
              const struct parc_memory *memory, uint32_t frames) {
    const size_t needed = parc_bytes(program, frames);
    size_t scratch;
    self->frames = 0;
    TRY(parc_poll(self) == PARC_FAILED_BUSY ? PARC_FAILED_BUSY : PARC_OK);
    if (needed == 0 || memory->bytes < needed || memory->address % PARC_ALIGNMENT != 0)
        return PARC_FAILED_MEMORY;
    self->memory = *memory;
    self->program = *program;
    self->input = (size_t)after(0, program->bytes);
    self->output = (size_t)after(self->input, (uint64_t)program->input_bytes * frames);
    scratch = (size_t)after(self->output, (uint64_t)program->output_bytes * frames);
    memcpy(memory->at, (const unsigned char *)image + program->offset, program->bytes);
    sync(self, 0, program->bytes);
    TRY(name_region(self, PARC_PROGRAM_BASE, 0, program->bytes));
    TRY(name_region(self, PARC_INPUT_BASE, self->input, program->input_bytes * frames));
    TRY(name_region(self, PARC_OUTPUT_BASE, self->output, program->output_bytes * frames));
    TRY(name_region(self, PARC_SCRATCH_BASE, scratch, program->scratch_bytes));
    self->frames = frames;
    return PARC_OK;
}

void *parc_input(const struct parc *self, uint32_t frame) {
    if (frame >= self->frames) return NULL;
    return (unsigned char *)self->memory.at + self->input
           + (size_t)frame * self->program.input_bytes;
}

const void *parc_output(const struct parc *self, uint32_t frame) {
    if (frame >= self->frames) return NULL;
    return (const unsigned char *)self->memory.at + self->output
           + (size_t)frame * self->program.output_bytes;
}

int parc_start(struct parc *self, uint32_t frames) {
    if (frames == 0 || frames > self->frames) return PARC_FAILED_FRAMES;
    TRY(parc_poll(self) == PARC_FAILED_BUSY ? PARC_FAILED_BUSY : PARC_OK);
    sync(self, self->input, (size_t)frames * self->program.input_bytes);
    /* What a cache still holds of results must not be written over them later. */
    sync(self, self->output, (size_t)frames * self->program.output_bytes);
    TRY(set(self, PARC_FRAMES, frames));
    return set(self, PARC_CONTROL, PARC_CONTROL_RUN);
}

int parc_poll(struct parc *self) {
    uint32_t status;
    TRY(get(self, PARC_STATUS, &status));
    if (status & PARC_STATUS_BUSY) return PARC_FAILED_BUSY;
    sync(self, self->output, (size_t)self->frames * self->program.output_bytes);
    return (int)((status & PARC_STATUS_CODE) >> PARC_STATUS_CODE_SHIFT);
}

int parc_wait(struct parc *self, uint32_t polls) {
    uint32_t left = polls;
    for (;;) {
        const int error = parc_poll(self);
        if (error != PARC_FAILED_BUSY) return error;
        if (polls != 0 && --left == 0) return PARC_FAILED_LATE;
        if (self->bus.pause != NULL) self->bus.pause(self->bus.context);
    }
}

int parc_run(struct parc *self, uint32_t frames) {
    TRY(parc_start(self, frames));
    return parc_wait(self, 0);
}

int parc_abort(struct parc *self) { return set(self, PARC_CONTROL, PARC_CONTROL_ABORT); }

int parc_acknowledge(struct parc *self) {
    return set(self, PARC_INTERRUPT_CAUSE,
               PARC_INTERRUPT_CAUSE_DONE | PARC_INTERRUPT_CAUSE_STOPPED);
}

int parc_interrupts(struct parc *self, int enabled) {
    const uint32_t both = PARC_INTERRUPT_ENABLE_DONE | PARC_INTERRUPT_ENABLE_STOPPED;
    TRY(parc_acknowledge(self));
    return set(self, PARC_INTERRUPT_ENABLE, enabled ? both : 0u);
}

int parc_stopped_at(struct parc *self, uint32_t *descriptor) {
    return get(self, PARC_DESCRIPTOR, descriptor);
}

int parc_count(struct parc *self, uint32_t counter, uint64_t *value) {
    uint32_t low, high, again;
    /* The lower half may overflow between two reads. */
    TRY(get(self, counter + 4, &again));
    do {
        high = again;
        TRY(get(self, counter, &low));
        TRY(get(self, counter + 4, &again));
    } while (high != again);
    *value = (uint64_t)high << 32 | low;
    return PARC_OK;
}

const char *parc_text(int error) {
#define PARC_CASE(code, text) \
    case code: return text;
    switch (error) {
        PARC_TEXTS(PARC_CASE)
        default: return "no error of this driver";
    }
#undef PARC_CASE
}
