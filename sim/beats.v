// Sends beats through a build under AXI4-Stream names, and writes down what comes out.
// beats.py defines TOP, CLOCK, RESET, ACTIVE, IN_BITS, OUT_BITS, IN_BEATS, OUT_BEATS, FRAME (beats of
// a frame that goes in), PATIENCE, SETTLE (cycles without a beat before all came, and after), and EVENTS
// where there are ports of misplaced tlast. It runs with +pause_in, +pause_out (per mille) and +seed.
// Output: a line "CYCLE LAST DATA" a beat, then "end TAKEN GIVEN BROKEN EVENTS".
`timescale 1ns/1ps
module bench;
    reg clock = 1, reset = `ACTIVE;
    always #1 clock = !clock;

    reg [`IN_BITS-1:0] store [0:`IN_BEATS-1];
    reg [`IN_BITS-1:0] in_data;
    reg in_valid = 0, in_last, out_ready = 0;
    wire in_ready, out_valid, out_last, unexpected, missing;
    wire [`OUT_BITS-1:0] out_data;

    `TOP dut (
        .`CLOCK(clock), .`RESET(reset),
        .s_axis_tdata(in_data), .s_axis_tvalid(in_valid), .s_axis_tready(in_ready),
        .s_axis_tlast(in_last), .m_axis_tdata(out_data), .m_axis_tvalid(out_valid),
        .m_axis_tready(out_ready), .m_axis_tlast(out_last)
`ifdef EVENTS
        , .event_tlast_unexpected(unexpected), .event_tlast_missing(missing)
`endif
    );
`ifndef EVENTS
    assign {unexpected, missing} = 0;
`endif

    integer seed, pause_in, pause_out, file, now = 0, begun = -1, shown = 0, taken = 0, given = 0;
    integer broken = 0, events = 0, quiet = 0;
    reg waiting = 0;
    reg [`OUT_BITS:0] waited;

    function pause(input integer per_mille);
        pause = $unsigned($random(seed)) % 1000 < per_mille;
    endfunction

    task present;
        if (shown < `IN_BEATS && !pause(pause_in)) begin
            in_valid <= 1;
            in_data <= store[shown];
            in_last <= shown % `FRAME == `FRAME - 1;
            shown = shown + 1;
        end else begin
            in_valid <= 0;
            in_data <= {`IN_BITS{1'bx}};
            in_last <= 1'bx;
        end
    endtask

    // What was offered and not taken must be offered again; no bit that counts may be unknown.
    task watch;
        begin
            if (waiting && {out_valid, out_last, out_data} !== {1'b1, waited}) broken = broken + 1;
            if ((^{in_ready, out_valid, unexpected, missing}) === 1'bx) broken = broken + 1;
            if (out_valid && (^{out_last, out_data}) === 1'bx) broken = broken + 1;
            if (unexpected || missing) events = events + 1;
            waiting = out_valid && !out_ready;
            waited = {out_last, out_data};
        end
    endtask

    initial begin
        if (!($value$plusargs("seed=%d", seed) && $value$plusargs("pause_in=%d", pause_in)
              && $value$plusargs("pause_out=%d", pause_out))) $fatal;
        $readmemh("in.hex", store);
        file = $fopen("out.txt", "w");
        repeat (3) @(posedge clock);
        reset <= !`ACTIVE;
        @(posedge clock);
        while (quiet < (given < `OUT_BEATS ? `PATIENCE : `SETTLE) && given <= `OUT_BEATS) begin
            @(posedge clock);
            watch;
            quiet = quiet + 1;
            if (in_valid && in_ready) begin
                taken = taken + 1;
                if (begun < 0) begun = now;
            end
            if (out_valid && out_ready) begin
                $fdisplay(file, "%0d %b %h", now - begun, out_last, out_data);
                given = given + 1;
                quiet = 0;
            end
            if (!in_valid || in_ready) present;
            out_ready <= !pause(pause_out);
            now = now + 1;
        end
        $fdisplay(file, "end %0d %0d %0d %0d", taken, given, broken, events);
        $fclose(file);
        $finish;
    end
endmodule
