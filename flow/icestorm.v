// What nextpnr makes of an iCE40's look-up tables, carries and flip-flops, with no input open.

module ICESTORM_LOGIC #(
  parameter [15:0] LUT_INIT = 0, parameter NEG_CLK = 0, parameter CARRY_ENABLE = 0,
  parameter DFF_ENABLE = 0, parameter SET_NORESET = 0, parameter CIN_CONST = 0,
  parameter CIN_SET = 0
) (input I0, I1, I2, I3, CIN, CLK, CEN, SR, output LO, O, COUT);
  // By choices, in which an unknown input is no matter where both sides are one.
  wire [7:0] three = I3 ? LUT_INIT[15:8] : LUT_INIT[7:0];
  wire [3:0] two = I2 ? three[7:4] : three[3:0];
  wire [1:0] one = I1 ? two[3:2] : two[1:0];
  assign LO = I0 ? one[1] : one[0];
  wire carry = CIN_CONST == 1 ? CIN_SET == 1 : CIN;
  assign COUT = CARRY_ENABLE == 1 && ((I1 & I2) | ((I1 | I2) & carry));
  reg q = 0;
  always @(posedge (NEG_CLK == 1 ? !CLK : CLK))
    if (CEN) q <= SR ? SET_NORESET == 1 : LO;
  assign O = DFF_ENABLE == 1 ? q : LO;
endmodule
