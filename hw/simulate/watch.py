"""Words on their way inside an accelerator, seen by C++: `parc_watched` is called for each."""

import re

import numpy as np

from golden.numbers.interval import Integers, wrap

_TEXT = """\
module parc_watch(input clk, input en, input [{high}:0] word);
  import "DPI-C" function void parc_watched(input bit [{high}:0] word);
  always @(posedge clk) if (en) parc_watched(word);
endmodule
bind {module} parc_watch watch(.clk(clk), .en({enable}), .word(w_data));
"""


def watch(module: str, enable: str, tile: int) -> dict[str, bytes]:
    """Return a file that watches what is written to the buffer of maps.

    Parameters
    ----------
    module
        Where the buffer is.
    enable
        Signal there, with which a word is written.
    tile
        Bytes of a word.
    """
    text = _TEXT.format(module=module, enable=enable, high=8 * tile - 1)
    return {"watch.sv": text.encode()}


_BEGINS = """\
module parc_watch_begins(input clk, input en);
  import "DPI-C" function void parc_began();
  always @(posedge clk) if (en) parc_began();
endmodule
bind {module} parc_watch_begins begins(.clk(clk), .en({enable}));
"""


def watch_begins(verilog: str) -> dict[str, bytes]:
    """Return a file that watches when descriptors begin: `parc_began` is called for each."""
    module, enable = _port_of(verilog, r"program_sequencer sequencer", "go")
    return {"begins.sv": _BEGINS.format(module=module, enable=enable).encode()}


def results_of(verilog: str) -> tuple[str, str]:
    """Return the module with the post unit in it, and the signal with which that writes."""
    return _port_of(verilog, r"post_unit post", "w_en")


def _port_of(verilog: str, unit: str, port: str) -> tuple[str, str]:
    """Return the module that a unit is in, and the signal at a port of it."""
    for module in re.finditer(r"^module (\w+)\(.*?^endmodule", verilog, re.MULTILINE | re.DOTALL):
        inside = rf"^  \w+__{unit} \(.*?^  \);"
        found = re.search(inside, module[0], re.MULTILINE | re.DOTALL)
        if found is not None:
            signal = re.search(rf"\.{port}\((\w+)\)", found[0])
            assert signal is not None
            return module[1], signal[1]
    raise ValueError("Verilog must be an accelerator's")


def words_of(read: bytes, tile: int) -> Integers:
    """Return words ``[n, tile]``, in two's complement, of their bytes."""
    return wrap(np.frombuffer(read, np.uint8).astype(np.int64), 8).reshape(-1, tile)
