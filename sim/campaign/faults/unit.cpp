// Sends what came in at a unit through it twice, without and with a fault, and tells what differs.
//
// Arguments: a file of inputs, one cycle's behind the other, and bytes of a cycle.
// Standard input: numbers of faults, a line each.
// Standard output, a line each: the first output that differs in the first cycle in which one does,
// by its number, or -1.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "Vtop___024root.h"
#include "verilated.h"

namespace {

// Of outputs, in a word of any width.
template <class Word> int first(const Word &word) {
    const auto *bytes = reinterpret_cast<const std::uint8_t *>(&word);
    for (unsigned place = 0; place < 8 * sizeof word; ++place)
        if (bytes[place / 8] >> place % 8 & 1) return static_cast<int>(place);
    return -1;
}

// Whether nothing will change any more while what comes in stays: what is there before a cycle is what
// was there before the last. Looked for now and then, for all of a flat model is compared.
class Rest {
  public:
    explicit Rest(const Vtop &top) : root_(reinterpret_cast<const std::uint8_t *>(top.rootp)) {}

    bool reached(std::size_t same) {
        if (same >= kFirst && !(same & (same - 1))) before_.assign(root_, root_ + sizeof(Vtop___024root));
        return same > kFirst && !((same - 1) & (same - 2)) && !std::memcmp(before_.data(), root_, before_.size());
    }

  private:
    static constexpr std::size_t kFirst = 8;

    const std::uint8_t *root_;
    std::vector<std::uint8_t> before_;
};

int differs(const std::vector<std::uint8_t> &inputs, std::size_t size, unsigned fault) {
    const auto top = std::make_unique<Vtop>();
    Rest rest(*top);
    top->fault = fault;
    top->clk = 0;
    std::size_t same = 0;  // cycles in which the same came in as in the one before
    for (std::size_t at = 0; at < inputs.size(); at += size) {
        same = at && !std::memcmp(&inputs[at], &inputs[at - size], size) ? same + 1 : 0;
        if (rest.reached(same)) {
            while (at < inputs.size() && !std::memcmp(&inputs[at], &inputs[at - size], size)) at += size;
            if (at >= inputs.size()) break;
            same = 0;
        }
        std::memcpy(&top->inputs, &inputs[at], size);
        top->eval();
        if (const int found = first(top->differs); found >= 0) return found;
        top->clk = 1;
        top->eval();
        // What falls with the clock takes what comes in the next cycle, and is told.
        top->clk = 0;
    }
    return -1;
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    std::FILE *file = std::fopen(argv[1], "rb");
    if (!file) return 2;
    const std::size_t size = std::strtoul(argv[2], nullptr, 10);
    std::vector<std::uint8_t> inputs;
    std::vector<std::uint8_t> cycle(size);
    while (std::fread(cycle.data(), 1, size, file) == size) inputs.insert(inputs.end(), cycle.begin(), cycle.end());
    std::fclose(file);
    unsigned fault;
    while (std::scanf("%u", &fault) == 1) {
        std::printf("%d\n", differs(inputs, size, fault));
        std::fflush(stdout);
    }
    return 0;
}
