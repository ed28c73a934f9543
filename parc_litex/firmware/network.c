/* Images through an accelerator, and their classes on the UART; needs no library.
 *
 * images.h, made with the build: BUILD_HASH and BUILD_PROGRAM_0 of its NAME.h, the bytes of program
 * and frames, and which bytes of the output are the classes' scores. */
#include <stddef.h>
#include <stdint.h>

#include <generated/mem.h>

#include "console.h"
#include "images.h"
#include "parc.h"

static int check(const char *what, int error) {
    if (error == PARC_OK) return 1;
    print("PARC "), print(what), print(": "), print(parc_text(error)), print("\n");
    return 0;
}

static const struct parc_program program = BUILD_PROGRAM_0;
static struct parc acc;
/* Of the linker's: where memory is free. */
extern unsigned char _free[];

static void run(void) {
    struct parc_bus bus = parc_mmio(PARC_BASE);
    struct parc_memory memory;
    const uintptr_t first = ((uintptr_t)_free + PARC_ALIGNMENT - 1) & ~(uintptr_t)(PARC_ALIGNMENT - 1);
    uint64_t cycles;
    uint32_t image, index, best;
    memory.at = (void *)first;
    memory.address = first;
    memory.bytes = MAIN_RAM_BASE + MAIN_RAM_SIZE - first;
    bus.sync = sync;
    if (!check("wrong hash", parc_probe(&acc, &bus, BUILD_HASH ^ 1u) == PARC_FAILED_HASH
                                 ? PARC_OK : PARC_FAILED_HASH))
        return;
    if (!check("probe", parc_probe(&acc, &bus, BUILD_HASH))) return;
    if (!check("load", parc_load(&acc, &program, program_image, &memory, 1))) return;
    for (image = 0; image < IMAGES; ++image) {
        const score *scores = parc_output(&acc, 0);
        memcpy(parc_input(&acc, 0), frames[image], program.input_bytes);
        if (!check("run", parc_run(&acc, 1)) || !check("count", parc_count(&acc, PARC_CYCLES, &cycles)))
            return;
        for (index = 1, best = 0; index < SCORES; ++index)
            if (scores[SCORE(index)] > scores[SCORE(best)]) best = index;
        print("PARC image "), print_number(image), print(" class "), print_number(best);
        print(" cycles "), print_number((uint32_t)cycles), print(" output");
        for (index = 0; index < program.output_bytes; ++index)
            print(" "), print_number(((const unsigned char *)scores)[index]);
        print("\n");
    }
}

int main(void) {
    print("PARC begins\n");
    run();
    print("PARC ends\n");
    for (;;) {
    }
}
