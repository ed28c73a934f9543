"""Large memories of a simulation are read from files; small ones, and all else, stay."""

from hw.simulate.contents import LARGE, kept_apart


def block(name: str, count: int) -> str:
    words = "".join(f"    {name}[{n}] = 12'h{3 * n % 4096:03x};\n" for n in range(count))
    return f"  initial begin\n{words}  end\n"


def test_large_memories_are_kept_apart(tmp_path) -> None:
    small, large = block("little", LARGE - 1), block("array", LARGE)
    text = f"module a;\n{small}  wire w;\n{large}endmodule\n"
    changed, contents = kept_apart({"a.v": text.encode()}, tmp_path)
    file = tmp_path / "memory_0.hex"
    read = f'  initial $readmemh("{file}", array);\n'
    assert changed["a.v"].decode() == text.replace(large, read)
    lines = contents["memory_0.hex"].decode().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (LARGE, "@0 000", "@fff ffd")
