// Model of the ECP5's CCU2C, two bits of a carry chain: a look-up table that propagates the carry,
// and its first four entries, which generate one. Yosys has a model, but in pieces that simulators
// find only with its include path; tests/hw/test_adder.py holds this one to it.
module CCU2C (
    input CIN,
    input A0, B0, C0, D0, A1, B1, C1, D1,
    output S0, S1, COUT
);
    parameter [15:0] INIT0 = 16'h0000;
    parameter [15:0] INIT1 = 16'h0000;
    parameter INJECT1_0 = "YES";
    parameter INJECT1_1 = "YES";

    // By multiplexers, so that an unknown input that does not matter is not passed on.
    function look_up(input [15:0] table4, input a, b, c, d);
        reg [7:0] table3;
        reg [3:0] table2;
        reg [1:0] table1;
        begin
            table3 = d ? table4[15:8] : table4[7:0];
            table2 = c ? table3[7:4] : table3[3:0];
            table1 = b ? table2[3:2] : table2[1:0];
            look_up = a ? table1[1] : table1[0];
        end
    endfunction

    wire propagate0 = look_up(INIT0, A0, B0, C0, D0);
    wire propagate1 = look_up(INIT1, A1, B1, C1, D1);
    wire generate0 = INJECT1_0 == "NO" && look_up(INIT0, A0, B0, 1'b0, 1'b0);
    wire generate1 = INJECT1_1 == "NO" && look_up(INIT1, A1, B1, 1'b0, 1'b0);
    wire carry1 = propagate0 ? CIN : generate0;

    assign S0 = propagate0 ^ (INJECT1_0 == "NO" && CIN);
    assign S1 = propagate1 ^ (INJECT1_1 == "NO" && carry1);
    assign COUT = propagate1 ? carry1 : generate1;
endmodule
