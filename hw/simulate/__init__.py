"""What is built, run under Verilator by C++: the fast way, without cocotb."""
