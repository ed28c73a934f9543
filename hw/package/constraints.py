"""Timing constraints: the one clock, and nothing made up."""

from hw.package.core import FinishedCore

_ALL = (
    "All ports belong to this clock, reset too, so no path is false; delays outside are",
    "for the design around it to tell.",
)


def constraint_files(core: FinishedCore) -> dict[str, str]:
    """Return constraints for Vivado, for Quartus and others that read SDC, and for nextpnr."""
    rate, clock = core.rate, core.clock
    created = f"create_clock -name {clock} -period {rate.period_ns:.3f} [get_ports {clock}]\n"
    told = (f"{core.name}: {rate.mhz:g} MHz, {rate.why}.", *_ALL)
    comment = "".join(f"# {line}\n" for line in told)
    frequency = f'FREQUENCY PORT "{clock}" {rate.mhz:g} MHZ;\n'
    return {
        f"{core.name}.sdc": comment + created,
        f"{core.name}.xdc": comment + created,
        f"{core.name}.lpf": comment + frequency,
    }
