// A verilated accelerator behind the driver parc.c: calls `parc_host`, with what is left of the
// command line, as a processor's main program.
//
//   Vtop MEMORY_BYTES ADDRESS ...    ADDRESS is the first byte of memory that the host is given

#include <cstdio>
#include <cstring>

#include "driven.h"
#include "external_bench.h"

namespace {

Bench *bench = nullptr;

int read_register(void *, std::uint32_t at, std::uint32_t *value) {
    return static_cast<int>(bench->read(at, *value));
}

int write_register(void *, std::uint32_t at, std::uint32_t value) {
    return static_cast<int>(bench->write(at, value));
}

// Until the interrupt, or for a while.
void pause_bench(void *) {
    for (int cycle = 0; cycle < 1000 && !bench->top->irq; ++cycle) bench->clock();
}

}  // namespace

extern "C" int driven_set(const char *name, long value) { return bench->set(name, value) ? 0 : 1; }

extern "C" int driven_interrupt(void) { return bench->top->irq; }

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    const std::size_t size = std::strtoull(argv[1], nullptr, 10);
    const std::size_t first = std::strtoull(argv[2], nullptr, 10);
    Bench made(size);
    bench = &made;
    struct parc_bus bus;
    std::memset(&bus, 0, sizeof bus);
    bus.read = read_register, bus.write = write_register, bus.pause = pause_bench;
    struct parc_memory memory;
    memory.at = made.memory.bytes.data() + first, memory.address = first, memory.bytes = size - first;
    made.memory.writable.emplace_back(first, size - first);
    try {
        const int result = parc_host(&bus, &memory, argc - 3, argv + 3);
        made.checker.finish();
        if (made.memory.outside) throw std::runtime_error("something was written outside");
        return result;
    } catch (const std::exception &reason) {
        std::fprintf(stderr, "%s\n", reason.what());
        return 3;
    }
}
