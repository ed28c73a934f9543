"""What a matrix unit takes of a device; see `hw.predict`."""

from golden.matrix.design import MatrixDesign
from hw.matrix.unit import buffer_depth
from hw.predict import adder, buffer, product, ram
from hw.targets.cost import Cost


def predict(design: MatrixDesign) -> Cost:
    """Return the cost of a `MatrixUnit`."""
    pair = design.pair_bits
    n_pairs = design.inputs // 2
    tree = Cost()
    left, bits = n_pairs, 2 * pair
    while left > 1:
        tree += adder(bits + 1).times(left // 2)
        left, bits = (left + 1) // 2, bits + 1
    pairs = product(lanes=1, a_bits=pair, b_bits=pair) + adder(pair) + adder(pair)
    added = adder(design.product_bits + 1) + adder(design.sum_bits) + Cost(luts=design.sum_bits)
    output = pairs.times(n_pairs) + tree + added
    middle = product(lanes=1, a_bits=design.data_bits, b_bits=design.data_bits).times(n_pairs)
    kept = ram(depth=design.positions, width=design.group * design.sum_bits)
    waits = buffer(depth=buffer_depth(design), width=design.outputs * design.sum_bits + 1)
    return output.times(design.outputs) + middle + tree + kept.times(design.groups) + waits
