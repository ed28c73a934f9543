/* Lines through an engine by LiteX's DMA, in two transfers, and what comes of them on the UART; needs
 * no library.
 *
 * lines.h, made with the build: LINE_NAME for each of its registers, lines, GIVEN samples of them,
 * BEATS of weights in WORDS each, the type `made` of a result, and MADE of them. */
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
    uint32_t index, part;
    print("PARC begins\n");
    if (get(LINE_ID) != LINE_ID_RESET || get(LINE_LENGTH) != LINE_LENGTH_RESET) {
        print("PARC wrong engine\n");
    } else {
#if BEATS
        load();
#endif
        for (part = 0; part < 2; ++part) {
            parc_writer_base_write((uintptr_t)(results + part * (MADE / 2)));
            parc_writer_length_write(MADE / 2 * sizeof(made));
            parc_writer_enable_write(1);
            parc_reader_base_write((uintptr_t)(lines + part * (GIVEN / 2)));
            parc_reader_length_write(sizeof(lines) / 2);
            parc_reader_enable_write(1);
            while (!parc_reader_done_read()) {
            }
            parc_reader_enable_write(0);
            while (!parc_writer_done_read()) {
            }
            parc_writer_enable_write(0);
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
