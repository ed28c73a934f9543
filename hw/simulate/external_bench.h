// A verilated accelerator with its memory and a driver's accesses, a clock at a time.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "Vtop.h"
#include "axi_memory.h"
#include "verilated.h"

// A build whose faults an input chooses has that input; no other has.
template <class Top> auto choose_fault(Top &top, unsigned fault, int) -> decltype(void(top.fault)) {
    top.fault = fault;
}
template <class Top> void choose_fault(Top &, unsigned, long) {}

struct Bench {
    static constexpr std::uint64_t PATIENCE = 1000;  // cycles until a register must answer

    std::unique_ptr<Vtop> top = std::make_unique<Vtop>();
    AxiMemory memory;
    AxiChecker checker;
    std::uint64_t cycles = 0;
    std::uint64_t written = 0;  // when the last register was
    unsigned fault = 0;
    std::int64_t strikes = -1;  // the cycle in which it does; -1 for all

    explicit Bench(std::size_t size) : memory(size) { top->clk = 0, reset(3); }

    void clock() {
        memory.drive(*top);
        choose_fault(*top, strikes < 0 || strikes == static_cast<std::int64_t>(cycles) ? fault : 0, 0);
        top->eval();
        AxiPins pins = AxiPins::of(*top);
        pins.reset = top->rst;
        checker.look(pins);
        if (!top->rst) memory.look(pins);
        top->clk = 1;
        top->eval();
        top->clk = 0;  // nothing is done then: the next cycle's evaluation sees it
        ++cycles;
    }

    void reset(unsigned count) {
        top->rst = 1;
        memory.reset();
        for (unsigned n = 0; n < count; ++n) clock();
        top->rst = 0;
    }

    template <class Condition> void until(Condition holds) {
        const std::uint64_t begin = cycles;
        for (top->eval(); !holds(); top->eval()) {
            if (cycles - begin == PATIENCE) throw std::runtime_error("Registers must answer");
            clock();
        }
    }

    // Both return the answer: 0 where it is well.
    unsigned write(unsigned at, std::uint32_t value) {
        top->s_axi_awaddr = at, top->s_axi_awvalid = 1;
        top->s_axi_wdata = value, top->s_axi_wstrb = 15, top->s_axi_wvalid = 1;
        top->s_axi_bready = 1;
        until([&] { return top->s_axi_awready && top->s_axi_wready; });
        clock();
        top->s_axi_awvalid = 0, top->s_axi_wvalid = 0;
        written = cycles;
        memory.rest();  // a driver is so slow
        until([&] { return top->s_axi_bvalid; });
        const unsigned response = top->s_axi_bresp;
        clock();
        top->s_axi_bready = 0;
        return response;
    }

    unsigned read(unsigned at, std::uint32_t &value) {
        top->s_axi_araddr = at, top->s_axi_arvalid = 1, top->s_axi_rready = 0;
        until([&] { return top->s_axi_arready; });
        clock();
        top->s_axi_arvalid = 0;
        until([&] { return top->s_axi_rvalid; });
        value = top->s_axi_rdata;
        const unsigned response = top->s_axi_rresp;
        top->s_axi_rready = 1;
        clock();
        top->s_axi_rready = 0;
        return response;
    }

    bool set(const std::string &name, std::int64_t value) {
        AxiSettings &s = memory.settings;
        const auto number = static_cast<unsigned>(value);
        if (name == "latency") s.latency = number;
        else if (name == "rate") s.rate = number;
        else if (name == "stall") s.stall = number;
        else if (name == "reorder") s.reorder = value != 0;
        else if (name == "most") s.most = number;
        else if (name == "error") s.error = number;
        else if (name == "origin") s.origin = static_cast<std::uint64_t>(value);
        else if (name == "repeats") s.repeats = value != 0;
        else if (name == "silent") s.silent = number;
        else if (name == "read_error") s.read_error = value < 0 ? -1 : value + static_cast<std::int64_t>(memory.beats_read);
        else if (name == "write_error") s.write_error = value < 0 ? -1 : value + static_cast<std::int64_t>(memory.bursts_written);
        else return false;
        return true;
    }
};
