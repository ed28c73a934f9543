// Runs experiments on a netlist with faults, and tells what each fault does. An accelerator has no
// events: it does not look at tlast.
//
// Arguments: the file of experiments, bytes of an input beat, of an output beat, cycles without
// progress after which a run hangs, and 1 where a run goes on after what is wrong, or 0.
// Standard input: faults, a line each: its number, the experiment, and the cycle in which it
// strikes, or -1 for all.
// Standard output, a line each: what is wrong first, or "right", at which beat given, how often
// anything is wrong, the last beat at which it is, whether beats are no longer taken, and the sum of
// the cycles in which beats are taken and given.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

constexpr std::uint32_t kPortions = 1u << 16;

enum Flag : std::uint8_t { kLast = 1, kUnexpected = 2, kMissing = 4 };

struct Experiment {
    // Stalls per mille, or from 1000 on, less 1000, cycles that an end is closed and open in turn,
    // or, of the source, from kPortions on, less that, beats of a portion: the sink is closed until
    // it has come and all rests, then open until all rests again, before the next comes, or, of the
    // sink, likewise, beats that it takes until it is closed and all rests; the cycle of a reset, or 0;
    // cycles from the first beat taken to the first given, or 0 where that is not held to; beats of a
    // group, and its cycles; beats.
    std::uint32_t in_stall, out_stall, reset_at, latency, group_beats, group_cycles, n_in, n_out;
    std::vector<std::uint8_t> in, in_flags, out, out_flags;
};

std::vector<std::uint8_t> bytes(std::FILE *file, std::size_t size) {
    std::vector<std::uint8_t> read(size);
    if (size && std::fread(read.data(), 1, size, file) != size) std::exit(2);
    return read;
}

std::vector<Experiment> experiments(const char *path, std::size_t in_bytes, std::size_t out_bytes) {
    std::vector<Experiment> all;
    std::FILE *file = std::fopen(path, "rb");
    if (!file) std::exit(2);
    std::uint32_t head[8];
    while (std::fread(head, sizeof head, 1, file) == 1) {
        Experiment one{};
        std::memcpy(&one, head, sizeof head);
        one.in = bytes(file, one.n_in * in_bytes);
        one.in_flags = bytes(file, one.n_in);
        one.out = bytes(file, one.n_out * out_bytes);
        one.out_flags = bytes(file, one.n_out);
        all.push_back(one);
    }
    std::fclose(file);
    return all;
}

template <class Top> auto has_wrong_events(const Top &top, std::uint8_t flags, int) -> decltype(bool(top.event_tlast_missing)) {
    return top.event_tlast_unexpected != !!(flags & kUnexpected) || top.event_tlast_missing != !!(flags & kMissing);
}
template <class Top> bool has_wrong_events(const Top &, std::uint8_t, long) { return false; }

struct Random {
    std::uint64_t state = 1, turns = 0;
    bool stalls(std::uint32_t per_mille) {
        state += 0x9e3779b97f4a7c15ULL;
        std::uint64_t mixed = state * 0xbf58476d1ce4e5b9ULL;
        mixed ^= mixed >> 31;
        if (per_mille > 1000) return !(++turns / (per_mille - 1000) & 1);
        return mixed % 1000 < per_mille;
    }
};

// What came of a run: the first thing wrong, how many, and the last beat that was.
struct Verdict {
    const char *what = "right";
    long place = 0, wrong = 0, last_wrong = -1;

    void note(const char *kind, long where) {
        if (!wrong++) what = kind, place = where;
        last_wrong = where;
    }
};

class Run {
  public:
    Run(const Experiment &experiment, std::size_t in_bytes, std::size_t out_bytes, unsigned fault, long strikes)
        : e_(experiment), in_bytes_(in_bytes), out_bytes_(out_bytes), fault_(fault), strikes_(strikes),
          held_(out_bytes) {}

    Verdict judge(long patience, bool goes_on) {
        rest_ = patience / 4;
        reset();
        if (e_.reset_at) {
            for (std::uint32_t cycle = 0; cycle < e_.reset_at; ++cycle) step(false);
            reset();
        }
        cycle_ = 0;
        // Of what is under way nothing comes later.
        long settle = patience / 4;
        while (settle && (goes_on || !verdict_.wrong)) {
            step(true);
            if (idle_ > patience) {
                hung_ = sent_ < e_.n_in;
                verdict_.note(hung_ ? "hang" : "missing", static_cast<long>(got_));
                break;
            }
            if (got_ >= e_.n_out) --settle;
        }
        return verdict_;
    }

    bool hung() const { return hung_; }
    long moments() const { return moments_; }

  private:
    // All that comes is another until the clock falls: what takes it at that edge is told.
    void clock() {
        top_->clk = 1;
        top_->eval();
        turn_over();
        top_->eval();
        top_->clk = 0;
        top_->eval();
        turn_over();
    }

    void turn_over() {
        auto *data = reinterpret_cast<std::uint8_t *>(&top_->s_axis_tdata);
        for (std::size_t place = 0; place < in_bytes_; ++place) data[place] ^= 0xff;
        top_->s_axis_tvalid ^= 1;
        top_->s_axis_tlast ^= 1;
        top_->m_axis_tready ^= 1;
    }

    void reset() {
        top_->fault = strikes_ < 0 ? fault_ : 0;
        top_->clk = 0;  // which begins with anything: else the reset might have no edge
        top_->rst = 1;
        top_->s_axis_tvalid = 1;
        // Wrong, so that an event is seen that a reset does not keep out.
        top_->s_axis_tlast = sent_ >= e_.n_in || !(e_.in_flags[sent_] & kLast);
        top_->m_axis_tready = !(e_.reset_at & 1);
        top_->eval();
        if (top_->s_axis_tready || top_->m_axis_tvalid) verdict_.note("loud", 0);
        clock();
        top_->rst = 0;
        top_->s_axis_tvalid = 0;
        sent_ = got_ = taken_ = idle_ = quiet_ = 0;
        flags_ = 0;
        stalled_ = open_ = false;
        portions_ = 1;
        random_ = Random();
    }

    bool source_rests() {
        if (e_.in_stall < kPortions) return random_.stalls(e_.in_stall);
        return sent_ >= portions_ * (e_.in_stall - kPortions);
    }

    bool sink_rests() {
        if (e_.out_stall >= kPortions) {
            if (quiet_ > rest_) {
                taken_ = got_ + e_.out_stall - kPortions;
                quiet_ = 0;
            }
            return got_ >= taken_;
        }
        if (e_.in_stall < kPortions) return random_.stalls(e_.out_stall);
        if (quiet_ > rest_) {
            if (open_) ++portions_;
            open_ = !open_;
            quiet_ = 0;
        }
        return !open_;
    }

    void step(bool judged) {
        if (!top_->s_axis_tvalid && sent_ < e_.n_in && !source_rests()) {
            std::memcpy(&top_->s_axis_tdata, &e_.in[sent_ * in_bytes_], in_bytes_);
            top_->s_axis_tlast = e_.in_flags[sent_] & kLast;
            top_->s_axis_tvalid = 1;
        }
        top_->m_axis_tready = !sink_rests();
        top_->fault = strikes_ < 0 || (judged && cycle_ == strikes_) ? fault_ : 0;
        top_->eval();
        if (judged) events();
        const bool taken = top_->s_axis_tvalid && top_->s_axis_tready;
        if (judged) look();
        if (taken && judged && !sent_) first_ = cycle_;
        flags_ = taken ? e_.in_flags[sent_] : 0;
        clock();
        ++cycle_;
        idle_ = taken ? 0 : idle_ + 1;
        quiet_ = taken ? 0 : quiet_ + 1;
        if (taken) moments_ += cycle_;
        if (taken) {
            ++sent_;
            top_->s_axis_tvalid = 0;
        }
    }

    void events() {
        if (has_wrong_events(*top_, flags_, 0)) verdict_.note("event", static_cast<long>(got_));
    }

    void look() {
        const long place = static_cast<long>(got_);
        if (stalled_ && (!top_->m_axis_tvalid || std::memcmp(&top_->m_axis_tdata, held_.data(), out_bytes_)))
            verdict_.note("moved", place);
        stalled_ = top_->m_axis_tvalid && !top_->m_axis_tready;
        std::memcpy(held_.data(), &top_->m_axis_tdata, out_bytes_);
        if (!top_->m_axis_tvalid || stalled_) return;
        if (got_ >= e_.n_out) {
            verdict_.note("extra", place);
            return;
        }
        if (std::memcmp(held_.data(), &e_.out[got_ * out_bytes_], out_bytes_)) verdict_.note("value", place);
        if (top_->m_axis_tlast != (e_.out_flags[got_] & kLast)) verdict_.note("last", place);
        // A group begins when the manifest says, where nothing stalls.
        if (e_.latency && got_ % e_.group_beats == 0 && cycle_ != first_ + due(got_)) verdict_.note("late", place);
        ++got_;
        moments_ += cycle_;
        idle_ = quiet_ = 0;
    }

    long due(std::size_t beat) const {
        return static_cast<long>(e_.latency + beat / e_.group_beats * e_.group_cycles);
    }

    const Experiment &e_;
    std::size_t in_bytes_, out_bytes_;
    unsigned fault_;
    long strikes_;
    std::vector<std::uint8_t> held_;
    std::unique_ptr<Vtop> top_ = std::make_unique<Vtop>();
    Random random_;
    Verdict verdict_;
    std::size_t sent_ = 0, got_ = 0, taken_ = 0;
    long cycle_ = 0, idle_ = 0, quiet_ = 0, first_ = 0, moments_ = 0;
    std::uint8_t flags_ = 0;
    bool stalled_ = false, hung_ = false, open_ = false;
    std::uint32_t portions_ = 1;
    long rest_ = 0;
};

}  // namespace

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    const std::size_t in_bytes = std::strtoul(argv[2], nullptr, 10), out_bytes = std::strtoul(argv[3], nullptr, 10);
    const long patience = std::strtol(argv[4], nullptr, 10);
    const bool goes_on = argv[5][0] == '1';
    const auto all = experiments(argv[1], in_bytes, out_bytes);
    unsigned fault;
    unsigned long number;
    long strikes;
    // Memories, and registers that are not told what to begin with, begin with anything.
    Verilated::randReset(2);
    while (std::scanf("%u %lu %ld", &fault, &number, &strikes) == 3) {
        Verilated::randSeed(1);
        Run run(all.at(number), in_bytes, out_bytes, fault, strikes);
        const Verdict verdict = run.judge(patience, goes_on);
        std::printf("%s %ld %ld %ld %d %ld\n", verdict.what, verdict.place, verdict.wrong, verdict.last_wrong, run.hung(),
                    run.moments());
        std::fflush(stdout);
    }
    return 0;
}
