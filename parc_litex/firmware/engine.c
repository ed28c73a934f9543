/* Lines through an engine by LiteX's DMA, and what comes of them on the UART; needs no library.
 *
 * lines.h, made with the build: LINE_NAME for each of its registers, lines as `given`, beats of
 * weights in words, the type of a `made`, GROUPS and how many samples each array has. */
#include <stdint.h>

#include <generated/csr.h>
#include <generated/mem.h>

#include "console.h"
#include "lines.h"

static uint32_t get(uint32_t at) {
    return *(volatile uint32_t *)(PARC_BASE + at);
}

static void tell(const char *what, uint32_t value) {
    print(" "), print(what), print(" "), print_number(value);
}

#if BEATS
static void put(uint32_t at, uint32_t value) {
    *(volatile uint32_t *)(PARC_BASE + at) = value;
}

static void load(void) {
    uint32_t beat, word;
    for (beat = 0; beat < BEATS; ++beat) {
        for (word = 0; word < WORDS; ++word) put(LINE_WEIGHTS_0 + 4 * word, weights[beat][word]);
        put(LINE_WEIGHTS_CONTROL, 1u | (uint32_t)(beat == BEATS - 1) << 1);
        while (get(LINE_WEIGHTS_STATUS)) {
        }
    }
}
#endif

/* Of the linker's: where memory is free. */
extern unsigned char _free[];

int main(void) {
    made *results = (made *)(((uintptr_t)_free + 63) & ~(uintptr_t)63);
    uint32_t index;
    print("PARC begins\n");
    if (get(LINE_ID) != LINE_ID_RESET || get(LINE_LENGTH) != LINE_LENGTH_RESET) {
        print("PARC wrong engine\n");
    } else {
#if BEATS
        load();
#endif
        parc_writer_base_write((uintptr_t)results);
        parc_writer_length_write(MADE * sizeof(made));
        parc_writer_enable_write(1);
        parc_reader_base_write((uintptr_t)lines);
        parc_reader_length_write(sizeof(lines));
        parc_reader_enable_write(1);
        while (!parc_writer_done_read()) {
        }
        sync(0, results, MADE * sizeof(made));
        print("PARC counts");
        tell("taken", get(LINE_GROUPS_TAKEN)), tell("given", get(LINE_GROUPS_GIVEN));
        tell("frames", get(LINE_FRAMES_GIVEN));
        tell("wrong", get(LINE_TLAST_UNEXPECTED) + get(LINE_TLAST_MISSING));
        print("\nPARC output");
        for (index = 0; index < MADE; ++index) print(" "), print_number((uint32_t)results[index]);
        print("\n");
    }
    print("PARC ends\n");
    for (;;) {
    }
}
