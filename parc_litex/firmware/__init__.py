"""C of a processor beside an accelerator, and what it is compiled with."""
