// Model of the ECP5's CCU2C, two bits of a carry chain: a look-up table that propagates the carry,
// and its first four entries, which generate one. Yosys has a model, but in pieces that simulators
// find only with its include path; tests/hw/test_adder.py holds this one to it.
// verilator lint_off DECLFILENAME
//   the module of a look-up table stands beside it
module CCU2C (
    input CIN,
    input A0, B0, C0, D0, A1, B1, C1, D1,
    output S0, S1, COUT
);
    /* verilator inline_module */
    parameter [15:0] INIT0 = 16'h0000;
    parameter [15:0] INIT1 = 16'h0000;
    parameter INJECT1_0 = "YES";
    parameter INJECT1_1 = "YES";

    wire propagate0, propagate1, first0, first1;
    CCU2C_look_up #(INIT0) look_up0 (A0, B0, C0, D0, propagate0);
    CCU2C_look_up #(INIT1) look_up1 (A1, B1, C1, D1, propagate1);
    CCU2C_look_up #(INIT0) look_up_first0 (A0, B0, 1'b0, 1'b0, first0);
    CCU2C_look_up #(INIT1) look_up_first1 (A1, B1, 1'b0, 1'b0, first1);
    wire generate0 = INJECT1_0 == "NO" && first0;
    wire generate1 = INJECT1_1 == "NO" && first1;
    wire carry1 = propagate0 ? CIN : generate0;

    assign S0 = propagate0 ^ (INJECT1_0 == "NO" && CIN);
    assign S1 = propagate1 ^ (INJECT1_1 == "NO" && carry1);
    assign COUT = propagate1 ? carry1 : generate1;
endmodule

// One expression of multiplexers, so that an unknown input that does not matter is not passed on.
// A function here is ten variables a call to Verilator; of this it keeps what constants leave.
module CCU2C_look_up (
    input a, b, c, d,
    output y
);
    /* verilator inline_module */
    parameter [15:0] INIT = 16'h0000;

    assign y = d
        ? c ? b ? a ? INIT[15] : INIT[14] : a ? INIT[13] : INIT[12]
            : b ? a ? INIT[11] : INIT[10] : a ? INIT[9] : INIT[8]
        : c ? b ? a ? INIT[7] : INIT[6] : a ? INIT[5] : INIT[4]
            : b ? a ? INIT[3] : INIT[2] : a ? INIT[1] : INIT[0];
endmodule
// verilator lint_on DECLFILENAME
