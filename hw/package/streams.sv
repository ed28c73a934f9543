
// Presents the words of a file, tlast above tdata, with pauses.
module BENCH_source #(
    parameter BITS = 8,
    parameter BEATS = 1,
    parameter SEED = 1,
    parameter FILE = ""
) (
    input clock,
    input reset,
    output reg [BITS-1:0] tdata,
    output reg tlast,
    output reg tvalid,
    input tready
);
    reg [BITS:0] store [0:BEATS-1];
    reg [15:0] noise = SEED;
    integer place = 0;
    initial begin
        tvalid = 0;
        $readmemh(FILE, store);
    end
    always @(posedge clock) begin
        noise <= {noise[14:0], noise[15] ^ noise[13] ^ noise[12] ^ noise[10]};
        if (reset) tvalid <= 0;
        else if (!tvalid || tready) begin
            // Three cycles of four.
            if (place < BEATS && noise[1:0] != 0) begin
                {tlast, tdata} <= store[place];
                tvalid <= 1;
                place <= place + 1;
            end else begin
                tdata <= {BITS{1'bx}};
                tlast <= 1'bx;
                tvalid <= 0;
            end
        end
    end
endmodule

// Takes words, with pauses, and holds them to those of a file: none wrong, missing or too many.
module BENCH_sink #(
    parameter BITS = 8,
    parameter BEATS = 1,
    parameter SEED = 1,
    parameter PATIENCE = 1000,
    parameter FILE = ""
) (
    input clock,
    input reset,
    input [BITS-1:0] tdata,
    input tlast,
    input tvalid,
    output reg tready
);
    reg [BITS:0] store [0:BEATS-1];
    reg [15:0] noise = SEED;
    integer place = 0, quiet = 0;
    initial begin
        tready = 0;
        $readmemh(FILE, store);
    end
    always @(posedge clock) begin
        noise <= {noise[14:0], noise[15] ^ noise[13] ^ noise[12] ^ noise[10]};
        tready <= !reset && noise[1:0] != 0;
        quiet <= reset ? 0 : quiet + 1;
        if (!reset && tvalid !== 1'b0 && tready) begin
            if (tvalid !== 1'b1) $fatal(1, "BENCH: tvalid must be 0 or 1");
            if (place == BEATS) $fatal(1, "BENCH: no beat may come after the last of %0d", BEATS);
            if ({tlast, tdata} !== store[place])
                $fatal(1, "BENCH: beat %0d must be %h, not %h", place, store[place], {tlast, tdata});
            place <= place + 1;
            quiet <= 0;
        end
        if (quiet == PATIENCE) begin
            if (place != BEATS) $fatal(1, "BENCH: beats must number %0d, not %0d", BEATS, place);
            $display("BENCH: %0d beats, all as the model has them", BEATS);
            $finish;
        end
    end
endmodule
