"""What two-dimensional engines share of what they take of a device."""

from golden.plane.design import PlaneDesign
from hw.predict import counter, ram
from hw.targets.cost import Cost


def ends(design: PlaneDesign) -> Cost:
    """Cost of the door, and of counting what leaves."""
    cost = Cost(luts=20) + counter(design.length * design.channels)
    if design.size == design.length:
        return cost
    for size in design.sizes:
        cost += counter(size) + counter(size) + Cost(luts=8)
    samples = design.lanes * design.data_bits
    if design.plane.wraps:
        cost += ram(depth=design.length, width=samples) + Cost(luts=samples) + walk(design)
    return cost + Cost(luts=samples)


def walk(design: PlaneDesign) -> Cost:
    """Cost of the addresses of samples that come once more."""
    return Cost(luts=4 * design.grid.length.bit_length())
