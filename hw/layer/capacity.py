"""The refusal of maps that no device has block RAM for."""

from collections.abc import Callable

from golden.inputs.errors import ParameterError
from golden.layer.design import LayerDesign
from hw.predict import is_predicted
from hw.targets.cost import Cost
from hw.targets.registry import TARGETS


def check_capacity(design: LayerDesign, predict: Callable[[LayerDesign], Cost]) -> None:
    """Refuse a layer that the largest device of its target has no block RAM for.

    ``predict`` says what it takes; it is asked only where the target's devices are known. Of a
    target without a cost model about as many bits are taken as of the reference's.

    Raises
    ------
    ParameterError
        Says how much it needs, and how much there is.
    """
    largest = TARGETS[design.target].largest
    if largest is None or (needed := largest.blocks_of(predict(design))) <= largest.block_rams:
        return
    about = "" if is_predicted(design.target) else "about "
    rule = f"a family with {about}{needed} block RAMs of {largest.block_kbits} kb in a device"
    have = f"{design.target}, whose largest ({largest.name.upper()}) has {largest.block_rams}"
    raise ParameterError("target", rule, have).renamed("target")
