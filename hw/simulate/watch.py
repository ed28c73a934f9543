"""Words on their way inside an accelerator, seen by C++: `parc_watched` is called for each."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from golden.numbers.interval import Integers, wrap

_TEXT = """\
module parc_watch_{part}(input clk, input en, input [31:0] address, input [{high}:0] word);
  import "DPI-C" function void parc_watched(input int address, input bit [{high}:0] word);
  always @(posedge clk) if (en) parc_watched(address, word);
endmodule
bind {module} parc_watch_{part} watch_{part}
  (.clk(clk), .en({enable}), .address({first} + 32'({address})), .word({word}));
"""


class Port(NamedTuple):
    """Where words are written: a module, signals of it, and which address is its first."""

    module: str
    enable: str
    address: str
    word: str
    first: int = 0


def watch(ports: Sequence[Port], tile: int) -> dict[str, bytes]:
    """Return a file that watches what is written to the buffer of maps.

    Parameters
    ----------
    ports
        Of the memories that it is.
    tile
        Bytes of a word.
    """
    high = 8 * tile - 1
    texts = [
        _TEXT.format(part=part, high=high, **port._asdict()) for part, port in enumerate(ports)
    ]
    return {"watch.sv": "".join(texts).encode()}


_BEGINS = """\
module parc_watch_begins(input clk, input en);
  import "DPI-C" function void parc_began();
  always @(posedge clk) if (en) parc_began();
endmodule
bind {module} parc_watch_begins begins(.clk(clk), .en({enable}));
"""


def watch_begins(verilog: str) -> dict[str, bytes]:
    """Return a file that watches when descriptors begin: `parc_began` is called for each."""
    module, (enable,) = _connected(verilog, r"program_sequencer sequencer", ["go"])
    return {"begins.sv": _BEGINS.format(module=module, enable=enable).encode()}


def map_ports(verilog: str, words: Sequence[int]) -> list[Port]:
    """Return where the buffer of maps is written: memories of so many words, one after another."""
    ports, first = [], 0
    for number, depth in enumerate(words):
        unit = rf"maps\w* maps{f'_{number}' if len(words) > 1 else ''}"
        names = [rf"w(?:rite_)?_{signal}" for signal in ("en", "addr", "data")]
        module, (enable, address, word) = _connected(verilog, unit, names)
        ports.append(Port(module, enable, address, word, first))
        first += depth
    return ports


def _connected(verilog: str, unit: str, ports: Sequence[str]) -> tuple[str, list[str]]:
    """Return the module that a unit is in, and the signals at ports of it."""
    for module in re.finditer(r"^module (\w+)\(.*?^endmodule", verilog, re.MULTILINE | re.DOTALL):
        inside = rf"^  \w+__{unit} \(.*?^  \);"
        found = re.search(inside, module[0], re.MULTILINE | re.DOTALL)
        if found is not None:
            signals = [re.search(rf"\.{port}\((\w+)\)", found[0]) for port in ports]
            return module[1], [signal[1] for signal in signals if signal is not None]
    raise ValueError("Verilog must be an accelerator's")


def words_of(read: bytes, tile: int) -> Integers:
    """Return words ``[n, tile]``, in two's complement, of their bytes."""
    return wrap(np.frombuffer(read, np.uint8).astype(np.int64), 8).reshape(-1, tile)
