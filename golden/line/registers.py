"""Registers around a line engine, as a driver sees them: 32 bits each, at these bytes."""

from golden.inputs.errors import ParameterError
from golden.line.design import LineDesign
from golden.registers import WORD, Access, Field, Register, RegisterMap, whole

MAGIC = int.from_bytes(b"ParL", "little")
VERSION = 1
"""Of these registers."""
_COUNTED = {
    "GROUPS_TAKEN": "groups that s_axis took",
    "GROUPS_GIVEN": "groups that m_axis gave",
    "FRAMES_GIVEN": "frames that m_axis gave: all lines of all channels",
    "TLAST_UNEXPECTED": "beats of s_axis with tlast that were not a group's last",
    "TLAST_MISSING": "last beats of s_axis's groups without tlast",
}
_COUNTED_OF_WEIGHTS = {
    "WEIGHTS_UNEXPECTED": "beats of weights with tlast that were not a set's last",
    "WEIGHTS_MISSING": "last beats of sets of weights without tlast",
}
_COUNTERS_AT, _WEIGHTS_AT = 0x20, 0x60
MOST_WORDS = 16
"""Of a beat of weights."""


def counters(*, loaded: bool) -> dict[str, str]:
    """Return what is counted since the last reset, by register; ``loaded``: weights arrive."""
    return _COUNTED | _COUNTED_OF_WEIGHTS if loaded else _COUNTED


def weight_words(weight_bits: int) -> list[str]:
    """Return the registers that a beat of weights of so many bits is written to."""
    return [f"WEIGHTS_{number}" for number in range(-(-weight_bits // WORD))]


def registers_of(design: LineDesign, weight_bits: int = 0) -> RegisterMap:
    """Return the registers around an engine.

    Parameters
    ----------
    design
        Of the engine.
    weight_bits
        Of w_axis_tdata, where weights are loaded.

    Raises
    ------
    ParameterError
        Where a beat of weights is wider than there are registers for.
    """
    sizes = {
        "LENGTH": (0x08, design.length, "samples of a line"),
        "CHANNELS": (0x0C, design.channels, "kernels, taken in turn"),
        "ROWS": (0x10, design.lines_per_channel, "lines of a channel"),
        "LANES": (0x14, design.lanes, "lines side by side in a beat"),
    }
    reset = "resets the engine and all counters; streams lose what is on its way"
    found = {
        "ID": whole(0x00, Access.CONSTANT, 'who it is: "ParL"', reset=MAGIC),
        "VERSION": whole(0x04, Access.CONSTANT, "of the registers", reset=VERSION),
        **{
            name: whole(at, Access.CONSTANT, about, reset=value)
            for name, (at, value, about) in sizes.items()
        },
        "CONTROL": Register(0x18, "resets", {"SOFT_RESET": Field(Access.PULSE, reset, 0, 1)}),
        **{
            name: whole(_COUNTERS_AT + 4 * number, Access.STATUS, about)
            for number, (name, about) in enumerate(counters(loaded=weight_bits > 0).items())
        },
    }
    return RegisterMap("a line engine", found | _weights(weight_bits))


def _weights(weight_bits: int) -> dict[str, Register]:
    if not weight_bits:
        return {}
    words = weight_words(weight_bits)
    if len(words) > MOST_WORDS:
        rule = f"left out where a beat of weights has more than {MOST_WORDS} words"
        raise ParameterError("registers", rule, len(words))
    send = {
        "SEND": Field(Access.PULSE, "hands the beat on, behind those of w_axis", 0, 1),
        "LAST": Field(Access.KEPT, "whether it is a set's last", 1, 1),
    }
    waits = {"PENDING": Field(Access.STATUS, "the beat is not taken yet", 0, 1)}
    return {
        "WEIGHTS_CONTROL": Register(
            _WEIGHTS_AT - 8, "hands a beat of weights on", send, locks=True
        ),
        "WEIGHTS_STATUS": Register(_WEIGHTS_AT - 4, "whether a beat of weights waits", waits),
        **{
            name: whole(
                _WEIGHTS_AT + 4 * number,
                Access.KEPT,
                f"bits {WORD * number} and up of the beat, as w_axis_tdata has them",
                locks=True,
            )
            for number, name in enumerate(words)
        },
    }
