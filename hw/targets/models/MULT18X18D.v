// Behavioural model of the ECP5's MULT18X18D, after Lattice's sysDSP usage guide and primitive
// library: two 18-bit operands, signed or unsigned, an optional register at each, one behind the
// multiplier array and one at the product. Yosys has no model of it.
//
// Left out: the shift chains (SRIA, SRIB, SOURCEA = SOURCEB = 0 take A and B), the C operand, which
// only ALU54B uses, and signs that change while a product is on its way. A parameter that asks for
// what is left out ends in a module that does not exist.
// verilator lint_off DECLFILENAME
//   the module of a register stands beside it
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL
//   parameters and pins of what is left out
module MULT18X18D (
    input
        A17, A16, A15, A14, A13, A12, A11, A10, A9,
        A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input
        B17, B16, B15, B14, B13, B12, B11, B10, B9,
        B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input
        C17, C16, C15, C14, C13, C12, C11, C10, C9,
        C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input
        SRIA17, SRIA16, SRIA15, SRIA14, SRIA13, SRIA12, SRIA11, SRIA10, SRIA9,
        SRIA8, SRIA7, SRIA6, SRIA5, SRIA4, SRIA3, SRIA2, SRIA1, SRIA0,
    input
        SRIB17, SRIB16, SRIB15, SRIB14, SRIB13, SRIB12, SRIB11, SRIB10, SRIB9,
        SRIB8, SRIB7, SRIB6, SRIB5, SRIB4, SRIB3, SRIB2, SRIB1, SRIB0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK3, CLK2, CLK1, CLK0, CE3, CE2, CE1, CE0, RST3, RST2, RST1, RST0,
    output
        SROA17, SROA16, SROA15, SROA14, SROA13, SROA12, SROA11, SROA10, SROA9,
        SROA8, SROA7, SROA6, SROA5, SROA4, SROA3, SROA2, SROA1, SROA0,
    output
        SROB17, SROB16, SROB15, SROB14, SROB13, SROB12, SROB11, SROB10, SROB9,
        SROB8, SROB7, SROB6, SROB5, SROB4, SROB3, SROB2, SROB1, SROB0,
    output
        ROA17, ROA16, ROA15, ROA14, ROA13, ROA12, ROA11, ROA10, ROA9,
        ROA8, ROA7, ROA6, ROA5, ROA4, ROA3, ROA2, ROA1, ROA0,
    output
        ROB17, ROB16, ROB15, ROB14, ROB13, ROB12, ROB11, ROB10, ROB9,
        ROB8, ROB7, ROB6, ROB5, ROB4, ROB3, ROB2, ROB1, ROB0,
    output
        ROC17, ROC16, ROC15, ROC14, ROC13, ROC12, ROC11, ROC10, ROC9,
        ROC8, ROC7, ROC6, ROC5, ROC4, ROC3, ROC2, ROC1, ROC0,
    output
        P35, P34, P33, P32, P31, P30, P29, P28, P27,
        P26, P25, P24, P23, P22, P21, P20, P19, P18,
        P17, P16, P15, P14, P13, P12, P11, P10, P9,
        P8, P7, P6, P5, P4, P3, P2, P1, P0,
    output SIGNEDP
);
    // Where it stands most pins are constants: that makes it fast.
    /* verilator inline_module */
    parameter REG_INPUTA_CLK = "NONE";
    parameter REG_INPUTA_CE = "CE0";
    parameter REG_INPUTA_RST = "RST0";
    parameter REG_INPUTB_CLK = "NONE";
    parameter REG_INPUTB_CE = "CE0";
    parameter REG_INPUTB_RST = "RST0";
    parameter REG_INPUTC_CLK = "NONE";
    parameter REG_INPUTC_CE = "CE0";
    parameter REG_INPUTC_RST = "RST0";
    parameter REG_PIPELINE_CLK = "NONE";
    parameter REG_PIPELINE_CE = "CE0";
    parameter REG_PIPELINE_RST = "RST0";
    parameter REG_OUTPUT_CLK = "NONE";
    parameter REG_OUTPUT_CE = "CE0";
    parameter REG_OUTPUT_RST = "RST0";
    parameter CLK0_DIV = "ENABLED";
    parameter CLK1_DIV = "ENABLED";
    parameter CLK2_DIV = "ENABLED";
    parameter CLK3_DIV = "ENABLED";
    parameter HIGHSPEED_CLK = "NONE";
    parameter GSR = "ENABLED";
    parameter CAS_MATCH_REG = "FALSE";
    parameter SOURCEB_MODE = "B_SHIFT";
    parameter MULT_BYPASS = "DISABLED";
    parameter RESETMODE = "SYNC";

    generate
        if (HIGHSPEED_CLK != "NONE" || CAS_MATCH_REG != "FALSE" || SOURCEB_MODE != "B_SHIFT"
            || MULT_BYPASS != "DISABLED" || RESETMODE != "SYNC") begin : refuse
            MULT18X18D_parameter_not_modelled parameter_not_modelled ();
        end
    endgenerate

    wire [17:0] a = {
        A17, A16, A15, A14, A13, A12, A11, A10, A9,
        A8, A7, A6, A5, A4, A3, A2, A1, A0
    };
    wire [17:0] b = {
        B17, B16, B15, B14, B13, B12, B11, B10, B9,
        B8, B7, B6, B5, B4, B3, B2, B1, B0
    };

    wire [17:0] a_in, b_in;
    MULT18X18D_register #(18, REG_INPUTA_CLK != "NONE") inputa (
        REG_INPUTA_CLK == "CLK3" ? CLK3 : REG_INPUTA_CLK == "CLK2" ? CLK2
            : REG_INPUTA_CLK == "CLK1" ? CLK1 : CLK0,
        REG_INPUTA_CE == "CE3" ? CE3 : REG_INPUTA_CE == "CE2" ? CE2
            : REG_INPUTA_CE == "CE1" ? CE1 : CE0,
        REG_INPUTA_RST == "RST3" ? RST3 : REG_INPUTA_RST == "RST2" ? RST2
            : REG_INPUTA_RST == "RST1" ? RST1 : RST0,
        a, a_in);
    MULT18X18D_register #(18, REG_INPUTB_CLK != "NONE") inputb (
        REG_INPUTB_CLK == "CLK3" ? CLK3 : REG_INPUTB_CLK == "CLK2" ? CLK2
            : REG_INPUTB_CLK == "CLK1" ? CLK1 : CLK0,
        REG_INPUTB_CE == "CE3" ? CE3 : REG_INPUTB_CE == "CE2" ? CE2
            : REG_INPUTB_CE == "CE1" ? CE1 : CE0,
        REG_INPUTB_RST == "RST3" ? RST3 : REG_INPUTB_RST == "RST2" ? RST2
            : REG_INPUTB_RST == "RST1" ? RST1 : RST0,
        b, b_in);

    // Sign or zero in front: then one product, modulo 2^36, serves all four cases.
    wire [35:0] a_wide = {{18{SIGNEDA & a_in[17]}}, a_in};
    wire [35:0] b_wide = {{18{SIGNEDB & b_in[17]}}, b_in};
    wire [35:0] product = a_wide * b_wide;

    wire [35:0] piped, p;
    MULT18X18D_register #(36, REG_PIPELINE_CLK != "NONE") pipeline (
        REG_PIPELINE_CLK == "CLK3" ? CLK3 : REG_PIPELINE_CLK == "CLK2" ? CLK2
            : REG_PIPELINE_CLK == "CLK1" ? CLK1 : CLK0,
        REG_PIPELINE_CE == "CE3" ? CE3 : REG_PIPELINE_CE == "CE2" ? CE2
            : REG_PIPELINE_CE == "CE1" ? CE1 : CE0,
        REG_PIPELINE_RST == "RST3" ? RST3 : REG_PIPELINE_RST == "RST2" ? RST2
            : REG_PIPELINE_RST == "RST1" ? RST1 : RST0,
        product, piped);
    MULT18X18D_register #(36, REG_OUTPUT_CLK != "NONE") outputp (
        REG_OUTPUT_CLK == "CLK3" ? CLK3 : REG_OUTPUT_CLK == "CLK2" ? CLK2
            : REG_OUTPUT_CLK == "CLK1" ? CLK1 : CLK0,
        REG_OUTPUT_CE == "CE3" ? CE3 : REG_OUTPUT_CE == "CE2" ? CE2
            : REG_OUTPUT_CE == "CE1" ? CE1 : CE0,
        REG_OUTPUT_RST == "RST3" ? RST3 : REG_OUTPUT_RST == "RST2" ? RST2
            : REG_OUTPUT_RST == "RST1" ? RST1 : RST0,
        piped, p);

    assign {
        P35, P34, P33, P32, P31, P30, P29, P28, P27,
        P26, P25, P24, P23, P22, P21, P20, P19, P18,
        P17, P16, P15, P14, P13, P12, P11, P10, P9,
        P8, P7, P6, P5, P4, P3, P2, P1, P0
    } = p;
    assign SIGNEDP = SIGNEDA | SIGNEDB;
    assign {
        SROA17, SROA16, SROA15, SROA14, SROA13, SROA12, SROA11, SROA10, SROA9,
        SROA8, SROA7, SROA6, SROA5, SROA4, SROA3, SROA2, SROA1, SROA0
    } = a_in;
    assign {
        SROB17, SROB16, SROB15, SROB14, SROB13, SROB12, SROB11, SROB10, SROB9,
        SROB8, SROB7, SROB6, SROB5, SROB4, SROB3, SROB2, SROB1, SROB0
    } = b_in;
    assign {
        ROA17, ROA16, ROA15, ROA14, ROA13, ROA12, ROA11, ROA10, ROA9,
        ROA8, ROA7, ROA6, ROA5, ROA4, ROA3, ROA2, ROA1, ROA0
    } = a_in;
    assign {
        ROB17, ROB16, ROB15, ROB14, ROB13, ROB12, ROB11, ROB10, ROB9,
        ROB8, ROB7, ROB6, ROB5, ROB4, ROB3, ROB2, ROB1, ROB0
    } = b_in;
    assign {
        ROC17, ROC16, ROC15, ROC14, ROC13, ROC12, ROC11, ROC10, ROC9,
        ROC8, ROC7, ROC6, ROC5, ROC4, ROC3, ROC2, ROC1, ROC0
    } = 18'b0;
endmodule

// A register with clock enable and synchronous reset, or wires where it is not PRESENT. It holds 0
// after configuration.
module MULT18X18D_register #(
    parameter WIDTH = 18,
    parameter PRESENT = 1
) (
    input clock,
    input enable,
    input reset,
    input [WIDTH-1:0] d,
    output [WIDTH-1:0] q
);
    /* verilator inline_module */
    generate
        if (!PRESENT) begin : absent
            assign q = d;
        end else begin : present
            reg [WIDTH-1:0] held;
            initial held = 0;
            assign q = held;
            always @(posedge clock)
                if (reset) held <= 0;
                else if (enable) held <= d;
        end
    endgenerate
endmodule
// verilator lint_on DECLFILENAME
// verilator lint_on UNUSEDPARAM
// verilator lint_on UNUSEDSIGNAL
