// Traffic that keeps AXI4, and the same broken in one place each: the checker must tell them apart.
#include <cstdio>
#include <functional>

#include "axi_memory.h"

using Trace = std::vector<AxiPins>;

// A burst of 4 read, a burst of 2 written, each with a stall on every channel.
static Trace legal() {
    Trace trace(16);
    for (AxiPins &pins : trace) pins.bytes = 8, pins.rready = pins.bready = true;
    trace[0].reset = true;
    for (int cycle : {1, 2}) trace[cycle].ar = {true, cycle == 2, 0x0fe0, 3, 3, 1, 1};
    for (int beat = 0; beat < 4; ++beat) {
        AxiPins &pins = trace[static_cast<std::size_t>(4 + beat)];
        pins.rvalid = true, pins.rid = 1, pins.rlast = beat == 3;
    }
    for (int cycle : {5, 6}) trace[cycle].aw = {true, cycle == 6, 0x1000, 1, 3, 1, 0};
    for (int cycle : {7, 8, 9}) {
        AxiPins &pins = trace[cycle];
        pins.wvalid = true, pins.wready = cycle != 7, pins.wlast = cycle == 9, pins.wstrb = 0xff;
        pins.wdata[0] = static_cast<std::uint8_t>(cycle == 9 ? 2 : 1);
    }
    for (int cycle : {12, 13}) trace[cycle].bvalid = true, trace[cycle].bready = cycle == 13;
    return trace;
}

// Return what the checker says, or nothing.
static std::string verdict(const Trace &trace) {
    AxiChecker checker;
    try {
        for (const AxiPins &pins : trace) checker.look(pins);
        checker.finish();
    } catch (const std::runtime_error &reason) {
        return reason.what();
    }
    return "";
}

// From a cycle on, neither answers to reads nor to writes are taken.
static void refuse(Trace &trace, std::size_t from) {
    for (std::size_t cycle = from; cycle < trace.size(); ++cycle) {
        trace[cycle] = trace[from];
        trace[cycle].rready = trace[cycle].bready = false;
    }
}

int main() {
    const std::vector<std::pair<std::string, std::function<void(Trace &)>>> broken = {
        {"valid is low in reset", [](Trace &t) { t[0].ar.valid = true; }},
        {"valid is low in reset", [](Trace &t) { t[0].wvalid = true; }},
        {"AR valid stays", [](Trace &t) { t[2].ar.valid = false; }},
        {"AR stays as it is", [](Trace &t) { t[2].ar.address = 0x0fc0; }},
        {"AR stays as it is", [](Trace &t) { t[2].ar.length = 2; }},
        {"AW valid stays", [](Trace &t) { t[6].aw.valid = false; }},
        {"AW stays as it is", [](Trace &t) { t[6].aw.id = 3; }},
        {"AR is INCR", [](Trace &t) { t[1].ar.burst = 2; }},
        {"AR size is the bus's", [](Trace &t) { t[1].ar.size = 2; }},
        {"AR address is a whole beat's", [](Trace &t) { t[1].ar.address = 0x0fe4; }},
        {"AR stays within 4 KiB", [](Trace &t) { t[1].ar.address = 0x0fe8; }},
        {"AW stays within 4 KiB", [](Trace &t) { t[5].aw.address = 0x0ff8; }},
        {"AW has at most 256", [](Trace &t) { t[5].aw.length = 256; }},
        {"W valid stays", [](Trace &t) { t[8].wvalid = false; }},
        {"W stays as it is", [](Trace &t) { t[8].wdata[0] = 9; }},
        {"W stays as it is", [](Trace &t) { t[8].wstrb = 0x0f; }},
        {"WSTRB is of the beat's bytes", [](Trace &t) { t[9].wstrb = 0x1ff; }},
        {"WLAST is at the burst's end", [](Trace &t) { t[8].wlast = t[7].wlast = true; }},
        {"WLAST is at the burst's end", [](Trace &t) { t[9].wlast = false; }},
        {"RLAST is at the burst's end", [](Trace &t) { t[6].rlast = true; }},
        {"R answers what was asked", [](Trace &t) { t[4].rid = 2; }},
        {"R answers what was asked", [](Trace &t) { t[10].rvalid = true, t[10].rid = 1; }},
        {"R stays as it is", [](Trace &t) { t[4].rready = false, t[5].rid = 2; }},
        {"B answers what was written", [](Trace &t) { t[7].bvalid = true; }},
        {"B stays as it is", [](Trace &t) { t[13].bvalid = false; }},
        {"reads are answered", [](Trace &t) { t[7].rvalid = false; }},
        {"are answered", [](Trace &t) { refuse(t, 7); }},
        {"writes are answered", [](Trace &t) { refuse(t, 13); }},
        {"writes are answered",
         [](Trace &t) { t[9].wvalid = t[12].bvalid = t[13].bvalid = false; }},
    };
    int wrong = 0;
    if (const std::string said = verdict(legal()); !said.empty())
        std::printf("legal traffic: %s\n", said.c_str()), ++wrong;
    for (const auto &[rule, breaks] : broken) {
        Trace trace = legal();
        breaks(trace);
        const std::string said = verdict(trace);
        if (said.find(rule) == std::string::npos)
            std::printf("%s: %s\n", rule.c_str(), said.c_str()), ++wrong;
    }
    std::printf("%zu broken\n", broken.size());
    return wrong != 0;
}
