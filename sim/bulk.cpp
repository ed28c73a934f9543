// Streams beats from standard input through a verilated engine and compares what comes out.
//
// Arguments: beats of a group, bytes of an input beat, bytes of an output beat, stalls per mille of
// the source, of the sink, and cycles without progress after which it gives up.
// Input, until its end: a chunk's number of beats (4 bytes), its input beats, its output beats.
// Output: one line of JSON. Exit status 1 with a line on standard error where anything is wrong.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

// Beats that were read and not yet used.
class Queue {
  public:
    explicit Queue(std::size_t beat_bytes) : beat_bytes_(beat_bytes) {}

    void read(std::size_t beats) {
        bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
        begin_ = 0;
        const std::size_t old = bytes_.size(), more = beats * beat_bytes_;
        bytes_.resize(old + more);
        if (std::fread(bytes_.data() + old, 1, more, stdin) != more) {
            std::fprintf(stderr, "Chunk must be whole\n");
            std::exit(1);
        }
    }
    bool empty() const { return begin_ == bytes_.size(); }
    const std::uint8_t *front() const { return bytes_.data() + begin_; }
    void pop() { begin_ += beat_bytes_; }

  private:
    std::size_t beat_bytes_, begin_ = 0;
    Bytes bytes_;
};

class Random {
  public:
    bool chance(unsigned per_mille) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_ % 1000 < per_mille;
    }

  private:
    std::uint64_t state_ = 88172645463325252ULL;
};

struct Bench {
    std::unique_ptr<Vtop> top = std::make_unique<Vtop>();
    std::size_t group, in_bytes, out_bytes;
    unsigned in_stall, out_stall;
    Queue in, expected;
    Random random;
    std::uint64_t cycles = 0, sent = 0, got = 0, idle = 0;
    bool stalled = false;
    Bytes held;

    explicit Bench(char **argv)
        : group(std::strtoul(argv[1], nullptr, 10)), in_bytes(std::strtoul(argv[2], nullptr, 10)),
          out_bytes(std::strtoul(argv[3], nullptr, 10)),
          in_stall(static_cast<unsigned>(std::strtoul(argv[4], nullptr, 10))),
          out_stall(static_cast<unsigned>(std::strtoul(argv[5], nullptr, 10))), in(in_bytes),
          expected(out_bytes), held(out_bytes) {}

    [[noreturn]] void fail(const char *what) const {
        std::fprintf(stderr, "%s: output beat %llu, cycle %llu\n", what,
                     static_cast<unsigned long long>(got), static_cast<unsigned long long>(cycles));
        std::exit(1);
    }

    void clock() {
        top->clk = 1;
        top->eval();
        top->clk = 0;
        top->eval();
        ++cycles;
    }

    void reset() {
        top->rst = 1;
        clock();
        top->rst = 0;
    }

    // Drive the cycle, look at its handshakes, and go on to the next.
    void step() {
        if (!top->s_axis_tvalid && !in.empty() && !random.chance(in_stall)) {
            std::memcpy(&top->s_axis_tdata, in.front(), in_bytes);
            top->s_axis_tlast = sent % group == group - 1;
            top->s_axis_tvalid = 1;
        }
        top->m_axis_tready = !random.chance(out_stall);
        top->eval();
        const bool taken = top->s_axis_tvalid && top->s_axis_tready;
        look();
        clock();
        if (taken) {
            in.pop();
            ++sent;
            top->s_axis_tvalid = 0;
        }
        idle = taken ? 0 : idle + 1;
        if (top->event_tlast_unexpected || top->event_tlast_missing) fail("Event");
    }

    void look() {
        if (stalled && (!top->m_axis_tvalid || std::memcmp(&top->m_axis_tdata, held.data(), out_bytes)))
            fail("Stalled beat moved");
        stalled = top->m_axis_tvalid && !top->m_axis_tready;
        std::memcpy(held.data(), &top->m_axis_tdata, out_bytes);
        if (!top->m_axis_tvalid || stalled) return;
        if (expected.empty()) fail("Beat too many");
        if (std::memcmp(held.data(), expected.front(), out_bytes)) fail("Wrong beat");
        if (top->m_axis_tlast != (got % group == group - 1)) fail("Wrong tlast");
        expected.pop();
        ++got;
        idle = 0;
    }
};

}  // namespace

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    Bench bench(argv);
    const std::uint64_t patience = std::strtoul(argv[6], nullptr, 10);
    bench.reset();
    std::uint32_t beats = 0;
    while (std::fread(&beats, sizeof beats, 1, stdin) == 1) {
        bench.in.read(beats);
        bench.expected.read(beats);
        while (!bench.in.empty()) {
            bench.step();
            if (bench.idle > patience) bench.fail("Nothing moves");
        }
    }
    while (!bench.expected.empty()) {
        bench.step();
        if (bench.idle > patience) bench.fail("Beats are missing");
    }
    for (std::uint64_t cycle = 0; cycle < patience; ++cycle) bench.step();
    std::printf("{\"beats\": %llu, \"cycles\": %llu}\n", static_cast<unsigned long long>(bench.got),
                static_cast<unsigned long long>(bench.cycles - patience));
    return 0;
}
