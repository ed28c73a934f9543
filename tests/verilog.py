"""What tests of several parts ask of generated Verilog."""


def code_of(path):
    """Lines of a file without its header, which says by what command it was made."""
    return [line for line in path.read_text().splitlines() if not line.startswith("//")]
