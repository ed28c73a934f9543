"""The part of the campaign that proves what whole builds do at their streams, whatever comes in.

Inputs are free in every cycle, the reset too, and so are results of multipliers and of wide sums:
no clause hangs on what is computed.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hw.emit.yosys import run_yosys
from sim.campaign.faults.streams import DesignSubject
from sim.campaign.faults.tops import STREAMED, subject_of
from sim.campaign.part import Outcome
from sim.prove import MAP, NoEndError, first_high, high_before

_PROOF_S, _DEPTH_S = 60, 60
_WIDE = 10
"""Bits of sums from which on they are free: counters have fewer."""
CLAUSES = {
    "early": "a result is valid before all samples of its line, or any of its frame, are there",
    "moved": "a result that waits is withdrawn, or another",
    "last": "tlast is not at each line's, or frame's, end",
    "late": "no result is valid for longer than the latency while one is due, whatever ready does",
    "event": "an event is told without a cause, or not told",
    "loud": "something is taken, or valid, in reset",
}
_BROKEN = {
    "early": "!rst & m_valid & begun == 0",
    "moved": "!rst & held & (!m_valid | before != {m_last, m_data})",
    "last": "!rst & m_valid & m_last != (given == OUT - 1)",
    "late": "waited > LATENCY",
    "event": "!rst & (unexpected != was_unexpected | missing != was_missing)",
    "loud": "rst & (s_ready | m_valid)",
}


class WrongError(AssertionError):
    """A clause can be broken."""


def prove(
    subject: DesignSubject,
    clause: str,
    *,
    proof_s: int = _PROOF_S,
    depth_s: int = _DEPTH_S,
    verilog: str | None = None,
) -> int | None:
    """Prove a clause of `CLAUSES` of a build, or of other ``verilog`` with its ports.

    Returns
    -------
    None where it holds for ever; else for how many cycles from the beginning, where solvers had
    ``proof_s`` and ``depth_s`` seconds.

    Raises
    ------
    WrongError
        Where it can be broken.
    """
    name = subject.name
    wide = [f"{name}*/t:${kind} {name}*/r:Y_WIDTH>={_WIDE} %i %u" for kind in ("add", "sub")]
    cut = f"cutpoint {name}*/t:$mul {' '.join(wide)}"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        text = (subject.verilog if verilog is None else verilog) + _harness(subject, clause)
        (folder / "design.v").write_text(text, encoding="utf-8")
        read = ["read_verilog -nolatches design.v", "hierarchy -top protocol", "proc"]
        run_yosys([*read, cut, *MAP], folder)
        try:
            cycle = first_high(folder, proof_s)
        except NoEndError:
            cycle, depth = high_before(folder, depth_s)
            if cycle is None:
                return depth
        if cycle is not None:
            raise WrongError(f"{CLAUSES[clause]}: cycle {cycle}")
        return None


def _harness(subject: DesignSubject, clause: str) -> str:
    """Return a module whose output `bad` says that a clause is broken."""
    (n_in, n_out), (in_bits, out_bits) = subject.every, subject.beat_bits
    due = (4 * n_out + 2 * subject.latency).bit_length()
    return f"""
module protocol(
  input clk, input rst, input [{in_bits - 1}:0] s_data, input s_valid, input s_last,
  input m_ready, output bad
);
  localparam IN = {n_in}, OUT = {n_out}, LATENCY = {subject.latency};
  wire s_ready, m_valid, m_last, unexpected, missing;
  wire [{out_bits - 1}:0] m_data;
  {subject.name} build(
    .clk(clk), .rst(rst), .s_axis_tdata(s_data), .s_axis_tvalid(s_valid),
    .s_axis_tready(s_ready), .s_axis_tlast(s_last), .m_axis_tdata(m_data),
    .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tlast(m_last),
    .event_tlast_unexpected(unexpected), .event_tlast_missing(missing)
  );
  // Beats of the line or frame that comes, and goes; results of whole ones, which are due, and of
  // those that may have begun: a layer's come before its frame ends.
  reg [{n_in.bit_length() - 1}:0] taken = 0;
  reg [{n_out.bit_length() - 1}:0] given = 0;
  reg signed [{due}:0] due = 0, begun = 0;
  reg [{subject.latency.bit_length()}:0] waited = 0;
  reg held = 0, was_unexpected = 0, was_missing = 0;
  reg [{out_bits}:0] before = 0;
  wire take = s_valid & s_ready, give = m_valid & m_ready, ends = taken == IN - 1;
  wire begins = {int(subject.in_lines)} ? ends : taken == 0;
  always @(posedge clk)
    if (rst) begin
      taken <= 0; given <= 0; due <= 0; begun <= 0; waited <= 0;
      held <= 0; was_unexpected <= 0; was_missing <= 0;
    end else begin
      if (take) taken <= ends ? 0 : taken + 1;
      if (give) given <= given == OUT - 1 ? 0 : given + 1;
      due <= due + (take & ends ? OUT : 0) - $signed({{1'b0, give}});
      begun <= begun + (take & begins ? OUT : 0) - $signed({{1'b0, give}});
      waited <= due > 0 & !m_valid & waited <= LATENCY ? waited + 1 : 0;
      held <= m_valid & !m_ready;
      before <= {{m_last, m_data}};
      was_unexpected <= take & s_last & !ends;
      was_missing <= take & !s_last & ends;
    end
  assign bad = {_BROKEN[clause]};
endmodule
"""


class Protocol:
    """Contracts of whole engines and layers at their streams."""

    name = "protocol"
    head = ("top", *CLAUSES)

    def points(self) -> Iterator[str]:
        """See `Part`."""
        yield from (f"{top} {clause}" for clause in CLAUSES for top in STREAMED)

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield from ("direct loud", "direct event")

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        top, clause = point.split()
        subject = subject_of(top)
        assert isinstance(subject, DesignSubject)
        try:
            return {"cycles": prove(subject, clause), "failures": []}
        except WrongError as error:
            return {"cycles": 0, "failures": [str(error)]}

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for top in STREAMED:
            own = [kept.get(f"{top} {clause}") for clause in CLAUSES]
            rows.append((top, *("-" if outcome is None else _said(outcome) for outcome in own)))
        return rows


def _said(outcome: Outcome) -> str:
    if outcome["failures"]:
        return "broken"
    cycles = outcome["cycles"]
    return "proved" if cycles is None else f"{cycles} cycles"
