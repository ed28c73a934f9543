// Streams frames from standard input through a verilated accelerator, one behind the other.
//
// Arguments: beats of a frame in, beats of a frame out, bytes of a beat, frames, cycles without
// progress after which it gives up, and a file for what is watched.
// Input: the frames' beats. Output, a frame: cycles from its first beat taken to the next one's (8
// bytes), its beats. A frame of zeros is offered behind the last, so that this one's cycles are known.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "svdpi.h"
#include "verilated.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

std::size_t beat_bytes;
std::FILE *watched;

[[noreturn]] void fail(const char *what, std::uint64_t cycle) {
    std::fprintf(stderr, "%s, cycle %llu\n", what, static_cast<unsigned long long>(cycle));
    std::exit(1);
}

// Gives the frames' beats one by one; zeros behind them.
class Source {
  public:
    Source(std::size_t beats) : beats_(beats), bytes_(beats * beat_bytes), at_(beats) {}
    const std::uint8_t *front() {
        if (at_ == beats_) {
            if (std::fread(bytes_.data(), 1, bytes_.size(), stdin) != bytes_.size())
                std::fill(bytes_.begin(), bytes_.end(), 0);
            at_ = 0;
        }
        return bytes_.data() + at_ * beat_bytes;
    }
    bool first() const { return at_ == 0; }
    bool last() const { return at_ + 1 == beats_; }
    void pop() { ++at_; }

  private:
    std::size_t beats_;
    Bytes bytes_;
    std::size_t at_;
};

// What a frame came to: given when its beats are there, and the next one has begun.
class Results {
  public:
    explicit Results(std::size_t beats) : size_(beats * beat_bytes) {}
    void begin(std::uint64_t cycle) {
        if (begun_) cycles_.push_back(cycle - begin_);
        begun_ = true;
        begin_ = cycle;
        give();
    }
    void add(const void *beat, bool last, std::uint64_t cycle) {
        const auto *bytes = static_cast<const std::uint8_t *>(beat);
        bytes_.insert(bytes_.end(), bytes, bytes + beat_bytes);
        if (last != (bytes_.size() % size_ == 0)) fail("Wrong tlast", cycle);
        give();
    }
    std::uint64_t frames() const { return frames_; }

  private:
    void give() {
        if (cycles_.empty() || bytes_.size() < size_) return;
        std::fflush(watched);  // it is read up to here once the frame is known
        std::fwrite(&cycles_.front(), sizeof cycles_.front(), 1, stdout);
        std::fwrite(bytes_.data(), 1, size_, stdout);
        std::fflush(stdout);
        cycles_.pop_front();
        bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
        ++frames_;
    }

    std::size_t size_;
    Bytes bytes_;
    std::deque<std::uint64_t> cycles_;
    std::uint64_t begin_ = 0, frames_ = 0;
    bool begun_ = false;
};

}  // namespace

// Called by what `bind` puts beside the watched unit: a word that it writes.
extern "C" void parc_watched(int, const svBitVecVal *word) {
    std::fwrite(word, 1, beat_bytes, watched);
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    const auto number = [&](int n) { return std::strtoull(argv[n], nullptr, 10); };
    beat_bytes = number(3);
    watched = std::fopen(argv[6], "wb");
    if (!watched) return 2;
    const std::uint64_t frames = number(4), patience = number(5);
    Source source(number(1));
    Results results(number(2));
    auto top = std::make_unique<Vtop>();
    std::uint64_t cycle = 0, idle = 0;
    top->rst = 1;
    top->clk = 1;
    top->eval();
    top->clk = 0;
    top->rst = 0;
    top->m_axis_tready = 1;
    top->s_axis_tvalid = 1;
    while (results.frames() < frames) {
        std::memcpy(&top->s_axis_tdata, source.front(), beat_bytes);
        top->s_axis_tlast = source.last();
        top->eval();
        const bool taken = top->s_axis_tready, given = top->m_axis_tvalid;
        if (taken && source.first()) results.begin(cycle);
        if (given) results.add(&top->m_axis_tdata, top->m_axis_tlast, cycle);
        idle = taken || given ? 0 : idle + 1;
        if (idle > patience) fail("Nothing moves", cycle);
        top->clk = 1;
        top->eval();
        top->clk = 0;
        if (taken) source.pop();
        ++cycle;
    }
    std::fclose(watched);
    return 0;
}
