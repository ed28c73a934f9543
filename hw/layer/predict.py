"""What layers take of a device, from their parameters alone."""

from collections.abc import Callable
from typing import Any

from golden.layer.axes import AxesDesign
from golden.layer.design import LayerDesign
from hw.engines import predict_line
from hw.layer import plan
from hw.layer.residual import word_layout
from hw.layer.turn import buffer_depth
from hw.predict import adder, buffer, counter, product, ram, rom
from hw.predict import saved_by_rom as saved_by_rom_of_line
from hw.targets.cost import Cost


def predict_axes(design: AxesDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    layer = plan.AxesPlan(design)
    cost = counter(design.frame_beats)
    for stage in layer.stages:
        cost += _PARTS[type(stage)](stage)
    return cost + _skipping(layer.residual) if layer.residual else cost


def _engines(stage: Any) -> Cost:
    """Cost of the line engines of a stage."""
    designs = stage.designs
    return sum(map(predict_line, designs), Cost())


def turn_cost(turn: plan.Turn) -> Cost:
    """Cost of a corner turn."""
    lanes, bits, run = turn.lanes, turn.bits, turn.runs[0]
    beats = run.rows * run.columns // lanes
    bank = ram(depth=2 * beats, width=bits)
    cost = Cost(block_rams=lanes * bank.block_rams, luts=lanes * bank.luts)
    cost += buffer(depth=buffer_depth(lanes), width=lanes * bits + 1)
    for size in (beats, beats, sum(run.planes for run in turn.runs), lanes, lanes):
        cost += counter(size)
    address = adder(beats.bit_length()).luts
    rotated = 2 * lanes * bits * (lanes - 1) * _CHOICE_LUTS
    adders = _WALK_ADDERS + (lanes if lanes > 1 else 0)
    return cost + Cost(luts=rotated + adders * address)


def _split(stage: plan.Split) -> Cost:
    width = stage.designs[0].lanes * stage.output_bits
    cost = _engines(stage) + counter(stage.half_beats) + counter(stage.half_beats)
    for depth in stage.buffer_depths:
        cost += buffer(depth=depth, width=width)
    for cycles in filter(None, stage.holds):
        cost += counter(cycles + 1)
    return cost + Cost(luts=width)


def _shared(stage: plan.Shared) -> Cost:
    line = stage.design
    cost = _engines(stage) + turn_cost(stage.turn)
    for size in (plan.plane_beats(stage.layer), line.channels) * 2:
        cost += counter(size)
    return cost + Cost(luts=line.lanes * line.data_bits)


def _skipping(stage: plan.Skipping) -> Cost:
    lanes, bits = stage.layer.lanes, stage.output_bits
    cost = buffer(depth=stage.depth, width=lanes * stage.layer.data_bits)
    cost += buffer(depth=stage.buffer_depth, width=lanes * bits + 1)
    cost += product(lanes=lanes, a_bits=stage.centred.bits, b_bits=_SCALE_BITS)
    if stage.tabled:
        cost += _scales(stage)
    return cost + Cost(luts=lanes * _SUM_LUTS * bits)


def _scales(stage: plan.Skipping) -> Cost:
    """Cost of the table of scales, of counting through it, and of aligning products by it."""
    layer, spread = stage.layer, stage.shifts.high - stage.shifts.low
    width, aligned = word_layout(stage).size, stage.centred.bits + _SCALE_BITS + spread
    cost = counter(plan.plane_beats(layer)) + counter(layer.channels)
    cost += Cost(luts=layer.lanes * aligned * spread.bit_length())
    if layer.skipped is not None:
        return cost + rom(depth=layer.channels, width=width)
    port = counter(layer.channels) + Cost(luts=_PORT_LUTS)
    return cost + port + ram(depth=2 * layer.channels, width=width)


def saved_by_rom(design: LayerDesign) -> Cost:
    """Return what a layer with weights ports could do without if its weights were in ROM.

    Whatever they are; see `hw.predict.saved_by_rom`.
    """
    saved = sum(map(saved_by_rom_of_line, design.engines.values()), Cost())
    residual = plan.AxesPlan(design).residual if isinstance(design, AxesDesign) else None
    if residual is None or residual.layer.skipped is not None:
        return saved
    channels, width = residual.layer.channels, word_layout(residual).size
    saved += counter(channels) + Cost(luts=_PORT_LUTS)
    return saved + ram(depth=2 * channels, width=width) - rom(depth=channels, width=width)


_SCALE_BITS = 18
_PORT_LUTS = 60
"""Control of a port that fills one small table."""
_CHOICE_LUTS = 0.6
"""Of a bit that one of two lanes gives."""
_WALK_ADDERS = 2
_SUM_LUTS = 8
"""A bit's share of scaling, sum and clip."""

_PARTS: dict[type, Callable[[Any], Cost]] = {
    plan.Turn: turn_cost,
    plan.Line: _engines,
    plan.Split: _split,
    plan.Shared: _shared,
}
