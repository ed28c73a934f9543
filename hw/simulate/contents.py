"""Contents of large memories, read when a simulation begins instead of compiled into it.

A C++ compiler takes minutes and gigabytes for an assignment a word.
"""

import re
from collections.abc import Mapping
from pathlib import Path

LARGE = 4096
"""Words from which on a memory's are kept in a file."""
_WORD = rb" *(\w+)\[(\d+)\] = \d+'h([0-9a-f]+);\n"
_BLOCK = re.compile(rb"  initial begin\n((?:" + _WORD + rb")+)  end\n")
_WORDS = re.compile(_WORD)


def kept_apart(
    verilog: Mapping[str, bytes], folder: Path
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return Verilog that reads large memories from files in ``folder``, and these, by name."""
    contents: dict[str, bytes] = {}

    def moved(block: re.Match[bytes]) -> bytes:
        words = _WORDS.findall(block[1])
        if len(words) < LARGE or len({memory for memory, _, _ in words}) > 1:
            return block[0]
        name = f"memory_{len(contents)}.hex"
        contents[name] = b"".join(b"@%x %s\n" % (int(address), word) for _, address, word in words)
        return b'  initial $readmemh("%s", %s);\n' % (bytes(folder / name), words[0][0])

    changed = {name: _BLOCK.sub(moved, content) for name, content in verilog.items()}
    return changed, contents
