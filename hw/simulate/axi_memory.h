// External memory behind an AXI4 port, and a checker of that port.
//
// A bench calls, in each cycle: memory.drive(top) before top->eval(), then, with the cycle's wires
// settled, `const AxiPins pins = AxiPins::of(*top); checker.look(pins); memory.look(pins);`, and
// after that the clock's edges. Ports are called m_axi_*, as hw.emit.axi calls them. A template,
// so that it fits every build whatever the width of its bus.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

constexpr std::size_t AXI_MOST_BYTES = 32;
constexpr unsigned AXI_OKAY = 0, AXI_SLVERR = 2, AXI_DECERR = 3;

// A burst's address.
struct AxiAddress {
    bool valid = false, ready = false;
    std::uint64_t address = 0;
    unsigned length = 0, size = 0, burst = 0, id = 0;  // length as on the wires: one less

    bool operator==(const AxiAddress &o) const {
        return address == o.address && length == o.length && size == o.size && burst == o.burst &&
               id == o.id;
    }
    bool goes() const { return valid && ready; }
};

// The wires of a cycle, as they are before its edge.
struct AxiPins {
    AxiAddress ar, aw;
    bool wvalid = false, wready = false, wlast = false;
    bool bvalid = false, bready = false;
    bool rvalid = false, rready = false, rlast = false;
    unsigned bid = 0, bresp = 0, rid = 0, rresp = 0;
    std::uint64_t wstrb = 0;
    std::size_t bytes = 0;  // of a beat
    std::array<std::uint8_t, AXI_MOST_BYTES> wdata{};
    bool reset = false;

    template <class Top> static AxiPins of(const Top &top) {
        AxiPins pins;
        pins.ar = {top.m_axi_arvalid != 0, top.m_axi_arready != 0, top.m_axi_araddr,
                   top.m_axi_arlen, top.m_axi_arsize, top.m_axi_arburst, top.m_axi_arid};
        pins.aw = {top.m_axi_awvalid != 0, top.m_axi_awready != 0, top.m_axi_awaddr,
                   top.m_axi_awlen, top.m_axi_awsize, top.m_axi_awburst, top.m_axi_awid};
        pins.wvalid = top.m_axi_wvalid, pins.wready = top.m_axi_wready;
        pins.wlast = top.m_axi_wlast, pins.wstrb = top.m_axi_wstrb;
        pins.bvalid = top.m_axi_bvalid, pins.bready = top.m_axi_bready;
        pins.bid = top.m_axi_bid, pins.bresp = top.m_axi_bresp;
        pins.rvalid = top.m_axi_rvalid, pins.rready = top.m_axi_rready;
        pins.rlast = top.m_axi_rlast, pins.rid = top.m_axi_rid, pins.rresp = top.m_axi_rresp;
        pins.bytes = sizeof(top.m_axi_wdata);
        std::memcpy(pins.wdata.data(), &top.m_axi_wdata, pins.bytes);
        return pins;
    }
};

// How a memory behaves. All zero: answers in the next cycle, a beat in each.
struct AxiSettings {
    unsigned latency = 0;     // cycles more from an address to its first beat, or a burst to B
    unsigned rate = 0;        // bytes a 1000 cycles, reads and writes together; 0: the bus's
    unsigned stall = 0;       // probability per mille that a channel pauses in a cycle
    bool reorder = false;     // answers to different ids come in any order, beat by beat
    unsigned most = 16;       // bursts that it takes before it has answered
    std::int64_t read_error = -1;   // which beat read, counted from 0, is answered with an error
    std::int64_t write_error = -1;  // which burst written
    unsigned error = AXI_SLVERR;
    std::uint64_t origin = 0;  // address of the first byte
    bool repeats = false;  // whether its bytes are those at all other addresses too
    unsigned silent = 0;  // channels on which nothing goes on: bits AR, R, AW, W, B
};

// Holds bytes from an address on, answers as `settings` say, and knows what may be written.
class AxiMemory {
  public:
    AxiSettings settings;
    std::vector<std::uint8_t> bytes;
    // Address and length of what may be written; anything else is an error, and not written.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> writable;
    std::uint64_t beats_read = 0, bursts_read = 0, beats_written = 0, bursts_written = 0;
    std::uint64_t bytes_written = 0, outside = 0;  // with strobes; writes outside of `writable`
    std::uint64_t cycle = 0;

    explicit AxiMemory(std::size_t size, std::uint64_t seed = 1) : bytes(size), state_(seed | 1) {}

    // Forget what is under way; contents stay.
    void reset() {
        reads_.clear();
        writes_.clear();
        answers_.clear();
        early_.clear();
        now_ = -1;
        tokens_ = 0;
        answer_ = false;
    }

    // It has done nothing for long: all the bandwidth is there that can be saved up.
    void rest() { tokens_ = SPARED; }

    // Set the inputs of a cycle. What was offered and not taken stays.
    template <class Top> void drive(Top &top) {
        const std::size_t beat = sizeof(top.m_axi_rdata);
        if (settings.rate) tokens_ = std::min<std::int64_t>(tokens_ + settings.rate, SPARED);
        top.m_axi_arready = reads_.size() < settings.most && !stalls() && !silent(0);
        top.m_axi_awready = writes_.size() < settings.most && !stalls() && !silent(2);
        top.m_axi_wready = pays(beat, false) && !stalls() && early_.size() < 64 && !silent(3);
        if (now_ < 0 && !silent(1)) choose(beat);
        top.m_axi_rvalid = now_ >= 0;
        if (now_ >= 0) {
            const Read &read = reads_[static_cast<std::size_t>(now_)];
            const bool known = holds(read.address, beat);
            const bool wrong = settings.read_error == static_cast<std::int64_t>(beats_read);
            if (known) std::memcpy(&top.m_axi_rdata, at(read.address), beat);
            top.m_axi_rresp = wrong ? settings.error : known ? AXI_OKAY : AXI_DECERR;
            top.m_axi_rid = read.id;
            top.m_axi_rlast = read.left == 1;
        }
        if (!answer_ && !answers_.empty() && answers_.front().due <= cycle && !stalls() &&
            !silent(4))
            answer_ = true;
        top.m_axi_bvalid = answer_;
        if (answer_) {
            top.m_axi_bid = answers_.front().id;
            top.m_axi_bresp = answers_.front().response;
        }
    }

    // Take what was handed over in this cycle.
    void look(const AxiPins &pins) {
        if (pins.rvalid && pins.rready) {
            Read &read = reads_[static_cast<std::size_t>(now_)];
            read.address += pins.bytes;
            ++beats_read;
            if (--read.left == 0) reads_.erase(reads_.begin() + now_);
            now_ = -1;
        }
        if (pins.bvalid && pins.bready) {
            answers_.pop_front();
            answer_ = false;
        }
        if (pins.ar.goes()) {
            reads_.push_back({pins.ar.address, pins.ar.length + 1, pins.ar.id,
                              cycle + 1 + settings.latency});
            ++bursts_read;
        }
        if (pins.aw.goes()) writes_.push_back({pins.aw.address, pins.aw.id, true});
        if (pins.wvalid && pins.wready) {
            if (settings.rate) tokens_ -= static_cast<std::int64_t>(pins.bytes) * 1000;
            early_.push_back({pins.wdata, pins.wstrb, pins.wlast});
        }
        write(pins.bytes);
        ++cycle;
    }

    // Whether so many bytes from an address on are there.
    bool holds(std::uint64_t address, std::uint64_t length) const {
        const std::uint64_t at = place(address);
        return at <= bytes.size() && length <= bytes.size() - at;
    }

    // The first of those.
    std::uint8_t *at(std::uint64_t address) { return bytes.data() + place(address); }

    bool idle() const { return reads_.empty() && writes_.empty() && answers_.empty(); }

  private:
    std::uint64_t place(std::uint64_t address) const {
        const std::uint64_t at = address - settings.origin;
        return settings.repeats ? at % bytes.size() : at;
    }

    struct Read {
        std::uint64_t address;
        unsigned left, id;
        std::uint64_t due;
    };
    struct Write {
        std::uint64_t address;
        unsigned id;
        bool whole;  // all of it is writable so far
    };
    struct Answer {
        unsigned id, response;
        std::uint64_t due;
    };
    struct Beat {
        std::array<std::uint8_t, AXI_MOST_BYTES> data;
        std::uint64_t strobe;
        bool last;
    };

    static constexpr std::int64_t SPARED = 64 * 1000 * 8;  // thousandths of bytes

    std::deque<Read> reads_;
    std::deque<Write> writes_;
    std::deque<Answer> answers_;
    std::deque<Beat> early_;  // beats that were taken; those before their address wait
    std::ptrdiff_t now_ = -1;  // the read whose beat is offered
    std::int64_t tokens_ = 0;  // thousandths of bytes
    bool answer_ = false;
    std::uint64_t state_;

    bool silent(unsigned channel) const { return settings.silent >> channel & 1; }

    bool stalls() {
        if (!settings.stall) return false;
        return random() % 1000 < settings.stall;
    }

    std::uint64_t random() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_ >> 8;
    }

    // Whether there is bandwidth for a beat; take it where `pay`.
    bool pays(std::size_t beat, bool pay) {
        const auto price = static_cast<std::int64_t>(beat) * 1000;
        if (!settings.rate) return true;
        if (tokens_ < price) return false;
        if (pay) tokens_ -= price;
        return true;
    }

    // Offer the next beat: of the oldest read, or, reordered, of the oldest of any id.
    void choose(std::size_t beat) {
        std::vector<std::ptrdiff_t> ready;
        std::vector<unsigned> ids;
        for (std::size_t n = 0; n < reads_.size(); ++n) {
            if (std::find(ids.begin(), ids.end(), reads_[n].id) != ids.end()) continue;
            ids.push_back(reads_[n].id);
            if (reads_[n].due <= cycle) ready.push_back(static_cast<std::ptrdiff_t>(n));
            if (!settings.reorder) break;
        }
        if (ready.empty() || stalls() || !pays(beat, true)) return;
        now_ = ready[settings.reorder ? random() % ready.size() : 0];
    }

    void write(std::size_t beat) {
        while (!early_.empty() && !writes_.empty()) {
            Write &now = writes_.front();
            const Beat &w = early_.front();
            put(now, w, beat);
            now.address += beat;
            const bool last = w.last;
            early_.pop_front();
            if (!last) continue;
            const bool wrong = settings.write_error == static_cast<std::int64_t>(bursts_written);
            const unsigned response = wrong ? settings.error : now.whole ? AXI_OKAY : AXI_DECERR;
            answers_.push_back({now.id, response, cycle + 1 + settings.latency});
            writes_.pop_front();
            ++bursts_written;
        }
    }

    void put(Write &now, const Beat &w, std::size_t beat) {
        ++beats_written;
        for (std::size_t n = 0; n < beat; ++n) {
            if (!(w.strobe >> n & 1)) continue;
            const std::uint64_t address = now.address + n;
            bool may = holds(address, 1);
            if (may)
                may = std::any_of(writable.begin(), writable.end(), [address](const auto &range) {
                    return address >= range.first && address - range.first < range.second;
                });
            if (may)
                *at(address) = w.data[n], ++bytes_written;
            else
                now.whole = false, ++outside;
        }
    }
};

// Holds a port to AXI4 (IHI 0022): throws where master or memory break a rule. Knows the wires
// and nothing of either side.
class AxiChecker {
  public:
    void look(const AxiPins &pins) {
        if (pins.reset) {
            rule(!pins.ar.valid && !pins.aw.valid && !pins.wvalid, "valid is low in reset");
            *this = AxiChecker();
            return;
        }
        address(pins, pins.ar, ar_, "AR");
        address(pins, pins.aw, aw_, "AW");
        data(pins);
        answers(pins);
        before_ = pins, known_ = true;
        ++cycle_;
    }

    // All that was asked for must have been answered.
    void finish() const {
        rule(written_.empty() && data_.empty() && unanswered_.empty(), "writes are answered");
        for (const auto &[id, lengths] : asked_) rule(lengths.empty(), "reads are answered");
    }

  private:
    struct Waiting {
        bool held = false;
        AxiAddress before;
    };
    Waiting ar_, aw_;
    AxiPins before_;
    bool known_ = false;
    std::uint64_t cycle_ = 0;
    std::map<unsigned, std::deque<unsigned>> asked_;  // beats left of reads, by id
    std::deque<AxiAddress> written_;                  // bursts whose beats have not all come
    std::deque<unsigned> data_;                       // beats of bursts whose address has not
    std::map<unsigned, unsigned> unanswered_;
    unsigned beats_ = 0;  // of the burst whose data come

    void rule(bool holds, const std::string &what) const {
        if (!holds) throw std::runtime_error("AXI: " + what + ", cycle " + std::to_string(cycle_));
    }

    void address(const AxiPins &pins, const AxiAddress &now, Waiting &channel, const char *name) {
        const std::string of(name);
        if (channel.held) {
            rule(now.valid, of + " valid stays until it is taken");
            rule(now == channel.before, of + " stays as it is until it is taken");
        }
        channel.held = now.valid && !now.ready;
        channel.before = now;
        if (!now.valid) return;
        rule(now.burst == 1, of + " is INCR");
        rule((std::size_t{1} << now.size) == pins.bytes, of + " size is the bus's");
        rule(now.address % pins.bytes == 0, of + " address is a whole beat's");
        rule(now.length < 256, of + " has at most 256 beats");
        const std::uint64_t last = now.address + (now.length + 1) * pins.bytes - 1;
        rule(now.address / 4096 == last / 4096, of + " stays within 4 KiB");
        if (!now.goes()) return;
        if (&now == &pins.ar)
            asked_[now.id].push_back(now.length + 1);
        else
            written_.push_back(now);
    }

    void data(const AxiPins &pins) {
        if (known_ && before_.wvalid && !before_.wready) {
            rule(pins.wvalid, "W valid stays until it is taken");
            const bool same = pins.wdata == before_.wdata && pins.wstrb == before_.wstrb &&
                              pins.wlast == before_.wlast;
            rule(same, "W stays as it is until it is taken");
        }
        if (pins.wvalid)
            rule(pins.bytes >= 64 || pins.wstrb >> pins.bytes == 0, "WSTRB is of the beat's bytes");
        if (pins.wvalid && pins.wready) {
            ++beats_;
            rule(beats_ <= 256, "bursts written have at most 256 beats");
            if (pins.wlast) data_.push_back(beats_), beats_ = 0;
        }
        while (!data_.empty() && !written_.empty()) {
            rule(data_.front() == written_.front().length + 1, "WLAST is at the burst's end");
            ++unanswered_[written_.front().id];
            data_.pop_front(), written_.pop_front();
        }
        if (!written_.empty()) rule(beats_ <= written_.front().length, "WLAST is at the burst's end");
    }

    void answers(const AxiPins &pins) {
        if (known_ && before_.rvalid && !before_.rready) {
            rule(pins.rvalid && pins.rid == before_.rid && pins.rlast == before_.rlast &&
                     pins.rresp == before_.rresp,
                 "R stays as it is until it is taken");
        }
        if (known_ && before_.bvalid && !before_.bready)
            rule(pins.bvalid && pins.bid == before_.bid && pins.bresp == before_.bresp,
                 "B stays as it is until it is taken");
        if (pins.rvalid && pins.rready) {
            auto &lengths = asked_[pins.rid];
            rule(!lengths.empty(), "R answers what was asked for");
            rule(pins.rlast == (lengths.front() == 1), "RLAST is at the burst's end");
            if (--lengths.front() == 0) lengths.pop_front();
        }
        if (pins.bvalid && pins.bready) {
            const auto found = unanswered_.find(pins.bid);
            rule(found != unanswered_.end(), "B answers what was written");
            if (--found->second == 0) unanswered_.erase(found);
        }
    }
};
