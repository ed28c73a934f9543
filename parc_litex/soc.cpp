// A verilated SoC of LiteX whose UART is the simulation's: what it says goes to standard output.
// Ends behind a line that has the given text, or after so many cycles.
//
//   Vtop TEXT CYCLES      in a folder with the .init files of its memories

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "Vtop.h"
#include "verilated.h"

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const std::string ends = argv[1];
    const std::uint64_t most = std::strtoull(argv[2], nullptr, 10);
    auto top = std::make_unique<Vtop>();
    top->serial_source_ready = 1;
    top->serial_sink_valid = 0;
    std::string line;
    for (std::uint64_t cycle = 0; cycle < most; ++cycle) {
        top->sys_clk = 0;
        top->eval();
        if (top->serial_source_valid) {
            const char c = static_cast<char>(top->serial_source_data);
            std::putchar(c);
            if (c != '\n') line += c;
            else if (line.find(ends) == std::string::npos) line.clear();
            else return 0;
        }
        top->sys_clk = 1;
        top->eval();
    }
    return 1;
}
