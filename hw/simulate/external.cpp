// A verilated accelerator with its memory, driven by lines of text on standard input; each is
// answered by a line on standard output, "error WHAT" where a rule of AXI is broken.
//
//   fresh                     the build, the memory and what may be written, as at the beginning
//   fault NUMBER CYCLE        which of a faulty netlist's is there, in how many cycles; -1: always
//   reset CYCLES              set NAME VALUE           (of AxiSettings)
//   poke ADDRESS FILE         peek ADDRESS LENGTH FILE
//   allow ADDRESS LENGTH      forbid                   what may be written; nothing
//   write REGISTER VALUE      read REGISTER
//   run CYCLES                until the interrupt, or so many cycles; then for those that follow
//   watch BYTES FILE          words of so many bytes that are written to the buffer of maps go to a
//                             file, each behind its address of 4 bytes, and when descriptors begin
//                             to FILE.begins, in cycles from the start on
//   finish                    nothing is under way, all was answered
//   traffic                   beats and bursts read, beats and bursts written, bytes outside

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "external_bench.h"
#include "svdpi.h"

namespace {

const char *const refused = "error Register must be there, and take what is written";

std::ofstream watched, begins;
const Bench *watching = nullptr;
std::size_t word_bytes = 0;

struct Talk {
    std::size_t size;
    std::unique_ptr<Bench> bench = std::make_unique<Bench>(size);

    std::string poke(std::uint64_t address, const std::string &path) {
        std::ifstream file(path, std::ios::binary);
        const std::vector<char> content((std::istreambuf_iterator<char>(file)),
                                        std::istreambuf_iterator<char>());
        if (!file || !bench->memory.holds(address, content.size())) return "error File must be there and fit";
        std::copy(content.begin(), content.end(), bench->memory.at(address));
        return "ok";
    }

    std::string peek(std::uint64_t address, std::uint64_t length, const std::string &path) {
        if (!bench->memory.holds(address, length)) return "error Bytes must be there";
        std::ofstream file(path, std::ios::binary);
        file.write(reinterpret_cast<const char *>(bench->memory.at(address)), static_cast<std::streamsize>(length));
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
                return bench->set(name, a) ? "ok" : "error Setting must be known";
            }
            words >> a >> name;
            return poke(static_cast<std::uint64_t>(a), name);
        }
        if (command == "watch") {
            words >> a >> name;
            word_bytes = static_cast<std::size_t>(a);
            watched.close();
            watched.open(name, std::ios::binary);
            begins.close();
            begins.open(name + ".begins", std::ios::binary);
            watching = bench.get();
            return watched && begins ? "ok" : "error File must be writable";
        }
        words >> a >> b >> name;
        const auto first = static_cast<std::uint64_t>(a), second = static_cast<std::uint64_t>(b);
        if (command == "peek") return peek(first, second, name);
        if (command == "fresh") {
            watched.close(), begins.close();
            bench = std::make_unique<Bench>(size);
        } else if (command == "fault") {
            bench->fault = static_cast<unsigned>(a);
            bench->strikes = b < 0 ? -1 : b + static_cast<std::int64_t>(bench->cycles);
        } else if (command == "reset") bench->reset(static_cast<unsigned>(a));
        else if (command == "allow") bench->memory.writable.emplace_back(first, second);
        else if (command == "forbid") bench->memory.writable.clear();
        else if (command == "write") {
            if (bench->write(static_cast<unsigned>(a), static_cast<std::uint32_t>(b))) return refused;
        } else if (command == "read") {
            std::uint32_t value = 0;
            if (bench->read(static_cast<unsigned>(a), value)) return refused;
            return "ok " + std::to_string(value);
        } else if (command == "run") {
            const std::uint64_t begin = bench->cycles;
            while (!bench->top->irq && bench->cycles - begin < first) bench->clock();
            watched.flush(), begins.flush();
            out << "ok " << (bench->top->irq ? 1 : 0) << ' ' << bench->cycles - begin;
            return out.str();
        } else if (command == "finish") {
            bench->checker.finish();
            if (!bench->memory.idle()) return "error Memory must be idle";
        } else if (command == "traffic") {
            out << "ok " << bench->memory.beats_read << ' ' << bench->memory.bursts_read << ' '
                << bench->memory.beats_written << ' ' << bench->memory.bursts_written << ' ' << bench->memory.outside;
            return out.str();
        } else return "error Command must be known";
        return "ok";
    }
};

}  // namespace

// Called by what `bind` puts into the accelerator: a word of the buffer of maps.
extern "C" void parc_watched(int address, const svBitVecVal *word) {
    if (!watched.is_open()) return;
    watched.write(reinterpret_cast<const char *>(&address), sizeof address);
    watched.write(reinterpret_cast<const char *>(word), static_cast<std::streamsize>(word_bytes));
}

// Likewise: a descriptor begins.
extern "C" void parc_began() {
    if (!begins.is_open()) return;
    const std::uint64_t cycle = watching->cycles - watching->written;
    begins.write(reinterpret_cast<const char *>(&cycle), sizeof cycle);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    Talk talk{std::strtoull(argv[1], nullptr, 10)};
    std::string line;
    while (std::getline(std::cin, line)) {
        try {
            std::cout << talk.answer(line) << std::endl;
        } catch (const std::exception &reason) {
            std::cout << "error " << reason.what() << std::endl;
        }
    }
    return 0;
}
