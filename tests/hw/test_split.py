"""C++ that Verilator splits, as a large design's: it must link, and compute."""

import subprocess
from dataclasses import replace
from pathlib import Path

from hw.simulate.verilator import Compiled

_EDGES = 10
_VERILOG = b"""
module counters(input clk, output reg [31:0] a, output reg [31:0] b);
  initial begin a = 1; b = 2; end
  always @(posedge clk) begin
    a <= a + (b ^ 32'd5);
    b <= b * 32'd3 + a;
  end
endmodule
"""
_MAIN = f"""
#include <cstdio>
#include "Vtop.h"
int main() {{
  Vtop top;
  for (int half = 0; half < {2 * _EDGES}; ++half) {{
    top.clk = half & 1;
    top.eval();
  }}
  std::printf("%u %u", top.a, top.b);
}}
"""


def test_files_of_a_split_design_link(tmp_path: Path) -> None:
    main = tmp_path / "main.cpp"
    main.write_text(_MAIN)
    counters = {"counters.v": _VERILOG}
    # Together again, beside a header that is compiled before: each file costs a compiler's start.
    joined = ("--output-groups", "1")
    whole = Compiled("counters", counters, main, compiling=("-O0",), verilating=joined)
    split = replace(whole, file=1, function=1)
    done = subprocess.run([split.build(tmp_path)], capture_output=True, check=True)
    a, b = 1, 2
    for _ in range(_EDGES):
        a, b = (a + (b ^ 5)) % 2**32, (b * 3 + a) % 2**32
    assert done.stdout.decode() == f"{a} {b}"
