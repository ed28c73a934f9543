"""Layers made up at random: all forms, engines, lanes, clips and kinds of weights."""

from typing import Any

from golden.inputs.config import Table
from golden.inputs.errors import ParameterError
from golden.layer.design import LayerDesign
from golden.layer.registry import LAYERS
from golden.numbers.interval import Interval
from sim.dice import Dice, Thrown

Options = dict[str, Any]

SIDES = (2, 6)
AXES = ("height", "width")
NAME = "layer"
"""Of every layer: what is built twice is built once."""


def _engine(dice: Dice, side: int) -> Options:
    if dice.often(0.25):
        return {"engine": "direct", "macs": dice.number(1, side)}
    return {"engine": dice.one("direct", "fft", "fermat")}


def drawn_format(dice: Dice, *, port: bool) -> Options:
    """Return a requantisation, clipped on both sides, on one, to one value, or not at all."""
    bits = dice.number(3, 10)
    full = Interval.signed(bits)
    ends = sorted(dice.number(full.low, full.high) for _ in range(2))
    clip = {"low": ends[0], "high": ends[1]}
    kept = dice.one((), (), ("low",), ("high",), ("low", "high"))
    entries: Options = {"bits": bits} | {key: clip[key] for key in kept}
    if dice.often(0.1):
        entries |= {"low": ends[0], "high": ends[0]}
    if port:
        low = entries.get("low", full.low)
        entries["zero_point"] = dice.number(low, entries.get("high", full.high))
    return entries


def _two_passes(dice: Dice, options: Options) -> Options:
    own: Options = {}
    if dice.often(0.8):
        own["between"] = drawn_format(dice, port=options["port"])
    order = dice.one(list(AXES), list(AXES[::-1]))
    return own | {"order": order}


def _serial(dice: Dice, options: Options) -> Options:
    if dice.often(0.3):
        axis = dice.one(*AXES)
        return {"order": [axis], "engines": {axis: options["engines"][axis]}}
    return _two_passes(dice, options)


def _parallel(dice: Dice, options: Options) -> Options:
    del dice, options
    return {}


def _metaformer(dice: Dice, options: Options) -> Options:
    own = _two_passes(dice, options)
    del own["order"]
    shared = options["height"] == options["width"] and dice.often(0.3)
    if shared and "between" in own:
        engines = options["engines"]
        own |= {"shared_engine": True, "output": own["between"]}
        own["engines"] = dict.fromkeys(AXES, engines["height"])
    elif "output" in options and not options["port"]:
        own["residual"] = dice.often(0.6)
    return own


def _dense(dice: Dice, options: Options) -> Options:
    own: Options = {"axis": dice.one("both", *AXES), "out_channels": dice.number(1, 4)}
    axes = AXES if own["axis"] == "both" else (own["axis"],)
    own["engines"] = {
        axis: options["engines"][axis] | {"products": dice.one(1, 1, 2)} for axis in axes
    }
    if dice.often(0.3):  # where sides are alike too, halves share it
        own["engines"] = dict.fromkeys(axes, own["engines"][axes[0]])
    own["streamed"] = options["port"] and dice.often(0.5)
    return own


def _linear(dice: Dice, options: Options) -> Options:
    own = _two_passes(dice, options)
    if dice.often(0.4):
        own = {"order": [dice.one(*AXES)]}
    own["kernels"] = {axis: _taps(dice) for axis in own["order"]}
    own["engines"] = {axis: _short(options["engines"][axis]) for axis in own["order"]}
    return own


def _taps(dice: Dice) -> Options:
    taps = dice.number(1, 9)
    return {"taps": taps, "origin": dice.number(0, taps - 1), "stride": dice.one(1, 1, 2)}


def _short(engine: Options) -> Options:
    """Return ``engine`` with no more multipliers than any kernel has taps."""
    return engine | {"macs": 1} if "macs" in engine else engine


def _plane(dice: Dice, options: Options) -> Options:
    # A map is transformed whole, and takes a simulator as long as several of other forms.
    lanes = options["lanes"]
    own: Options = {"channels": dice.number(1, 2)}
    own |= {axis: lanes * dice.number(2 // lanes, 6 // lanes) for axis in AXES}
    own["engines"] = {"plane": {"engine": dice.one("fft", "fermat")}}
    return own | ({"kernel": dice.number(1, 5)} if options["form"] == "depthwise" else {})


_OWN = {
    "serial": _serial,
    "parallel": _parallel,
    "metaformer": _metaformer,
    "dense": _dense,
    "linear": _linear,
    "global_filter": _plane,
    "depthwise": _plane,
}


def _options(dice: Dice, form: str) -> Options:
    """Return a configuration, which may be one that is refused."""
    lanes = dice.one(1, 1, 2)
    sides = {axis: lanes * dice.number(*SIDES) for axis in AXES}
    if dice.often(0.3):
        sides = dict.fromkeys(AXES, sides["height"])
    options: Options = {"form": form, "port": dice.often(0.3), "lanes": lanes} | sides
    options["channels"] = dice.number(1, 4)
    options |= {"data_bits": dice.number(2, 9), "weight_bits": dice.number(2, 9)}
    options["engines"] = {axis: _engine(dice, sides[axis]) for axis in AXES}
    options["target"] = "ecp5" if dice.often(0.1) else "generic"
    if dice.often(0.6):
        options["output"] = drawn_format(dice, port=options["port"])
    return options | _OWN[form](dice, options)


def drawn_layer(dice: Dice) -> tuple[LayerDesign, Options]:
    """Return a layer and its configuration, of any form.

    Raises
    ------
    ParameterError
        Where it is one that is refused.
    """
    return _made(_options(dice, dice.one(*_OWN)))


def random_layer(seed: int) -> tuple[LayerDesign, Options]:
    """Return a layer and its configuration, the same for the same ``seed``.

    Forms take turns. What is refused is thrown again.
    """
    form = list(_OWN)[seed % len(_OWN)]
    dice = Thrown(seed)
    while True:
        try:
            return _made(_options(dice, form))
        except ParameterError:
            continue


def _made(options: Options) -> tuple[LayerDesign, Options]:
    entries = {key: value for key, value in options.items() if key not in ("form", "port")}
    table = Table(entries | {"name": NAME})
    design = LAYERS[options["form"]].of_table(table, None, example=not options["port"])
    return design, options
