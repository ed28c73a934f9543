// Behavioural model of the ECP5's DP16KD, after Lattice's memory usage guide: 512 rows of four
// nine-bit bytes, two ports of 1, 2, 4, 9 or 18 bits, each with an optional output register. Words
// of less than nine bits leave the ninth of a byte unused. With 36 bits port A writes and port B
// reads, the low half on A's data pins, the high half on B's. Yosys has no model of it.
//
// A word that one port reads while the other writes any of it is undefined, and so it is here.
//
// Left out: ports on different clocks, inverted clocks, and asynchronous resets other than ones
// tied low. A parameter that asks for what is left out ends in a module that does not exist.
/* verilator lint_off WIDTHEXPAND */  // modes are strings of unequal lengths
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL
// verilator lint_off MULTIDRIVEN
//   parameters and pins of what is left out
module DP16KD (
    input
        DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
        DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
    input
        ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5,
        ADA4, ADA3, ADA2, ADA1, ADA0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output
        DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
        DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
    input
        DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
        DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
    input
        ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5,
        ADB4, ADB3, ADB2, ADB1, ADB0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output
        DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
        DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
    // Where it stands the clocks are one, and most pins constants: that makes it fast.
    /* verilator inline_module */
    parameter DATA_WIDTH_A = 18;
    parameter DATA_WIDTH_B = 18;
    parameter REGMODE_A = "NOREG";
    parameter REGMODE_B = "NOREG";
    parameter RESETMODE = "SYNC";
    parameter ASYNC_RESET_RELEASE = "SYNC";
    parameter CSDECODE_A = "0b000";
    parameter CSDECODE_B = "0b000";
    parameter WRITEMODE_A = "NORMAL";
    parameter WRITEMODE_B = "NORMAL";
    parameter CLKAMUX = "CLKA";
    parameter CLKBMUX = "CLKB";
    parameter GSR = "ENABLED";
    parameter INIT_DATA = "STATIC";
    parameter [319:0] INITVAL_00 = 320'b0;
    parameter [319:0] INITVAL_01 = 320'b0;
    parameter [319:0] INITVAL_02 = 320'b0;
    parameter [319:0] INITVAL_03 = 320'b0;
    parameter [319:0] INITVAL_04 = 320'b0;
    parameter [319:0] INITVAL_05 = 320'b0;
    parameter [319:0] INITVAL_06 = 320'b0;
    parameter [319:0] INITVAL_07 = 320'b0;
    parameter [319:0] INITVAL_08 = 320'b0;
    parameter [319:0] INITVAL_09 = 320'b0;
    parameter [319:0] INITVAL_0A = 320'b0;
    parameter [319:0] INITVAL_0B = 320'b0;
    parameter [319:0] INITVAL_0C = 320'b0;
    parameter [319:0] INITVAL_0D = 320'b0;
    parameter [319:0] INITVAL_0E = 320'b0;
    parameter [319:0] INITVAL_0F = 320'b0;
    parameter [319:0] INITVAL_10 = 320'b0;
    parameter [319:0] INITVAL_11 = 320'b0;
    parameter [319:0] INITVAL_12 = 320'b0;
    parameter [319:0] INITVAL_13 = 320'b0;
    parameter [319:0] INITVAL_14 = 320'b0;
    parameter [319:0] INITVAL_15 = 320'b0;
    parameter [319:0] INITVAL_16 = 320'b0;
    parameter [319:0] INITVAL_17 = 320'b0;
    parameter [319:0] INITVAL_18 = 320'b0;
    parameter [319:0] INITVAL_19 = 320'b0;
    parameter [319:0] INITVAL_1A = 320'b0;
    parameter [319:0] INITVAL_1B = 320'b0;
    parameter [319:0] INITVAL_1C = 320'b0;
    parameter [319:0] INITVAL_1D = 320'b0;
    parameter [319:0] INITVAL_1E = 320'b0;
    parameter [319:0] INITVAL_1F = 320'b0;
    parameter [319:0] INITVAL_20 = 320'b0;
    parameter [319:0] INITVAL_21 = 320'b0;
    parameter [319:0] INITVAL_22 = 320'b0;
    parameter [319:0] INITVAL_23 = 320'b0;
    parameter [319:0] INITVAL_24 = 320'b0;
    parameter [319:0] INITVAL_25 = 320'b0;
    parameter [319:0] INITVAL_26 = 320'b0;
    parameter [319:0] INITVAL_27 = 320'b0;
    parameter [319:0] INITVAL_28 = 320'b0;
    parameter [319:0] INITVAL_29 = 320'b0;
    parameter [319:0] INITVAL_2A = 320'b0;
    parameter [319:0] INITVAL_2B = 320'b0;
    parameter [319:0] INITVAL_2C = 320'b0;
    parameter [319:0] INITVAL_2D = 320'b0;
    parameter [319:0] INITVAL_2E = 320'b0;
    parameter [319:0] INITVAL_2F = 320'b0;
    parameter [319:0] INITVAL_30 = 320'b0;
    parameter [319:0] INITVAL_31 = 320'b0;
    parameter [319:0] INITVAL_32 = 320'b0;
    parameter [319:0] INITVAL_33 = 320'b0;
    parameter [319:0] INITVAL_34 = 320'b0;
    parameter [319:0] INITVAL_35 = 320'b0;
    parameter [319:0] INITVAL_36 = 320'b0;
    parameter [319:0] INITVAL_37 = 320'b0;
    parameter [319:0] INITVAL_38 = 320'b0;
    parameter [319:0] INITVAL_39 = 320'b0;
    parameter [319:0] INITVAL_3A = 320'b0;
    parameter [319:0] INITVAL_3B = 320'b0;
    parameter [319:0] INITVAL_3C = 320'b0;
    parameter [319:0] INITVAL_3D = 320'b0;
    parameter [319:0] INITVAL_3E = 320'b0;
    parameter [319:0] INITVAL_3F = 320'b0;

    generate
        if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000"
            || CLKAMUX != "CLKA" || CLKBMUX != "CLKB") begin : refuse
            DP16KD_parameter_not_modelled parameter_not_modelled ();
        end
    endgenerate

    // An INITVAL holds eight rows, 20 bits for every 18 of contents.
    localparam [64*320-1:0] CONTENTS = {
        INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C,
        INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
        INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
        INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
        INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C,
        INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
        INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24,
        INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
        INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C,
        INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
        INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14,
        INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
        INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C,
        INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
        INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04,
        INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
    };
    reg [35:0] rows [0:511];
    integer row;
    initial
        for (row = 0; row < 512; row = row + 1)
            rows[row] = {CONTENTS[row*40 + 20 +: 18], CONTENTS[row*40 +: 18]};

    // Where a port's word stands in its row. From 18 bits up low address bits are byte enables.
    function [5:0] place;
        input integer width;
        input [4:0] low;
        place = width == 36 ? 6'd0
            : width == 18 ? (low[4] ? 6'd18 : 6'd0)
            : 6'd9 * low[4:3]
            + (width == 4 ? {3'b0, low[2], 2'b0}
               : width == 2 ? {3'b0, low[2:1], 1'b0}
               : width == 1 ? {3'b0, low[2:0]}
               : 6'd0);
    endfunction

    function [35:0] mask;
        input integer width;
        input [4:0] low;
        mask = width == 36 ? {{9{low[3]}}, {9{low[2]}}, {9{low[1]}}, {9{low[0]}}}
            : (width == 18 ? {18'b0, {9{low[1]}}, {9{low[0]}}} : (36'd1 << width) - 36'd1)
            << place(width, low);
    endfunction

    function [35:0] word;
        input integer width;
        input [4:0] low;
        input [35:0] contents;
        word = (contents >> place(width, low)) & (width == 36 ? ~36'b0 : (36'd1 << width) - 36'd1);
    endfunction

    wire [17:0] dia = {
        DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
        DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0
    };
    wire [17:0] dib = {
        DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
        DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0
    };
    wire [13:0] ada = {
        ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5,
        ADA4, ADA3, ADA2, ADA1, ADA0
    };
    wire [13:0] adb = {
        ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5,
        ADB4, ADB3, ADB2, ADB1, ADB0
    };

    // The reset of an asynchronous one would have to act at once.
    wire [17:0] unknown_a = RESETMODE != "SYNC" && RSTA !== 1'b0 ? 18'bx : 18'b0;
    wire [17:0] unknown_b = RESETMODE != "SYNC" && RSTB !== 1'b0 ? 18'bx : 18'b0;

    wire enable_a = CEA === 1'b1 && {CSA2, CSA1, CSA0} === 3'b000;
    wire enable_b = CEB === 1'b1 && {CSB2, CSB1, CSB0} === 3'b000;
    wire write_a = enable_a && WEA === 1'b1;
    wire write_b = enable_b && WEB === 1'b1;

    wire [35:0] old_a = rows[ada[13:5]];
    wire [35:0] old_b = rows[adb[13:5]];
    wire [35:0] mask_a = mask(DATA_WIDTH_A, ada[4:0]);
    wire [35:0] mask_b = mask(DATA_WIDTH_B, adb[4:0]);
    wire [35:0] data_a = {DATA_WIDTH_A == 36 ? dib : 18'b0, dia};
    wire [35:0] data_b = {18'b0, dib};
    wire [35:0] new_a = old_a & ~mask_a | data_a << place(DATA_WIDTH_A, ada[4:0]) & mask_a;
    wire [35:0] new_b = old_b & ~mask_b | data_b << place(DATA_WIDTH_B, adb[4:0]) & mask_b;

    // What a read sees: of its own port's write what the mode says, of the other's nothing sure.
    wire same_row = ada[13:5] == adb[13:5];
    wire [35:0] unsure_a = write_b && same_row ? mask_b : 36'b0;
    wire [35:0] unsure_b = write_a && same_row ? mask_a : 36'b0;
    wire [35:0] seen_a = (write_a && WRITEMODE_A == "WRITETHROUGH" ? new_a : old_a)
        ^ (unsure_a & 36'bx);
    wire [35:0] seen_b = (write_b && WRITEMODE_B == "WRITETHROUGH" ? new_b : old_b)
        ^ (unsure_b & 36'bx);

    reg [35:0] latch_a, latch_b, register_a, register_b;
    initial {latch_a, latch_b, register_a, register_b} = 144'b0;

    // Each port by its own clock: the unused one of two may have none. Where both write a row, B's
    // does it for both.
    always @(posedge CLKA) begin
        if (write_a && !(write_b && same_row)) rows[ada[13:5]] <= new_a;

        if (RSTA === 1'b1) latch_a <= 36'b0;
        else if (enable_a && (!write_a || WRITEMODE_A != "NORMAL"))
            latch_a <= word(DATA_WIDTH_A, ada[4:0], seen_a);

        if (RSTA === 1'b1) register_a <= 36'b0;
        else if (OCEA === 1'b1) register_a <= latch_a;
    end
    always @(posedge CLKB) begin
        if (write_b) rows[adb[13:5]] <= write_a && same_row ? new_b & ~mask_a | new_a & mask_a : new_b;

        if (RSTB === 1'b1) latch_b <= 36'b0;
        else if (enable_b && (!write_b || WRITEMODE_B != "NORMAL"))
            latch_b <= word(DATA_WIDTH_B, adb[4:0], seen_b);

        if (RSTB === 1'b1) register_b <= 36'b0;
        else if (OCEB === 1'b1) register_b <= latch_b;
    end

    wire [35:0] out_a = REGMODE_A == "OUTREG" ? register_a : latch_a;
    wire [35:0] out_b = REGMODE_B == "OUTREG" ? register_b : latch_b;
    assign {
        DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
        DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0
    } = unknown_a ^ (DATA_WIDTH_B == 36 ? out_b[17:0] : out_a[17:0]);
    assign {
        DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
        DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
    } = unknown_b ^ (DATA_WIDTH_B == 36 ? out_b[35:18] : out_b[17:0]);
endmodule
/* verilator lint_on WIDTHEXPAND */
// verilator lint_on UNUSEDPARAM
// verilator lint_on UNUSEDSIGNAL
// verilator lint_on MULTIDRIVEN
