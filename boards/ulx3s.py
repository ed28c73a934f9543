"""ULX3S: which pins the self-test's ports are, and what the clock runs at."""

CLOCK_MHZ = 25
PORTS = {
    "clock": "G2",
    "restart": "R1",  # the button FIRE 1
    "leds[0]": "B2",
    "leds[1]": "C2",
    "leds[2]": "C1",
    "leds[3]": "D2",
    "leds[4]": "D1",
    "leds[5]": "E2",
    "leds[6]": "E1",
    "leds[7]": "H3",
}
PULLS = {"restart": "DOWN"}
DEVICES = {f"ulx3s-{size}f": f"lfe5u-{size}f-6" for size in (12, 25, 45, 85)}
"""Devices by the board's name."""


def constraints() -> str:
    """Return the pins and the clock as nextpnr reads them (LPF)."""
    lines = [f'FREQUENCY PORT "clock" {CLOCK_MHZ} MHZ;']
    for port, site in PORTS.items():
        pull = PULLS.get(port, "NONE")
        lines.append(f'LOCATE COMP "{port}" SITE "{site}";')
        lines.append(f'IOBUF PORT "{port}" IO_TYPE=LVCMOS33 PULLMODE={pull};')
    return "\n".join([*lines, ""])
