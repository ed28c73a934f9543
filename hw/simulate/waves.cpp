// Clocks a bench of Verilog that prints what it sees: eight cycles of reset, then as many as asked for.
#include <cstdlib>
#include <memory>

#include "Vtop.h"
#include "verilated.h"

int main(int argc, char** argv) {
    auto context = std::make_unique<VerilatedContext>();
    context->commandArgs(argc, argv);
    auto top = std::make_unique<Vtop>(context.get());
    const long cycles = argc > 1 ? std::atol(argv[1]) : 0;
    for (long cycle = -8; cycle < cycles; ++cycle) {
        top->reset = cycle < 0;
        top->clk = 0;
        top->eval();
        top->clk = 1;
        top->eval();
    }
    top->final();
    return 0;
}
