"""What Verilator's -Wall says of right Verilog, and why it is not to."""

import re

_ALWAYS = {
    "DECLFILENAME": "all modules of a build are in its one file",
    "PROCASSINIT": "registers have their reset's values from configuration on",
    "UNUSEDSIGNAL": "a result is made whole where only some of its bits are kept",
    "WIDTHEXPAND": "operands are extended to the width of the result, by their sign where signed",
}
_OF_PRIMITIVES = {"PINMISSING": "pins of a primitive that are not used are left open"}
_PRIMITIVE = re.compile(r"^  [A-Z][A-Z0-9_]* #\($", re.MULTILINE)


def with_waivers(verilog: str) -> str:
    """Return ``verilog`` between comments that waive what Verilator would say of it, by name."""
    waived = _ALWAYS | (_OF_PRIMITIVES if _PRIMITIVE.search(verilog) else {})
    off = "".join(
        f"// verilator lint_off {name}\n//   {reason}\n" for name, reason in waived.items()
    )
    on = "".join(f"// verilator lint_on {name}\n" for name in waived)
    return f"{off}{verilog}{on}"
