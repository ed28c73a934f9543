// A verilated accelerator with its memory, driven by lines of text on standard input; each is
// answered by a line on standard output, "error WHAT" where a rule of AXI is broken.
//
//   reset CYCLES              set NAME VALUE           (of AxiSettings)
//   poke ADDRESS FILE         peek ADDRESS LENGTH FILE
//   allow ADDRESS LENGTH      forbid                   what may be written; nothing
//   write REGISTER VALUE      read REGISTER
//   run CYCLES                until the interrupt, or so many cycles; then for those that follow
//   watch BYTES FILE          words of so many bytes that are computed go to a file
//   finish                    nothing is under way, all was answered
//   traffic                   beats and bursts read, beats and bursts written, bytes outside

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>

#include "Vtop.h"
#include "axi_memory.h"
#include "svdpi.h"
#include "verilated.h"

namespace {

std::ofstream watched;
std::size_t word_bytes = 0;

struct Bench {
    std::unique_ptr<Vtop> top = std::make_unique<Vtop>();
    AxiMemory memory;
    AxiChecker checker;
    std::uint64_t cycles = 0;

    explicit Bench(std::size_t size) : memory(size) {}

    void clock() {
        memory.drive(*top);
        top->eval();
        AxiPins pins = AxiPins::of(*top);
        pins.reset = top->rst;
        checker.look(pins);
        if (!top->rst) memory.look(pins);
        top->clk = 1;
        top->eval();
        top->clk = 0;
        top->eval();
        ++cycles;
    }

    void reset(unsigned count) {
        top->rst = 1;
        memory.reset();
        for (unsigned n = 0; n < count; ++n) clock();
        top->rst = 0;
    }

    void write(unsigned at, std::uint32_t value) {
        top->s_axi_awaddr = at, top->s_axi_awvalid = 1;
        top->s_axi_wdata = value, top->s_axi_wstrb = 15, top->s_axi_wvalid = 1;
        top->s_axi_bready = 1;
        for (;;) {
            top->eval();
            const bool taken = top->s_axi_awready && top->s_axi_wready;
            clock();
            if (taken) break;
        }
        top->s_axi_awvalid = 0, top->s_axi_wvalid = 0;
        while (!top->s_axi_bvalid) clock();
        clock();
        top->s_axi_bready = 0;
    }

    std::uint32_t read(unsigned at) {
        top->s_axi_araddr = at, top->s_axi_arvalid = 1, top->s_axi_rready = 0;
        for (;;) {
            top->eval();
            const bool taken = top->s_axi_arready;
            clock();
            if (taken) break;
        }
        top->s_axi_arvalid = 0;
        while (!top->s_axi_rvalid) clock();
        const std::uint32_t value = top->s_axi_rdata;
        top->s_axi_rready = 1;
        clock();
        top->s_axi_rready = 0;
        return value;
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
        else if (name == "read_error") s.read_error = value < 0 ? -1 : value + static_cast<std::int64_t>(memory.beats_read);
        else if (name == "write_error") s.write_error = value < 0 ? -1 : value + static_cast<std::int64_t>(memory.bursts_written);
        else return false;
        return true;
    }

    std::string poke(std::uint64_t at, const std::string &path) {
        std::ifstream file(path, std::ios::binary);
        const std::vector<char> content((std::istreambuf_iterator<char>(file)),
                                        std::istreambuf_iterator<char>());
        if (!file || at + content.size() > memory.bytes.size()) return "error File must be there and fit";
        std::copy(content.begin(), content.end(), memory.bytes.begin() + static_cast<std::ptrdiff_t>(at));
        return "ok";
    }

    std::string peek(std::uint64_t at, std::uint64_t length, const std::string &path) {
        if (at + length > memory.bytes.size()) return "error Bytes must be there";
        std::ofstream file(path, std::ios::binary);
        file.write(reinterpret_cast<const char *>(memory.bytes.data() + at), static_cast<std::streamsize>(length));
        return file ? "ok" : "error File must be writable";
    }

    std::string answer(const std::string &line) {
        std::istringstream words(line);
        std::string command, name;
        words >> command >> std::ws;
        std::int64_t a = 0, b = 0;
        std::ostringstream out;
        if (command == "set" || command == "poke") {
            if (command == "set") {
                words >> name >> a;
                return set(name, a) ? "ok" : "error Setting must be known";
            }
            words >> a >> name;
            return poke(static_cast<std::uint64_t>(a), name);
        }
        if (command == "watch") {
            words >> a >> name;
            word_bytes = static_cast<std::size_t>(a);
            watched.close();
            watched.open(name, std::ios::binary);
            return watched ? "ok" : "error File must be writable";
        }
        words >> a >> b >> name;
        const auto first = static_cast<std::uint64_t>(a), second = static_cast<std::uint64_t>(b);
        if (command == "peek") return peek(first, second, name);
        if (command == "reset") reset(static_cast<unsigned>(a));
        else if (command == "allow") memory.writable.emplace_back(first, second);
        else if (command == "forbid") memory.writable.clear();
        else if (command == "write") write(static_cast<unsigned>(a), static_cast<std::uint32_t>(b));
        else if (command == "read") return "ok " + std::to_string(read(static_cast<unsigned>(a)));
        else if (command == "run") {
            const std::uint64_t begin = cycles;
            while (!top->irq && cycles - begin < first) clock();
            watched.flush();
            out << "ok " << (top->irq ? 1 : 0) << ' ' << cycles - begin;
            return out.str();
        } else if (command == "finish") {
            checker.finish();
            if (!memory.idle()) return "error Memory must be idle";
        } else if (command == "traffic") {
            out << "ok " << memory.beats_read << ' ' << memory.bursts_read << ' '
                << memory.beats_written << ' ' << memory.bursts_written << ' ' << memory.outside;
            return out.str();
        } else return "error Command must be known";
        return "ok";
    }
};

}  // namespace

// Called by what `bind` puts into the accelerator: a word that the post unit gives.
extern "C" void parc_watched(const svBitVecVal *word) {
    if (watched.is_open())
        watched.write(reinterpret_cast<const char *>(word), static_cast<std::streamsize>(word_bytes));
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    Bench bench(std::strtoull(argv[1], nullptr, 10));
    bench.top->clk = 0;
    bench.reset(3);
    std::string line;
    while (std::getline(std::cin, line)) {
        try {
            std::cout << bench.answer(line) << std::endl;
        } catch (const std::exception &reason) {
            std::cout << "error " << reason.what() << std::endl;
        }
    }
    return 0;
}
