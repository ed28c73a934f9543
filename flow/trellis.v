// What nextpnr makes of ECP5 slices: Yosys models these cells too, but for FCO, SD and TRELLIS_RAMW.

module TRELLIS_FF #(
  parameter GSR = "", parameter CEMUX = "CE", parameter CLKMUX = "CLK", parameter LSRMUX = "LSR",
  parameter SRMODE = "LSR_OVER_CE", parameter REGSET = "RESET", parameter LSRMODE = "LSR",
  parameter SD = "1"
) (input CLK, LSR, CE, DI, M, output reg Q = REGSET == "SET");
  wire enabled = CEMUX == "INV" ? !CE : CEMUX == "CE" ? CE : CEMUX == "1";
  wire set = LSRMUX == "INV" ? !LSR : LSR;
  wire d = SD == "1" ? DI : M;
  always @(posedge (CLKMUX == "INV" ? !CLK : CLK))
    if (set === 1'b1 && (enabled || SRMODE == "LSR_OVER_CE")) Q <= REGSET == "SET";
    else if (enabled) Q <= d;
endmodule

module TRELLIS_COMB #(
  parameter MODE = "LOGIC", parameter [15:0] INITVAL = 0, parameter CCU2_INJECT1 = "NO",
  parameter WREMUX = "WRE", parameter WCKMUX = "WCK", parameter WIDER = "0"
) (
  input A, B, C, D, M, FCI, F1, FXA, FXB, WD, WAD0, WAD1, WAD2, WAD3, WRE, WCK, DI0, DI1,
  output F, FCO, OFX
);
  // By choices, in which an unknown input is no matter where both sides are one.
  wire [7:0] three = D ? INITVAL[15:8] : INITVAL[7:0];
  wire [3:0] two = C ? three[7:4] : three[3:0];
  wire [1:0] one = B ? two[3:2] : two[1:0];
  wire four = A ? one[1] : one[0];
  wire [1:0] low = B ? INITVAL[3:2] : INITVAL[1:0];
  reg [15:0] ram = 0;
  always @(posedge (WCKMUX == "INV" ? !WCK : WCK))
    if (WREMUX == "INV" ? !WRE : WRE) ram[{WAD3, WAD2, WAD1, WAD0}] <= WD;
  wire alone = CCU2_INJECT1 == "YES";
  assign F = MODE == "CCU2" ? four ^ (FCI & !alone) : MODE == "DPRAM" ? ram[{A, C, B, D}] : four;
  assign OFX = WIDER == "1" ? (M ? FXB : FXA) : M ? F1 : F;
  assign FCO = four ? FCI : (A ? low[1] : low[0]) & !alone;
endmodule

// The upper cells of a slice hand the lower ones what is written.
module TRELLIS_RAMW (
  input A0, B0, C0, D0, A1, B1, C1, D1,
  output WADO0, WADO1, WADO2, WADO3, WDO0, WDO1, WDO2, WDO3
);
  assign {WADO3, WADO2, WADO1, WADO0} = {A0, C0, B0, D0};
  assign {WDO3, WDO2, WDO1, WDO0} = {B1, D1, A1, C1};
endmodule
