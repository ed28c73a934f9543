// Around a build: samples that a shift register makes go in, and each cycle's streams are printed.
// What the macros are stands at the head that hw.report.waves writes.
module waves_bench(input clk, input reset);
    reg [63:0] state = 64'h9e3779b97f4a7c15;
    reg [31:0] place = 0;
    wire s_ready, m_valid, m_last;
    wire [`LANES * `IN_SLOT - 1:0] s_data;
    wire [`LANES * `OUT_SLOT - 1:0] m_data;
    wire s_last = place == `BEATS - 1;

    genvar lane;
    generate for (lane = 0; lane < `LANES; lane = lane + 1) begin : lanes
        // Sign-extended to whole bytes, as the streams want it.
        wire signed [`IN_BITS - 1:0] sample = state[lane % 32 +: `IN_BITS];
        wire signed [`IN_SLOT - 1:0] slot = sample;
        assign s_data[lane * `IN_SLOT +: `IN_SLOT] = slot;
    end endgenerate

    // Its events of wrong framing are not looked at: there is none.
    /* verilator lint_off PINMISSING */
    `TOP dut (
        .`CLOCK(clk), .`RESET(`RESET_LEVEL),
        .s_axis_tdata(s_data), .s_axis_tvalid(~reset), .s_axis_tready(s_ready),
        .s_axis_tlast(s_last), .m_axis_tdata(m_data), .m_axis_tvalid(m_valid),
        .m_axis_tready(1'b1), .m_axis_tlast(m_last)
    );

    always @(posedge clk) if (!reset) begin
        $display("%b %b %h %b %b %h", s_ready, s_last, s_data, m_valid, m_last, m_data);
        if (s_ready) begin
            state <= {state[62:0], state[63] ^ state[62] ^ state[60] ^ state[59]};
            place <= s_last ? 0 : place + 1;
        end
    end
endmodule
