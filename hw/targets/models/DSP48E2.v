// Behavioural model of AMD's DSP48E2 as synthesis infers it: the product of A's 27 low bits and B,
// both signed, with no register. Yosys has no model of it.
//
// Left out: all the rest. A parameter that asks for it ends in a module that does not exist, and an
// operation that asks for it in unknown bits.
// verilator lint_off DECLFILENAME
// verilator lint_off PINCONNECTEMPTY
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL
//   parameters and pins of what is left out
module DSP48E2 #(
    parameter integer ACASCREG = 0, ADREG = 0, ALUMODEREG = 0, AREG = 0, BCASCREG = 0, BREG = 0,
    parameter integer CARRYINREG = 0, CARRYINSELREG = 0, CREG = 0, DREG = 0, INMODEREG = 0,
    parameter integer MREG = 0, OPMODEREG = 0, PREG = 0,
    parameter AMULTSEL = "A", BMULTSEL = "B", A_INPUT = "DIRECT", B_INPUT = "DIRECT",
    parameter USE_MULT = "MULTIPLY", USE_SIMD = "ONE48"
) (
    input [29:0] A, ACIN,
    input [17:0] B, BCIN,
    input [47:0] C, PCIN,
    input [26:0] D,
    input [3:0] ALUMODE,
    input [4:0] INMODE,
    input [8:0] OPMODE,
    input [2:0] CARRYINSEL,
    input CARRYIN,
    output [47:0] P
);
    generate
        if (AREG + BREG + MREG + PREG + ADREG != 0) DSP48E2_registers_are_left_out unknown ();
        if (AMULTSEL != "A" || BMULTSEL != "B" || A_INPUT != "DIRECT" || B_INPUT != "DIRECT")
            DSP48E2_other_operands_are_left_out unknown ();
        if (USE_MULT != "MULTIPLY" || USE_SIMD != "ONE48")
            DSP48E2_other_uses_are_left_out unknown ();
    endgenerate
    wire signed [44:0] product = $signed(A[26:0]) * $signed(B);
    wire multiplies =
        OPMODE == 9'b000000101 && ALUMODE == 0 && INMODE == 0 && CARRYINSEL == 0 && !CARRYIN;
    assign P = multiplies ? {{3{product[44]}}, product} : 48'bx;
endmodule
