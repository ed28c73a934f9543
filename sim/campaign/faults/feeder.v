// An engine whose weights arrive between the streams of one whose weights are in ROM: it sends sets
// of weights in turn, and frames in when the next set is there, so that every few frames the sets
// change. A set is sent once the last frame before it is on its way in, or, in turns, has given a
// result: until then it might be used there. What comes before the first set waits at the engine.
// Of the first kind are sets of one frame, between those of several. Constants stand before it: sets'
// beats, each with what its tlast is, the beats of a set, of a frame and of several frames.
module feeder (
    input clk, rst,
    input [`IN_BITS-1:0] s_axis_tdata,
    input s_axis_tvalid, s_axis_tlast,
    output s_axis_tready,
    output [`OUT_BITS-1:0] m_axis_tdata,
    output m_axis_tvalid, m_axis_tlast,
    input m_axis_tready,
    output event_tlast_unexpected, event_tlast_missing
);
    localparam SETTLE = 3;
    wire [`W_BITS+2:0] beat = `BEATS >> (at * (`W_BITS + 3));
    wire unexpected, missing, w_unexpected, w_missing, w_ready, in_ready;
    reg [15:0] at = 0, in_set = 0, taken = 0, given = 0;
    reg loads = 1, open = 1, in_odd = 0, out_odd = 0;
    reg [1:0] settle = 0, due = 0;
    wire enters = open || taken != 0;
    wire loaded = loads && w_ready;
    wire ends = loaded && in_set == `SET_BEATS - 1;
    wire takes = s_axis_tvalid && s_axis_tready;
    wire gives = m_axis_tvalid && m_axis_tready;
    wire all_taken = taken == (in_odd ? `FRAME_BEATS : `GROUP_BEATS) - 1;
    wire all_given = given == (out_odd ? `FRAME_BEATS : `GROUP_BEATS) - 1;

    engine engine (
        .clk(clk), .rst(rst),
        .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid && enters),
        .s_axis_tlast(s_axis_tlast), .s_axis_tready(in_ready),
        .w_axis_tdata(beat[`W_BITS-1:0]), .w_axis_tvalid(loads), .w_axis_tlast(beat[`W_BITS]),
        .w_axis_tready(w_ready),
        .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid), .m_axis_tlast(m_axis_tlast),
        .m_axis_tready(m_axis_tready),
        .event_tlast_unexpected(unexpected), .event_tlast_missing(missing),
        .event_w_tlast_unexpected(w_unexpected), .event_w_tlast_missing(w_missing)
    );

    // In reset neither port may be ready.
    assign s_axis_tready = rst ? in_ready || w_ready : in_ready && enters;
    // What is told of a set's tlast is not seen if it is right.
    assign event_tlast_unexpected = unexpected ^ w_unexpected ^ due[0];
    assign event_tlast_missing = missing ^ w_missing ^ due[1];

    always @(posedge clk) begin
        due <= loaded ? beat[`W_BITS+1 +: 2] : 2'b0;
        if (settle != 0) settle <= settle - 1;
        if (settle == 1) open <= 1;
        if (loaded) begin
            at <= at == `ALL_BEATS - 1 ? 0 : at + 1;
            in_set <= ends ? 0 : in_set + 1;
            if (ends) begin
                loads <= 0;
                if (!open) settle <= SETTLE;
            end
        end
        if (takes) begin
            taken <= all_taken ? 0 : taken + 1;
            in_odd <= in_odd ^ all_taken;
            if (taken == 0) begin
                open <= 0;
                if (in_odd) loads <= 1;
            end
        end
        if (gives) begin
            given <= all_given ? 0 : given + 1;
            out_odd <= out_odd ^ all_given;
            if (given == `GROUP_BEATS - `FRAME_BEATS && !out_odd) loads <= 1;
        end
        if (rst) begin
            {at, in_set, taken, given, settle, due, in_odd, out_odd} <= 0;
            {loads, open} <= 2'b11;
        end
    end
endmodule
